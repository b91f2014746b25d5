/**
 * Rows of an example set that were kept aside. `quarantine/<set>.ndjson` is for people: a row a line with its lot and the
 * reason. `.millrace/quarantine/<set>.rows` holds the same rows so that a lot can be released into any output format.
 *
 * Row file: records one after another, all numbers little-endian: u32 words, u16 bytes of the lot, the lot, then the words
 * (operators/checks/row-words.ts). Both files only grow, and rows that expire are blanked where they lie; what became of a lot is in the
 * decision log.
 */
import { join } from 'node:path';
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import type { Aside } from '../../operators/checks/gate.ts';
import { RowWords } from '../../operators/checks/row-words.ts';
import type { EmissionBatch } from '../../operators/emission/emission-batch.ts';
import { ROOT_WORDS, Slab } from '../../operators/state/slab.ts';
import { Fault } from '../fault.ts';
import type { Files } from '../files.ts';
import type { OutputPosition } from '../log/progress.ts';
import { type ByteRange, blankRanges } from './blank-ranges.ts';
import { KeptLines } from './kept-lines.ts';
import { OutputFile } from './output-file.ts';
import { safeName } from './sink.ts';

const BUFFER_BYTES = 16_384;
const HEAD_BYTES = 6;
const READ_BYTES = 1024 * 1024;

/** A line of `quarantine/<set>.ndjson`; `row` as in the set's own output. */
export type QuarantineLine = {
  readonly reason: string;
  readonly lot: string;
  readonly row: { readonly id: string; readonly time: number; readonly emitted: number };
};

export class Quarantine {
  readonly name: string;
  readonly rowsName: string;
  readonly #words: RowWords;
  readonly #text: KeptLines;
  readonly #slab = new Slab('row');
  readonly #lines: OutputFile;
  readonly #rows: OutputFile;

  private constructor(plan: ExamplePlan, lines: OutputFile, rows: OutputFile) {
    this.name = quarantineName(plan.name);
    this.rowsName = rowsName(plan.name);
    this.#words = new RowWords(plan);
    this.#text = new KeptLines(plan);
    this.#lines = lines;
    this.#rows = rows;
  }

  /** `committed`: output positions of the last commit, by name. */
  static async open(
    folder: string,
    plan: ExamplePlan,
    more: { files: Files; committed: Readonly<Record<string, OutputPosition>> },
  ): Promise<Quarantine> {
    const { files, committed } = more;
    const open = (name: string) =>
      OutputFile.open(files, join(folder, name), committed[name] ?? null, BUFFER_BYTES);
    const lines = await open(quarantineName(plan.name));
    const rows = await open(rowsName(plan.name));
    return new Quarantine(plan, lines, rows);
  }

  /** Rows ever kept. */
  get count(): number {
    return this.#lines.rows;
  }

  /** Bytes of a row of the batch as NDJSON, its newline included. */
  rowBytes(batch: EmissionBatch, row: number): number {
    return this.#text.rowBytes(batch, row);
  }

  async write(batch: EmissionBatch, aside: readonly Aside[]): Promise<void> {
    if (aside.length === 0) return;
    const columns = this.#words.columns(batch);
    for (const each of aside) {
      this.#writeLine(batch, each);
      this.#writeRow(columns, each.row, each.lot);
      await this.#lines.settle();
      await this.#rows.settle();
    }
  }

  /** The rows of a lot, in their order; none: there is no such lot. */
  async lot(wanted: string): Promise<EmissionBatch> {
    const slab = new Slab('lot');
    const places: number[] = [];
    for await (const { lot, words } of this.#records()) {
      if (lot !== wanted) continue;
      const place = slab.bump(words.length / 8);
      slab.u8.set(words, place * 8);
      places.push(place);
    }
    return this.#words.batch(slab, places);
  }

  /** Every line of the file for people, parsed. */
  async *lines(): AsyncGenerator<QuarantineLine> {
    for await (const { text } of this.#texts()) yield JSON.parse(text);
  }

  /** Makes rows of lots unreadable: blanks in the file for people, zeros in the other. What is open here shows the old ones. */
  async blank(lots: ReadonlySet<string>, files: Files): Promise<void> {
    const rows: ByteRange[] = [];
    for await (const { lot, words, to } of this.#records()) {
      if (lots.has(lot)) rows.push({ from: to - words.length, to });
    }
    const lines: ByteRange[] = [];
    for await (const { text, from, to } of this.#texts()) {
      const { lot }: QuarantineLine = JSON.parse(text);
      if (lots.has(lot)) lines.push({ from, to });
    }
    // Lines last: they are what says that there is something to blank.
    await blankRanges(files, this.#rows, { ranges: rows, byte: 0 });
    await blankRanges(files, this.#lines, { ranges: lines, byte: BLANK });
  }

  /** The position of each file; everything written is on the disk. */
  async commit(): Promise<[string, OutputPosition][]> {
    return [
      [this.name, await this.#lines.commit()],
      [this.rowsName, await this.#rows.commit()],
    ];
  }

  async close(): Promise<void> {
    await this.#lines.close();
    await this.#rows.close();
  }

  /** Lines that are not blank. */
  async *#texts(): AsyncGenerator<ByteRange & { readonly text: string }> {
    await this.#lines.commit();
    let rest = Buffer.alloc(0);
    for (let at = 0; at < this.#lines.length; ) {
      const bytes = await this.#lines.readAt(at, READ_BYTES);
      const text = Buffer.concat([rest, bytes]);
      const start = at - rest.length;
      at += bytes.length;
      let from = 0;
      for (let end = text.indexOf(NEWLINE); end >= 0; end = text.indexOf(NEWLINE, from)) {
        if (text[from] !== BLANK) {
          yield { text: text.toString('utf8', from, end), from: start + from, to: start + end };
        }
        from = end + 1;
      }
      rest = text.subarray(from);
    }
  }

  /** Records of the row file; `words`: the bytes of the row, which end at byte `to`. */
  async *#records(): AsyncGenerator<{ readonly lot: string; readonly words: Buffer; to: number }> {
    await this.#rows.commit();
    const window = new FileWindow(this.#rows);
    for (let at = 0; at < this.#rows.length; ) {
      const head = await this.#read(window, at, HEAD_BYTES);
      const nameBytes = head.readUInt16LE(4);
      const row = await this.#read(window, at + HEAD_BYTES, nameBytes + head.readUInt32LE(0) * 8);
      at += HEAD_BYTES + row.length;
      yield { lot: row.toString('utf8', 0, nameBytes), words: row.subarray(nameBytes), to: at };
    }
  }

  async #read(window: FileWindow, at: number, bytes: number): Promise<Buffer> {
    const found = await window.read(at, bytes);
    if (found.length === bytes) return found;
    throw new Fault(
      'quarantine_damaged',
      `${this.#rows.path} ends inside a row at byte ${at}: somebody cut or replaced it. What it held can be made again with --fresh.`,
      { context: { path: this.#rows.path, byte: at } },
    );
  }

  #writeLine(batch: EmissionBatch, aside: Aside): void {
    const line = this.#text.line(batch, aside);
    const { buffer } = this.#lines;
    buffer.reserve(line.length);
    buffer.copy(line);
    this.#lines.rows++;
  }

  #writeRow(columns: ReturnType<RowWords['columns']>, row: number, lot: string): void {
    const slab = this.#slab;
    const words = this.#words.measure(columns, row);
    slab.ensure(ROOT_WORDS + words);
    slab.u8.fill(0, ROOT_WORDS * 8, (ROOT_WORDS + words) * 8);
    this.#words.write(slab, ROOT_WORDS, columns, row);
    const name = Buffer.from(lot);
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt32LE(words, 0);
    head.writeUInt16LE(name.length, 4);
    const { buffer } = this.#rows;
    buffer.reserve(HEAD_BYTES + name.length + words * 8);
    buffer.copy(head);
    buffer.copy(name);
    buffer.copy(slab.u8.subarray(ROOT_WORDS * 8, (ROOT_WORDS + words) * 8));
    this.#rows.rows++;
  }
}

const NEWLINE = 0x0a;
const BLANK = 0x20;

/** A file read front to back in pieces of READ_BYTES. */
class FileWindow {
  readonly #file: OutputFile;
  #bytes: Buffer = Buffer.alloc(0);
  #from = 0;

  constructor(file: OutputFile) {
    this.#file = file;
  }

  /** Bytes [at, at + length); fewer at the end of the file. */
  async read(at: number, length: number): Promise<Buffer> {
    const start = at - this.#from;
    if (start < 0 || start + length > this.#bytes.length) {
      const found = await this.#file.readAt(at, Math.max(length, READ_BYTES));
      this.#bytes = Buffer.from(found.buffer, found.byteOffset, found.length);
      this.#from = at;
    }
    return this.#bytes.subarray(at - this.#from, at - this.#from + length);
  }
}

export function quarantineName(set: string): string {
  return `quarantine/${safeName(set)}.ndjson`;
}

function rowsName(set: string): string {
  return `.millrace/quarantine/${safeName(set)}.rows`;
}
