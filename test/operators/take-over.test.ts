/**
 * The law of an upgrade: a program that takes over from another at K gives, from K on,
 *
 *   kept columns   what it would have given from the beginning
 *   new columns    what the reference gives where their aggregates see nothing before the time that their coverage tells;
 *                  and from the time on that it calls full, what the program would have given from the beginning
 *
 * and the rows of anchors before K are those of the program before, with the columns they froze.
 */
import { describe, expect, it } from 'vitest';
import type { LogicalProgram } from '../../compiler/check/logical.ts';
import type { Plan } from '../../compiler/plan/plan.ts';
import { sealPlan } from '../../compiler/plan/seal-plan.ts';
import { Pipeline } from '../../operators/pipeline.ts';
import { SlabSet } from '../../operators/state/slab.ts';
import { coverageOf } from '../../operators/take-over/coverage.ts';
import { nameOf } from '../../operators/take-over/keep-sets.ts';
import { takeOver } from '../../operators/take-over/take-over.ts';
import { generateProgram } from '../generate/program.ts';
import { type GeneratedProgram, programText } from '../generate/program-text.ts';
import { generateRows } from '../generate/rows.ts';
import { compiledOf, fieldsRead } from '../generate/trial.ts';
import { type Rng, rng } from '../random.ts';
import { evaluate } from '../reference/evaluate.ts';
import { decode, type Partition, planOf, runInMemory } from '../run-in-memory.ts';

type Row = {
  readonly id: string;
  readonly time: number;
  readonly emitted: number;
  readonly kind?: string;
  readonly labels?: unknown;
  readonly features: Readonly<Record<string, unknown>>;
};

/** Another program on the same streams: with fewer features, sets and labels, other windows and horizons. */
function changed(program: GeneratedProgram, random: Rng): GeneratedProgram {
  const sets = program.sets.map((set) => {
    const features = set.features.filter(() => random.chance(0.6));
    const clauses = set.clauses.filter(
      (clause) => !clause.startsWith('label') || random.chance(0.8),
    );
    return features.length === 0 ? set : { ...set, features, clauses };
  });
  const fewer = sets.length > 1 && random.chance(0.3) ? sets.slice(1) : sets;
  const lines = program.lines.map((line) =>
    random.chance(0.2)
      ? line.replace(/over \d+m?s$/, 'over 7s').replace(/within \d+m?s of imp/, 'within 31s of imp')
      : line,
  );
  return { ...program, lines, sets: fewer };
}

/** The rows that are whole for every program: which fields are read decides what is malformed. */
function wholeRows(plans: readonly Plan[], input: readonly Partition[]): Partition[] {
  return input.map((each) => {
    const lines = each.rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row)));
    const bad = new Set<number>();
    for (const plan of plans) {
      const stream = plan.streams.findIndex(({ name }) => name === each.stream);
      const batch = stream < 0 ? null : decode(plan, { stream, lines, at: 0 }, lines.length);
      if (batch === null) continue;
      const options = { slabs: [new SlabSet()], scanSlabs: new SlabSet(), codegen: false };
      const pipeline = new Pipeline(plan, { ...options, spill: null, bufferBytesMax: 1e9 });
      pipeline.addPartition(stream, each.partition);
      for (const { row } of pipeline.accept(stream, each.partition, batch).malformed) bad.add(row);
    }
    return { ...each, rows: lines.filter((_, i) => !bad.has(i)) };
  });
}

/** By set, whatever its generation. */
type Rows = ReadonlyMap<string, readonly Row[]>;
type Upgraded = { readonly plans: readonly Plan[]; readonly k: readonly number[]; rows: Rows };

/** Runs `plans` one after another over the input, each from some batch on; one that cannot take over ends it. */
function upgrade(
  plans: readonly Plan[],
  input: readonly Partition[],
  { random, isTime }: { readonly random: Rng; readonly isTime: (at: number) => boolean },
): Upgraded {
  const running: Plan[] = [plans[0]!];
  const k: number[] = [];
  const { lines } = runInMemory(plans[0]!, input, {
    shards: 1 + random.below(2),
    batchRows: () => 1 + random.below(8),
    change: (at) => {
      if (running.length === plans.length || !isTime(at)) return null;
      const made = takeOver(running.at(-1)!, plans[running.length]!, at);
      if (made.plan === null) return null;
      const plan = sealPlan(made.plan);
      running.push(plan);
      k.push(at);
      return plan;
    },
  });
  const bySet = new Map<string, Row[]>();
  for (const [name, rows] of Object.entries(lines)) {
    const set = name.split('.')[0]!;
    bySet.set(set, [...(bySet.get(set) ?? []), ...rows.map((row) => JSON.parse(row) as Row)]);
  }
  return { plans: running, k, rows: bySet };
}

const keyOf = ({ id, time, emitted, kind, labels }: Row) =>
  JSON.stringify([time, emitted, id, kind, labels]);

type Compared = { kept: number; full: number; partly: number };

function check(
  programs: readonly string[],
  got: Upgraded,
  input: readonly Partition[],
  compared: Compared,
): void {
  const found = new Map(
    [...got.rows].map(([set, rows]) => [set, new Map(rows.map((row) => [keyOf(row), row]))]),
  );
  const expected = new Map<string, number>();
  const given = new Map<string, number>();
  for (const [i, plan] of got.plans.entries()) {
    const [from, to] = [got.k[i - 1] ?? -Infinity, got.k[i] ?? Infinity];
    const { lines } = runInMemory(planOf(programs[i]!), input, { batchRows: () => 20 });
    const covered = coverageOf(plan);
    for (const [set, rows] of got.rows) {
      const example = plan.examples.find((each) => nameOf(each) === set && !each.closed);
      if (example === undefined) {
        expect(rows.filter(({ time }) => time >= from && time < to)).toEqual([]);
        continue;
      }
      const full = new Map(
        covered
          .filter((each) => each.set === example.name)
          .map((each) => [each.column, each.full ?? Infinity]),
      );
      // Before it, anchors of the program before may take a new label's credit, which they never get here.
      const labelled = Math.max(
        from,
        ...[...full].flatMap(([column, at]) => (column.startsWith('label ') ? [at] : [])),
      );
      const isOf = ({ time }: Row) => time >= labelled && time < to;
      expected.set(set, expected.get(set) ?? 0);
      given.set(set, (given.get(set) ?? 0) + rows.filter(isOf).length);
      for (const line of lines[set]!) {
        const want: Row = JSON.parse(line);
        if (!isOf(want)) continue;
        expected.set(set, expected.get(set)! + 1);
        const have = found.get(set)!.get(keyOf(want));
        expect(have, `${set} of plan ${i}: ${line}`).toBeDefined();
        expect(Object.keys(have!.features)).toEqual(Object.keys(want.features));
        for (const [column, value] of Object.entries(want.features)) {
          if (want.time < (full.get(column) ?? -Infinity)) continue;
          compared[full.has(column) ? 'full' : 'kept']++;
          expect(have!.features[column], `${set}.${column} of plan ${i}: ${line}`).toEqual(value);
        }
      }
    }
    compared.partly += checkPartly(programs[i]!, { plan, from, to }, found, input);
  }
  expect(given).toEqual(expected);
}

/** Columns of new aggregates over streams as they come, against the reference over events from their `since` on. */
function checkPartly(
  text: string,
  { plan, from, to }: { readonly plan: Plan; readonly from: number; readonly to: number },
  found: ReadonlyMap<string, ReadonlyMap<string, Row>>,
  input: readonly Partition[],
): number {
  if (plan.enrichments.some(({ since }) => since !== undefined)) return 0;
  const compiled = compiledOf(text);
  const since = new Map<string, number>();
  const columns: { set: string; column: string }[] = [];
  for (const { set: name, column, since: at } of coverageOf(plan)) {
    const set = nameOf(plan.examples.find((each) => each.name === name)!);
    const of = column.startsWith('label ') ? null : aggregateOf(compiled.program, set, column);
    if (of === null) continue;
    since.set(of, at);
    columns.push({ set, column });
  }
  if (columns.length === 0) return 0;
  const reads = new Map(compiled.plan.streams.map((s) => [s.name, fieldsRead(compiled.plan, s)]));
  const { examples } = evaluate(compiled.program, input, { complete: true, reads, since });
  let compared = 0;
  for (const { set, column } of columns) {
    for (const want of examples[set]!) {
      if (want.time < from || want.time >= to) continue;
      const have = found.get(set)!.get(keyOf(want));
      if (have === undefined) continue;
      compared++;
      expect(have.features[column], `${set}.${column} since ${from}: ${want.id}`).toEqual(
        JSON.parse(JSON.stringify(want.features[column])),
      );
    }
  }
  return compared;
}

/** The feature column that a column of a set is, where that is an aggregate over a stream; else null. */
function aggregateOf(program: LogicalProgram, set: string, column: string): string | null {
  const { value } = program.examples
    .find(({ name }) => name === set)!
    .features.find(({ as }) => as === column)!;
  if (value.kind !== 'column') return null;
  const { def } = program.columns.find(({ name }) => name === value.name)!;
  return def.kind === 'aggregate' && def.source.kind === 'stream' ? value.name : null;
}

// Windows that fill are rare; those from here on have some.
const FIRST = 15;
const SEEDS = Number(process.env.MILLRACE_SEEDS ?? 8);

describe('a program that takes over', () => {
  it('gives from there on what it gives from the beginning, or since its coverage', () => {
    let upgrades = 0;
    const compared = { kept: 0, full: 0, partly: 0 };
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const random = rng(seed);
      const whole = generateProgram(random);
      const rows = generateRows(random);
      const programs = [changed(whole, random), changed(whole, random), whole].map(programText);
      const plans = programs.map((program) => planOf(program));
      const input = wholeRows(plans, rows);
      try {
        let wait = 1 + random.below(10);
        const isTime = () => {
          if (--wait > 0) return false;
          wait = 1 + random.below(5);
          return true;
        };
        const got = upgrade(plans, input, { random, isTime });
        upgrades += got.k.length;
        check(programs, got, input, compared);
      } catch (error) {
        throw new Error(`seed ${seed}\n${programs.join('\n---\n')}`, {
          cause: error,
        });
      }
    }
    expect(upgrades).toBeGreaterThan(SEEDS / 2);
    expect(compared.kept).toBeGreaterThan(SEEDS * 100);
    expect(compared.full).toBeGreaterThan(SEEDS);
    expect(compared.partly).toBeGreaterThan(SEEDS);
  });

  it('takes a new label over, with its rings and refunds', () => {
    const streams = `stream imp from "imp" { id iid : string ; time ts : timestamp ; user, ad : string }
stream buy from "buy" { id bid : string ; time ts : timestamp ; user, order : string }
stream undo from "undo" { id uid : string ; time ts : timestamp ; order : string }
label bought = buy on user within 30s unless undo on order within 10m
`;
    const label = '\n label bought wait 20s then late positives';
    const programs = ['imp.ad', `imp.ad${label}`, `imp.user, imp.ad${label}`].map(
      (items) => `${streams}examples ctr for imp { features ${items} }`,
    );
    const plans = programs.map((text) => planOf(text));
    const at = (i: number, ms: number) => 1_700_000_000_000 + i * 1000 + ms;
    const of = (i: number) => ({ user: `u${i}`, order: `o${i}`, ad: 'a' });
    const every = (n: number, row: (i: number) => unknown) =>
      Array.from({ length: 400 / n }, (_, i) => row(i * n));
    const input: Partition[] = [
      {
        stream: 'imp',
        partition: 0,
        rows: every(1, (i) => ({ iid: `i${i}`, ts: at(i, 0), ...of(i) })),
      },
      {
        stream: 'buy',
        partition: 0,
        rows: every(2, (i) => ({ bid: `b${i}`, ts: at(i, 9500), ...of(i) })),
      },
      {
        stream: 'undo',
        partition: 0,
        rows: every(4, (i) => ({ uid: `r${i}`, ts: at(i, 99_700), ...of(i) })),
      },
    ];
    const times = [at(100, 0), at(200, 0)];
    const isTime = (time: number) => time >= times[0]! && times.shift() !== undefined;
    const got = upgrade(plans, input, { random: rng(1), isTime });
    expect(got.k).toHaveLength(2);
    const compared = { kept: 0, full: 0, partly: 0 };
    check(programs, got, input, compared);
    expect(compared.kept).toBeGreaterThan(500);
  });

  it('says what cannot go on', () => {
    const streams = `stream imp from "i" { id iid : string ; time ts : timestamp ; user, ad, place : string ; late 1s }
stream clk from "c" { id cid : string ; time ts : timestamp ; iid, user : string }
static table site from "s" { key user : string ; region, zone : string }
label clicked = clk on iid within 1m
`;
    const old = planOf(`${streams}feature clicks = count(clicked) by ad over 1h
examples ctr for imp { features clicks, site.region ; label clicked wait horizon }`);
    const reasons = (text: string) => takeOver(old, planOf(text), 1000).reasons;
    const read = 'examples ctr for imp { features imp.user }';
    expect(reasons(`${streams}${read}`)).toEqual([
      'anchors wait for label clicked, and the program reads clk no more: keep a feature or a label of it until they are out',
    ]);
    expect(reasons(`${streams.replace('late 1s', 'late 2s')}${read}`)).toEqual([
      'stream imp: its late was 1000 ms, is 2000 ms',
    ]);
    const clicks = 'feature clicks = count(clk) by user over 1h';
    expect(
      reasons(`${streams}${clicks}
examples ctr for imp { features clicks, site.zone }`),
    ).toEqual(['more is read of the table site, which has no time and was read before everything']);
    const placed = 'feature placed = count(clicked) by place over 1h';
    expect(
      reasons(`${streams}${placed}
examples ctr for imp { features placed, site.region }`),
    ).toEqual(['more is read of what label clicked credits than its state holds: place']);
  });
});
