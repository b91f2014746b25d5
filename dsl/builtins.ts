/** The scalar functions of the language, as data. Operators (`+`, `==`, `and`, `if` …) are functions as well. */

export type FnName =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'mod'
  | 'neg'
  | 'eq'
  | 'ne'
  | 'lt'
  | 'le'
  | 'gt'
  | 'ge'
  | 'and'
  | 'or'
  | 'not'
  | 'is_null'
  | 'in'
  | 'if'
  | 'coalesce'
  | 'abs'
  | 'sqrt'
  | 'log'
  | 'log1p'
  | 'exp'
  | 'floor'
  | 'ceil'
  | 'round'
  | 'least'
  | 'greatest'
  | 'clip'
  | 'bucketize'
  | 'hash'
  | 'cross'
  | 'smooth'
  /** mean = mean(sum, count), stddev = stddev(sum, sum of squares, count): made by the compiler only. */
  | 'ratio_mean'
  | 'stddev'
  | 'hour_of_day'
  | 'day_of_week'
  | 'time_since'
  | 'lower'
  | 'starts_with'
  | 'size'
  | 'contains'
  | 'count_of'
  | 'at'
  | 'take'
  | 'uniq';

/**
 * How authors may write a function. Arguments of a call stand in this order: positional ones, then the named
 * ones in the order of `named`, those left out at the end missing.
 */
export type Signature = {
  /** An operator has its own sign; an internal function is made by the compiler only. */
  readonly form: 'call' | 'operator' | 'internal';
  /** Positional arguments; `max` is Infinity where there is no limit. */
  readonly min: number;
  readonly max: number;
  readonly named: readonly { readonly name: string; readonly required: boolean }[];
  /** Positions (named ones counted on) that must be constants written out. */
  readonly constant: readonly number[];
  /** The call as an author writes it. */
  readonly usage: string;
  /** One line for hints and the manual. */
  readonly doc: string;
};

const operator = (
  arity: number,
  usage: string,
  doc: string,
  more: Partial<Signature> = {},
): Signature => ({ ...call([arity, arity], usage, doc, more), form: 'operator' });

const call = (
  [min, max]: readonly [number, number],
  usage: string,
  doc: string,
  more: Partial<Signature> = {},
): Signature => ({ form: 'call', min, max, named: [], constant: [], usage, doc, ...more });

const internal = (arity: number, doc: string): Signature => ({
  ...operator(arity, '', doc),
  form: 'internal',
});

const ANY = Number.POSITIVE_INFINITY;

/** Every function. What it gives for which types: dsl/result-type.ts. */
export const FUNCTIONS: Readonly<Record<FnName, Signature>> = {
  add: operator(2, 'a + b', 'the sum'),
  sub: operator(2, 'a - b', 'the difference; of two timestamps a duration'),
  mul: operator(2, 'a * b', 'the product'),
  div: operator(2, 'a / b', 'the quotient; null where b is 0'),
  mod: operator(2, 'a % b', 'the remainder, with the sign of b; null where b is 0'),
  neg: operator(1, '-a', 'the negative'),
  eq: operator(2, 'a == b', 'whether both are equal; strings byte by byte'),
  ne: operator(2, 'a != b', 'whether both differ'),
  lt: operator(2, 'a < b', 'whether a is smaller; strings by their bytes'),
  le: operator(2, 'a <= b', 'whether a is smaller or equal'),
  gt: operator(2, 'a > b', 'whether a is larger'),
  ge: operator(2, 'a >= b', 'whether a is larger or equal'),
  and: operator(2, 'a and b', 'whether both are true; null where one is null'),
  or: operator(2, 'a or b', 'whether one is true; null where one is null'),
  not: operator(1, 'not a', 'the opposite; null stays null'),
  is_null: operator(1, 'a is null', 'whether there is no value; never null itself'),
  in: operator(2, 'a in [..]', 'whether a is one of the constants', { constant: [1] }),
  if: operator(3, 'if a then b else c', 'b where a is true, c where it is false, else null'),
  coalesce: call([2, ANY], 'coalesce(a, b, …)', 'the first of them that is not null'),
  abs: call([1, 1], 'abs(x)', 'the size without the sign'),
  sqrt: call([1, 1], 'sqrt(x)', 'the square root; null below 0'),
  log: call([1, 1], 'log(x)', 'the natural logarithm; null at and below 0'),
  log1p: call([1, 1], 'log1p(x)', 'log(1 + x): tames counts and durations'),
  exp: call([1, 1], 'exp(x)', 'e to the power of x'),
  floor: call([1, 1], 'floor(x)', 'the next whole number below'),
  ceil: call([1, 1], 'ceil(x)', 'the next whole number above'),
  round: call([1, 1], 'round(x)', 'the nearest whole number, halves upwards'),
  least: call([2, ANY], 'least(a, b, …)', 'the smallest; null where one is null'),
  greatest: call([2, ANY], 'greatest(a, b, …)', 'the largest; null where one is null'),
  clip: call([3, 3], 'clip(x, low, high)', 'x, but no less than low and no more than high'),
  bucketize: call(
    [2, 2],
    'bucketize(x, [10, 100])',
    'how many of the ascending bounds are at most x: a category',
    { constant: [1] },
  ),
  hash: call([1, 1], 'hash(x, buckets: n)', 'a stable number below 2^53, or below n: a category', {
    named: [{ name: 'buckets', required: false }],
  }),
  cross: call([2, ANY], 'cross(a, b, …, buckets: n)', 'one category for the combination', {
    named: [{ name: 'buckets', required: false }],
  }),
  smooth: call(
    [2, 2],
    'smooth(num, den, prior: 0.01, weight: 100)',
    '(num + prior * weight) / (den + weight): a rate that starts at the prior',
    {
      named: [
        { name: 'prior', required: true },
        { name: 'weight', required: true },
      ],
      constant: [2, 3],
    },
  ),
  ratio_mean: internal(2, 'sum / count'),
  stddev: internal(3, 'from sum, sum of squares and count'),
  hour_of_day: call([1, 2], 'hour_of_day(t, "Europe/Paris")', '0 to 23, in UTC or the zone', {
    constant: [1],
  }),
  day_of_week: call(
    [1, 2],
    'day_of_week(t, "Europe/Paris")',
    '1 (Monday) to 7 (Sunday), in UTC or the zone',
    {
      constant: [1],
    },
  ),
  time_since: call([1, 1], 'time_since(t)', 'from t to the time of the anchor or event'),
  lower: call([1, 1], 'lower(s)', 'the letters A to Z in lower case'),
  starts_with: call([2, 2], 'starts_with(s, "x")', 'whether s begins with the constant', {
    constant: [1],
  }),
  size: call([1, 1], 'size(list)', 'how many entries it has'),
  contains: call([2, 2], 'contains(list, x)', 'whether x is an entry'),
  count_of: call([2, 2], 'count_of(list, x)', 'how often x is an entry'),
  at: call([2, 2], 'at(list, i)', 'the entry number i, from 0; null beyond the end'),
  take: call([2, 2], 'take(list, n)', 'the first n entries'),
  uniq: call([1, 1], 'uniq(list)', 'each entry once, where it first stands'),
};

/** The functions that authors call by name, for suggestions. */
export const CALLABLE: readonly FnName[] = (Object.keys(FUNCTIONS) as FnName[]).filter(
  (fn) => FUNCTIONS[fn].form === 'call',
);

/** The function behind a name in a call, or null. */
export function callable(name: string): FnName | null {
  return CALLABLE.find((fn) => fn === name) ?? null;
}
