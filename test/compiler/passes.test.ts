import { describe, expect, test } from 'vitest';
import type { LExpr, LogicalProgram } from '../../compiler/check/logical.ts';
import { storesOf } from '../../compiler/explain/store-use.ts';
import { signatures } from '../../compiler/graph/digest.ts';
import { reachable } from '../../compiler/graph/graph.ts';
import { lower } from '../../compiler/graph/lower.ts';
import { optimise, PASSES } from '../../compiler/graph/optimise.ts';
import { showGraph } from '../../compiler/graph/show.ts';
import { VerifyError, verify } from '../../compiler/graph/verify.ts';
import { type Rng, rng } from '../random.ts';
import { adStreams, isKind } from './ads-fixture.ts';
import {
  aggregate,
  by,
  call,
  examples,
  feature,
  field,
  from,
  num,
  program,
} from './logical-fixture.ts';
import { goldenText, programOf } from './programs.ts';
import { randomFeature, randomFilter, randomProgram, withFeatures } from './random-program.ts';

const seeds = Array.from({ length: 60 }, (_, i) => i + 1);

const pixelAnchor = { anchor: { name: 'pixel', stream: 'pixel', where: null } };

/** State ids and texts of what a count of pixels with this filter keeps. */
function statesOf(where: LExpr | null): readonly string[] {
  const def = aggregate('count', from('pixel', where), { by: by('user_id') });
  const made = program({
    streams: adStreams(),
    columns: [feature('f', def, 'int')],
    examples: [examples('set', ['f'], pixelAnchor)],
  });
  return storesOf(optimise(lower(made))).map((store) => store.state);
}

const value = field('value', 'float?');
const a = isKind('purchase');
const b = call('lt', [num(1), value]);
const c = call('is_null', [field('order_id', 'string?')]);

describe('filters that mean the same are one store', () => {
  test.each<[string, LExpr, LExpr]>([
    ['operands of and in any order', call('and', [a, b]), call('and', [b, a])],
    [
      'and nested either way, repeats dropped',
      call('and', [a, call('and', [b, c])]),
      call('and', [call('and', [c, a]), call('and', [b, a])]),
    ],
    ['or in any order', call('or', [a, b]), call('or', [b, a])],
    ['a < b and b > a', b, call('gt', [value, num(1)])],
    ['not <= and >', b, call('not', [call('le', [value, num(1)])])],
    ['not not', a, call('not', [call('not', [a])])],
    ['constants folded', call('lt', [call('add', [num(0.5), num(0.5)], 'float'), value]), b],
    ['and true', call('and', [a, call('eq', [num(1), num(1)])]), a],
    [
      'in of one value',
      call('in', [
        field('kind'),
        {
          kind: 'list',
          values: ['purchase', 'purchase'],
          type: { kind: 'list', of: 'string', nullable: false },
        },
      ]),
      a,
    ],
  ])('%s', (_, one, other) => {
    expect(statesOf(one)).toEqual(statesOf(other));
  });

  test.each<[string, LExpr, LExpr]>([
    ['other constants', isKind('purchase'), isKind('refund')],
    ['and is not or', call('and', [a, b]), call('or', [a, b])],
    ['< is not <=', b, call('le', [num(1), value])],
    [
      'a - b is not b - a',
      call('lt', [num(0), call('sub', [value, num(1)], 'float?')]),
      call('lt', [num(0), call('sub', [num(1), value], 'float?')]),
    ],
  ])('but not %s', (_, one, other) => {
    expect(statesOf(one)).not.toEqual(statesOf(other));
  });

  test('a filter that is always true is none', () => {
    expect(
      statesOf(call('or', [call('eq', [num(1), num(1)]), call('eq', [num(1), num(1)])])),
    ).toEqual(statesOf(null));
  });

  test.each(seeds)('operands shuffled at random, seed %i', (seed) => {
    const random = rng(seed);
    const filter = randomFilter(random, 'pixel', 5);
    expect(statesOf(shuffled(random, filter))).toEqual(statesOf(filter));
  });
});

/** The same meaning: commutative operands swapped, and-chains regrouped, comparisons turned around. */
function shuffled(random: Rng, expr: LExpr): LExpr {
  if (expr.kind !== 'call') return expr;
  const args = expr.args.map((arg) => shuffled(random, arg));
  const [x, y, z] = args;
  const turned: Readonly<Record<string, string>> = {
    lt: 'gt',
    gt: 'lt',
    le: 'ge',
    ge: 'le',
    eq: 'eq',
    ne: 'ne',
    and: 'and',
    or: 'or',
  };
  const fn = turned[expr.fn];
  if (fn === undefined || y === undefined || z !== undefined || random.chance(0.5))
    return { ...expr, args };
  if ((fn === 'and' || fn === 'or') && y.kind === 'call' && y.fn === fn) {
    const [left, right] = y.args as [LExpr, LExpr];
    return { ...expr, args: [{ ...expr, args: [x!, right] }, left] };
  }
  return { ...expr, fn, args: [y, x!] };
}

const STREAMS = `
stream impression from "imps" { id impression_id : string; time ts : timestamp; user_id, ad_id, kind : string; bid : float? }
label again = impression on user_id within 1h
`;
const TEAMS = [
  `feature imps_a = count(impression where kind == "x" and bid > 1) by user_id over [5m, 1h]
   feature spend_a = sum(impression.bid) by user_id over 1h
   examples team_a for impression { features imps_a, spend_a; label again wait horizon }`,
  `feature imps_b = count(impression where 1 < bid and kind == "x") by user_id over [1h, 24h]
   feature mean_b = mean(impression.bid) by user_id over 24h
   examples team_b for impression { features imps_b, mean_b; label again wait horizon }`,
  `stream good = impression where kind == "x"
   feature imps_c = count(good where bid > 1) by user_id over 5m
   feature dev_c = stddev(impression.bid) by user_id over 1h
   examples team_c for impression { features imps_c, dev_c; label again wait horizon }`,
];
const DEDUPLICATED = `
   feature imps = count(impression where kind == "x" and bid > 1) by user_id over [5m, 1h, 24h]
   feature sums = sum(impression.bid) by user_id over [1h, 24h]
   feature dev = stddev(impression.bid) by user_id over 1h
   examples all for impression { features imps, sums, dev; label again wait horizon }`;

test('three teams with overlapping features keep what one deduplicated file keeps', () => {
  const stores = (made: LogicalProgram) =>
    storesOf(optimise(lower(made)))
      .map(({ state, text, windows }) => `${state} ${text} ${windows.map((one) => one.text)}`)
      .sort();
  const teams = stores(programOf(STREAMS, ...TEAMS));
  expect(teams).toEqual(stores(programOf(`${STREAMS}${DEDUPLICATED}`)));
  expect(teams).toHaveLength(4);
  expect(stores(programOf(...[...TEAMS].reverse(), STREAMS))).toEqual(teams);
});

test.each(seeds)('adding features renames no state and drops none, seed %i', (seed) => {
  const random = rng(seed);
  const before = randomProgram(random, 1 + random.below(8));
  const more = Array.from({ length: 1 + random.below(5) }, (_, i) =>
    randomFeature(random, `g${i}`),
  );
  const states = (made: LogicalProgram) =>
    storesOf(optimise(lower(made))).map((store) => store.state);
  const after = new Set(states(withFeatures(before, more, random)));
  expect(states(before).filter((state) => !after.has(state))).toEqual([]);
});

test.each(seeds)(
  'after each pass the graph verifies, and running the passes again changes nothing, seed %i',
  (seed) => {
    const random = rng(seed);
    const graph = optimise(lower(randomProgram(random, 1 + random.below(12))));
    expect(new Set(signatures(graph.nodes)).size).toBe(graph.nodes.length);
    expect(reachable(graph)).toHaveLength(graph.nodes.length);
    let again = graph;
    for (const { run } of PASSES) again = run(again);
    expect(showGraph(again)).toBe(showGraph(graph));
  },
);

test('verify names the pass and the node that broke a promise', () => {
  const graph = optimise(lower(programOf(goldenText('ads.feat'))));
  const at = graph.nodes.findIndex((node) => node.kind === 'counter_store');
  const broken = graph.nodes.map((node, i) =>
    i === at && node.kind === 'counter_store' ? { ...node, mask: node.key } : node,
  );
  expect(() => verify({ ...graph, nodes: broken }, 'some-pass')).toThrow(VerifyError);
  expect(() => verify({ ...graph, nodes: broken }, 'some-pass')).toThrow(
    /after some-pass: %\d+ \(counter_store\) filters by/,
  );
  const backwards = graph.nodes.map((node, i) =>
    i === at && node.kind === 'counter_store' ? { ...node, key: graph.roots[0]! } : node,
  );
  expect(() => verify({ ...graph, nodes: backwards }, 'p')).toThrow(/which is not before it/);
  expect(() => verify({ ...graph, nodes: [...graph.nodes, graph.nodes[0]!] }, 'p')).toThrow(
    /is equal to %0/,
  );
});
