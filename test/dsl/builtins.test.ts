import { describe, expect, it } from 'vitest';
import {
  AGGREGATE_NAMES,
  AGGREGATES,
  aggregateNamed,
  aggregateResult,
} from '../../dsl/aggregates.ts';
import { CALLABLE, callable, type FnName, FUNCTIONS } from '../../dsl/builtins.ts';
import { resultType } from '../../dsl/result-type.ts';
import { errorType, list, scalar, showType, type Type } from '../../dsl/types.ts';

const types: Readonly<Record<string, Type>> = {
  string: scalar('string'),
  bool: scalar('bool'),
  int: scalar('int'),
  float: scalar('float'),
  count: scalar('int', { unit: 'count' }),
  rate: scalar('float', { unit: 'rate' }),
  money: scalar('money'),
  timestamp: scalar('timestamp'),
  duration: scalar('duration'),
  'int[]': list('int'),
  'string[]': list('string'),
  'float[]': list('float'),
};

function typeOf(name: string): Type {
  if (!name.endsWith('?')) return types[name]!;
  const type = types[name.slice(0, -1)]!;
  return type.kind === 'error' ? type : { ...type, nullable: true };
}

/** `money / count = money?`, or `error` where there is a reason instead of a type. */
function rule(fn: FnName, args: string, named: Record<string, Type> = {}): string {
  const result = resultType(fn, args.split(' ').map(typeOf), named);
  return typeof result === 'string' ? 'error' : showType(result);
}

const RULES: readonly (readonly [FnName, string, string])[] = [
  ['add', 'duration duration', 'duration'],
  ['add', 'timestamp duration', 'timestamp'],
  ['add', 'duration timestamp', 'timestamp'],
  ['add', 'timestamp timestamp', 'error'],
  ['add', 'money money', 'money'],
  ['add', 'money int', 'error'],
  ['add', 'duration int', 'error'],
  ['add', 'int float?', 'float?'],
  ['add', 'count count', 'count'],
  ['add', 'count int', 'count'],
  ['add', 'count rate', 'error'],
  ['add', 'string string', 'error'],
  ['add', 'int int[]', 'error'],
  ['sub', 'timestamp timestamp', 'duration'],
  ['sub', 'timestamp duration', 'timestamp'],
  ['sub', 'duration timestamp', 'error'],
  ['mul', 'money float', 'money'],
  ['mul', 'int duration', 'duration'],
  ['mul', 'money money', 'error'],
  ['mul', 'count int', 'count'],
  ['mul', 'count count', 'int'],
  ['mul', 'count rate', 'float'],
  ['mul', 'timestamp int', 'error'],
  ['div', 'count count', 'rate?'],
  ['div', 'money count', 'money?'],
  ['div', 'money money', 'float?'],
  ['div', 'int int', 'float?'],
  ['div', 'duration duration', 'float?'],
  ['div', 'timestamp int', 'error'],
  ['mod', 'int int', 'int?'],
  ['neg', 'count', 'int'],
  ['neg', 'timestamp', 'error'],
  ['eq', 'string int', 'error'],
  ['eq', 'string string?', 'bool?'],
  ['eq', 'int float', 'bool'],
  ['eq', 'count rate', 'error'],
  ['eq', 'money int', 'bool'],
  ['eq', 'timestamp duration', 'error'],
  ['lt', 'string string', 'bool'],
  ['lt', 'bool bool', 'error'],
  ['eq', 'bool bool', 'bool'],
  ['eq', 'int[] int[]', 'error'],
  ['and', 'bool bool?', 'bool?'],
  ['or', 'bool int', 'error'],
  ['not', 'string', 'error'],
  ['is_null', 'int[]?', 'bool'],
  ['in', 'string string[]', 'bool'],
  ['in', 'int? float[]', 'bool?'],
  ['in', 'string int[]', 'error'],
  ['if', 'bool int float', 'float'],
  ['if', 'bool? int int', 'int?'],
  ['if', 'int int int', 'error'],
  ['if', 'bool int string', 'error'],
  ['if', 'bool string[] string[]?', 'string[]?'],
  ['coalesce', 'int? int', 'int'],
  ['coalesce', 'int? float?', 'float?'],
  ['coalesce', 'int? string', 'error'],
  ['log1p', 'count', 'float'],
  ['log1p', 'float', 'float?'],
  ['log1p', 'duration', 'float?'],
  ['log1p', 'string', 'error'],
  ['round', 'rate', 'int'],
  ['round', 'money', 'money'],
  ['least', 'timestamp timestamp', 'timestamp'],
  ['least', 'string string', 'error'],
  ['clip', 'money int int', 'money'],
  ['clip', 'count int int', 'count'],
  ['clip', 'duration int int', 'error'],
  ['bucketize', 'duration int[]', 'error'],
  ['bucketize', 'count int[]', 'int'],
  ['cross', 'string int?', 'int?'],
  ['hour_of_day', 'timestamp', 'int'],
  ['hour_of_day', 'timestamp string', 'int'],
  ['hour_of_day', 'int', 'error'],
  ['time_since', 'timestamp?', 'duration?'],
  ['lower', 'string', 'string'],
  ['lower', 'int', 'error'],
  ['size', 'string[]', 'count'],
  ['size', 'string', 'error'],
  ['contains', 'string[] string', 'bool'],
  ['contains', 'string[] int', 'error'],
  ['count_of', 'int[] int?', 'count?'],
  ['at', 'string[] int', 'string?'],
  ['take', 'string[] int', 'string[]'],
  ['take', 'string[] float', 'error'],
  ['uniq', 'int[]?', 'int[]?'],
];

describe('resultType', () => {
  it.each(RULES)('%s of %s is %s', (fn, args, result) => {
    expect(rule(fn, args)).toBe(result);
  });

  it('has a rule for every function of the right arity, and a reason for every wrong arity', () => {
    for (const fn of Object.keys(FUNCTIONS) as FnName[]) {
      const { min, max, named } = FUNCTIONS[fn];
      const given = Object.fromEntries(named.map((n) => [n.name, types.int!]));
      const tries = Object.values(types).flatMap((a) =>
        Object.values(types).map((b) => [a, b, b].concat(Array(5).fill(b)).slice(0, min)),
      );
      const fits = [...tries, [types.bool!, types.int!, types.int!].slice(0, min)];
      expect(
        fits.some((args) => typeof resultType(fn, args, given) !== 'string'),
        fn,
      ).toBe(true);
      expect(resultType(fn, [], given), fn).toMatch(/takes/);
      if (max < 10)
        expect(resultType(fn, Array(max + 1).fill(types.int), given), fn).toMatch(/takes/);
    }
  });

  it('checks named arguments', () => {
    const num = { prior: types.float!, weight: types.int! };
    expect(rule('smooth', 'count count', num)).toBe('rate');
    expect(rule('smooth', 'float? count', num)).toBe('float?');
    expect(rule('smooth', 'count count', { prior: types.float! })).toBe('error');
    expect(rule('smooth', 'count count', { ...num, wait: types.int! })).toBe('error');
    expect(rule('hash', 'string', { buckets: types.int! })).toBe('int');
    expect(rule('hash', 'string', { buckets: types.float! })).toBe('error');
  });

  it('lets the poison type through without another message', () => {
    expect(resultType('add', [errorType, types.string!])).toEqual(errorType);
  });

  it('marks categories', () => {
    const marked = [
      resultType('hash', [types.string!]),
      resultType('cross', [types.string!, types.int!]),
      resultType('bucketize', [types.int!, types['int[]']!]),
      resultType('hour_of_day', [types.timestamp!]),
    ];
    expect(marked.every((t) => typeof t !== 'string' && t.kind === 'scalar' && t.category)).toBe(
      true,
    );
  });

  it('offers calls only by name', () => {
    expect(callable('smooth')).toBe('smooth');
    expect(callable('add')).toBeNull();
    expect(callable('ratio_mean')).toBeNull();
    expect(callable('toString')).toBeNull();
    expect(CALLABLE).toContain('log1p');
  });
});

describe('aggregates', () => {
  const given = (name: string, of: string | null, hasK = false) => {
    const result = aggregateResult(aggregateNamed(name)!, of === null ? null : typeOf(of), hasK);
    return typeof result === 'string' ? 'error' : showType(result);
  };

  it('have the types of the contract', () => {
    expect(given('count', null)).toBe('count');
    expect(given('distinct', 'string')).toBe('count');
    expect(given('sum', 'int')).toBe('int?');
    expect(given('sum', 'money?')).toBe('money?');
    expect(given('sum', 'string')).toBe('error');
    expect(given('mean', 'int')).toBe('float?');
    expect(given('mean', 'money')).toBe('money?');
    expect(given('max', 'timestamp')).toBe('timestamp?');
    expect(given('last', 'string')).toBe('string?');
    expect(given('last', 'string', true)).toBe('string[]');
    expect(given('topk', 'int', true)).toBe('int[]');
    expect(given('mode', 'bool')).toBe('bool?');
    expect(given('mode_share', 'bool')).toBe('rate?');
    expect(given('quantile', 'int')).toBe('float?');
    expect(given('decayed_count', null)).toBe('float');
    expect(given('decayed_sum', 'float')).toBe('float?');
    expect(given('last', 'int[]')).toBe('error');
    expect(given('sum', null)).toBe('error');
  });

  it('are never null exactly where they are counts or lists', () => {
    for (const name of AGGREGATE_NAMES) {
      const { takes, arg } = AGGREGATES[name];
      const of = takes.length === 0 ? null : scalar(takes[0]!);
      const type = aggregateResult(name, of, arg !== null);
      const full = ['count', 'distinct', 'last', 'topk', 'decayed_count'].includes(name);
      expect(typeof type !== 'string' && type.kind !== 'error' && type.nullable, name).toBe(!full);
    }
  });
});
