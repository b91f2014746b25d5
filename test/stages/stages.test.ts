/**
 * The distributed form of the engine gives what the engine of one process gives, whatever the order of steps, the cuts, the
 * crashes and the zombies: random programs over random rows, on a random cluster.
 */
import { describe, expect, it } from 'vitest';
import { placeExchange } from '../../compiler/plan/place-exchange.ts';
import { ExchangeGap, Inbox } from '../../operators/stages/inbox.ts';
import type { ShardState } from '../../operators/stages/shard-stage.ts';
import { planOf } from '../run-in-memory.ts';
import { clusterDifference, showClusterCase } from './cluster-trial.ts';

const SEEDS = 100;
const PER_TEST = 10;

/** Lets the test runner say that it lives. */
const breathe = () => new Promise((resolve) => setImmediate(resolve));

describe('many shards and one process agree', () => {
  for (let from = 1; from <= SEEDS; from += PER_TEST) {
    it(`on seeds ${from} to ${from + PER_TEST - 1}`, async () => {
      for (let seed = from; seed < from + PER_TEST; seed++) {
        await breathe();
        const found = clusterDifference(seed);
        if (found !== null) expect.fail(showClusterCase(seed, found));
      }
    });
  }
});

/** Each is found within so many seeds. */
const CANARY_SEEDS = 60;

describe('a bug is found:', () => {
  const links = (state: ShardState, by: number): ShardState => ({
    ...state,
    inbox: {
      ...state.inbox,
      links: Object.fromEntries(
        Object.entries(state.inbox.links).map(([name, [received, ...progress]]) => [
          name,
          [received === 0 ? 0 : received + by, ...progress] as const,
        ]),
      ),
    },
  });
  const sent = (state: ShardState, by: number): ShardState => ({
    ...state,
    sent: Object.fromEntries(
      Object.entries(state.sent).map(([name, counts]) => [
        name,
        counts.map((count) => (count === 0 ? 0 : count + by)),
      ]),
    ),
  });
  const bugs: Record<string, (state: ShardState) => ShardState> = {
    'a cursor one too far': (state) => links(state, 1),
    'a cursor one too low': (state) => links(state, -1),
    'numbers that go on one too far': (state) => sent(state, 1),
    'numbers that go on one too low': (state) => sent(state, -1),
    'a log read on one parcel too late': (state) => ({
      ...state,
      inbox: { ...state.inbox, logOffset: state.inbox.logOffset + 1 },
    }),
    'steps that are applied again': (state) => ({
      ...state,
      applied: state.applied.map((time) => time - 5000),
    }),
  };
  for (const [name, bug] of Object.entries(bugs)) {
    it(name, async () => {
      let seed = 1;
      while (seed <= CANARY_SEEDS && clusterDifference(seed, bug) === null) {
        seed++;
        await breathe();
      }
      expect(seed).toBeLessThanOrEqual(CANARY_SEEDS);
    });
  }
});

const program = `
stream imp from "imp" {
  id iid : string
  time ts : timestamp
  user, ad : string
  late 1s
}
feature n = count(imp) by user over 1h
examples set for imp {
  features n, imp.ad
}
`;

describe('an inbox', () => {
  const plan = planOf(program);
  const exchange = placeExchange(plan);
  const open = () =>
    new Inbox({
      ...{ exchange, digest: plan.digest, shard: 0, shards: 2, partitions: [1], spill: null },
      applied: exchange.nodes.map(() => Number.NEGATIVE_INFINITY),
    });
  const section = (from: number, n: number) => ({
    ...{ channel: 0, producer: 0, from, frontier: from + n, watermark: from + n },
    ...{ ended: false, idle: false },
    rows: {
      ...{ n, labelOnly: null, ordinal: null, partition: new Int32Array(n) },
      time: Float64Array.from({ length: n }, (_, i) => from + i),
      step: Float64Array.from({ length: n }, (_, i) => from + i),
      offset: Float64Array.from({ length: n }, (_, i) => from + i),
      columns: exchange.channels[0].physical.map((kind) =>
        kind === 'hash'
          ? { kind, lo: new Int32Array(n), hi: new Int32Array(n) }
          : { kind: 'f64' as const, data: new Float64Array(n) },
      ),
    },
  });
  const parcel = (epoch: number, ...sections: ReturnType<typeof section>[]) => ({
    upstream: { kind: 'scan', stream: 0, partition: 0 } as const,
    ...{ epoch, digest: plan.digest, sections },
  });
  const offsets = (inbox: Inbox) =>
    Array.from(inbox.inputs[0].release(Number.POSITIVE_INFINITY)?.offset ?? []);

  it('drops what is behind its cursor, also in the middle of a section', () => {
    const inbox = open();
    inbox.receive(parcel(0, section(0, 3)), 0);
    inbox.receive(parcel(0, section(0, 3)), 1);
    inbox.receive(parcel(0, section(1, 4)), 2);
    expect(offsets(inbox)).toEqual([0, 1, 2, 3, 4]);
  });

  it('does not bridge a gap', () => {
    const inbox = open();
    inbox.receive(parcel(0, section(0, 3)), 0);
    expect(() => inbox.receive(parcel(0, section(4, 1)), 1)).toThrow(ExchangeGap);
  });

  it('ignores an owner once it has heard of the next', () => {
    const inbox = open();
    inbox.receive(parcel(0, section(0, 3)), 0);
    inbox.receive(parcel(1), 1);
    inbox.receive(parcel(0, section(3, 2)), 2);
    inbox.receive(parcel(1, section(3, 1)), 3);
    expect(offsets(inbox)).toEqual([0, 1, 2, 3]);
  });

  it('refuses another plan', () => {
    const other = { ...parcel(0, section(0, 1)), digest: 'other' };
    expect(() => open().receive(other, 0)).toThrow('of plan other');
  });

  it('can be cut where two sections interleave', () => {
    const inbox = open();
    const n = 2_000;
    const second = section(n, n);
    const step = second.rows.step.map((at) => at - n + 0.5);
    inbox.receive(parcel(0, section(0, n)), 0);
    inbox.receive(parcel(0, { ...second, rows: { ...second.rows, step } }), 1);
    const input = inbox.inputs[0];
    input.release(1);
    const outline: { step: number; rows: number }[] = [];
    input.outline(outline);
    outline.sort((a, b) => a.step - b.step);
    expect(outline.reduce((sum, { rows }) => sum + rows, 0)).toBe(input.rows);
    // Half of the pieces are about half of the rows, not those up to where the second section begins.
    const half = input.release(outline[outline.length / 2].step)!;
    expect(half.n).toBeGreaterThan(0.8 * n);
    expect(half.n).toBeLessThan(1.2 * n);
    expect(Array.from(half.step)).toEqual(Array.from({ length: half.n }, (_, i) => 1 + i / 2));
  });

  it('reads on from the first entry that is not applied', () => {
    const inbox = open();
    inbox.receive(parcel(0, section(0, 3)), 0);
    inbox.receive(parcel(0, section(3, 3)), 1);
    inbox.receive(parcel(0, section(6, 1)), 2);
    expect(Array.from(inbox.inputs[0].release(4)!.offset)).toEqual([0, 1, 2, 3]);
    expect(inbox.state()).toMatchObject({
      logOffset: 1,
      links: { '0.0/0': [3, -Infinity, -Infinity, false] },
    });
  });
});
