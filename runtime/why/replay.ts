/**
 * A run's inputs once more, through its own decoders, scans, enrichments and attribution, without look-ups and emissions:
 * whoever watches sees every record as it was decided and every event as it was applied, with all fields that the plan
 * reads. What is applied depends on the records of each partition alone, so it is what the run applied.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Plan, SlotPlan, StreamPlan } from '../../compiler/plan/plan.ts';
import { physical } from '../../dsl/types.ts';
import type { DecodedBatch } from '../../operators/decode/decoder.ts';
import { type AppliedBatch, Pipeline } from '../../operators/pipeline.ts';
import type { ErasedRows } from '../../operators/scan/erasure.ts';
import type { PartitionRows } from '../../operators/scan/partition-scan.ts';
import { TimeSpan } from '../../operators/scan/time-span.ts';
import { SlabSet } from '../../operators/state/slab.ts';
import { BUFFER_BYTES, READ_ROWS } from '../config.ts';
import { furthestBehind } from '../run/furthest-behind.ts';
import type { RecordReader } from '../run/record-reader.ts';
import type { SourceInput } from '../run/task-source.ts';
import { SpillFile } from '../store/spill-file.ts';

/** What was decided of a batch of one stream's partition. */
export type DecidedBatch = {
  readonly stream: number;
  readonly partition: number;
  readonly batch: DecodedBatch;
  readonly rows: PartitionRows;
};

export type Watcher = {
  /** Arrays of a batch are used again after the call, here and below. */
  readonly decided?: (batch: DecidedBatch) => void;
  readonly applied?: (batch: AppliedBatch) => void;
  /** Nothing more is wanted. */
  readonly isDone?: () => boolean;
};

/** How far time has come at the end of the inputs, ms; infinity where the streams end with them. */
export type Reached = {
  /** By stream: up to when its events are all known. */
  readonly streams: readonly number[];
  readonly all: number;
};

/**
 * The plan as it is replayed: stream slots for the values of all fields follow those that are there, and nothing is
 * looked up. A field's value is decoded beside its hash, which makes no record malformed that was not.
 */
export function replayPlan(plan: Plan): Plan {
  const scans = plan.scans.map((scan) => ({
    ...scan,
    fields: scan.fields.map((field) => ({ ...field, value: true })),
  }));
  const streams = plan.streams.map((stream) => {
    const fields = scans[stream.scan]?.fields ?? [];
    const known = new Set(stream.slots.flatMap(valueField));
    const more = readFields(stream)
      .filter((field) => !known.has(field))
      .map(
        (field): SlotPlan => ({
          name: fields[field].name,
          physical: physical(fields[field].type),
          op: { kind: 'field', field },
        }),
      );
    return { ...stream, slots: [...stream.slots, ...more] };
  });
  return { ...plan, scans, streams, feeds: [], anchors: [], keyspaces: [], examples: [] };
}

/** The slot that holds the value of a scan's field, in a stream of a replayed plan; -1: the stream does not read it. */
export function fieldSlot(stream: StreamPlan, field: number): number {
  return stream.slots.findIndex((slot) => valueField(slot).includes(field));
}

/** Reads all inputs to their ends, or until the watcher has seen enough. `inputs` are opened for `replayPlan`. */
export async function replay(
  of: {
    readonly plan: Plan;
    readonly inputs: readonly SourceInput[];
    readonly complete: boolean;
    /** Only events before it were read; absent: all were. */
    readonly until?: number | undefined;
    readonly erased: ErasedRows;
  },
  watcher: Watcher,
): Promise<Reached> {
  const spill = new SpillFile(join(tmpdir(), `millrace-why-${process.pid}.spill`));
  const pipeline = new Pipeline(of.plan, {
    slabs: [new SlabSet()],
    scanSlabs: new SlabSet(),
    // The interpreter: what is found here must not rest on the code that it is held against.
    codegen: false,
    spill,
    bufferBytesMax: BUFFER_BYTES,
    observe: (batch) => watcher.applied?.(batch),
  });
  if (of.complete || of.until !== undefined) pipeline.complete(of.until);
  const sources: Source[] = [];
  try {
    for (const input of of.inputs) sources.push(await Source.open(of, input, pipeline));
    const next = () => furthestBehind(sources)[0]?.input;
    for (let source = next(); source !== undefined; source = next()) {
      await source.read(watcher);
      advance(pipeline, sources);
      if (watcher.isDone?.() === true) break;
    }
    return reachedBy(of, sources);
  } finally {
    for (const source of sources) await source.close();
    spill.close();
  }
}

function advance(pipeline: Pipeline, sources: readonly Source[]): void {
  for (const _ of pipeline.advance(pipeline.frontier()));
  for (const source of sources) source.forget();
}

function reachedBy(
  { plan, complete, until }: Parameters<typeof replay>[0],
  sources: readonly Source[],
): Reached {
  const of = (stream: number) =>
    sources
      .filter(({ streams }) => streams.includes(stream))
      .reduce(
        (most, source) => Math.max(most, source.watermarkOf(stream)),
        Number.NEGATIVE_INFINITY,
      );
  const streams = plan.streams.map((_, stream) =>
    complete || until !== undefined ? (until ?? Number.POSITIVE_INFINITY) : of(stream),
  );
  return { streams, all: Math.max(Number.NEGATIVE_INFINITY, ...streams) };
}

type Replayed = {
  readonly plan: Plan;
  readonly erased: ErasedRows;
  readonly until?: number | undefined;
};

class Source {
  ended = false;
  readonly streams: readonly number[];
  readonly isStatic: boolean;
  readonly #partition: number;
  readonly #pipeline: Pipeline;
  readonly #reader: RecordReader;
  readonly #erased: ErasedRows;
  readonly #span: TimeSpan;

  private constructor(
    { plan, erased, until = Number.POSITIVE_INFINITY }: Replayed,
    input: SourceInput,
    { reader, pipeline }: { readonly reader: RecordReader; readonly pipeline: Pipeline },
  ) {
    this.#erased = erased;
    this.#span = new TimeSpan(plan, { from: Number.NEGATIVE_INFINITY, to: until });
    this.streams = plan.scans[input.scan].streams;
    this.isStatic = this.streams.every((stream) => plan.streams[stream].timeField < 0);
    this.#partition = input.partition;
    this.#pipeline = pipeline;
    this.#reader = reader;
    for (const stream of this.streams) pipeline.addPartition(stream, input.partition);
  }

  static async open(of: Replayed, input: SourceInput, pipeline: Pipeline): Promise<Source> {
    return new Source(of, input, { reader: await input.open(null), pipeline });
  }

  async read({ decided }: Watcher): Promise<void> {
    const read = await this.#reader.read(READ_ROWS);
    if (read === null) {
      this.ended = true;
      for (const stream of this.streams) this.#pipeline.end(stream, this.#partition);
      return;
    }
    for (const stream of this.streams) {
      const batch = this.#erased.mark(stream, this.#span.mark(stream, read));
      const rows = this.#pipeline.accept(stream, this.#partition, batch);
      decided?.({ stream, partition: this.#partition, batch, rows });
    }
  }

  watermarkOf(stream: number): number {
    return this.#pipeline.watermark(stream, this.#partition);
  }

  watermark(): number {
    return Math.min(...this.streams.map((stream) => this.watermarkOf(stream)));
  }

  /** It is never read again from before where it is. */
  forget(): void {
    for (const stream of this.streams) {
      const state = this.#pipeline.scanState(stream, this.#partition);
      this.#pipeline.forgetIds(stream, this.#partition, state);
    }
  }

  close(): Promise<void> {
    return this.#reader.close();
  }
}

function readFields({ fields, idField, timeField }: StreamPlan): number[] {
  const all = new Set([...fields, idField, timeField]);
  return [...all].filter((field) => field >= 0);
}

/** The field whose value a slot holds. */
function valueField({ op, physical }: SlotPlan): number[] {
  return op.kind === 'field' && physical !== 'hash' ? [op.field] : [];
}
