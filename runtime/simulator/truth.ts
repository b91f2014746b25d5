import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { assert } from '../../operators/assert.ts';
import { Fault } from '../fault.ts';

/*
 * truth.bin: the probabilities that the simulator drew from, one record per impression in the
 * order of their numbers ("i0" is record 0), so that no key is stored.
 *
 *   0   8  "MRTRUTH1"
 *   8   4  u32 little endian: floats in a record (3)
 *   12  4  zero
 *   16  …  records of 3 f32 little endian: clicked, purchased, purchasedByEnd
 */
const MAGIC = 'MRTRUTH1';
const HEADER_BYTES = 16;
const FLOATS = 3;
const CHUNK_FLOATS = 3 * 16_384;

/** What was true of one impression. */
export type TruthRecord = {
  /** P(an accepted click). */
  readonly clicked: number;
  /** P(a purchase within the label's window, standing when the label is mature). */
  readonly purchased: number;
  /** P(the same, as far as the simulated time shows it): what a run of these files can see. */
  readonly purchasedByEnd: number;
};

/** Appends records in impression order; memory is one chunk of 192 KiB. */
export class TruthWriter {
  readonly #file: number;
  readonly #chunk = new Float32Array(CHUNK_FLOATS);
  #at = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'w');
    const header = Buffer.alloc(HEADER_BYTES);
    header.write(MAGIC, 0, 'latin1');
    header.writeUInt32LE(FLOATS, 8);
    writeSync(this.#file, header);
  }

  append(clicked: number, purchased: number, purchasedByEnd: number): void {
    const at = this.#at;
    this.#chunk[at] = clicked;
    this.#chunk[at + 1] = purchased;
    this.#chunk[at + 2] = purchasedByEnd;
    this.#at = at + FLOATS;
    if (this.#at === CHUNK_FLOATS) this.flush();
  }

  flush(): void {
    const bytes = new Uint8Array(this.#chunk.buffer, 0, this.#at * 4);
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(this.#file, bytes, done, bytes.length - done);
    }
    this.#at = 0;
  }

  close(): void {
    this.flush();
    closeSync(this.#file);
  }
}

/** The truth of a whole simulation, 12 bytes an impression in memory. */
export class Truth {
  readonly impressions: number;
  readonly #values: Float32Array;

  constructor(values: Float32Array) {
    assert(values.length % FLOATS === 0, 'truth holds whole records');
    this.#values = values;
    this.impressions = values.length / FLOATS;
  }

  /** The record of impression "i<number>"; null for any other id. */
  of(impressionId: string): TruthRecord | null {
    if (impressionId.charCodeAt(0) !== 105 || !/^i\d+$/.test(impressionId)) return null;
    const row = Number(impressionId.slice(1));
    if (row >= this.impressions) return null;
    return {
      clicked: this.#values[row * FLOATS]!,
      purchased: this.#values[row * FLOATS + 1]!,
      purchasedByEnd: this.#values[row * FLOATS + 2]!,
    };
  }
}

/** Reads a truth file; a file that is not one, or is cut within a record, is a fault. */
export function readTruth(path: string): Truth {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new Fault('truth_unreadable', `cannot read ${path}`, { context: { path }, cause });
  }
  const body = bytes.length - HEADER_BYTES;
  const sound =
    body >= 0 &&
    bytes.toString('latin1', 0, MAGIC.length) === MAGIC &&
    bytes.readUInt32LE(8) === FLOATS &&
    body % (FLOATS * 4) === 0;
  if (!sound) {
    throw new Fault('truth_corrupt', `${path} is no truth file, or is cut`, { context: { path } });
  }
  const values = new Float32Array(body / 4);
  new Uint8Array(values.buffer).set(bytes.subarray(HEADER_BYTES));
  return new Truth(values);
}
