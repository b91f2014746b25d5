/** The real engine in memory, fed a day of lines at a time; gives the rows it emits, by example set. */
import type { Plan } from '../../../compiler/plan/plan.ts';
import { NdjsonDecoder } from '../../../operators/decode/ndjson.ts';
import { SLACK_BYTES } from '../../../operators/decode/ndjson-scanner.ts';
import { Pipeline } from '../../../operators/pipeline.ts';
import { SlabSet } from '../../../operators/state/slab.ts';
import { emissionRows } from '../../../runtime/block/emission-row.ts';
import type { ExampleRow } from '../../../runtime/block/example-row.ts';

const BATCH_ROWS = 4096;

export class EngineReplay {
  readonly #plan: Plan;
  readonly #pipeline: Pipeline;
  readonly #take: (set: string, rows: ExampleRow[]) => void;
  readonly #wants: (set: string) => boolean;
  readonly #offsets: number[];

  /** `take` gets each set's rows in order; sets that `wants` refuses are not made into rows. */
  constructor(
    plan: Plan,
    wants: (set: string) => boolean,
    take: (set: string, rows: ExampleRow[]) => void,
  ) {
    this.#plan = plan;
    this.#wants = wants;
    this.#take = take;
    this.#offsets = plan.streams.map(() => 0);
    this.#pipeline = new Pipeline(plan, {
      slabs: [new SlabSet()],
      scanSlabs: new SlabSet(),
      codegen: true,
      spill: null,
      bufferBytesMax: Number.POSITIVE_INFINITY,
    });
    for (const [index, { scan }] of plan.streams.entries()) {
      if (scan >= 0) this.#pipeline.addPartition(index, 0);
    }
  }

  /** Feeds lines by stream, then applies what the watermarks allow; gives the frontier reached. */
  feed(lines: Readonly<Record<string, readonly string[]>>): number {
    for (const [stream, list] of Object.entries(lines)) this.#accept(stream, list);
    const frontier = this.#pipeline.frontier();
    this.#advance(frontier);
    return frontier;
  }

  /** The streams end here: every wait elapses. */
  complete(): void {
    for (const [index, { scan }] of this.#plan.streams.entries()) {
      if (scan >= 0) this.#pipeline.end(index, 0);
    }
    this.#pipeline.complete();
    this.#advance(Number.POSITIVE_INFINITY);
  }

  #accept(stream: string, lines: readonly string[]): void {
    if (lines.length === 0) return;
    const index = this.#plan.streams.findIndex(({ name }) => name === stream);
    const text = Buffer.from(`${lines.join('\n')}\n`);
    const bytes = new Uint8Array(text.length + SLACK_BYTES);
    bytes.set(text);
    const decoder = new NdjsonDecoder(this.#plan.scans[this.#plan.streams[index]!.scan]!.fields);
    decoder.load(bytes, 0, text.length);
    for (;;) {
      const batch = decoder.decode(BATCH_ROWS, this.#offsets[index]!);
      if (batch === null) return;
      this.#offsets[index]! += batch.n;
      this.#pipeline.accept(index, 0, batch);
    }
  }

  #advance(frontier: number): void {
    for (const batches of this.#pipeline.advance(frontier)) {
      for (const [i, batch] of batches.entries()) {
        const set = this.#plan.examples[i]!;
        if (batch !== null && this.#wants(set.name)) this.#take(set.name, emissionRows(batch, set));
      }
    }
  }
}
