import { describe, expect, it } from 'vitest';
import type { Plan, ScanField, StreamPlan } from '../../compiler/plan/plan.ts';
import { PLAN_VERSION } from '../../compiler/plan/plan.ts';
import { scalar } from '../../dsl/types.ts';
import { REASON } from '../../operators/decode/decode-reasons.ts';
import { RowDecoder } from '../../operators/decode/decode-rows.ts';
import type { DecodedBatch } from '../../operators/decode/decoder.ts';
import type { ReleasedRows } from '../../operators/scan/ahead-rows.ts';
import type { PartitionRows, ScanState } from '../../operators/scan/partition-scan.ts';
import { PartitionScan } from '../../operators/scan/partition-scan.ts';
import { DedupSet, DUPLICATE, KNOWN } from '../../operators/scan/scan-dedup.ts';
import { Slab, SlabSet } from '../../operators/state/slab.ts';
import type { Rng } from '../random.ts';
import { rng } from '../random.ts';

const fields: ScanField[] = [
  { name: 'id', type: scalar('string'), timeFormat: null, value: true, hash: true },
  { name: 'other', type: scalar('int'), timeFormat: null, value: true, hash: false },
  { name: 'ts', type: scalar('timestamp'), timeFormat: 'ms', value: true, hash: false },
];

function planOf(stream: Partial<StreamPlan>): Plan {
  const base: StreamPlan = {
    name: 's',
    kind: 'stream',
    scan: 0,
    fields: [0, 2],
    slots: [],
    idField: 0,
    timeField: 2,
    lateMs: 0,
    labelsLateMs: null,
    aheadMs: 1000,
    dedupMs: null,
    holdMs: 0,
    malformedMax: null,
  };
  return {
    version: PLAN_VERSION,
    digest: '',
    scans: [{ topic: 't', streams: [0], fields }],
    streams: [{ ...base, ...stream }],
    enrichments: [],
    labels: [],
    feeds: [],
    anchors: [],
    keyspaces: [],
    examples: [],
  };
}

/** A record: id (null: malformed), time (null: malformed), other (null: malformed for those who read it). */
type Row = { readonly id: string | null; readonly time: number | null; readonly other?: null };

function batchOf(rows: readonly Row[], firstOffset: number): DecodedBatch {
  const decoder = new RowDecoder(fields);
  decoder.begin(Math.max(1, rows.length));
  for (const { id, time, other } of rows)
    decoder.row([id, other === null ? null : 1, time], () => '');
  return decoder.finish(firstOffset);
}

type Decision = string;

/** What became of each row, in words. */
function decisions(batch: DecodedBatch, rows: PartitionRows): Decision[] {
  const out: Decision[] = Array.from({ length: batch.n }, () => 'duplicate');
  for (let i = 0; i < rows.n; i++) {
    const kind = rows.labelOnly[i] === 1 ? 'label-only' : 'accepted';
    out[rows.rows[i]!] = `${kind} at ${rows.step[i]}`;
  }
  for (const { row, offset, field } of rows.malformed) {
    expect(offset).toBe(batch.firstOffset + row);
    out[row] = `malformed ${field}`;
  }
  for (const { row, bound } of rows.late) out[row] = `late against ${bound}`;
  for (const row of rows.keptBack) out[row] = 'kept back';
  expect(rows.duplicates).toBe(out.filter((word) => word === 'duplicate').length);
  expect(rows.all).toBe(out.every((word) => word.startsWith('accepted')));
  return out;
}

/** What has become of rows that were kept back, by offset less `from`. */
function settle(out: Decision[], from: number, released: readonly (ReleasedRows | null)[]): void {
  for (const { n, time, offset } of released.filter((each) => each !== null)) {
    for (let i = 0; i < n; i++) {
      // What lies before belongs to an earlier reading.
      if (offset[i]! < from) continue;
      expect(out[offset[i]! - from]).toBe('kept back');
      out[offset[i]! - from] = `accepted at ${time[i]}`;
    }
  }
}

/** The rules, word for word, over the whole partition. */
function reference(stream: StreamPlan, rows: readonly Row[]): Decision[] {
  let max = Number.NEGATIVE_INFINITY;
  let candidates: number[] = [];
  const accepted: { id: string; time: number }[] = [];
  const horizon = Math.max(stream.lateMs, stream.labelsLateMs ?? 0, stream.dedupMs ?? 0);
  return rows.map(({ id, time }) => {
    if (id === null && stream.idField >= 0) return 'malformed 0';
    if (time === null) return 'malformed 2';
    const copy = (old: { id: string; time: number }) => old.id === id && old.time >= max - horizon;
    if (stream.idField >= 0 && accepted.some(copy)) return 'duplicate';
    const watermark = max - stream.lateMs;
    let word = `accepted at ${time}`;
    if (time < watermark) {
      const label = stream.labelsLateMs !== null && time >= max - stream.labelsLateMs;
      word = label ? `label-only at ${watermark}` : `late against ${watermark}`;
    }
    if (word.startsWith('late')) return word;
    accepted.push({ id: id ?? '', time });
    if (time <= max + stream.aheadMs) {
      max = Math.max(max, time);
      candidates = [];
    } else {
      candidates.push(time);
      if (candidates.length === 3) {
        const smallest = Math.min(...candidates);
        max = Math.max(max, smallest);
        candidates.splice(candidates.indexOf(smallest), 1);
        for (let fits = true; fits; ) {
          const near = candidates.find((c) => c <= max + stream.aheadMs);
          fits = near !== undefined;
          if (near === undefined) continue;
          max = Math.max(max, near);
          candidates = candidates.filter((c) => c !== near);
        }
      }
    }
    return word;
  });
}

function randomRows(random: Rng, count: number): Row[] {
  let now = 5000;
  return Array.from({ length: count }, () => {
    now += random.below(60);
    if (random.chance(0.01)) return { id: null, time: now };
    if (random.chance(0.01)) return { id: 'x', time: null };
    let time = Math.max(0, now - random.below(random.chance(0.1) ? 4000 : 200));
    if (random.chance(0.01)) time = now + random.below(5000);
    if (random.chance(0.003)) time = now + 1e9 + random.below(1e9);
    return { id: `i${random.below(60)}`, time };
  });
}

const laws: Partial<StreamPlan>[] = [
  {},
  { lateMs: 100 },
  { lateMs: 100, labelsLateMs: 1500 },
  { lateMs: 300, labelsLateMs: 50 },
  { lateMs: 50, dedupMs: 3000, aheadMs: 200 },
  { lateMs: 500, labelsLateMs: 2000, aheadMs: 0 },
  { lateMs: 100, idField: -1, fields: [2] },
];

function scanAll(
  scan: PartitionScan,
  rows: readonly Row[],
  random: Rng,
  each: (state: ScanState) => void = () => {},
): Decision[] {
  const out: Decision[] = [];
  const from = scan.state().next;
  for (let at = from; at < rows.length; ) {
    const size = 1 + random.below(random.chance(0.1) ? 200 : 20);
    const batch = batchOf(rows.slice(at, at + size), at);
    const decided = scan.accept(batch);
    out.push(...decisions(batch, decided));
    settle(out, from, decided.released);
    at += batch.n;
    each(scan.state());
  }
  settle(out, from, [scan.end()]);
  return out;
}

/** The set as a restart would find it. */
function reloaded(slabs: SlabSet): SlabSet {
  const copy = new SlabSet();
  for (const slab of slabs.all()) {
    const target = copy.open(slab.name);
    slab.dirty.fill(1);
    for (const { page, bytes } of slab.dirtyPages()) target.load(page, bytes);
  }
  return copy;
}

describe('decisions of a partition', () => {
  for (const [index, law] of laws.entries()) {
    for (const seed of [1, 2, 3]) {
      it(`follow the rules, law ${index} seed ${seed}`, () => {
        const random = rng(seed * 100 + index);
        const plan = planOf(law);
        const rows = randomRows(random, 3000);
        const scan = new PartitionScan(plan, 0, 0, new SlabSet());
        const got = scanAll(scan, rows, random, (state) => {
          // What is within reach has left: the frontier may pass it next.
          const reach = (scan.newest ?? Number.NEGATIVE_INFINITY) + plan.streams[0]!.aheadMs;
          const kept = state.ahead?.rows ?? [];
          expect(kept.filter(({ time }) => time <= reach)).toEqual([]);
          if (random.chance(0.2)) scan.forgetBefore(scan.forgetTime(state));
        });
        expect(got).toEqual(reference(plan.streams[0]!, rows));
        const count = (word: string) => got.filter((decision) => decision.startsWith(word)).length;
        expect(scan.counts).toEqual({
          rows: 3000,
          malformed: count('malformed'),
          duplicate: count('duplicate'),
          late: count('late'),
          lateForFeatures: count('label-only'),
          accepted: count('accepted') + count('label-only'),
        });
      });
      it(`are the same when rows are read again with a newer id set, law ${index} seed ${seed}`, () => {
        const random = rng(seed * 1000 + index);
        const plan = planOf(law);
        const rows = randomRows(random, 2000);
        const want = reference(plan.streams[0]!, rows);
        const slabs = new SlabSet();
        const scan = new PartitionScan(plan, 0, 0, slabs);
        let safe: ScanState | null = null;
        scanAll(scan, rows.slice(0, 1500), random, (state) => {
          if (safe === null && state.next > 300 + random.below(600)) safe = state;
          if (random.chance(0.3)) scan.forgetBefore(scan.forgetTime(safe ?? state));
        });
        const from = JSON.parse(JSON.stringify(safe)) as ScanState;
        const again = new PartitionScan(plan, 0, 0, reloaded(slabs), from);
        expect(scanAll(again, rows, random)).toEqual(want.slice(from.next));
        // Over the very ids of the first life: which of them count is decided by offset and time.
        const back = new PartitionScan(plan, 0, 0, slabs, from);
        expect(scanAll(back, rows, random)).toEqual(want.slice(from.next));
        expect(again.counts).toEqual(back.counts);
        expect(again.state()).toEqual(back.state());
      });
    }
  }

  it('say so when a whole batch is accepted', () => {
    const scan = new PartitionScan(planOf({}), 0, 0, new SlabSet());
    const first = scan.accept(
      batchOf(
        [
          { id: 'a', time: 5 },
          { id: 'b', time: 6 },
        ],
        0,
      ),
    );
    // What three events have not agreed on may be anything.
    expect([first.all, first.n, first.keptBack]).toEqual([false, 0, [0, 1]]);
    expect(scan.watermark).toBe(Number.NEGATIVE_INFINITY);
    const third = scan.accept(batchOf([{ id: 'c', time: 9 }], 2));
    expect([scan.newest, scan.watermark]).toEqual([9, 9]);
    expect([third.all, third.n, third.step[0]]).toEqual([true, 1, 9]);
    const [{ n, after, from, time }] = third.released as [PartitionRows['released'][number]];
    expect([n, after, from, [...time]]).toEqual([2, 1, 2, [5, 6]]);
    expect(() => scan.accept(batchOf([{ id: 'd', time: 9 }], 7))).toThrow(/expected 3/);
  });

  it('a wrong clock among right ones moves nothing, three in a row do', () => {
    const scan = new PartitionScan(planOf({ lateMs: 10 }), 0, 0, new SlabSet());
    const times = [100, 101, 102, 9_000_000, 103, 8_000_000, 104, 9_000_000, 8_000_001];
    scan.accept(
      batchOf(
        times.map((time, i) => ({ id: `${i}`, time })),
        0,
      ),
    );
    expect(scan.newest).toBe(104);
    scan.accept(batchOf([{ id: 'z', time: 8_000_500 }], times.length));
    expect(scan.newest).toBe(8_000_500);
    expect(scan.state().watermark.candidates).toEqual([9_000_000]);
  });

  it('the edges belong to the better side', () => {
    const law = { lateMs: 10, labelsLateMs: 50, aheadMs: 100 };
    const scan = new PartitionScan(planOf(law), 0, 0, new SlabSet());
    const times = [1000, 1000, 1000, 990, 989, 950, 949, 1100, 1201];
    const batch = batchOf(
      times.map((time, i) => ({ id: `${i}`, time })),
      0,
    );
    const decided = scan.accept(batch);
    const words = decisions(batch, decided);
    settle(words, 0, [...decided.released, scan.end()]);
    expect(words).toEqual([
      'accepted at 1000',
      'accepted at 1000',
      'accepted at 1000',
      'accepted at 990',
      'label-only at 990',
      'label-only at 990',
      'late against 990',
      'accepted at 1100',
      'accepted at 1201',
    ]);
    expect(scan.newest).toBe(1100);
  });

  it('an id is remembered as long as a copy could be in time', () => {
    const scan = new PartitionScan(planOf({ lateMs: 10, dedupMs: 100 }), 0, 0, new SlabSet());
    const rows = [1000, 1000, 1000, 1100].map((time, i) => ({ id: `${i}`, time }));
    const again = [
      { id: '0', time: 1100 },
      { id: 'a', time: 1101 },
      { id: '0', time: 1101 },
    ];
    const batch = batchOf([...rows, ...again], 0);
    expect(decisions(batch, scan.accept(batch)).slice(4)).toEqual([
      'duplicate',
      'accepted at 1101',
      'accepted at 1101',
    ]);
  });

  it('a field that the stream does not declare may be bad', () => {
    const rows: Row[] = [
      { id: 'a', time: 5, other: null },
      { id: 'b', time: 6 },
    ];
    const without = new PartitionScan(planOf({}), 0, 0, new SlabSet());
    expect(without.accept(batchOf(rows, 0)).malformed).toEqual([]);
    const reads = new PartitionScan(planOf({ fields: [0, 1, 2] }), 0, 0, new SlabSet());
    const { malformed, keptBack } = reads.accept(batchOf(rows, 0));
    expect(keptBack).toEqual([1]);
    expect(malformed).toEqual([{ row: 0, offset: 0, field: 1, reason: REASON.null }]);
  });

  it('a static table comes before everything, malformed rows aside', () => {
    const plan = planOf({ kind: 'table', timeField: -1, idField: -1, fields: [0, 1] });
    const scan = new PartitionScan(plan, 0, 0, new SlabSet());
    const rows = scan.accept(
      batchOf(
        [
          { id: 'a', time: 1 },
          { id: null, time: 1 },
          { id: 'a', time: 0 },
        ],
        0,
      ),
    );
    expect([rows.n, rows.all, [...rows.rows.subarray(0, 2)]]).toEqual([2, false, [0, 2]]);
    expect([...rows.step.subarray(0, 2)]).toEqual([-Infinity, -Infinity]);
    expect(rows.malformed).toEqual([{ row: 1, offset: 1, field: 0, reason: REASON.null }]);
  });
});

describe('the id set', () => {
  it('finds, forgets and gives its blocks back, whatever the order', () => {
    const random = rng(9);
    const slab = new Slab('ids');
    let set = new DedupSet(slab, 80_000);
    let kept: { lo: number; hi: number; time: number; offset: number }[] = [];
    let used = 0;
    for (let round = 0; round < 60; round++) {
      for (let i = 0; i < 500; i++) {
        const time = round * 10_000 + random.below(20_000);
        const entry = {
          lo: random.below(4000) | 0,
          hi: random.below(3),
          time,
          offset: round * 500 + i,
        };
        set.add(entry.lo, entry.hi, time, entry.offset, random.chance(0.9) ? Infinity : -Infinity);
        expect(set.find(entry.lo, entry.hi, entry.offset, Infinity)).toBe(KNOWN);
        kept.push(entry);
      }
      const bound = (round - 8) * 10_000;
      kept = kept.filter(({ time }) => time >= bound);
      set.forgetBefore(bound);
      expect(set.size).toBeGreaterThanOrEqual(kept.length);
      if (random.chance(0.3)) set = new DedupSet(slab, 80_000);
      for (let i = 0; i < 200; i++) {
        const lo = random.below(4000) | 0;
        const hi = random.below(3);
        const offset = random.below((round + 1) * 500);
        const since = bound + random.below(60_000);
        const want = kept.some(
          (e) => e.lo === lo && e.hi === hi && e.offset < offset && e.time >= since,
        );
        expect(set.find(lo, hi, offset, since) === DUPLICATE, `seed 9 round ${round}`).toBe(want);
      }
      if (round === 30) used = slab.used;
    }
    expect(slab.used).toBeLessThan(used * 1.6);
  });
});
