import { assert } from '../../operators/assert.ts';
import type { Log, LogPartition, LogRecord } from './log.ts';

/** A log that lives as long as the process: the twin of the embedded log, for tests and for runs without a folder. */
export class MemoryLog implements Log {
  readonly #partitions = new Map<string, MemoryPartition>();

  async open(topic: string, partition: number): Promise<LogPartition> {
    const name = `${topic}/${partition}`;
    let found = this.#partitions.get(name);
    if (found === undefined) {
      found = new MemoryPartition(topic, partition);
      this.#partitions.set(name, found);
    }
    return found;
  }

  async close(): Promise<void> {}
}

class MemoryPartition implements LogPartition {
  readonly topic: string;
  readonly partition: number;
  start = 0;
  #records: Uint8Array[] = [];

  constructor(topic: string, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  get end(): number {
    return this.start + this.#records.length;
  }

  async append(values: readonly Uint8Array[]): Promise<number> {
    const first = this.end;
    for (const value of values) this.#records.push(value.slice());
    return first;
  }

  async read(offset: number, bytesMax: number): Promise<LogRecord[]> {
    assert(offset >= this.start, `read below the start of ${this.topic}`);
    const out: LogRecord[] = [];
    let bytes = 0;
    for (let at = offset; at < this.end; at++) {
      const value = this.#records[at - this.start]!;
      if (out.length > 0 && bytes + value.length > bytesMax) break;
      out.push({ offset: at, value });
      bytes += value.length;
    }
    return out;
  }

  async truncateBefore(offset: number): Promise<void> {
    const drop = Math.min(Math.max(0, offset - this.start), this.#records.length);
    this.#records = this.#records.slice(drop);
    this.start += drop;
  }

  async close(): Promise<void> {}
}
