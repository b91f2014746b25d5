import type { ExampleBlock } from '../block/block-decode.ts';
import type { Exporter } from '../block/export-schema.ts';
import { disk } from '../files.ts';
import { NdjsonRows } from '../sink/ndjson-rows.ts';
import { OutputFile } from '../sink/output-file.ts';

/** One emission a line, as a run writes them. A line has the columns of its own plan. */
export class NdjsonExport implements Exporter {
  readonly #file: OutputFile;
  #rows: NdjsonRows | null = null;
  #digest = '';

  private constructor(file: OutputFile) {
    this.#file = file;
  }

  static async open(path: string): Promise<NdjsonExport> {
    return new NdjsonExport(await OutputFile.open(disk, path, null));
  }

  async write(block: ExampleBlock): Promise<void> {
    if (this.#rows === null || this.#digest !== block.planDigest) {
      this.#rows = new NdjsonRows({ labels: block.labels, features: block.columns });
      this.#digest = block.planDigest;
    }
    const batch = {
      ...{ n: block.rows, emitted: block.emitted, time: block.time, id: block.id },
      ...{ kind: block.kind, labels: block.labels, sampleRate: block.sampleRate },
      features: block.columns.map(({ column }) => column),
    };
    for (let row = 0; row < block.rows; row++) this.#rows.append(this.#file.buffer, batch, row);
    await this.#file.settle();
  }

  async finish(): Promise<void> {
    await this.#file.commit();
    await this.#file.close();
  }

  abandon(): Promise<void> {
    return this.#file.close();
  }
}
