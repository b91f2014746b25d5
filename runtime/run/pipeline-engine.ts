import type { Plan } from '../../compiler/plan/plan.ts';
import type { DecodedBatch } from '../../operators/decode/decoder.ts';
import type { EmissionBatch } from '../../operators/emission/emission-batch.ts';
import { Pipeline, type PipelineOptions } from '../../operators/pipeline.ts';
import type { ScanState } from '../../operators/scan/partition-scan.ts';
import type { LiveEngine, SetAside, StreamCounts } from './engine.ts';
import { setAsideOf } from './set-aside.ts';

/** The pipeline as a task drives it: reasons become text, counts are summed over partitions. */
export class PipelineEngine implements LiveEngine {
  readonly pipeline: Pipeline;
  readonly #plan: Plan;
  /** Partitions of each stream. */
  readonly #partitions: readonly number[][];

  constructor(plan: Plan, options: PipelineOptions) {
    this.#plan = plan;
    this.#partitions = plan.streams.map(() => []);
    this.pipeline = new Pipeline(plan, options);
  }

  addPartition(stream: number, partition: number, state: unknown): void {
    this.#partitions[stream]!.push(partition);
    // What a checkpoint gives back is what `scanState` gave it; its version is checked there.
    this.pipeline.addPartition(stream, partition, state as ScanState | null);
  }

  accept(stream: number, partition: number, batch: DecodedBatch): SetAside {
    const rows = this.pipeline.accept(stream, partition, batch);
    return setAsideOf(this.#plan, stream, batch, rows);
  }

  end(stream: number, partition: number): void {
    this.pipeline.end(stream, partition);
  }

  floor(stream: number, partition: number, time: number): void {
    this.pipeline.floor(stream, partition, time);
  }

  complete(until?: number): void {
    this.pipeline.complete(until);
  }

  watermark(stream: number, partition: number): number {
    return this.pipeline.watermark(stream, partition);
  }

  frontier(): number {
    return this.pipeline.frontier();
  }

  advance(frontier: number): Iterable<readonly (EmissionBatch | null)[]> {
    return this.pipeline.advance(frontier);
  }

  skipBelow(k: number): void {
    this.pipeline.skipBelow(k);
  }

  scanState(stream: number, partition: number): ScanState {
    return this.pipeline.scanState(stream, partition);
  }

  lowestUnapplied(stream: number, partition: number): number {
    return this.pipeline.lowestUnapplied(stream, partition);
  }

  forgetBefore(stream: number, partition: number, scanState: unknown): void {
    this.pipeline.forgetIds(stream, partition, scanState as ScanState);
  }

  counts(stream: number): StreamCounts {
    const sum = { read: 0, accepted: 0, lateForFeatures: 0, late: 0, duplicate: 0, malformed: 0 };
    const erased: number[] = [];
    let outside = 0;
    for (const partition of this.#partitions[stream]!) {
      const counts = this.pipeline.scanCounts(stream, partition);
      sum.read += counts.rows;
      sum.accepted += counts.accepted;
      sum.lateForFeatures += counts.lateForFeatures;
      sum.late += counts.late;
      sum.duplicate += counts.duplicate;
      sum.malformed += counts.malformed;
      outside += counts.outside ?? 0;
      counts.erased?.forEach((rows, i) => {
        erased[i] = (erased[i] ?? 0) + rows;
      });
    }
    const copies = this.pipeline.copiesDropped(stream);
    sum.accepted -= copies.rows;
    sum.duplicate += copies.rows;
    sum.lateForFeatures -= copies.labelOnly;
    return {
      ...sum,
      ...(erased.length === 0 ? {} : { erased }),
      ...(outside === 0 ? {} : { outside }),
    };
  }

  newest(stream: number, partition: number): number | null {
    return this.pipeline.newest(stream, partition);
  }

  pending(): Readonly<Record<string, Readonly<Record<string, number>>>> {
    const sets: Record<string, Record<string, number>> = {};
    this.pipeline.pending().forEach(({ labels, audit }, i) => {
      const example = this.#plan.examples[i]!;
      const counts: Record<string, number> = {};
      for (const { name, anchors } of labels) counts[name] = anchors;
      if (example.audit > 0) counts['(audit)'] = audit;
      sets[example.name] = counts;
    });
    return sets;
  }
}
