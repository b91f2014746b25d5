/**
 * TFRecord files of tf.train.Example, as `tf.data.TFRecordDataset` reads them. A record is its length (8 bytes), the masked
 * CRC-32C of the length, the message, and the masked CRC-32C of the message, all little-endian.
 */
import type { Column } from '../../operators/column/column.ts';
import { valueAt } from '../../operators/column/column.ts';
import {
  LABEL_ABSENT,
  LABEL_KINDS,
  labelValue,
  ROW_AUDIT,
  ROW_KINDS,
  takenBack,
} from '../../operators/emission/emission-batch.ts';
import type { ExampleBlock } from '../block/block-decode.ts';
import type { Exporter } from '../block/export-schema.ts';
import { scalarKind } from '../block/export-schema.ts';
import { WireWriter } from '../block/wire.ts';
import { disk } from '../files.ts';
import { OutputFile } from '../sink/output-file.ts';
import { crc32c } from '../store/crc32c.ts';

/**
 * One Example a row: `id`, `time`, `emitted`, `kind`, `sample_rate`, `label.NAME.value` and its like, and features by name.
 * Whole numbers and bools are int64_list, texts bytes_list, floats float_list (float32, as TensorFlow's own). Null is no key.
 */
export class TfRecordExport implements Exporter {
  readonly #file: OutputFile;
  readonly #message = new WireWriter();
  readonly #frame = new Uint8Array(12);
  readonly #view = new DataView(this.#frame.buffer);

  private constructor(file: OutputFile) {
    this.#file = file;
  }

  static async open(path: string): Promise<TfRecordExport> {
    return new TfRecordExport(await OutputFile.open(disk, path, null));
  }

  async write(block: ExampleBlock): Promise<void> {
    for (let row = 0; row < block.rows; row++) {
      this.#message.clear();
      const features = this.#message.open(EXAMPLE_FEATURES);
      writeRow(this.#message, block, row);
      this.#message.shut(features);
      this.#record(this.#message.written());
    }
    await this.#file.settle();
  }

  async finish(): Promise<void> {
    await this.#file.commit();
    await this.#file.close();
  }

  abandon(): Promise<void> {
    return this.#file.close();
  }

  #record(message: Uint8Array): void {
    const { buffer } = this.#file;
    buffer.reserve(message.length + 16);
    this.#view.setBigUint64(0, BigInt(message.length), true);
    this.#view.setUint32(8, masked(crc32c(this.#frame.subarray(0, 8))), true);
    buffer.copy(this.#frame);
    buffer.copy(message);
    this.#view.setUint32(0, masked(crc32c(message)), true);
    buffer.copy(this.#frame.subarray(0, 4));
  }
}

/** Fields of tf.train.Example, Features, its map's entries, and Feature. */
const EXAMPLE_FEATURES = 1;
const FEATURES_ENTRY = 1;
const ENTRY = { key: 1, value: 2 } as const;
const FEATURE = { bytes: 1, floats: 2, ints: 3 } as const;
/** The one field of each of the three lists. */
const LIST_VALUE = 1;

/** Rotated and with a constant added, so that a sum over data that hold sums is none of them. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function writeRow(out: WireWriter, block: ExampleBlock, row: number): void {
  const taken = new Set(['id', 'time', 'emitted', 'kind', 'sample_rate']);
  put(out, 'id', 'text', [valueAt(block.id, row) as string]);
  put(out, 'time', 'whole', [block.time[row]!]);
  put(out, 'emitted', 'whole', [block.emitted[row]!]);
  put(out, 'kind', 'text', [ROW_KINDS[block.kind[row]!]!]);
  put(out, 'sample_rate', 'double', [block.sampleRate[row]!]);
  for (const label of block.labels) {
    const kind = label.kind[row]!;
    if (kind === LABEL_ABSENT) continue;
    const name = `label.${label.name}.`;
    if (label.credit === null) flag(out, `${name}value`, label.value[row]!);
    else fraction(out, `${name}value`, labelValue(label, row));
    fraction(out, `${name}was`, takenBack(label, row));
    put(out, `${name}kind`, 'text', [LABEL_KINDS[kind]!]);
    put(out, `${name}deadline`, 'whole', [label.deadline[row]!]);
    put(out, `${name}elapsed`, 'whole', [label.elapsed[row]!]);
    if (label.audit !== null && block.kind[row] === ROW_AUDIT) {
      flag(out, `${name}at_wait`, label.audit.atWait[row]!);
      flag(out, `${name}ever`, label.audit.ever[row]!);
    }
  }
  for (const { name, type, column } of block.columns) {
    const values = valuesAt(column, row);
    if (values !== null)
      put(out, taken.has(name) ? `feature.${name}` : name, scalarKind(type), values);
  }
}

function valuesAt(column: Column, row: number): readonly (string | number)[] | null {
  const value = valueAt(column, row);
  if (value === null) return null;
  if (typeof value === 'object') return value;
  return [typeof value === 'boolean' ? Number(value) : value];
}

/** 0 and 1 are themselves; 2 is none. */
function flag(out: WireWriter, key: string, value: number): void {
  if (value !== 2) put(out, key, 'whole', [value]);
}

/** As a float; null is no key. */
function fraction(out: WireWriter, key: string, value: number | null): void {
  if (value !== null) put(out, key, 'double', [value]);
}

function put(
  out: WireWriter,
  key: string,
  kind: ReturnType<typeof scalarKind>,
  values: readonly (string | number)[],
): void {
  const entry = out.open(FEATURES_ENTRY);
  out.string(ENTRY.key, key);
  const feature = out.open(ENTRY.value);
  const field = kind === 'text' ? FEATURE.bytes : kind === 'double' ? FEATURE.floats : FEATURE.ints;
  const list = out.open(field);
  if (kind === 'text') for (const value of values) out.string(LIST_VALUE, String(value));
  else if (kind === 'double') {
    const floats = Float32Array.from(values, Number);
    out.bytes(LIST_VALUE, new Uint8Array(floats.buffer));
  } else if (values.length > 0) {
    const packed = out.open(LIST_VALUE);
    for (const value of values) out.int64(Number(value));
    out.shut(packed);
  }
  out.shut(list);
  out.shut(feature);
  out.shut(entry);
}
