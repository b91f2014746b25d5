import type { ScanField } from '../../compiler/plan/plan.ts';
import { BATCH_ROWS_MAX, LINE_BYTES_MAX } from '../../operators/decode/decoder.ts';
import type { ProtobufSchema } from '../../operators/decode/protobuf.ts';
import { ProtobufDecoder } from '../../operators/decode/protobuf.ts';
import { Fault } from '../fault.ts';
import type { ReadPosition, RecordReader } from '../run/record-reader.ts';
import type { ByteSource } from './source-bytes.ts';
import { openBytes } from './source-bytes.ts';

const BUFFER_BYTES = 1 << 16;

/** A file of messages, each after its length as a varint. Goes on from a byte position. */
export async function openProtobuf(
  path: string,
  fields: readonly ScanField[],
  at: ReadPosition,
  schema: ProtobufSchema,
): Promise<RecordReader> {
  const decoder = new ProtobufDecoder(schema, fields);
  const source = await openBytes(path, at.bytes);
  const messages = new MessageReader(source, path, at.bytes);
  let { rows, bytes } = at;
  const read = async (rowsMax: number) => {
    const limit = Math.min(rowsMax, BATCH_ROWS_MAX);
    decoder.begin(limit);
    while (decoder.rows < limit) {
      const message = await messages.next();
      if (message === 'end') break;
      decoder.add(message);
    }
    if (decoder.rows === 0) {
      messages.check();
      return null;
    }
    const batch = decoder.finish(rows);
    rows += batch.n;
    bytes = messages.position;
    return batch;
  };
  return { read, position: () => ({ rows, bytes }), close: source.close };
}

class MessageReader {
  readonly #source: ByteSource;
  readonly #path: string;
  #buffer: Uint8Array = new Uint8Array(BUFFER_BYTES);
  #from = 0;
  #to = 0;
  #failure: Error | null = null;
  /** Behind the last whole message. */
  position: number;

  constructor(source: ByteSource, path: string, position: number) {
    this.#source = source;
    this.#path = path;
    this.position = position;
  }

  /** The next message's bytes (good until the next call), null for one that is too long; or the end. */
  async next(): Promise<Uint8Array | null | 'end'> {
    let length = 0;
    let digits = 0;
    for (let byte = 128; byte >= 128; digits++) {
      if (this.#failure !== null || !(await this.#fill(1))) {
        return digits === 0 ? 'end' : this.#stop('ends inside a message length');
      }
      if (digits === 8) return this.#stop('has a message length that is no varint');
      byte = this.#buffer[this.#from++]!;
      length += (byte & 127) * 128 ** digits;
    }
    if (length > LINE_BYTES_MAX) {
      if (!(await this.#skip(length))) return this.#stop('ends inside a message');
      this.position += digits + length;
      return null;
    }
    if (!(await this.#fill(length))) return this.#stop('ends inside a message');
    this.position += digits + length;
    this.#from += length;
    return this.#buffer.subarray(this.#from - length, this.#from);
  }

  /** Throws what made the messages end, once all whole ones are handed out. */
  check(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  #stop(why: string): 'end' {
    const context = { path: this.#path, position: this.position };
    this.#failure ??= new Fault('truncated', `${this.#path} ${why}`, { context });
    return 'end';
  }

  /** Has at least `size` bytes at hand; false at the end. */
  async #fill(size: number): Promise<boolean> {
    while (this.#to - this.#from < size) {
      if (this.#from > 0) {
        this.#buffer.copyWithin(0, this.#from, this.#to);
        this.#to -= this.#from;
        this.#from = 0;
      }
      if (size > this.#buffer.length) {
        const grown = new Uint8Array(size);
        grown.set(this.#buffer.subarray(0, this.#to));
        this.#buffer = grown;
      }
      const got = await this.#source.read(this.#buffer, this.#to).catch((fault: Error) => {
        this.#failure = fault;
        return 0;
      });
      if (got === 0) return false;
      this.#to += got;
    }
    return true;
  }

  async #skip(size: number): Promise<boolean> {
    for (let left = size; left > 0; ) {
      if (!(await this.#fill(1))) return false;
      const dropped = Math.min(left, this.#to - this.#from);
      this.#from += dropped;
      left -= dropped;
    }
    return true;
  }
}
