import type { Records } from '../worker/cluster.ts';
import { VarintReader } from './varint-reader.ts';

export type BatchStart = {
  readonly base: number;
  readonly firstTime: number;
  /** Records before it are passed over. */
  readonly from: number;
};

/** Records of one buffer in columns: where each one's parts lie, nothing copied. */
export class RecordColumns {
  readonly #bytes: Uint8Array;
  readonly #reader: VarintReader;
  #offset = new Float64Array(0);
  #time = new Float64Array(0);
  /** By record: key start, key end, value start, value end, headers. */
  #places = new Int32Array(0);
  #n = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#reader = new VarintReader(bytes);
  }

  /** Adds the records of one batch, which lie in bytes[at .. end). */
  scan(at: number, end: number, count: number, { base, firstTime, from }: BatchStart): void {
    this.#grow(this.#n + count);
    const reader = this.#reader;
    reader.at = at;
    for (let i = 0; i < count && reader.at < end; i++) {
      const length = reader.signed();
      const next = reader.at + length;
      reader.at++;
      const time = firstTime + reader.signed();
      const offset = base + reader.signed();
      if (offset >= from) {
        const row = this.#n++;
        this.#offset[row] = offset;
        this.#time[row] = time;
        this.#blob(row * 5);
        this.#blob(row * 5 + 2);
        this.#places[row * 5 + 4] = reader.at;
      }
      reader.at = next;
    }
  }

  finish(next: number): Records {
    const n = this.#n;
    const places = this.#places;
    const column = (which: number) => {
      const out = new Int32Array(n);
      for (let i = 0; i < n; i++) out[i] = places[i * 5 + which]!;
      return out;
    };
    return {
      n,
      bytes: this.#bytes,
      offset: this.#offset.subarray(0, n),
      time: this.#time.subarray(0, n),
      keyStart: column(0),
      keyEnd: column(1),
      valueStart: column(2),
      valueEnd: column(3),
      headers: (i) => headersAt(this.#bytes, places[i * 5 + 4]!),
      next,
    };
  }

  #blob(place: number): void {
    const length = this.#reader.signed();
    const { at } = this.#reader;
    this.#places[place] = length < 0 ? -1 : at;
    this.#places[place + 1] = length < 0 ? -1 : at + length;
    if (length > 0) this.#reader.at = at + length;
  }

  #grow(rows: number): void {
    if (rows <= this.#offset.length) return;
    const capacity = Math.max(rows, this.#offset.length * 2);
    const offset = new Float64Array(capacity);
    offset.set(this.#offset);
    this.#offset = offset;
    const time = new Float64Array(capacity);
    time.set(this.#time);
    this.#time = time;
    const places = new Int32Array(capacity * 5);
    places.set(this.#places);
    this.#places = places;
  }
}

function headersAt(bytes: Uint8Array, at: number): [string, Uint8Array | null][] {
  const reader = new VarintReader(bytes);
  reader.at = at;
  const blob = () => {
    const length = reader.signed();
    if (length < 0) return null;
    reader.at += length;
    return bytes.subarray(reader.at - length, reader.at);
  };
  return Array.from({ length: reader.signed() }, () => {
    const name = Buffer.from(blob() ?? []).toString();
    return [name, blob()];
  });
}
