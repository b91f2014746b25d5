import { describe, expect, it } from 'vitest';
import type { CheckPlan, ExamplePlan } from '../../../compiler/plan/plan.ts';
import { BUCKET_BOUNDS } from '../../../operators/checks/buckets.ts';
import { Gate, type Settled } from '../../../operators/checks/gate.ts';
import type { EmissionBatch } from '../../../operators/emission/emission-batch.ts';
import { takeEmissions } from '../../../operators/emission/emission-order.ts';
import { Slab } from '../../../operators/state/slab.ts';
import { emissionRows } from '../../../runtime/block/emission-row.ts';
import { type Rng, rng } from '../../random.ts';
import { breaksRange, judgeRows } from '../../reference/checks.ts';
import { EVERYTHING, randomBatch } from '../../runtime/random-batch.ts';

const BOUNDS = {
  ...BUCKET_BOUNDS,
  ...{ rowsMin: 60, rowsMax: 300, driftRowsMin: 15, referenceRowsMin: 100 },
};

function randomChecks(random: Rng): CheckPlan[] {
  const low = random.next() * 0.3;
  const all: CheckPlan[] = [
    { kind: 'rate', label: random.below(2), min: low, max: low + random.next() * 0.4 },
    { kind: 'missing', column: random.below(6), min: 0, max: random.next() * 0.4 },
    { kind: 'drift', column: 0, max: random.next() * 0.3 },
    { kind: 'drift', column: random.below(6), max: random.next() * 0.3 },
    { kind: 'duplicates', max: random.next() * 0.2 },
    { kind: 'range', column: 0, min: 1000, max: 990_000 },
  ];
  return all.filter(() => random.chance(0.6));
}

/** Rows of which some stretches are unlike the rest. */
function unevenBatch(random: Rng): EmissionBatch {
  const batch = randomBatch(random, 1500);
  const count = batch.features.at(0)!;
  const rate = batch.features.at(1)!;
  if (count.kind !== 'f64' || rate.kind !== 'f64') throw new Error('numbers');
  for (let stretch = 0; stretch < 6; stretch++) {
    const from = random.below(batch.n);
    const what = random.below(4);
    for (let row = from; row < Math.min(batch.n, from + 200); row++) {
      if (what === 0) count.data[row] = 2000 + random.below(3);
      else if (what === 1) rate.data[row] = Number.NaN;
      else if (what === 2) batch.labels[0]!.value[row] = 1;
      else {
        // Rows of few ids that say the same.
        batch.kind[row] = 0;
        for (const { kind } of batch.labels) kind[row] = 1;
      }
    }
  }
  return batch;
}

function gateOf(plan: ExamplePlan, slab: Slab): Gate {
  return new Gate(plan, slab, { rowBytes: () => 0, decided: () => null, bounds: BOUNDS });
}

/** What a checkpoint and a restart leave: the pages that were written. */
function copyOf(slab: Slab): Slab {
  const copy = new Slab(slab.name);
  for (const { page, bytes } of slab.dirtyPages()) {
    copy.load(page, bytes);
    copy.dirty[page] = 1;
  }
  return copy;
}

/** The batch through a gate, cut and restarted at random; in the order of what is settled. */
function settle(plan: ExamplePlan, batch: EmissionBatch, random: Rng): Settled[] {
  let slab = new Slab('checks');
  let gate = gateOf(plan, slab);
  const settled: Settled[] = [];
  for (let from = 0; from < batch.n; ) {
    const to = Math.min(batch.n, from + 1 + random.below(random.pick([3, 100, 900])));
    const rows = Int32Array.from({ length: to - from }, (_, i) => from + i);
    settled.push(...gate.accept(takeEmissions(batch, rows)));
    if (random.chance(0.5) && to < batch.n) settled.push(...gate.reach(batch.emitted[to]!));
    if (random.chance(0.2)) {
      slab = copyOf(slab);
      gate = gateOf(plan, slab);
    }
    from = to;
  }
  settled.push(...gate.reach(Number.POSITIVE_INFINITY));
  return settled;
}

describe('a gate', () => {
  it('judges as the reference does, however rows are cut and wherever it is started again', () => {
    const failures = new Map<string, number>();
    for (let seed = 0; seed < 25; seed++) {
      const random = rng(seed);
      const plan = { ...EVERYTHING, checks: randomChecks(random) };
      const batch = unevenBatch(random);
      const rows = emissionRows(batch, plan);
      const settled = settle(plan, batch, random);
      const isHeld = plan.checks.some(({ kind }) => kind !== 'range');
      const expected = judgeRows(plan, rows, BOUNDS);
      if (isHeld) {
        const verdicts = settled.map(({ verdict, batch: of }) => ({
          from: verdict!.from,
          rows: emissionRows(of, plan).map(({ id, emitted }) => [id, emitted]),
          failed: verdict!.failed.map((reason) => reason.split(': ')[0]),
        }));
        const wanted = expected.map(({ from, rows: of, failed }) => ({
          from,
          rows: of.map(({ id, emitted }) => [id, emitted]),
          failed,
        }));
        expect(verdicts, `seed ${seed}`).toEqual(wanted);
        for (const name of wanted.flatMap(({ failed }) => failed)) {
          const kind = name.split('(')[0]!;
          failures.set(kind, (failures.get(kind) ?? 0) + 1);
        }
      }
      const aside = settled.flatMap(({ aside: of }) => of);
      const lots = expected.flatMap(({ rows: of, failed }, i) =>
        of.flatMap((row) => {
          if (breaksRange(plan, row)) return [`${i + 1}r`];
          return isHeld && failed.length > 0 ? [`${i + 1}`] : [];
        }),
      );
      expect(
        aside.map(({ lot }) => lot),
        `seed ${seed}`,
      ).toEqual(lots);
      const landed = settled.flatMap(({ batch: of, skip }) =>
        emissionRows(of, plan).filter((_, row) => skip === null || skip[row] === 0),
      );
      expect(landed.length + aside.length).toBe(batch.n);
    }
    // Each kind was seen to fail.
    expect([...failures.keys()].sort()).toEqual(['drift', 'duplicates', 'missing', 'rate']);
  });

  it('obeys a verdict that was taken before', () => {
    const plan = { ...EVERYTHING, checks: [{ kind: 'duplicates', max: 1 } as const] };
    const gate = new Gate(plan, new Slab('checks'), {
      rowBytes: () => 0,
      decided: (bucket) => (bucket === 1 ? ['somebody said so'] : null),
      bounds: BOUNDS,
    });
    const batch = randomBatch(rng(1), 200);
    const settled = [...gate.accept(batch), ...gate.reach(Number.POSITIVE_INFINITY)];
    expect(settled[0]!.aside.every(({ reason }) => reason === 'somebody said so')).toBe(true);
    expect(settled[0]!.aside.length).toBe(settled[0]!.batch.n);
    expect(settled.slice(1).every(({ aside }) => aside.length === 0)).toBe(true);
  });

  it('holds no more rows than its bound', () => {
    const plan = { ...EVERYTHING, checks: [{ kind: 'duplicates', max: 1 } as const] };
    const slab = new Slab('checks');
    const gate = gateOf(plan, slab);
    const batch = randomBatch(rng(2), 2000);
    batch.emitted.fill(1_730_000_000_000);
    const buckets = [...gate.accept(batch)].map(({ verdict }) => verdict!.rows);
    expect(buckets).toEqual(Array.from({ length: 6 }, () => BOUNDS.rowsMax));
    [...gate.reach(Number.POSITIVE_INFINITY)];
    // The blocks are used again.
    const used = slab.used;
    [...gate.accept(batch), ...gate.reach(Number.POSITIVE_INFINITY)];
    expect(slab.used).toBe(used);
  });

  it('tells how long there was no example', () => {
    const plan = { ...EVERYTHING, checks: [{ kind: 'freshness', maxMs: 5000 } as const] };
    const gate = gateOf(plan, new Slab('checks'));
    const batch = randomBatch(rng(3), 5);
    batch.emitted.set([1000, 2000, 9000, 9100, 14_200]);
    expect([...gate.accept(batch)][0]!.skip).toBe(null);
    expect(gate.stale).toEqual({ maxMs: 5000, times: 2, from: 2000, to: 9000 });
  });
});
