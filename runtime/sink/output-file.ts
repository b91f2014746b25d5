/**
 * One output file: appended to through a buffer, committed by length. What lies behind the committed length after a
 * crash is cut off at open and made again.
 */
import { SINK_BUFFER_BYTES } from '../config.ts';
import { Fault } from '../fault.ts';
import type { AppendFile, Files } from '../files.ts';
import type { OutputPosition } from '../log/progress.ts';
import { JsonBytes } from './json-bytes.ts';

export class OutputFile {
  /** Write here, then call `settle`. */
  readonly buffer: JsonBytes;
  /** Rows written, buffered ones included. */
  rows: number;
  readonly #file: AppendFile;

  private constructor(file: AppendFile, rows: number, bufferBytes: number) {
    this.#file = file;
    this.rows = rows;
    this.buffer = new JsonBytes(bufferBytes);
  }

  /** `at` is the committed position; null: nothing is committed and the file starts empty. The buffer grows as needed. */
  static async open(
    files: Files,
    path: string,
    at: OutputPosition | null,
    bufferBytes: number = SINK_BUFFER_BYTES + 65_536,
  ): Promise<OutputFile> {
    const file = await files.open(path);
    const bytes = at?.bytes ?? 0;
    if (file.length < bytes) {
      await file.close();
      throw new Fault(
        'output_cut',
        `${path} has ${file.length} bytes, but ${bytes} were committed: somebody cut or replaced it. Start over with --fresh.`,
        { context: { path, bytes: file.length, committed: bytes } },
      );
    }
    if (file.length > bytes) await file.truncate(bytes);
    return new OutputFile(file, at?.rows ?? 0, bufferBytes);
  }

  get path(): string {
    return this.#file.path;
  }

  /** Hands the buffer to the file once it is full enough. */
  async settle(): Promise<void> {
    if (this.buffer.at >= SINK_BUFFER_BYTES) await this.#drain();
  }

  /** Everything written is on the disk when this returns; the position is what a commit records. */
  async commit(): Promise<OutputPosition> {
    if (this.buffer.at > 0) await this.#drain();
    await this.#file.sync();
    return { bytes: this.#file.length, rows: this.rows };
  }

  /** Bytes in the file: what is in the buffer is not. */
  get length(): number {
    return this.#file.length;
  }

  /** The first bytes of what is in the file. */
  head(bytes: number): Promise<Uint8Array> {
    return this.readAt(0, bytes);
  }

  /** Up to `bytes` bytes of what is in the file. */
  readAt(at: number, bytes: number): Promise<Uint8Array> {
    return this.#file.readAt(at, bytes);
  }

  /** Appends what is in the file from a byte on to another file. */
  async copyTo(to: AppendFile, from = 0): Promise<void> {
    for (let at = from; at < this.#file.length; ) {
      const bytes = await this.#file.readAt(at, SINK_BUFFER_BYTES);
      await to.append(bytes);
      at += bytes.length;
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #drain(): Promise<void> {
    await this.#file.append(this.buffer.written());
    this.buffer.clear();
  }
}
