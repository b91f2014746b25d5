/** The engine in memory, for tests: program text and lines in, example rows out, as the command line would print them. */
import { compile } from '../compiler/compile.ts';
import type { Plan } from '../compiler/plan/plan.ts';
import { type Diagnostic, hasErrors, renderDiagnostic } from '../dsl/diagnostic.ts';
import { parseFile } from '../dsl/parse.ts';
import type { DecodedBatch } from '../operators/decode/decoder.ts';
import { NdjsonDecoder } from '../operators/decode/ndjson.ts';
import { SLACK_BYTES } from '../operators/decode/ndjson-scanner.ts';
import type { EmissionBatch } from '../operators/emission/emission-batch.ts';
import { Pipeline } from '../operators/pipeline.ts';
import type { ScanState } from '../operators/scan/partition-scan.ts';
import { PAGE_WORDS, type Slab, SlabSet } from '../operators/state/slab.ts';
import { statesOf } from '../operators/take-over/state-names.ts';
import { JsonBytes } from '../runtime/sink/json-bytes.ts';
import { NdjsonRows } from '../runtime/sink/ndjson-rows.ts';

/** Rows of one partition: objects, or raw lines (which may be malformed). */
export type Partition = {
  readonly stream: string;
  readonly partition: number;
  readonly rows: readonly unknown[];
};

export type RunOptions = {
  readonly complete?: boolean;
  readonly shards?: number;
  readonly codegen?: boolean;
  /** Rows per decoded batch; a function may vary it. */
  readonly batchRows?: () => number;
  /** Called between batches: true restarts the engine from its pages, as after a kill. */
  readonly restart?: () => boolean;
  /** Called between batches: a plan to go on with, over the state that is its own, from step time `k` on; null: none. */
  readonly change?: (k: number) => Plan | null;
};

export type RunResult = {
  /** By example set: the lines of its output. */
  readonly lines: Readonly<Record<string, readonly string[]>>;
  readonly counts: Readonly<
    Record<string, { late: number; duplicate: number; malformed: number; lateForFeatures: number }>
  >;
  readonly pending: unknown;
};

/** Parses and compiles; throws the rendered diagnostics when there is an error. */
export function planOf(text: string, options: { tests?: boolean } = {}): Plan {
  const parsed = parseFile('test.feat', text);
  const compiled = hasErrors(parsed.diagnostics) ? null : compile([parsed.file], options);
  const diagnostics: readonly Diagnostic[] = [
    ...parsed.diagnostics,
    ...(compiled?.diagnostics ?? []),
  ];
  if (compiled?.plan) return compiled.plan;
  throw new Error(
    diagnostics.map((each) => renderDiagnostic(each, new Map([['test.feat', text]]))).join('\n'),
  );
}

export function runInMemory(
  plan: Plan,
  input: readonly Partition[],
  options: RunOptions = {},
): RunResult {
  const run = new MemoryRun(plan, input, options);
  while (run.step());
  return run.result();
}

type Source = {
  readonly stream: number;
  readonly partition: number;
  readonly lines: readonly string[];
  at: number;
  ended: boolean;
  /** Where it may be read on from, oldest first. */
  snapshots: { readonly at: number; readonly state: ScanState }[];
};

class MemoryRun {
  #plan: Plan;
  #k = Number.NEGATIVE_INFINITY;
  readonly #input: readonly Partition[];
  readonly #options: RunOptions;
  #sources: Source[];
  #printers: NdjsonRows[];
  /** By example set. */
  readonly #lines: Record<string, string[]> = {};
  #slabs: SlabSet[];
  #scanSlabs = new SlabSet();
  #pipeline: Pipeline;

  constructor(plan: Plan, input: readonly Partition[], options: RunOptions) {
    this.#plan = plan;
    this.#input = input;
    this.#options = options;
    this.#sources = sourcesOf(plan, input);
    this.#printers = this.#newPrinters();
    this.#slabs = Array.from({ length: options.shards ?? 1 }, () => new SlabSet());
    this.#pipeline = this.#newPipeline();
    for (const { stream, partition } of this.#sources)
      this.#pipeline.addPartition(stream, partition);
    if (options.complete ?? true) this.#pipeline.complete();
  }

  /** Reads one batch of the partition that is furthest behind; false when all have ended. */
  step(): boolean {
    const open = this.#sources.filter(({ ended }) => !ended);
    if (open.length === 0) {
      this.#advance(Number.POSITIVE_INFINITY);
      return false;
    }
    const behind = (source: Source) => this.#pipeline.watermark(source.stream, source.partition);
    const source = open.reduce((a, b) => (behind(b) < behind(a) ? b : a));
    const rows = this.#options.batchRows?.() ?? 7;
    const batch = decode(this.#plan, source, rows);
    if (batch === null) {
      source.ended = true;
      this.#pipeline.end(source.stream, source.partition);
    } else {
      source.at += batch.n;
      this.#pipeline.accept(source.stream, source.partition, batch);
      this.#snapshot(source);
    }
    // A stream that a change brought in is behind at first.
    const frontier = Math.max(this.#k, this.#pipeline.frontier());
    this.#k = frontier;
    if (Number.isFinite(frontier)) this.#advance(frontier);
    if (Number.isFinite(frontier) && this.#options.restart?.()) this.#restart(frontier);
    if (Number.isFinite(frontier)) this.#change(frontier);
    return true;
  }

  result(): RunResult {
    const counts: Record<
      string,
      { late: number; duplicate: number; malformed: number; lateForFeatures: number }
    > = {};
    for (const { stream, partition } of this.#sources) {
      const { name } = this.#plan.streams[stream]!;
      const { late, duplicate, malformed, lateForFeatures } = this.#pipeline.scanCounts(
        stream,
        partition,
      );
      const sum = (counts[name] ??= { late: 0, duplicate: 0, malformed: 0, lateForFeatures: 0 });
      sum.late += late;
      sum.duplicate += duplicate;
      sum.malformed += malformed;
      sum.lateForFeatures += lateForFeatures;
    }
    this.#plan.streams.forEach(({ name }, stream) => {
      const { rows, labelOnly } = this.#pipeline.copiesDropped(stream);
      if (rows === 0) return;
      counts[name]!.duplicate += rows;
      counts[name]!.lateForFeatures -= labelOnly;
    });
    return { lines: this.#lines, counts, pending: this.#pipeline.pending() };
  }

  #advance(frontier: number): void {
    for (const batches of this.#pipeline.advance(frontier)) {
      for (const [example, batch] of batches.entries()) this.#print(example, batch);
    }
  }

  #print(example: number, batch: EmissionBatch): void {
    const { name } = this.#plan.examples[example]!;
    this.#lines[name]!.push(...printLines(this.#printers[example]!, batch));
  }

  #newPrinters(): NdjsonRows[] {
    for (const { name } of this.#plan.examples) this.#lines[name] ??= [];
    return this.#plan.examples.map((example) => new NdjsonRows(example));
  }

  /** Another plan goes on where this one is, with the pages that are its own and scans of its own. */
  #change(frontier: number): void {
    const to = this.#options.change?.(frontier);
    if (!to) return;
    const before = this.#sources;
    const nameOf = ({ stream }: Source) => this.#plan.streams[stream]!.name;
    const read = new Map(before.map((source) => [`${nameOf(source)} ${source.partition}`, source]));
    this.#plan = to;
    this.#sources = sourcesOf(to, this.#input);
    for (const source of this.#sources) {
      const was = read.get(`${nameOf(source)} ${source.partition}`);
      if (was !== undefined) Object.assign(source, { at: was.at, ended: was.ended });
    }
    this.#printers = this.#newPrinters();
    this.#slabs = this.#slabs.map((set) => copySlabs(set, statesOf(to)));
    this.#scanSlabs = copySlabs(this.#scanSlabs, (name) => name.startsWith('global-ids/'));
    this.#readAgain(frontier, null);
  }

  #newPipeline(): Pipeline {
    return new Pipeline(this.#plan, {
      slabs: this.#slabs,
      scanSlabs: this.#scanSlabs,
      codegen: this.#options.codegen ?? true,
      spill: null,
      bufferBytesMax: Number.POSITIVE_INFINITY,
    });
  }

  /** What a kill and a restart do: only pages and scan snapshots survive, sources are read again. */
  #restart(frontier: number): void {
    const before = this.#pipeline;
    const states = this.#sources.map(({ stream, partition }) => ({
      state: before.scanState(stream, partition),
    }));
    for (const source of this.#sources) {
      const lowest = before.lowestUnapplied(source.stream, source.partition);
      const fit = source.snapshots.filter(({ at }) => at <= lowest);
      source.snapshots = structuredClone(fit.slice(-1));
    }
    this.#slabs = this.#slabs.map((set) => copySlabs(set));
    this.#scanSlabs = copySlabs(this.#scanSlabs);
    this.#readAgain(frontier, states);
  }

  #snapshot({ stream, partition, at, snapshots }: Source): void {
    snapshots.push({ at, state: this.#pipeline.scanState(stream, partition) });
  }

  /** `states`: what the scans must have come to; null: they are others, and begin anew. */
  #readAgain(frontier: number, states: readonly { readonly state: unknown }[] | null): void {
    this.#pipeline = this.#newPipeline();
    for (const [index, source] of this.#sources.entries()) {
      // From the newest place that will do; what is applied and read again is left out.
      const from = states === null ? undefined : source.snapshots[0];
      this.#pipeline.addPartition(source.stream, source.partition, from?.state ?? null);
      const rows = source.at;
      source.at = from?.at ?? 0;
      if (from === undefined) source.snapshots = [];
      const wasEnded = source.ended;
      source.ended = false;
      this.#pipeline.skipBelow(frontier);
      while (source.at < rows) {
        const batch = decode(this.#plan, source, rows - source.at)!;
        source.at += batch.n;
        this.#pipeline.accept(source.stream, source.partition, batch);
        this.#snapshot(source);
      }
      if (wasEnded) {
        source.ended = true;
        this.#pipeline.end(source.stream, source.partition);
      }
      const again = JSON.stringify(this.#pipeline.scanState(source.stream, source.partition));
      if (states !== null && again !== JSON.stringify(states[index]!.state))
        throw new Error(`a scan read again differs: ${again}`);
    }
    this.#pipeline.skipBelow(frontier);
    if (this.#options.complete ?? true) this.#pipeline.complete();
  }
}

/** The batch's rows as the command line prints them. */
export function printLines(printer: NdjsonRows, batch: EmissionBatch): string[] {
  const out = new JsonBytes(1 << 12);
  for (let row = 0; row < batch.n; row++) printer.append(out, batch, row);
  return Buffer.from(out.written()).toString('utf8').split('\n').slice(0, -1);
}

/** The next rows of a source; null at its end. */
export function decode(
  plan: Plan,
  source: { readonly stream: number; readonly lines: readonly string[]; readonly at: number },
  rowsMax: number,
): DecodedBatch | null {
  const lines = source.lines.slice(source.at, source.at + rowsMax);
  if (lines.length === 0) return null;
  const text = Buffer.from(`${lines.join('\n')}\n`);
  const bytes = new Uint8Array(text.length + SLACK_BYTES);
  bytes.set(text);
  const decoder = new NdjsonDecoder(plan.scans[plan.streams[source.stream]!.scan]!.fields);
  decoder.load(bytes, 0, text.length);
  return decoder.decode(rowsMax, source.at);
}

function sourcesOf(plan: Plan, input: readonly Partition[]): Source[] {
  const sources = input.map(({ stream, partition, rows }) => ({
    stream: plan.streams.findIndex(({ name }) => name === stream),
    partition,
    lines: rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))),
    at: 0,
    ended: false,
    snapshots: [],
  }));
  return sources.filter(({ stream }) => stream >= 0);
}

function copySlabs(set: SlabSet, takes: (slab: string) => boolean = () => true): SlabSet {
  const copy = new SlabSet();
  for (const slab of set.all()) if (takes(slab.name)) copyPages(slab, copy.open(slab.name));
  return copy;
}

/** Only what checkpoints would have written: every page that was ever dirty, before earlier restarts too. */
function copyPages(from: Slab, to: Slab): void {
  for (const { page, bytes } of from.dirtyPages()) {
    to.load(page, bytes);
    to.mark(page * PAGE_WORDS, 1);
  }
}
