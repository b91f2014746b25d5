import { dirname, join } from 'node:path';
import type { EmissionBatch } from '../../operators/emission/emission-batch.ts';
import { blockLayout } from '../block/block-layout.ts';
import { protoText } from '../block/block-proto.ts';
import { BLOCK_OPTIONS, BlockWriter } from '../block/block-writer.ts';
import { WireWriter } from '../block/wire.ts';
import { BLOCK_ROWS } from '../config.ts';
import type { OutputPosition } from '../log/progress.ts';
import { OutputFile } from './output-file.ts';
import { type Sink, type SinkParts, safeName } from './sink.ts';

/** FOLDER/<set>.block: (varint length, ExampleBlock) one after another, with FOLDER/<set>.proto beside it. */
export class BlockSink implements Sink {
  readonly name: string;
  readonly #file: OutputFile;
  readonly #writer: BlockWriter;
  readonly #length = new WireWriter();

  private constructor(name: string, file: OutputFile, writer: BlockWriter) {
    this.name = name;
    this.#file = file;
    this.#writer = writer;
  }

  static async open(folder: string, name: string, more: SinkParts): Promise<BlockSink> {
    const { block = BLOCK_OPTIONS } = more;
    const layout = blockLayout(more.plan, more.origins);
    const path = join(folder, name);
    const file = await OutputFile.open(more.files, path, more.at);
    const proto = join(dirname(path), `${safeName(more.plan.name)}.proto`);
    await more.files.replace(proto, Buffer.from(protoText(layout, block.floats)));
    return new BlockSink(name, file, new BlockWriter(layout, more.planDigest, block));
  }

  get rows(): number {
    return this.#file.rows;
  }

  async write(batch: EmissionBatch, skip: Uint8Array | null): Promise<void> {
    const rows = keptRows(batch.n, skip);
    for (let from = 0; from < rows.length; from += BLOCK_ROWS) {
      const part = rows.subarray(from, from + BLOCK_ROWS);
      const block = this.#writer.encode(batch, part, this.#file.rows);
      this.#length.clear();
      this.#length.varint(block.length);
      const { buffer } = this.#file;
      buffer.reserve(block.length + this.#length.length);
      buffer.copy(this.#length.written());
      buffer.copy(block);
      this.#file.rows += part.length;
      await this.#file.settle();
    }
  }

  commit(): Promise<OutputPosition> {
    return this.#file.commit();
  }

  async finish(): Promise<void> {}

  close(): Promise<void> {
    return this.#file.close();
  }
}

function keptRows(n: number, skip: Uint8Array | null): Int32Array {
  const rows = new Int32Array(n);
  let count = 0;
  for (let row = 0; row < n; row++) if (skip === null || skip[row] === 0) rows[count++] = row;
  return rows.subarray(0, count);
}
