import { describe, expect, it } from 'vitest';
import type { ViewPlan } from '../../compiler/plan/plan.ts';
import { valueAt } from '../../operators/column/column.ts';
import { Frame } from '../../operators/column/frame.ts';
import { hashNumber, lanes } from '../../operators/hash.ts';
import { Answers } from '../../operators/keyspace/answers.ts';
import { Keyspace } from '../../operators/keyspace/keyspace.ts';
import { SlabSet } from '../../operators/state/slab.ts';
import { rng } from '../random.ts';
import { world } from './keyspace-world.ts';

const VIEWS: readonly ViewPlan[] = [
  { kind: 'counter', group: 0, column: 0, window: 0 },
  { kind: 'value', store: 0, window: 0, read: { fn: 'last', k: 3 }, physical: 'list_f64' },
];

describe('a keyspace', () => {
  it('answers the same from one shard as from several that share the answers', () => {
    const of = keyspaceWorld();
    const { frame, n } = randomFrame(5000, 700);
    const order = Array.from({ length: n }, (_, i) => i);
    const whole = answersOf(of, frame, [order]);
    const parts = [0, 1, 2].map((part) =>
      order.filter((i) => Math.abs(keyAt(frame, i)) % 3 === part),
    );
    expect(answersOf(of, frame, parts)).toEqual(whole);
  });

  it('counts its keys and says which it has', () => {
    const of = keyspaceWorld();
    const { frame } = randomFrame(40, 1_000_000);
    const slabs = new SlabSet();
    const keyspace = new Keyspace(of.plan, 0, slabs, 0, { codegen: true });
    const answers = new Answers(of.keyspace, [frame.n]);
    keyspace.run(stepsOf(frame, [3, 4]), [frame], [frame], answers);
    expect(keyspace.keys).toBe(2);
    const column = frame.columns[0]!;
    if (column.kind !== 'hash') throw new Error('slot 0 is the key');
    expect(keyspace.has(column.lo[3]!, column.hi[3]!)).toBe(true);
    expect(keyspace.has(column.lo[9]!, column.hi[9]!)).toBe(false);
    expect(keyspace.bytesPerKey).toBeGreaterThan(keyspace.recordWords * 8);
    expect(keyspace.bytes).toBe(slabs.bytes);
  });

  it('looks up before it updates in a step of a pair', () => {
    const of = pairedWorld();
    const { frame, n } = randomFrame(4000, 300);
    const order = Array.from({ length: n }, (_, i) => i);
    const apart = answersOf(of, frame, [order]);
    for (const codegen of [true, false]) {
      const keyspace = new Keyspace(of.plan, 0, new SlabSet(), 0, { codegen });
      const answers = new Answers(of.keyspace, [n]);
      const row = Int32Array.from(order);
      const steps = { n, time: frame.time, participant: new Int32Array(n).fill(2), row };
      keyspace.run(steps, [frame], [frame], answers);
      expect(rowsOf(answers, n)).toEqual(apart);
    }
  });

  it('needs little for a key with few events, and again once they are past', () => {
    const of = pairedWorld();
    const keyspace = new Keyspace(of.plan, 0, new SlabSet(), 0, { codegen: true });
    const { frame, n } = randomFrame(3000, 1);
    const bytes: number[] = [];
    const run = (rows: readonly number[]) => {
      keyspace.run(stepsOf(frame, rows), [frame], [frame], new Answers(of.keyspace, [n]));
      bytes.push(keyspace.bytesInUse);
    };
    run([0, 1, 2]);
    run(Array.from({ length: 900 }, (_, i) => i + 3));
    run([2500]);
    expect(bytes[1]).toBeGreaterThan(bytes[0]! + 200);
    expect(bytes[2]).toBe(bytes[0]);
  });

  it('makes no record for a key that is only looked up', () => {
    const of = keyspaceWorld();
    const { frame } = randomFrame(10, 5);
    const keyspace = new Keyspace(of.plan, 0, new SlabSet(), 0, { codegen: true });
    const steps = {
      n: 1,
      time: new Float64Array(1),
      participant: Int32Array.of(1),
      row: Int32Array.of(0),
    };
    const answers = new Answers(of.keyspace, [frame.n]);
    keyspace.run(steps, [frame], [frame], answers);
    expect(keyspace.keys).toBe(0);
    expect([0, 1].map((view) => valueAt(answers.column(0, view), 0))).toEqual([0, []]);
    expect(valueAt(answers.column(0, 0), 1)).toBeNull();
  });
});

function keyspaceWorld() {
  return world([{ delayMs: 0, headMs: 0 }], {
    counters: [
      {
        columns: [{ state: '', feed: 0, mask: null, value: null, scale: 1, square: false }],
        windows: [{ ms: 500, hopMs: 50 }],
      },
    ],
    values: [
      {
        state: '',
        family: 'last',
        feed: 0,
        mask: null,
        slots: [1],
        physical: ['f64'],
        windows: [{ kind: 'all' }],
        k: 3,
        scale: 1,
        halfLifeMs: 0,
      },
    ],
    probes: [{ anchor: 0, key: 0, views: VIEWS }],
  });
}

/** The same, where the probe's anchor is the feed's stream: participant 2 is the pair of both. */
function pairedWorld() {
  const of = keyspaceWorld();
  const slots = [{ name: 'key', physical: 'hash', op: { kind: 'stream', slot: 0 } } as const];
  const anchors = [{ name: 'a', stream: 0, mask: null, slots }];
  return { ...of, plan: { ...of.plan, anchors } };
}

function randomFrame(n: number, keys: number) {
  const random = rng(n);
  const lo = new Int32Array(n);
  const hi = new Int32Array(n);
  for (let i = 0; i < n; i++) {
    hashNumber(random.below(keys));
    lo[i] = lanes[0]!;
    hi[i] = lanes[1]!;
  }
  const time = Float64Array.from({ length: n }, (_, i) => i);
  const frame = new Frame({
    n,
    time,
    step: time,
    labelOnly: null,
    partition: new Int32Array(n),
    offset: time,
    columns: [
      { kind: 'hash', lo, hi },
      { kind: 'f64', data: Float64Array.from({ length: n }, () => random.below(50)) },
    ],
  });
  return { frame, n };
}

function keyAt(frame: Frame, row: number): number {
  const column = frame.columns[0]!;
  return column.kind === 'hash' ? column.lo[row]! : 0;
}

/** Every row of `rows` looks up, then updates. */
function stepsOf(frame: Frame, rows: readonly number[]) {
  const twice = rows.flatMap((row) => [row, row]);
  return {
    n: twice.length,
    time: Float64Array.from(twice, (row) => frame.time[row]!),
    participant: Int32Array.from(twice, (_, i) => 1 - (i % 2)),
    row: Int32Array.from(twice),
  };
}

function answersOf(
  of: ReturnType<typeof keyspaceWorld>,
  frame: Frame,
  shards: readonly number[][],
) {
  const answers = new Answers(of.keyspace, [frame.n]);
  for (const [shard, rows] of shards.entries()) {
    const keyspace = new Keyspace(of.plan, 0, new SlabSet(), shard, { codegen: true });
    keyspace.run(stepsOf(frame, rows), [frame], [frame], answers);
  }
  return rowsOf(answers, frame.n);
}

function rowsOf(answers: Answers, n: number) {
  const columns = VIEWS.map((_, view) => answers.column(0, view));
  return Array.from({ length: n }, (_, row) => columns.map((column) => valueAt(column, row)));
}
