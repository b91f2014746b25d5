/**
 * A small engine for the tests of the runtime: counts events per key and emits the count of the earlier ones. It keeps
 * the promises a task relies on (state in slabs, order by (time, partition, offset), late by watermark), and nothing else.
 */

import { type CheckPlan, PLAN_VERSION, type Plan } from '../../compiler/plan/plan.ts';
import { scalar } from '../../dsl/types.ts';
import type { Column } from '../../operators/column/column.ts';
import { TextBuilder } from '../../operators/column/text-builder.ts';
import type { DecodedBatch } from '../../operators/decode/decoder.ts';
import type { EmissionBatch } from '../../operators/emission/emission-batch.ts';
import { PAGE_WORDS, ROOT_USER, type Slab } from '../../operators/state/slab.ts';
import type { Engine, SetAside, StreamCounts } from '../../runtime/run/engine.ts';
import type { RecordReader } from '../../runtime/run/record-reader.ts';
import type { SideRecord } from '../../runtime/sink/side-records.ts';
import type { SlabSets } from '../../runtime/store/checkpoint.ts';

const LATE_MS = 50;
const KEYS = 40;
export const BAD = -1;

type Row = { time: number; partition: number; offset: number };
type ScanState = { max: number; read: number; late: number; malformed: number };

export class TinyEngine implements Engine {
  readonly #slab: Slab;
  readonly #partitions = new Map<number, { state: ScanState; ended: boolean; next: number }>();
  #waiting: Row[] = [];
  #skipBelow = Number.NEGATIVE_INFINITY;
  #complete = false;

  constructor(slabs: SlabSets) {
    this.#slab = slabs.get('shard-0')!.open('counts');
    // Spread over several pages.
    if (this.#slab.f64[ROOT_USER] === 0) {
      const at = this.#slab.bump(KEYS * (PAGE_WORDS / 4));
      this.#slab.f64[ROOT_USER] = at;
    }
  }

  addPartition(_stream: number, partition: number, state: unknown): void {
    const from = (state as ScanState | null) ?? { max: -1e9, read: 0, late: 0, malformed: 0 };
    this.#partitions.set(partition, { state: { ...from }, ended: false, next: from.read });
  }

  accept(_stream: number, partition: number, batch: DecodedBatch): SetAside {
    const known = this.#partitions.get(partition)!;
    const late: SideRecord[] = [];
    const malformed: SideRecord[] = [];
    const times = batch.columns[0]!.value!;
    if (times.kind !== 'f64') throw new Error('a time column');
    for (let i = 0; i < batch.n; i++) {
      const offset = batch.firstOffset + i;
      const time = times.data[i]!;
      known.state.read++;
      if (time === BAD) {
        known.state.malformed++;
        malformed.push({ offset, reason: 'bad', raw: null });
      } else if (time < known.state.max - LATE_MS) {
        known.state.late++;
        late.push({ offset, reason: `late by ${known.state.max - time}`, raw: `${time}` });
      } else {
        known.state.max = Math.max(known.state.max, time);
        if (time >= this.#skipBelow) this.#waiting.push({ time, partition, offset });
      }
    }
    known.next = batch.firstOffset + batch.n;
    return { late, malformed };
  }

  end(_stream: number, partition: number): void {
    this.#partitions.get(partition)!.ended = true;
  }

  complete(): void {
    this.#complete = true;
  }

  watermark(_stream: number, partition: number): number {
    return this.#partitions.get(partition)!.state.max - LATE_MS;
  }

  frontier(): number {
    const all = [...this.#partitions.keys()];
    const live = all.filter((p) => !this.#partitions.get(p)!.ended);
    if (live.length > 0) return Math.min(...live.map((p) => this.watermark(0, p)));
    if (this.#complete) return Number.POSITIVE_INFINITY;
    return Math.max(...all.map((p) => this.watermark(0, p)));
  }

  *advance(frontier: number): Iterable<readonly (EmissionBatch | null)[]> {
    const due = this.#waiting.filter((row) => row.time < frontier);
    this.#waiting = this.#waiting.filter((row) => row.time >= frontier);
    due.sort((a, b) => a.time - b.time || a.partition - b.partition || a.offset - b.offset);
    // In two parts, as a long release is.
    const half = due.length >> 1;
    yield [this.#emit(due.slice(0, half))];
    yield [this.#emit(due.slice(half))];
  }

  skipBelow(k: number): void {
    this.#skipBelow = k;
  }

  scanState(_stream: number, partition: number): unknown {
    return { ...this.#partitions.get(partition)!.state };
  }

  lowestUnapplied(_stream: number, partition: number): number {
    const offsets = this.#waiting.filter((r) => r.partition === partition).map((r) => r.offset);
    return Math.min(this.#partitions.get(partition)!.next, ...offsets);
  }

  forgetBefore(): void {}

  counts(): StreamCounts {
    const sum = { read: 0, accepted: 0, lateForFeatures: 0, late: 0, duplicate: 0, malformed: 0 };
    for (const { state } of this.#partitions.values()) {
      sum.read += state.read;
      sum.late += state.late;
      sum.malformed += state.malformed;
    }
    return { ...sum, accepted: sum.read - sum.late - sum.malformed };
  }

  newest() {
    return null;
  }

  pending() {
    return {};
  }

  #emit(rows: readonly Row[]): EmissionBatch {
    const n = rows.length;
    const time = Float64Array.from(rows, (row) => row.time);
    const counts = new Float64Array(n);
    const id = new TextBuilder(n);
    rows.forEach((row, i) => {
      id.addString(`${row.partition}:${row.offset}`);
      const at = this.#slab.f64[ROOT_USER]! + (row.offset % KEYS) * (PAGE_WORDS / 4);
      const seen = this.#slab.f64[at]!++;
      // Some stretches of the input have gaps.
      counts[i] = row.offset % 400 < 90 && row.offset % 3 === 0 ? Number.NaN : seen;
      this.#slab.mark(at, 1);
    });
    return {
      n,
      emitted: time,
      time,
      id: id.finish(),
      kind: new Uint8Array(n),
      labels: [],
      sampleRate: new Float64Array(n).fill(1),
      features: [{ kind: 'f64', data: counts } satisfies Column],
    };
  }
}

/** A reader of times; any time may be BAD. */
export class TinyReader implements RecordReader {
  readonly #times: readonly number[];
  #at: number;

  constructor(times: readonly number[], at: number) {
    this.#times = times;
    this.#at = at;
  }

  async read(): Promise<DecodedBatch | null> {
    if (this.#at >= this.#times.length) return null;
    const firstOffset = this.#at;
    // Other batches than the last life's: results may not depend on it.
    const rows = this.#times.slice(firstOffset, firstOffset + 23);
    this.#at += rows.length;
    const none = new Int32Array(0);
    return {
      n: rows.length,
      firstOffset,
      columns: [{ value: { kind: 'f64', data: Float64Array.from(rows) } }],
      bad: { count: 0, row: none, field: none, reason: new Uint8Array(0) },
      rawBytes: new Uint8Array(0),
      rawStart: none,
      rawEnd: none,
      release: () => undefined,
    };
  }

  position() {
    return { rows: this.#at, bytes: this.#at * 8 };
  }

  async close(): Promise<void> {}
}

const RANGE: readonly CheckPlan[] = [{ kind: 'range', column: 0, min: 0, max: 60 }];

/** The plan that goes with it: one stream, one example set with a quarantine of counts above 60. */
export function tinyPlan(digest = 'd1', checks: readonly CheckPlan[] = RANGE): Plan {
  const stream = {
    name: 'event',
    kind: 'stream' as const,
    scan: 0,
    fields: [],
    slots: [],
    idField: -1,
    timeField: 0,
    lateMs: LATE_MS,
    labelsLateMs: null,
    aheadMs: 0,
    dedupMs: null,
    holdMs: 0,
    malformedMax: null,
  };
  return {
    version: PLAN_VERSION,
    digest,
    scans: [{ topic: 'events', streams: [0], fields: [] }],
    streams: [stream],
    enrichments: [],
    labels: [],
    feeds: [],
    anchors: [{ name: 'event', stream: 0, mask: null, slots: [] }],
    keyspaces: [],
    examples: [
      {
        name: 'counted',
        topic: null,
        anchor: 0,
        id: 0,
        idHash: 0,
        features: [{ name: 'seen', slot: 0, type: scalar('int'), input: 'dense' }],
        labels: [],
        sampleNegatives: 1,
        audit: 0,
        checks,
      },
    ],
  };
}
