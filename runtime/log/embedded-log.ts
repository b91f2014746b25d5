import { basename, join } from 'node:path';
import { assert } from '../../operators/assert.ts';
import { SEGMENT_BYTES } from '../config.ts';
import { disk, type Files, fileIn } from '../files.ts';
import type { Log, LogPartition, LogRecord } from './log.ts';
import { LogSegment } from './log-segment.ts';

export type EmbeddedLogOptions = {
  readonly files?: Files;
  readonly segmentBytes?: number;
  /** `batch`: an append is on the disk when it returns. `close`: only what was closed is (bulk loads). */
  readonly sync?: 'batch' | 'close';
};

/** A log in a folder: FOLDER/<topic>-<partition>/<first offset>.log. One process at a time (the run's lock sees to it). */
export class EmbeddedLog implements Log {
  readonly #folder: string;
  readonly #files: Files;
  readonly #segmentBytes: number;
  readonly #sync: boolean;
  readonly #open = new Map<string, EmbeddedPartition>();

  constructor(folder: string, options: EmbeddedLogOptions = {}) {
    this.#folder = folder;
    this.#files = options.files ?? disk;
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.#sync = options.sync !== 'close';
  }

  async open(topic: string, partition: number): Promise<LogPartition> {
    const folder = fileIn(this.#folder, `${topic}-${partition}`);
    const known = this.#open.get(folder);
    if (known !== undefined) return known;
    const made = await EmbeddedPartition.open(
      { topic, partition, folder, segmentBytes: this.#segmentBytes, sync: this.#sync },
      this.#files,
    );
    this.#open.set(folder, made);
    return made;
  }

  /** Partitions the folder has of a topic, ascending. */
  async partitions(topic: string): Promise<number[]> {
    const prefix = basename(fileIn(this.#folder, `${topic}-`));
    const names = (await this.#files.list(this.#folder)).filter((name) => name.startsWith(prefix));
    const numbers = names.map((name) => name.slice(prefix.length)).filter((n) => /^\d+$/.test(n));
    return numbers.map(Number).sort((a, b) => a - b);
  }

  async close(): Promise<void> {
    for (const partition of this.#open.values()) await partition.close();
    this.#open.clear();
  }
}

type PartitionPlace = {
  readonly topic: string;
  readonly partition: number;
  readonly folder: string;
  readonly segmentBytes: number;
  readonly sync: boolean;
};

class EmbeddedPartition implements LogPartition {
  readonly topic: string;
  readonly partition: number;
  readonly #place: PartitionPlace;
  readonly #files: Files;
  #segments: LogSegment[];

  private constructor(place: PartitionPlace, files: Files, segments: LogSegment[]) {
    this.topic = place.topic;
    this.partition = place.partition;
    this.#place = place;
    this.#files = files;
    this.#segments = segments;
  }

  static async open(place: PartitionPlace, files: Files): Promise<EmbeddedPartition> {
    const names = (await files.list(place.folder)).filter((name) => /^\d{20}\.log$/.test(name));
    const segments: LogSegment[] = [];
    for (const [i, name] of names.entries()) {
      const file = await files.open(join(place.folder, name));
      const base = Number(name.slice(0, 20));
      const segment = await LogSegment.open(file, base, i === names.length - 1);
      const before = segments.at(-1);
      assert(
        before === undefined || before.end === base,
        `${file.path} does not follow its segment`,
      );
      segments.push(segment);
    }
    const made = new EmbeddedPartition(place, files, segments);
    if (segments.length === 0) await made.#addSegment(0);
    return made;
  }

  get start(): number {
    return this.#segments[0]!.base;
  }

  get end(): number {
    return this.#segments.at(-1)!.end;
  }

  async append(values: readonly Uint8Array[]): Promise<number> {
    const first = this.end;
    if (values.length === 0) return first;
    if (this.#segments.at(-1)!.file.length >= this.#place.segmentBytes) {
      await this.#segments.at(-1)!.file.sync();
      await this.#addSegment(first);
    }
    await this.#segments.at(-1)!.append(values, this.#place.sync);
    return first;
  }

  async read(offset: number, bytesMax: number): Promise<LogRecord[]> {
    assert(offset >= this.start, `offset ${offset} of ${this.topic} was dropped`);
    if (offset >= this.end) return [];
    const segment = this.#segments.find((s) => offset < s.end)!;
    return segment.read(offset, bytesMax);
  }

  async truncateBefore(offset: number): Promise<void> {
    while (this.#segments.length > 1 && this.#segments[0]!.end <= offset) {
      const segment = this.#segments.shift()!;
      await segment.file.close();
      await this.#files.remove(segment.file.path);
    }
  }

  async close(): Promise<void> {
    for (const segment of this.#segments) {
      if (!this.#place.sync) await segment.file.sync();
      await segment.file.close();
    }
    this.#segments = [];
  }

  async #addSegment(base: number): Promise<void> {
    const name = `${String(base).padStart(20, '0')}.log`;
    const file = await this.#files.open(join(this.#place.folder, name));
    this.#segments.push(await LogSegment.create(file, base));
  }
}
