import { closeSync, openSync, writeSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { Fault } from '../fault.ts';

/** Bytes gathered before a write; a gzip file gets one member per write. */
const CHUNK_BYTES = 1 << 20;
/** No line is longer than this. */
const LINE_BYTES_MAX = 1024;

/** ASCII text as bytes, prepared once. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/**
 * Writes a file in pieces of ASCII and numbers without making strings. Synchronous; memory is one
 * chunk. A failed write is a fault with the path.
 */
export class LineWriter {
  bytesWritten = 0;
  readonly #path: string;
  readonly #gzip: boolean;
  readonly #file: number;
  readonly #chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  #at = 0;

  constructor(path: string, options: { gzip: boolean }) {
    this.#path = path;
    this.#gzip = options.gzip;
    this.#file = this.#guarded(() => openSync(path, 'w'));
  }

  text(bytes: Uint8Array): void {
    const chunk = this.#chunk;
    let at = this.#at;
    for (let i = 0; i < bytes.length; i++) chunk[at++] = bytes[i]!;
    this.#at = at;
  }

  /** A whole number below 2^53, not negative. */
  integer(value: number): void {
    const chunk = this.#chunk;
    let digits = 1;
    for (let limit = 10; value >= limit; limit *= 10) digits++;
    let at = this.#at + digits;
    this.#at = at;
    // The low nine digits are divided as 32-bit integers, which is several times faster.
    while (value >= 1e9) {
      const rest = Math.floor(value / 10);
      chunk[--at] = 48 + (value - rest * 10);
      value = rest;
    }
    let low = value | 0;
    do {
      const rest = (low / 10) | 0;
      chunk[--at] = 48 + (low - rest * 10);
      low = rest;
    } while (low > 0);
  }

  /** Hundredths as a decimal number: 1250 is 12.5. */
  hundredths(value: number): void {
    this.integer(Math.floor(value / 100));
    const fraction = value % 100;
    if (fraction === 0) return;
    this.#chunk[this.#at++] = 46;
    this.#chunk[this.#at++] = 48 + Math.floor(fraction / 10);
    if (fraction % 10 !== 0) this.#chunk[this.#at++] = 48 + (fraction % 10);
  }

  /** Ends the line; between lines the chunk may be written out. */
  endLine(): void {
    this.#chunk[this.#at++] = 10;
    if (this.#at > CHUNK_BYTES - LINE_BYTES_MAX) this.flush();
  }

  flush(): void {
    if (this.#at === 0) return;
    const filled = this.#chunk.subarray(0, this.#at);
    const bytes = this.#gzip ? gzipSync(filled, { level: 1 }) : filled;
    this.#guarded(() => {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(this.#file, bytes, done, bytes.length - done);
      }
    });
    this.bytesWritten += bytes.length;
    this.#at = 0;
  }

  close(): void {
    this.flush();
    closeSync(this.#file);
  }

  #guarded<T>(act: () => T): T {
    try {
      return act();
    } catch (cause) {
      const message = `cannot write ${this.#path}`;
      throw new Fault('write_failed', message, { context: { path: this.#path }, cause });
    }
  }
}
