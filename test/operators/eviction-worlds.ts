/** Keyspaces and histories for tests of eviction. */
import type { ReadOp, ValueStore, ViewPlan, WindowPlan } from '../../compiler/plan/plan.ts';
import type { Physical } from '../../dsl/types.ts';
import type { Rng } from '../random.ts';
import { type Happening, inStepOrder, type World, world } from './keyspace-world.ts';

const KINDS: readonly Physical[] = ['bool', 'f64', 'text'];
const TIMED: readonly WindowPlan[] = [
  { kind: 'time', ms: 60, hopMs: 1, rows: null },
  { kind: 'time', ms: 900, hopMs: 50, rows: null },
  { kind: 'time', ms: 9000, hopMs: 700, rows: null },
];
const CAPPED: readonly WindowPlan[] = [
  { kind: 'time', ms: 900, hopMs: 50, rows: 4 },
  { kind: 'rows', rows: 5 },
  { kind: 'session', gapMs: 40 },
  { kind: 'all' },
];

/** One counter over three windows. */
export function countingWorld(): World {
  return world(
    [{ delayMs: 0, headMs: 0 }],
    {
      counters: [
        {
          columns: [{ state: '', feed: 0, mask: null, value: null, scale: 1, square: false }],
          windows: [
            { ms: 500, hopMs: 50 },
            { ms: 8000, hopMs: 800 },
            { ms: null, hopMs: 1 },
          ],
        },
      ],
      values: [],
      probes: [
        {
          anchor: 0,
          key: 0,
          views: [0, 1, 2].map((w) => ({ kind: 'counter', group: 0, column: 0, window: w })),
        },
      ],
    },
    KINDS,
  );
}

/** Counters and one to four value stores of any family, every window of each read. */
export function randomWorld(random: Rng): World {
  const feeds = [
    { delayMs: 0, headMs: 0 },
    { delayMs: random.pick([0, 30]), headMs: random.pick([0, 20]) },
  ];
  const scale = 2 ** 20;
  const column = { state: '', feed: 0, mask: null, value: null, scale: 1, square: false };
  const counters = random.chance(0.2)
    ? []
    : [
        {
          columns: [column, { ...column, feed: 1, mask: 1 }, { ...column, value: 2, scale }],
          windows: [
            { ms: 60, hopMs: 5 },
            { ms: 900, hopMs: 50 },
            { ms: 9000, hopMs: 700 },
            { ms: null, hopMs: 1 },
          ],
        },
      ];
  const values = Array.from({ length: 1 + random.below(4) }, () => randomStore(random));
  const views = [
    ...counters.flatMap(({ columns, windows }) =>
      columns.flatMap((_, c) =>
        windows.map((_, w): ViewPlan => ({ kind: 'counter', group: 0, column: c, window: w })),
      ),
    ),
    ...values.flatMap((store, index) =>
      store.windows.flatMap((_, window) =>
        readsOf(store).map(
          ([read, physical]): ViewPlan => ({
            kind: 'value',
            store: index,
            window,
            read,
            physical,
          }),
        ),
      ),
    ),
  ];
  const probes = [{ anchor: 0, key: 0, views }];
  return world(feeds, { counters, values, probes }, KINDS);
}

function randomStore(random: Rng): ValueStore {
  const base = { state: '', feed: random.below(2), mask: random.pick([null, 1]), k: 0, scale: 1 };
  const family = random.pick<ValueStore['family']>([
    'last',
    'first',
    'min',
    'max',
    'bag',
    'bag',
    'quantile',
    'decayed',
    'tally',
    'latest',
  ]);
  const store = { ...base, family, halfLifeMs: family === 'decayed' ? 300 : 0 };
  if (family === 'latest') {
    return { ...store, slots: [1, 2, 3], physical: [...KINDS], windows: [{ kind: 'all' }] };
  }
  if (family === 'decayed')
    return { ...store, slots: [2], physical: ['f64'], windows: [{ kind: 'all' }] };
  const isText = (family === 'last' || family === 'bag') && random.chance(0.5);
  const windows = family === 'tally' ? CAPPED.slice(0, 3) : [...TIMED, ...CAPPED];
  return {
    ...store,
    k: family === 'last' ? 3 : 0,
    scale: family === 'tally' ? 2 ** 20 : 1,
    slots: [isText ? 3 : 2],
    physical: [isText ? 'text' : 'f64'],
    windows: windows.filter(() => random.chance(0.6)).concat(windows[1]!),
  };
}

function readsOf(store: ValueStore): [ReadOp, Physical][] {
  const kind = store.physical[0]!;
  const list = kind === 'text' ? 'list_text' : 'list_f64';
  switch (store.family) {
    case 'last':
      return [
        [{ fn: 'last', k: 3 }, list],
        [{ fn: 'last', k: null }, kind],
      ];
    case 'bag':
      return [
        [{ fn: 'distinct' }, 'f64'],
        [{ fn: 'topk', k: 3 }, list],
        [{ fn: 'mode' }, kind],
        [{ fn: 'mode_share' }, 'f64'],
      ];
    case 'quantile':
      return [[{ fn: 'quantile', q: 0.9 }, 'f64']];
    case 'decayed':
      return [[{ fn: 'decayed_sum' }, 'f64']];
    case 'tally':
      return [
        [{ fn: 'count' }, 'f64'],
        [{ fn: 'sum' }, 'f64'],
      ];
    case 'latest':
      return KINDS.map((physical, slot) => [{ fn: 'latest', slot }, physical]);
    default:
      return [[{ fn: store.family }, kind]];
  }
}

/** Few busy keys, whose windows are sketched, and many that are seen now and then. */
export function randomHappenings(of: World, random: Rng): Happening[] {
  let time = 0;
  const keys = random.pick([60, 400]);
  const happenings = Array.from({ length: 5000 }, (): Happening => {
    time += random.below(3);
    const busy = random.chance(0.4);
    return {
      participant: random.chance(0.35) ? 2 : random.below(2),
      key: busy ? 1 + random.below(2) : random.below(keys),
      time,
      slots: [
        random.chance(0.7),
        random.chance(0.05) ? null : random.below(random.pick([20, 100_000])) / 8,
        random.chance(0.05) ? null : `t${random.below(random.pick([9, 4000]))}`,
      ],
    };
  });
  return inStepOrder(of, happenings);
}
