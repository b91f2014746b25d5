/** Bytes cut at line ends, a chunk read ahead; where whoever writes pauses, a chunk is what is there. */
import { LINE_BYTES_MAX } from '../../operators/decode/decoder.ts';
import { SLACK_BYTES } from '../../operators/decode/ndjson-scanner.ts';
import { settlesFirst } from '../settles-first.ts';
import type { ByteSource } from './source-bytes.ts';

/** A chunk holds about so many bytes of whole lines; more only where one line is longer. */
export const CHUNK_BYTES = 1 << 19;
/** A pipe that brings nothing for so many ms pauses. */
const PAUSE_MS = 50;

const NEWLINE = 10;

/**
 * Whole lines: bytes[0 .. end), the last byte a newline, SLACK_BYTES after it. They stand at [from, to) in the source;
 * `to - from` differs from `end` where a line was cut short or the last newline is ours. A line longer than
 * LINE_BYTES_MAX comes cut to one byte more than that, so whoever decodes it sees that it is too long.
 */
export type LineChunk = {
  readonly bytes: Uint8Array;
  readonly end: number;
  readonly from: number;
  readonly to: number;
};

export class LineReader {
  readonly #source: ByteSource;
  /** Bytes read and not given out: #buffer[0 .. #filled), at #position in the source. */
  #buffer: Uint8Array = newBuffer(CHUNK_BYTES);
  #filled = 0;
  #position: number;
  /** A line that is too long, cut, while its rest is passed over: only then is it known where it ends. */
  #cutLine: LineChunk | null = null;
  #ended = false;
  /** Why the source gave out; thrown once what was whole has been given out. */
  #failure: Error | null = null;
  #ahead: Promise<LineChunk | null> | null = null;

  /** `position`: where in the source `source` begins, a line's start. */
  constructor(source: ByteSource, position: number) {
    this.#source = source;
    this.#position = position;
  }

  /** The next chunk; null at the end. A Fault of the source comes after every line that was whole. */
  async next(): Promise<LineChunk | null> {
    const chunk = await (this.#ahead ?? this.#read());
    this.#ahead = chunk === null ? null : this.#read();
    // It is awaited by the next call; until then nobody listens.
    this.#ahead?.catch(() => {});
    return chunk;
  }

  async close(): Promise<void> {
    // First: what is read ahead may wait for whoever writes.
    await this.#source.close();
    await this.#ahead?.catch(() => {});
  }

  async #read(): Promise<LineChunk | null> {
    for (;;) {
      const chunk = this.#cut();
      if (chunk !== null) return chunk;
      if (this.#ended) return null;
      if (this.#failure !== null) throw this.#failure;
      const early = (await this.#pauses()) ? this.#wholeLines() : null;
      if (early !== null) return early;
      if (this.#filled >= CHUNK_BYTES) this.#grow();
      const limit = this.#filled < CHUNK_BYTES ? CHUNK_BYTES : BUFFER_BYTES;
      let got = 0;
      try {
        got = await this.#source.read(this.#buffer.subarray(0, limit), this.#filled);
      } catch (fault) {
        this.#failure = fault instanceof Error ? fault : new Error(String(fault));
        const last = this.#cutLine === null ? this.#wholeLines() : this.#skip();
        this.#filled = 0;
        if (last === null) throw fault;
        return last;
      }
      this.#filled += got;
      this.#ended = got === 0;
      if (this.#position === 0 && this.#filled >= 3) this.#dropByteOrderMark();
    }
  }

  /** Whether what is there is all there is for now. */
  async #pauses(): Promise<boolean> {
    const { ready } = this.#source;
    if (ready === undefined || this.#filled === 0 || this.#cutLine !== null) return false;
    return !(await settlesFirst(ready(), PAUSE_MS, () => true));
  }

  /** What can be given out now, or null to read on. */
  #cut(): LineChunk | null {
    if (this.#cutLine !== null) return this.#skip();
    if (this.#filled < CHUNK_BYTES && !this.#ended) return null;
    if (this.#ended && this.#filled > 0 && this.#buffer[this.#filled - 1] !== NEWLINE) {
      return this.#take(this.#filled, this.#filled, 1);
    }
    const whole = this.#wholeLines();
    if (whole !== null || this.#filled <= LINE_BYTES_MAX) return whole;
    this.#cutLine = this.#take(LINE_BYTES_MAX + 1, this.#filled, 1);
    return null;
  }

  #wholeLines(): LineChunk | null {
    if (this.#filled === 0) return null;
    const end = this.#buffer.lastIndexOf(NEWLINE, this.#filled - 1) + 1;
    return end === 0 ? null : this.#take(end, end, 0);
  }

  /** Gives out buffer[0 .. end) with `newlines` (0 or 1) put after it, and keeps what follows `used`. */
  #take(end: number, used: number, newlines: number): LineChunk {
    const bytes = this.#buffer;
    const rest = bytes.subarray(used, this.#filled);
    this.#buffer = newBuffer(rest.length < CHUNK_BYTES ? CHUNK_BYTES : BUFFER_BYTES);
    this.#buffer.set(rest);
    this.#filled = rest.length;
    if (newlines === 1) bytes[end] = NEWLINE;
    const from = this.#position;
    this.#position += used;
    const view = bytes.subarray(0, end + newlines + SLACK_BYTES);
    return { bytes: view, end: end + newlines, from, to: this.#position };
  }

  /** Passes over the rest of the line that was cut; the line itself, once its end (or the source's) is found. */
  #skip(): LineChunk | null {
    const newline = this.#buffer.subarray(0, this.#filled).indexOf(NEWLINE);
    const dropped = newline < 0 ? this.#filled : newline + 1;
    this.#buffer.copyWithin(0, dropped, this.#filled);
    this.#filled -= dropped;
    this.#position += dropped;
    if (newline < 0 && !this.#ended && this.#failure === null) return null;
    const line = this.#cutLine!;
    this.#cutLine = null;
    return { ...line, to: this.#position };
  }

  /** A line is longer than a chunk: room for the longest there may be. */
  #grow(): void {
    if (this.#buffer.length > BUFFER_BYTES) return;
    const grown = newBuffer(BUFFER_BYTES);
    grown.set(this.#buffer.subarray(0, this.#filled));
    this.#buffer = grown;
  }

  #dropByteOrderMark(): void {
    const [a, b, c] = this.#buffer;
    if (a !== 0xef || b !== 0xbb || c !== 0xbf) return;
    this.#buffer.copyWithin(0, 3, this.#filled);
    this.#filled -= 3;
    this.#position = 3;
  }
}

/** A line that is just not too long may begin at the end of a full chunk. */
const BUFFER_BYTES = CHUNK_BYTES + LINE_BYTES_MAX + 1;

/** Room for a newline of ours and the slack besides. */
function newBuffer(size: number): Uint8Array {
  return new Uint8Array(size + 1 + SLACK_BYTES);
}
