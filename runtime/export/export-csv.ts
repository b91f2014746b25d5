import { stringify } from 'csv-stringify/sync';
import type { Value } from '../../operators/column/column.ts';
import type { ExampleBlock } from '../block/block-decode.ts';
import { blockRow } from '../block/block-row.ts';
import type { Exporter, ExportSchema } from '../block/export-schema.ts';
import { disk } from '../files.ts';
import { OutputFile } from '../sink/output-file.ts';

/**
 * RFC 4180 with a header line: the row's own cells, then `label.NAME.value` and its like, then the features by name (as
 * `feature.NAME` where the name is taken). Null is an empty cell, an empty text is "", a list is JSON.
 */
export class CsvExport implements Exporter {
  readonly #file: OutputFile;
  readonly #schema: ExportSchema;

  private constructor(file: OutputFile, schema: ExportSchema) {
    this.#file = file;
    this.#schema = schema;
  }

  static async open(path: string, schema: ExportSchema): Promise<CsvExport> {
    const made = new CsvExport(await OutputFile.open(disk, path, null), schema);
    made.#put(stringify([columnNames(schema)]));
    return made;
  }

  async write(block: ExampleBlock): Promise<void> {
    const at = new Map(block.columns.map(({ name }, i) => [name, i]));
    const places = this.#schema.columns.map(({ name }) => at.get(name));
    const records = Array.from({ length: block.rows }, (_, i) => {
      const row = blockRow(block, i);
      return [
        ...[row.id, row.time, row.emitted, row.kind ?? 'example', row.sampleRate],
        ...this.#schema.labels.flatMap(({ name, isFraction }) => {
          const label = row.labels[name];
          if (label === undefined) return new Array(LABEL.length + (isFraction ? 1 : 0)).fill(null);
          const { value, kind, deadline, elapsed, atWait, ever, was } = label;
          return [value, kind, deadline, elapsed, atWait, ever, ...(isFraction ? [was] : [])];
        }),
        ...places.map((place) => cell(place === undefined ? null : row.features[place]!)),
      ];
    });
    this.#put(stringify(records, CELLS));
    await this.#file.settle();
  }

  async finish(): Promise<void> {
    await this.#file.commit();
    await this.#file.close();
  }

  abandon(): Promise<void> {
    return this.#file.close();
  }

  #put(text: string): void {
    const bytes = Buffer.from(text);
    this.#file.buffer.reserve(bytes.length);
    this.#file.buffer.copy(bytes);
  }
}

const CELLS = { quoted_empty: true, cast: { boolean: String } } as const;

const ROW = ['id', 'time', 'emitted', 'kind', 'sample_rate'];
const LABEL = ['value', 'kind', 'deadline', 'elapsed', 'at_wait', 'ever'];

function columnNames(schema: ExportSchema): string[] {
  const names = [
    ...ROW,
    ...schema.labels.flatMap(({ name, isFraction }) =>
      [...LABEL, ...(isFraction ? ['was'] : [])].map((part) => `label.${name}.${part}`),
    ),
  ];
  const taken = new Set(names);
  return [
    ...names,
    ...schema.columns.map(({ name }) => (taken.has(name) ? `feature.${name}` : name)),
  ];
}

function cell(value: Value): string | number | boolean | null {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
}
