/**
 * Records that did not become events: late ones and malformed ones, with where they came from and why. During a run they
 * lie per source partition in `.millrace/side` (so that their order does not depend on how partitions were interleaved);
 * at the end they are joined into `late.ndjson` and `malformed.ndjson`, by stream, partition and offset. Until then those
 * two show what was committed, in the order in which it came: an author need not wait for the end to see a wrong field.
 */
import { join } from 'node:path';
import { RAW_TEXT_BYTES_MAX } from '../config.ts';
import type { AppendFile, Files } from '../files.ts';
import type { OutputPosition } from '../log/progress.ts';
import { OutputFile } from './output-file.ts';

export type SideKind = 'late' | 'malformed';

export type SideRecord = {
  readonly offset: number;
  readonly reason: string;
  /** The record's source text, where it was kept. */
  readonly raw: string | null;
};

/** Whose records: the stream's name, the partition, and the file it is read from. */
export type SideSource = {
  readonly stream: string;
  readonly partition: number;
  readonly file: string;
};

const KINDS: readonly SideKind[] = ['late', 'malformed'];
const BUFFER_BYTES = 16_384;
const FOLDER = '.millrace/side';
/** No line is longer: the raw text, each character at most six as JSON, and the rest. */
const LINE_BYTES_MAX = 8 * RAW_TEXT_BYTES_MAX;

export class SideRecords {
  readonly #folder: string;
  readonly #files: Files;
  readonly #open = new Map<string, OutputFile>();
  /** The files that users see meanwhile, and how much of each part is in them. */
  readonly #shown = new Map<SideKind, AppendFile>();
  readonly #shownBytes = new Map<string, number>();
  /** A life that adds nothing leaves them as they are: a finished run's are joined already. */
  #hasAdded = false;

  private constructor(folder: string, files: Files) {
    this.#folder = folder;
    this.#files = files;
  }

  /** `committed`: output positions of the last commit, by name. What lies beyond them is cut off. */
  static async open(
    folder: string,
    files: Files,
    committed: Readonly<Record<string, OutputPosition>>,
  ): Promise<SideRecords> {
    const made = new SideRecords(folder, files);
    for (const [name, at] of Object.entries(committed)) {
      if (name.startsWith(FOLDER)) await made.#file(name, at);
    }
    return made;
  }

  async write(kind: SideKind, source: SideSource, records: readonly SideRecord[]): Promise<void> {
    if (records.length === 0) return;
    this.#hasAdded = true;
    const file = await this.#file(sideName(kind, source), null);
    for (const { offset, reason, raw } of records) {
      const { stream, partition } = source;
      const line = JSON.stringify({
        stream,
        partition,
        source: source.file,
        offset,
        reason,
        raw: raw === null ? null : cut(raw),
      });
      const bytes = Buffer.from(`${line}\n`);
      file.buffer.reserve(bytes.length);
      file.buffer.copy(bytes);
      file.rows++;
    }
    await file.settle();
  }

  async commit(): Promise<Record<string, OutputPosition>> {
    const positions: Record<string, OutputPosition> = {};
    for (const [name, file] of this.#open) {
      const at = await file.commit();
      positions[name] = at;
      if (this.#hasAdded) await this.#show(name, file, at.bytes);
    }
    return positions;
  }

  /** Appends what of a part is not shown yet. A crash may lose it: the next record shows all again. */
  async #show(name: string, part: OutputFile, bytes: number): Promise<void> {
    const from = this.#shownBytes.get(name) ?? 0;
    if (bytes === from) return;
    const kind = name.startsWith(`${FOLDER}/late-`) ? 'late' : 'malformed';
    let shown = this.#shown.get(kind);
    if (shown === undefined) {
      shown = await this.#files.open(join(this.#folder, `${kind}.ndjson`));
      await shown.truncate(0);
      this.#shown.set(kind, shown);
    }
    await part.copyTo(shown, from);
    this.#shownBytes.set(name, bytes);
  }

  /** Joins what was committed; every kind gets its file, an empty one where nothing was wrong. */
  async finish(sources: readonly SideSource[]): Promise<void> {
    await this.#hide();
    for (const kind of KINDS) {
      const aside = join(this.#folder, '.millrace', `${kind}.joined`);
      await this.#files.remove(aside);
      const joined = await this.#files.open(aside);
      for (const source of sources) {
        const part = this.#open.get(sideName(kind, source));
        if (part !== undefined) await part.copyTo(joined);
      }
      await joined.sync();
      await joined.close();
      await this.#files.rename(aside, join(this.#folder, `${kind}.ndjson`));
    }
  }

  /** Where the records lie until the run is over. */
  get place(): string {
    return join(this.#folder, FOLDER);
  }

  /** The first record that was committed; null where there is none. */
  async first(kind: SideKind, source: SideSource): Promise<SideRecord | null> {
    const file = this.#open.get(sideName(kind, source));
    const text = file === undefined ? '' : Buffer.from(await file.head(LINE_BYTES_MAX)).toString();
    const end = text.indexOf('\n');
    return end < 0 ? null : JSON.parse(text.slice(0, end));
  }

  async close(): Promise<void> {
    await this.#hide();
    for (const file of this.#open.values()) await file.close();
  }

  async #hide(): Promise<void> {
    for (const file of this.#shown.values()) await file.close();
    this.#shown.clear();
  }

  async #file(name: string, at: OutputPosition | null): Promise<OutputFile> {
    let file = this.#open.get(name);
    if (file === undefined) {
      file = await OutputFile.open(this.#files, join(this.#folder, name), at, BUFFER_BYTES);
      this.#open.set(name, file);
    }
    return file;
  }
}

function sideName(kind: SideKind, { stream, partition }: SideSource): string {
  return `${FOLDER}/${kind}-${stream}-${partition}.ndjson`;
}

function cut(text: string): string {
  return text.length <= RAW_TEXT_BYTES_MAX ? text : `${text.slice(0, RAW_TEXT_BYTES_MAX)}…`;
}
