/** Features over a source, for anchors that have the key: every aggregate with every window. */
import type { Rng } from '../random.ts';
import { DURATIONS, type FieldKind, type SourceWords } from './vocabulary.ts';

export type GeneratedFeature = {
  readonly name: string;
  readonly line: string;
  /** How an example set may list it: a member of a family, the feature as a whole, in a role. */
  readonly items: readonly string[];
  /** What features of features may make of it. */
  readonly kind: 'count' | 'number' | 'texts' | 'text' | 'time' | 'other';
  readonly family: boolean;
};

const QUANTITIES: readonly FieldKind[] = ['int', 'float', 'money'];

/** An aggregate by `keys`, which both the source and the anchor have. */
export function aggregateFeature(
  random: Rng,
  name: string,
  source: SourceWords,
  keys: readonly string[],
): GeneratedFeature {
  const where = random.chance(0.3) ? whereOf(random, source) : '';
  const aggregate = pickAggregate(random, source, where);
  const by = keyText(random, keys);
  const decays = aggregate.text.startsWith('decayed');
  const window = decays ? { text: '', members: [] as string[] } : windowText(random);
  const head = !decays && random.chance(0.15) ? headText(random, window.shortest) : '';
  const fallback = random.chance(0.2) ? aggregate.fallback : '';
  const line = `feature ${name} = ${aggregate.text} by ${by}${window.text}${head}${fallback}`;
  const members = window.members.map((member) => `${name}[${member}]`);
  const items = [name, ...members];
  if (by === 'user') items.push(`${name} at peer as ${name}_peer`);
  return { name, line, items, kind: aggregate.kind, family: members.length > 0 };
}

type Aggregate = {
  readonly text: string;
  readonly kind: GeneratedFeature['kind'];
  readonly fallback: string;
};

function pickAggregate(random: Rng, source: SourceWords, where: string): Aggregate {
  const { name, fields } = source;
  const half = random.pick(DURATIONS);
  if (random.chance(0.25)) return { text: `count(${name}${where})`, kind: 'count', fallback: '' };
  if (random.chance(0.08)) {
    const text = `decayed_count(${name}${where}, half_life: ${half})`;
    return { text, kind: 'number', fallback: '' };
  }
  const usable = Object.entries(fields).filter(([, kind]) => kind !== 'list');
  const [field, kind] = random.pick(usable);
  const path = `${name}.${field}`;
  if (QUANTITIES.includes(kind)) return ofQuantity(random, path, where, kind);
  if (kind === 'string') return ofText(random, path, where);
  const fn = random.pick(
    kind === 'bool'
      ? ['first', 'last', 'mode', 'distinct', 'mode_share']
      : ['min', 'max', 'last', 'first'],
  );
  const time = kind === 'timestamp';
  return { text: `${fn}(${path}${where})`, kind: time ? 'time' : 'other', fallback: '' };
}

function ofQuantity(random: Rng, path: string, where: string, kind: FieldKind): Aggregate {
  const fallback = kind === 'money' ? '' : ' default 7';
  const value = random.chance(0.2) && kind !== 'money' ? `${path} * 2 - 1` : path;
  const simple = ['sum', 'mean', 'min', 'max', 'stddev', 'first', 'last', 'mode'];
  const fn = random.pick([
    ...simple,
    'quantile',
    'topk',
    'last_k',
    'mode_share',
    'distinct',
    'decayed_sum',
  ]);
  if (simple.includes(fn)) {
    return {
      text: `${fn}(${value}${where})`,
      kind: kind === 'money' ? 'other' : 'number',
      fallback,
    };
  }
  if (fn === 'quantile') {
    const q = random.pick(['0', '0.5', '0.9', '1']);
    return { text: `quantile(${value}${where}, ${q})`, kind: 'other', fallback };
  }
  if (fn === 'decayed_sum') {
    const half = random.pick(DURATIONS);
    return { text: `decayed_sum(${value}${where}, half_life: ${half})`, kind: 'other', fallback };
  }
  if (fn === 'distinct') return { text: `distinct(${value}${where})`, kind: 'count', fallback: '' };
  if (fn === 'mode_share')
    return { text: `mode_share(${value}${where})`, kind: 'other', fallback: '' };
  const k = 1 + random.below(4);
  return {
    text: `${fn === 'topk' ? 'topk' : 'last'}(${value}${where}, ${k})`,
    kind: 'other',
    fallback: '',
  };
}

function ofText(random: Rng, path: string, where: string): Aggregate {
  const fn = random.pick(['first', 'last', 'mode', 'distinct', 'mode_share', 'last_k', 'topk']);
  if (fn === 'distinct') return { text: `distinct(${path}${where})`, kind: 'count', fallback: '' };
  if (fn === 'mode_share')
    return { text: `mode_share(${path}${where})`, kind: 'other', fallback: '' };
  if (fn === 'last_k' || fn === 'topk') {
    const k = 1 + random.below(4);
    return {
      text: `${fn === 'topk' ? 'topk' : 'last'}(${path}${where}, ${k})`,
      kind: 'texts',
      fallback: '',
    };
  }
  return { text: `${fn}(${path}${where})`, kind: 'text', fallback: ' default "none"' };
}

/** A condition on the source's own fields. */
export function whereOf(random: Rng, { fields }: SourceWords): string {
  const [field, kind] = random.pick(Object.entries(fields).filter(([, k]) => k !== 'timestamp'));
  return ` where ${condition(random, field, kind)}`;
}

function condition(random: Rng, field: string, kind: FieldKind): string {
  switch (kind) {
    case 'string':
      return random.pick([
        `${field} == "a"`,
        `${field} != "u1"`,
        `${field} is not null`,
        `${field} in ["b", "u1", ""]`,
        `${field} < "b"`,
        `starts_with(lower(${field}), "a")`,
      ]);
    case 'int':
      return random.pick([`${field} > 1`, `${field} % 2 == 0`, `not (${field} == 2)`]);
    case 'bool':
      return random.pick([field, `not ${field}`, `${field} is null or ${field}`]);
    case 'list':
      return random.pick([`size(${field}) > 1`, `contains(${field}, "s")`]);
    default:
      return random.pick([
        `${field} / 2 >= 1`,
        `${field} is null`,
        `coalesce(${field}, ${field}) > ${field} * 0`,
      ]);
  }
}

function keyText(random: Rng, keys: readonly string[]): string {
  if (keys.length > 1 && random.chance(0.3)) return `(${keys[0]}, ${keys[1]})`;
  return random.pick(keys);
}

type WindowText = { readonly text: string; readonly members: string[]; readonly shortest?: number };

function windowText(random: Rng): WindowText {
  const at = random.below(DURATIONS.length);
  const duration = DURATIONS[at];
  switch (random.below(9)) {
    case 0:
      return { text: ` over last ${1 + random.below(5)} rows`, members: [] };
    case 1:
      return { text: ` over session ${duration}`, members: [] };
    case 2:
      return { text: ' over all', members: [] };
    case 3:
      return {
        text: ` over ${duration} at most ${1 + random.below(4)} rows`,
        members: [],
        shortest: at,
      };
    case 4:
      return { text: ` over ${duration} exact`, members: [], shortest: at };
    case 5:
      return {
        text: ` over ${duration} hop ${DURATIONS[random.below(at + 1)]}`,
        members: [],
        shortest: at,
      };
    case 6:
    case 7: {
      const members = DURATIONS.filter((_, i) => i === at || random.chance(0.2));
      const exact = random.chance(0.2) ? ' exact' : '';
      const shortest = DURATIONS.indexOf(members[0]);
      return { text: ` over [${members.join(', ')}]${exact}`, members: [...members], shortest };
    }
    default:
      return { text: ` over ${duration}`, members: [], shortest: at };
  }
}

function headText(random: Rng, shortest: number | undefined): string {
  const longest = shortest === undefined ? DURATIONS.length - 1 : shortest;
  return ` head ${DURATIONS[random.below(longest + 1)]}`;
}

/** A feature made of others; null where none of them fits. */
export function madeFeature(
  random: Rng,
  name: string,
  made: readonly GeneratedFeature[],
): GeneratedFeature | null {
  const plain = made.filter(({ family }) => !family);
  const of = (kind: GeneratedFeature['kind']) => {
    const fitting = plain.filter((each) => each.kind === kind);
    return fitting.length === 0 ? null : random.pick(fitting).name;
  };
  const [a, b] = [of('count'), of('count')];
  const [number, texts, text, time] = [of('number'), of('texts'), of('text'), of('time')];
  const families = made.filter(({ family, kind }) => family && kind === 'count');
  const options: string[] = [];
  if (a !== null && b !== null) {
    options.push(`smooth(${a}, ${b}, prior: 0.1, weight: 10)`, `${a} / ${b} default 0.5`);
    options.push(`if ${a} > 2 then ${b} else ${a} + 1`, `log1p(${a})`, `clip(${a}, 1, 3)`);
    options.push(`bucketize(${a}, [1, 2, 4])`, `cross(${a}, ${b})`, `least(${a}, ${b}) % 3`);
  }
  if (number !== null) {
    options.push(`coalesce(${number}, 0)`, `sqrt(${number})`, `round(${number} * 1.5)`);
    options.push(`abs(${number}) + exp(${number})`, `${number} is null`, `1 / ${number}`);
    options.push(
      `greatest(${number}, 1.5)`,
      `floor(${number}) - ceil(${number})`,
      `log(-${number})`,
    );
  }
  if (texts !== null) {
    options.push(`size(${texts})`, `at(${texts}, 0)`, `at(${texts}, 1)`, `take(${texts}, 2)`);
    options.push(`uniq(${texts})`, `contains(${texts}, "a")`, `count_of(${texts}, "b")`);
  }
  if (text !== null) {
    options.push(`hash(${text}, buckets: 7)`, `lower(${text})`, `${text} in ["a", "b"]`);
    options.push(`coalesce(${text}, "?")`, `starts_with(${text}, "u")`, `${text} >= "b"`);
  }
  if (time !== null) options.push(`time_since(${time})`, `hour_of_day(${time}, "Asia/Kolkata")`);
  if (families.length > 0) options.push(`log1p(${random.pick(families).name})`);
  if (options.length === 0) return null;
  const line = `feature ${name} = ${random.pick(options)}`;
  return { name, line, items: [name], kind: 'other', family: false };
}
