/**
 * NDJSON to columns in one pass over the bytes, making no string. A line is first read by the layout of an earlier
 * line (key bytes compared word by word, see ndjson-codegen.ts); a line that does not fit is parsed in full, and its layout is remembered.
 * Whatever JSON.parse would reject, and whatever is no record of the scan, is reported in `bad`.
 */
import type { ScanField } from '../../compiler/plan/plan.ts';
import { hashBytes, lanes } from '../hash.ts';
import type { FieldSpec } from './decode-field.ts';
import { fieldNumber, fieldSpec, KIND, numberReason } from './decode-field.ts';
import { isoMs } from './decode-iso.ts';
import { REASON } from './decode-reasons.ts';
import type { BatchStore } from './decode-store.ts';
import { StorePool } from './decode-store.ts';
import type { DecodedBatch } from './decoder.ts';
import { BATCH_ROWS_MAX, LINE_BYTES_MAX } from './decoder.ts';
import type { AnyValue, LineFunction } from './ndjson-codegen.ts';
import { compileLine, OP } from './ndjson-codegen.ts';
import { LayoutRecorder } from './ndjson-layout.ts';
import { JsonScanner } from './ndjson-scanner.ts';

/** `absent`: the line did not have the field (yet); other values are reason codes. */
const ABSENT = 255;
/** A batch has room for at least so many rows. */
const ROWS_MIN = 16;
/** Layouts a decoder remembers; beyond it, one is replaced. */
const LAYOUTS_MAX = 4;
/** Slow lines between two layouts learned, at most. */
const LEARN_PAUSE_MAX = 4096;

export class NdjsonDecoder {
  readonly #specs: readonly FieldSpec[];
  readonly #kinds: Uint8Array;
  readonly #ops: Uint8Array;
  readonly #names: readonly Uint8Array[];
  /** Field by the low lane of its name's hash. */
  readonly #byName = new Map<number, number[]>();
  readonly #pool: StorePool;
  readonly #scanner = new JsonScanner();
  readonly #recorder = new LayoutRecorder();
  readonly #layouts: LineFunction[] = [];
  readonly #any: AnyValue;
  /** The layout that fitted last. */
  #current = 0;
  /** Slow lines to let pass before another layout is learned: lines that are never alike must not be learned one by one. */
  #learnIn = 0;
  #learnPause = 1;
  #slowLines = 0;
  readonly #reasons: Uint8Array;
  #store: BatchStore;
  #at = 0;
  #end = 0;

  constructor(fields: readonly ScanField[]) {
    this.#specs = fields.map(fieldSpec);
    this.#kinds = Uint8Array.from(this.#specs, (spec) => spec.kind);
    this.#names = fields.map((field) => new TextEncoder().encode(field.name));
    this.#names.forEach((name, f) => {
      hashBytes(name, 0, name.length);
      const same = this.#byName.get(lanes[0]!) ?? [];
      this.#byName.set(lanes[0]!, [...same, f]);
    });
    this.#ops = Uint8Array.from(this.#specs, fastOp);
    this.#reasons = new Uint8Array(fields.length);
    this.#any = (field, p, row) => {
      const end = this.#value(field, p, row);
      return this.#reasons[field] === REASON.none ? end : -1;
    };
    this.#pool = new StorePool(this.#specs);
    this.#store = this.#pool.take(1);
  }

  /**
   * The lines bytes[start .. end): whole ones, the last byte a newline, SLACK_BYTES readable after it. The decoder keeps
   * `bytes` (columns point into it), so they must not be written again.
   */
  load(bytes: Uint8Array, start: number, end: number): void {
    this.#scanner.load(bytes);
    this.#at = start;
    this.#end = end;
  }

  /** Position of the next line in what was loaded. */
  get position(): number {
    return this.#at;
  }

  /** The next at most `rowsMax` records; null when all that was loaded is decoded. */
  decode(rowsMax: number, firstOffset: number): DecodedBatch | null {
    // A record is at least `{}` and a newline; a malformed one at least a letter and a newline.
    const linesMax = Math.max(ROWS_MIN, (this.#end - this.#at) >> 1);
    const store = this.#pool.take(Math.min(rowsMax, BATCH_ROWS_MAX, linesMax));
    this.#store = store;
    const scanner = this.#scanner;
    const capacity = Math.min(store.capacity, rowsMax);
    let at = this.#at;
    let row = 0;
    this.#slowLines = 0;
    while (row < capacity && at < this.#end) {
      const arena = scanner.arena;
      let next = this.#layouts.length === 0 ? -1 : this.#fastLine(at, row, this.#current);
      if (next < 0 || next - at > LINE_BYTES_MAX) {
        scanner.arena = arena;
        next = this.#slowLine(at, row, arena);
        if (next < 0) {
          // A blank line is no record.
          at = -next;
          continue;
        }
      }
      store.rawStart[row] = at;
      store.rawEnd[row] = next - 1;
      at = next;
      row++;
    }
    this.#at = at;
    if (this.#slowLines * 8 <= row) this.#learnPause = 1;
    if (row === 0) {
      this.#pool.give(store);
      return null;
    }
    return store.finish(row, firstOffset, scanner.bytes, () => this.#pool.give(store));
  }

  /** The line at p, if it has that layout and nothing is wrong with it: the position after it, else -1. */
  #fastLine(p: number, row: number, layout: number): number {
    return this.#layouts[layout]!(this.#scanner, this.#store, this.#any, p, row);
  }

  /** Any line: the position after it, or minus that for a blank one. */
  #slowLine(start: number, row: number, arena: number): number {
    const scanner = this.#scanner;
    for (let i = 0; i < this.#layouts.length; i++) {
      const next = i === this.#current ? -1 : this.#fastLine(start, row, i);
      if (next >= 0 && next - start <= LINE_BYTES_MAX) {
        this.#current = i;
        return next;
      }
      scanner.arena = arena;
    }
    this.#slowLines++;
    const first = scanner.space(start);
    if (scanner.bytes[first] === 10) return -(first + 1);
    const object = scanner.bytes[first] === 123;
    let end = object ? this.#object(first, row) : scanner.skipValue(first);
    if (end >= 0) end = scanner.space(end);
    const valid = end >= 0 && scanner.bytes[end] === 10;
    const next = valid ? end + 1 : scanner.bytes.indexOf(10, first) + 1;
    if (next - 1 - start > LINE_BYTES_MAX) this.#wholeBad(row, REASON.tooLong);
    else if (!valid) this.#wholeBad(row, REASON.json);
    else if (!object) this.#wholeBad(row, REASON.object);
    else if (this.#finishFields(row) && --this.#learnIn < 0) this.#learn(start, next);
    return next;
  }

  /** Remembers the layout of the line that was just parsed, in place of one that did not fit lately. */
  #learn(start: number, next: number): void {
    const layout = this.#recorder.finish(this.#scanner.bytes, start, next, this.#ops);
    if (layout === null) return;
    const full = this.#layouts.length === LAYOUTS_MAX;
    this.#current = full ? (this.#current + 1) % LAYOUTS_MAX : this.#layouts.length;
    this.#layouts[this.#current] = compileLine(layout);
    this.#learnIn = this.#learnPause;
    this.#learnPause = Math.min(LEARN_PAUSE_MAX, this.#learnPause * 2);
  }

  /** The object at p: every wanted value goes to its cell; of a key that comes twice the last value stays. */
  #object(p: number, row: number): number {
    const scanner = this.#scanner;
    this.#reasons.fill(ABSENT);
    this.#recorder.begin();
    p = scanner.space(p + 1);
    if (scanner.bytes[p] === 125) return p + 1;
    for (;;) {
      if (scanner.bytes[p] !== 34 || (p = scanner.scanText(p)) < 0) return -1;
      const field = this.#fieldOf(scanner.textStart, scanner.textEnd);
      p = scanner.space(p);
      if (scanner.bytes[p] !== 58) return -1;
      const start = scanner.space(p + 1);
      p = field < 0 ? scanner.skipValue(start) : this.#value(field, start, row);
      if (p < 0) return -1;
      this.#recorder.value(field, start, p);
      p = scanner.space(p);
      if (scanner.bytes[p] === 125) return p + 1;
      if (scanner.bytes[p] !== 44) return -1;
      p = scanner.space(p + 1);
    }
  }

  #fieldOf(start: number, end: number): number {
    const { bytes } = this.#scanner;
    hashBytes(bytes, start, end);
    const found = this.#byName.get(lanes[0]!);
    if (found === undefined) return -1;
    for (const f of found) {
      const name = this.#names[f]!;
      if (name.length === end - start && name.every((byte, i) => byte === bytes[start + i]))
        return f;
    }
    return -1;
  }

  /** Nulls for what is absent or bad, with its reason; true if the row is good. */
  #finishFields(row: number): boolean {
    let good = true;
    for (let f = 0; f < this.#reasons.length; f++) {
      let reason = this.#reasons[f]!;
      if (reason === REASON.none) continue;
      this.#store.setNull(f, row);
      if (reason === ABSENT) reason = this.#specs[f]!.nullable ? REASON.none : REASON.missing;
      if (reason === REASON.none) continue;
      this.#store.bad(row, f, reason);
      good = false;
    }
    return good;
  }

  #wholeBad(row: number, reason: number): void {
    for (let f = 0; f < this.#specs.length; f++) this.#store.setNull(f, row);
    this.#store.bad(row, -1, reason);
  }

  /** The value at p into its cell; -1 if it is not JSON. `#reasons[field]` says whether it is one of the field's. */
  #value(field: number, p: number, row: number): number {
    const spec = this.#specs[field]!;
    const scanner = this.#scanner;
    const c = scanner.bytes[p]!;
    this.#reasons[field] = REASON.none;
    if (c === 110) {
      this.#store.setNull(field, row);
      if (!spec.nullable) this.#reasons[field] = REASON.null;
      return scanner.scanWord(p);
    }
    if (c === 34 && (spec.kind === KIND.text || spec.kind === KIND.iso))
      return this.#string(field, p, row);
    if (c === 45 || (c >= 48 && c <= 57)) return this.#number(field, spec, p, row);
    if (spec.kind === KIND.bool && (c === 116 || c === 102)) {
      this.#store.setBool(field, row, c === 116 ? 1 : 0);
      return scanner.scanWord(p);
    }
    if (spec.kind === KIND.list && c === 91) return this.#list(field, spec, p, row);
    this.#reasons[field] = REASON.type;
    return scanner.skipValue(p);
  }

  #string(field: number, p: number, row: number): number {
    const scanner = this.#scanner;
    const end = scanner.scanText(p);
    if (end < 0) return -1;
    this.#reasons[field] = scanner.textReason;
    if (this.#kinds[field] === KIND.text)
      this.#putText(field, row, scanner.textStart, scanner.textEnd);
    else {
      const ms = isoMs(scanner.bytes, scanner.textStart, scanner.textEnd);
      if (ms >= 0) this.#store.setNumber(field, row, ms);
      else this.#reasons[field] = Number.isNaN(ms) ? REASON.iso : REASON.timeRange;
    }
    return end;
  }

  #putText(field: number, row: number, start: number, end: number): void {
    this.#store.setText(field, row, start, end);
    if (this.#store.hashAt[field]! < 0) return;
    hashBytes(this.#scanner.bytes, start, end);
    this.#store.setHash(field, row, lanes[0]!, lanes[1]!);
  }

  #number(field: number, spec: FieldSpec, p: number, row: number): number {
    const scanner = this.#scanner;
    const end = scanner.scanNumber(p);
    if (end < 0) return -1;
    if (spec.kind === KIND.text && scanner.numberIsInteger) {
      this.#putText(field, row, p, end);
      return end;
    }
    const source = scanner.number[0]!;
    const value = fieldNumber(spec.kind, spec.format, source);
    if (!Number.isNaN(value)) this.#store.setNumber(field, row, value);
    else this.#reasons[field] = numberReason(spec.kind, spec.format, source);
    return end;
  }

  #list(field: number, spec: FieldSpec, p: number, row: number): number {
    const scanner = this.#scanner;
    const list = this.#store.lists[field]!;
    list.beginRow(row);
    p = scanner.space(p + 1);
    if (scanner.bytes[p] === 93) p++;
    else {
      for (;;) {
        if ((p = this.#element(field, spec, p)) < 0) return -1;
        p = scanner.space(p);
        const c = scanner.bytes[p++];
        if (c === 93) break;
        if (c !== 44) return -1;
        p = scanner.space(p);
      }
    }
    this.#store.setList(field, row);
    return p;
  }

  /** One element; `#reasons[field]` turns to REASON.element if it is not one of the list's. */
  #element(field: number, spec: FieldSpec, p: number): number {
    const scanner = this.#scanner;
    const list = this.#store.lists[field]!;
    const kind = spec.element;
    const c = scanner.bytes[p]!;
    let end = -1;
    if (c === 34 && (kind === KIND.text || kind === KIND.iso)) {
      end = scanner.scanText(p);
      if (end < 0) return -1;
      if (scanner.textReason !== REASON.none) this.#reasons[field] = REASON.utf8;
      else if (kind === KIND.text) this.#addText(field, scanner.textStart, scanner.textEnd);
      else this.#addNumber(field, isoMs(scanner.bytes, scanner.textStart, scanner.textEnd));
    } else if (c === 45 || (c >= 48 && c <= 57)) {
      end = scanner.scanNumber(p);
      if (end < 0) return -1;
      if (kind !== KIND.text)
        this.#addNumber(field, fieldNumber(kind, spec.format, scanner.number[0]!));
      else if (scanner.numberIsInteger) this.#addText(field, p, end);
      else this.#reasons[field] = REASON.element;
    } else {
      end = scanner.skipValue(p);
      if (kind === KIND.bool && (c === 116 || c === 102)) list.addNumber(c === 116 ? 1 : 0);
      else this.#reasons[field] = REASON.element;
    }
    return end;
  }

  #addText(field: number, start: number, end: number): void {
    hashBytes(this.#scanner.bytes, start, end);
    this.#store.lists[field]!.addText(start, end);
  }

  #addNumber(field: number, value: number): void {
    if (!Number.isNaN(value) && (value >= 0 || this.#specs[field]!.element !== KIND.iso)) {
      this.#store.lists[field]!.addNumber(value);
    } else this.#reasons[field] = REASON.element;
  }
}

function fastOp(spec: FieldSpec): number {
  if (spec.kind === KIND.text) return spec.hash ? OP.hashedText : OP.text;
  if (spec.hash) return OP.any;
  if (spec.kind === KIND.float) return OP.float;
  if (spec.kind === KIND.int) return OP.whole;
  return spec.kind === KIND.time && spec.format === 'ms' ? OP.time : OP.any;
}
