/**
 * What look-ups answer, one output per (probe, view), written by row. Rows may be answered in any order and by several
 * shards, each only its own; an output becomes a column once all have written.
 *
 * A row that nobody answers is null: NaN, 2, start -1, isNull 1.
 */
import type { KeyspacePlan, ReadOp } from '../../compiler/plan/plan.ts';
import type { Physical } from '../../dsl/types.ts';
import { assert } from '../assert.ts';
import {
  BOOL_NULL,
  type BoolColumn,
  type Column,
  type F64Column,
  type HashColumn,
  type ListF64Column,
  type ListTextColumn,
  TEXT_NULL,
  type TextColumn,
} from '../column/column.ts';
import type { ColumnPool } from '../column/column-pool.ts';

/** An arena of texts cannot be larger than its int32 offsets reach, in bytes. */
export const ARENA_BYTES_MAX = 2 ** 31 - 1;

export type F64Output = { readonly kind: 'f64'; readonly data: Float64Array };
export type BoolOutput = { readonly kind: 'bool'; readonly data: Uint8Array };
export type HashOutput = {
  readonly kind: 'hash';
  readonly lo: Int32Array;
  readonly hi: Int32Array;
};
export type Output =
  | F64Output
  | BoolOutput
  | HashOutput
  | TextOutput
  | ListF64Output
  | ListTextOutput;

/** An output of `rows` rows, all null. */
export function output(physical: Physical, rows: number): Output {
  switch (physical) {
    case 'f64':
      return { kind: 'f64', data: new Float64Array(rows).fill(Number.NaN) };
    case 'bool':
      return { kind: 'bool', data: new Uint8Array(rows).fill(BOOL_NULL) };
    case 'hash':
      return { kind: 'hash', lo: new Int32Array(rows), hi: new Int32Array(rows) };
    case 'text':
      return new TextOutput(rows);
    case 'list_f64':
      return new ListF64Output(rows);
    case 'list_text':
      return new ListTextOutput(rows);
  }
}

/** The column of an output. Outputs without offsets give their arrays away: do not write to them after. */
export function finish(out: Output): Column {
  switch (out.kind) {
    case 'f64':
      return { kind: 'f64', data: out.data } satisfies F64Column;
    case 'bool':
      return { kind: 'bool', data: out.data } satisfies BoolColumn;
    case 'hash':
      return { kind: 'hash', lo: out.lo, hi: out.hi } satisfies HashColumn;
    case 'text':
    case 'list_f64':
    case 'list_text':
      return out.finish();
  }
}

/** A column of `rows` rows, all null. */
export function nulls(physical: Physical, rows: number): Column {
  return finish(output(physical, rows));
}

/** Growable bytes; `put` copies. */
class ByteArena {
  bytes = new Uint8Array(1024);
  length = 0;

  /** Copies source[start, end) and returns where it begins. */
  put(source: Uint8Array, start: number, end: number): number {
    const at = this.length;
    const length = end - start;
    if (at + length > this.bytes.length) this.#grow(at + length);
    if (length < 48) {
      const target = this.bytes;
      for (let i = 0; i < length; i++) target[at + i] = source[start + i]!;
    } else {
      this.bytes.set(source.subarray(start, end), at);
    }
    this.length = at + length;
    return at;
  }

  #grow(bytes: number): void {
    assert(bytes <= ARENA_BYTES_MAX, `an output of ${bytes} bytes exceeds ${ARENA_BYTES_MAX}`);
    const grown = new Uint8Array(Math.min(ARENA_BYTES_MAX, Math.max(bytes, this.bytes.length * 2)));
    grown.set(this.bytes);
    this.bytes = grown;
  }
}

/** Texts by row; unwritten rows are null. */
class TextOutput {
  readonly kind = 'text';
  readonly start: Int32Array;
  readonly end: Int32Array;
  readonly #arena = new ByteArena();

  constructor(rows: number) {
    this.start = new Int32Array(rows).fill(TEXT_NULL);
    this.end = new Int32Array(rows).fill(TEXT_NULL);
  }

  put(row: number, source: Uint8Array, start: number, end: number): void {
    const at = this.#arena.put(source, start, end);
    this.start[row] = at;
    this.end[row] = at + end - start;
  }

  finish(): TextColumn {
    return { kind: 'text', bytes: this.#arena.bytes, start: this.start, end: this.end };
  }
}

/** Lists of numbers by row: `begin(row)`, then `push` its values before the next `begin`. */
class ListF64Output {
  readonly kind = 'list_f64';
  readonly #first: Int32Array;
  readonly #count: Int32Array;
  #values = new Float64Array(256);
  #length = 0;
  #row = 0;

  constructor(rows: number) {
    this.#first = new Int32Array(rows);
    this.#count = new Int32Array(rows).fill(-1);
  }

  /** Starts the list of a row: empty, not null. */
  begin(row: number): void {
    this.#row = row;
    this.#first[row] = this.#length;
    this.#count[row] = 0;
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const grown = new Float64Array(this.#length * 2);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.#length++] = value;
    this.#count[this.#row]!++;
  }

  finish(): ListF64Column {
    const { offsets, isNull } = compactOffsets(this.#count);
    const values = new Float64Array(offsets[offsets.length - 1]!);
    for (let row = 0; row < this.#count.length; row++) {
      const first = this.#first[row]!;
      const to = offsets[row]!;
      for (let i = 0; i < this.#count[row]!; i++) values[to + i] = this.#values[first + i]!;
    }
    return { kind: 'list_f64', offsets, values, isNull };
  }
}

/** Lists of texts by row: `begin(row)`, then `push` its texts before the next `begin`. */
class ListTextOutput {
  readonly kind = 'list_text';
  readonly #first: Int32Array;
  readonly #count: Int32Array;
  readonly #arena = new ByteArena();
  #start = new Int32Array(256);
  #end = new Int32Array(256);
  #length = 0;
  #row = 0;

  constructor(rows: number) {
    this.#first = new Int32Array(rows);
    this.#count = new Int32Array(rows).fill(-1);
  }

  begin(row: number): void {
    this.#row = row;
    this.#first[row] = this.#length;
    this.#count[row] = 0;
  }

  push(source: Uint8Array, start: number, end: number): void {
    if (this.#length === this.#start.length) {
      this.#start = doubled(this.#start);
      this.#end = doubled(this.#end);
    }
    const at = this.#arena.put(source, start, end);
    this.#start[this.#length] = at;
    this.#end[this.#length++] = at + end - start;
    this.#count[this.#row]!++;
  }

  finish(): ListTextColumn {
    const { offsets, isNull } = compactOffsets(this.#count);
    const total = offsets[offsets.length - 1]!;
    const start = new Int32Array(total);
    const end = new Int32Array(total);
    for (let row = 0; row < this.#count.length; row++) {
      const first = this.#first[row]!;
      const to = offsets[row]!;
      for (let i = 0; i < this.#count[row]!; i++) {
        start[to + i] = this.#start[first + i]!;
        end[to + i] = this.#end[first + i]!;
      }
    }
    const values: TextColumn = { kind: 'text', bytes: this.#arena.bytes, start, end };
    return { kind: 'list_text', offsets, values, isNull };
  }
}

/** Between the outputs of a probe, in words: an odd number of cache lines, so that they do not share cache sets. */
const GAP_WORDS = 8;

/** The outputs of one keyspace for one batch: `outputs[probe][view]`. */
export class Answers {
  readonly outputs: readonly (readonly Output[])[];
  /** By probe: the one array that all its number outputs are parts of. */
  readonly numbers: readonly Float64Array[];

  /** rows[probe]: how many rows the probe's anchor frame has; 0 where there is none. Numbers are of the pool, if given. */
  constructor(keyspace: KeyspacePlan, rows: readonly number[], pool?: ColumnPool) {
    const kinds = keyspace.probes.map(({ views }) =>
      views.map((view) => (view.kind === 'counter' ? 'f64' : view.physical)),
    );
    const stride = (probe: number) => Math.ceil(rows[probe]! / 16) * 16 + GAP_WORDS;
    this.numbers = kinds.map((physical, probe) => {
      const count = physical.filter((kind) => kind === 'f64').length;
      const words = count * stride(probe);
      return (pool?.f64(words) ?? new Float64Array(words)).fill(Number.NaN);
    });
    this.outputs = kinds.map((physical, probe) => {
      let at = 0;
      return physical.map((kind) => {
        if (kind !== 'f64') return output(kind, rows[probe]!);
        const data = this.numbers[probe]!.subarray(at, at + rows[probe]!);
        at += stride(probe);
        return { kind, data };
      });
    });
  }

  /** What view `view` of probe `probe` answered. Once, after every shard has run. */
  column(probe: number, view: number): Column {
    return finish(this.outputs[probe]![view]!);
  }
}

/** The answer of a key that was never seen, or of a window that holds nothing: 0, [] or null. */
export function answerEmpty(out: Output, row: number, read: ReadOp): void {
  if (out.kind === 'list_f64' || out.kind === 'list_text') out.begin(row);
  else if (out.kind === 'f64' && emptyIsZero(read)) out.data[row] = 0;
}

/** Counts are 0; so are sums, of which the compiler makes null where nothing was summed. */
function emptyIsZero(read: ReadOp): boolean {
  switch (read.fn) {
    case 'count':
    case 'sum':
    case 'sum_squares':
    case 'distinct':
    case 'decayed_count':
      return true;
    default:
      return false;
  }
}

function compactOffsets(count: Int32Array): { offsets: Int32Array; isNull: Uint8Array | null } {
  const offsets = new Int32Array(count.length + 1);
  let isNull: Uint8Array | null = null;
  let sum = 0;
  for (let row = 0; row < count.length; row++) {
    offsets[row] = sum;
    if (count[row]! < 0) {
      isNull ??= new Uint8Array(count.length);
      isNull[row] = 1;
    } else {
      sum += count[row]!;
    }
  }
  offsets[count.length] = sum;
  return { offsets, isNull };
}

function doubled(array: Int32Array): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(array.length * 2);
  grown.set(array);
  return grown;
}
