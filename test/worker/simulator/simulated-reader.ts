import {
  ClusterFault,
  type ClusterReader,
  type Partition,
  type ReaderOptions,
  type Records,
} from '../../../runtime/worker/cluster.ts';
import { type BrokerState, nameOf } from './broker-state.ts';
import type { SimulatedProcess } from './simulated-process.ts';

type Source = {
  readonly of: Partition;
  fetchFrom: number;
  next: number;
  end: number | null;
  readonly queue: Records[];
  /** Some partitions are slow for a while. */
  slow: number;
  failed: ClusterFault | null;
};

const RECORDS_MAX = 40;
const QUEUE_MAX = 3;
const POLL_MS = 25;

/** Fetches each partition at its own speed; the end it knows of is as old as its last fetch. */
export class SimulatedReader implements ClusterReader {
  readonly #brokers: BrokerState;
  readonly #process: SimulatedProcess;
  readonly #options: ReaderOptions;
  readonly #sources = new Map<string, Source>();
  #wake: (() => void) | null = null;

  constructor(brokers: BrokerState, process: SimulatedProcess, options: ReaderOptions) {
    this.#brokers = brokers;
    this.#process = process;
    this.#options = options;
  }

  add(of: Partition, offset: number): void {
    const source: Source = {
      ...{ of, fetchFrom: offset, next: offset, end: null, queue: [], slow: 1, failed: null },
    };
    this.#sources.set(nameOf(of), source);
    this.#fetch(source);
  }

  remove(of: Partition): void {
    this.#sources.delete(nameOf(of));
  }

  take(of: Partition): Records | null {
    const source = this.#sources.get(nameOf(of))!;
    if (source.failed !== null) throw source.failed;
    const records = source.queue.shift() ?? null;
    source.next = source.queue.length === 0 ? source.fetchFrom : records!.next;
    return records;
  }

  position(of: Partition): { next: number; end: number | null } {
    const { next, queue, fetchFrom, end } = this.#sources.get(nameOf(of))!;
    return { next: queue.length === 0 ? fetchFrom : next, end };
  }

  async wait(ms: number): Promise<void> {
    for (const { queue } of this.#sources.values()) if (queue.length > 0) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#process.timeline.after(ms, () => this.#process.wake(resolve));
    });
    this.#wake = null;
  }

  async close(): Promise<void> {
    this.#sources.clear();
  }

  /** One fetch after another, until nobody reads the partition any more. */
  #fetch(source: Source): void {
    const { random, timeline } = this.#process;
    if (random.chance(0.02)) source.slow = random.pick([1, 1, 8, 30]);
    const ms = POLL_MS * random.next() + this.#process.delay() * source.slow;
    timeline.after(ms, () => {
      if (!this.#process.isAlive || this.#sources.get(nameOf(source.of)) !== source) return;
      if (source.queue.length >= QUEUE_MAX) {
        this.#fetch(source);
        return;
      }
      if (source.fetchFrom < this.#brokers.start(source.of)) {
        const message = `${nameOf(source.of)} begins behind ${source.fetchFrom}`;
        source.failed = new ClusterFault('fatal', 'offset_out_of_range', message);
        return;
      }
      const answer = this.#read(source);
      timeline.after(this.#process.delay(), () =>
        this.#process.wake(() => {
          if (answer.records !== null) source.queue.push(answer.records);
          source.fetchFrom = answer.next;
          source.end = answer.end;
          if (answer.records !== null) this.#wake?.();
          this.#fetch(source);
        }),
      );
    });
  }

  #read(source: Source): { records: Records | null; next: number; end: number } {
    const log = this.#brokers.log(source.of);
    const isCommitted = this.#options.isolation === 'committed';
    const end = isCommitted ? this.#brokers.lastStable(source.of) : log.length;
    const to = Math.min(end, source.fetchFrom + 1 + this.#process.random.below(RECORDS_MAX));
    const offsets: number[] = [];
    for (let offset = source.fetchFrom; offset < to; offset++) {
      const { record, transaction } = log[offset]!;
      const isAborted = isCommitted && transaction?.state === 'aborted';
      if (record !== null && !isAborted) offsets.push(offset);
    }
    const next = Math.max(source.fetchFrom, to);
    return { records: offsets.length === 0 ? null : recordsOf(log, offsets, next), next, end };
  }
}

function recordsOf(
  log: BrokerState['logs'] extends Map<string, infer L> ? L : never,
  offsets: readonly number[],
  next: number,
): Records {
  const values = offsets.map((offset) => log[offset]!.record!.value);
  const bytes = Buffer.concat(values.map((value) => value ?? new Uint8Array(0)));
  const start = new Int32Array(values.length);
  const ends = new Int32Array(values.length);
  let at = 0;
  values.forEach((value, i) => {
    start[i] = value === null ? -1 : at;
    at += value?.length ?? 0;
    ends[i] = value === null ? -1 : at;
  });
  const none = new Int32Array(values.length).fill(-1);
  return {
    ...{ n: values.length, bytes, next, keyStart: none, keyEnd: none },
    offset: Float64Array.from(offsets),
    time: new Float64Array(values.length),
    valueStart: start,
    valueEnd: ends,
    headers: (i) =>
      Object.entries(log[offsets[i]!]!.record!.headers ?? {}).map(([name, text]) => [
        name,
        Buffer.from(text),
      ]),
  };
}
