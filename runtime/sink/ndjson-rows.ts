import { BOOL_NULL, type Column, type TextColumn } from '../../operators/column/column.ts';
import {
  type EmissionBatch,
  LABEL_ABSENT,
  LABEL_KINDS,
  labelValue,
  ROW_AUDIT,
  ROW_SHOWN,
  takenBack,
} from '../../operators/emission/emission-batch.ts';
import { type JsonBytes, NUMBER_BYTES } from './json-bytes.ts';

const ID = Buffer.from('{"id":');
const TIME = Buffer.from(',"time":');
const EMITTED = Buffer.from(',"emitted":');
const SHOWN = Buffer.from(',"kind":"shown"');
const AUDIT = Buffer.from(',"kind":"audit"');
const LABELS = Buffer.from(',"labels":{');
const KIND = Buffer.from(',"kind":"');
const WAS = Buffer.from(',"was":');
const AT_WAIT = Buffer.from(',"at_wait":');
const EVER = Buffer.from(',"ever":');
const FEATURES = Buffer.from('},"features":{');
const SAMPLE_RATE = Buffer.from('},"sample_rate":');
const NULL = Buffer.from('null');
const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const COMMA = 0x2c;
const QUOTE = 0x22;
const KIND_BYTES = LABEL_KINDS.map((kind) => Buffer.from(kind));

type NamedColumns = {
  readonly labels: readonly { readonly name: string }[];
  readonly features: readonly { readonly name: string }[];
};

/** Writes emissions as the documented NDJSON lines, straight from columns. */
export class NdjsonRows {
  readonly #labelKeys: readonly Uint8Array[];
  readonly #featureKeys: readonly Uint8Array[];
  /** Room for all of a row but its texts and lists. */
  readonly #fixedBytes: number;

  /** Of an example set's plan, or of a block: only the names count. */
  constructor(plan: NamedColumns) {
    this.#labelKeys = plan.labels.map((label) =>
      Buffer.from(`${JSON.stringify(label.name)}:{"value":`),
    );
    this.#featureKeys = plan.features.map((feature, i) =>
      Buffer.from(`${i === 0 ? '' : ','}${JSON.stringify(feature.name)}:`),
    );
    let bytes = 256 + 3 * NUMBER_BYTES;
    for (const key of this.#labelKeys) bytes += key.length + 96 + 2 * NUMBER_BYTES;
    for (const key of this.#featureKeys) bytes += key.length + NUMBER_BYTES;
    this.#fixedBytes = bytes;
  }

  /** One line, its newline included. */
  append(out: JsonBytes, batch: EmissionBatch, row: number): void {
    out.reserve(this.#fixedBytes);
    out.literal(ID);
    writeText(out, batch.id, row);
    out.reserve(this.#fixedBytes);
    out.literal(TIME);
    out.number(batch.time[row]!);
    out.literal(EMITTED);
    out.number(batch.emitted[row]!);
    const kind = batch.kind[row]!;
    if (kind === ROW_SHOWN) out.literal(SHOWN);
    else if (kind === ROW_AUDIT) out.literal(AUDIT);
    this.#labels(out, batch, row);
    out.literal(FEATURES);
    this.#features(out, batch, row);
    out.literal(SAMPLE_RATE);
    out.number(batch.sampleRate[row]!);
    out.byte(0x7d);
    out.byte(0x0a);
  }

  #labels(out: JsonBytes, batch: EmissionBatch, row: number): void {
    out.literal(LABELS);
    const isAudit = batch.kind[row] === ROW_AUDIT;
    let first = true;
    for (let i = 0; i < this.#labelKeys.length; i++) {
      const label = batch.labels[i]!;
      const kind = label.kind[row]!;
      if (kind === LABEL_ABSENT) continue;
      if (!first) out.byte(COMMA);
      first = false;
      out.literal(this.#labelKeys[i]!);
      if (label.credit === null || label.value[row] !== 1) writeFlag(out, label.value[row]!);
      else out.number(labelValue(label, row)!);
      out.literal(KIND);
      out.literal(KIND_BYTES[kind]!);
      out.byte(QUOTE);
      const was = takenBack(label, row);
      if (was !== null) {
        out.literal(WAS);
        out.number(was);
      }
      if (isAudit && label.audit !== null) {
        out.literal(AT_WAIT);
        writeFlag(out, label.audit.atWait[row]!);
        out.literal(EVER);
        writeFlag(out, label.audit.ever[row]!);
      }
      out.byte(0x7d);
    }
  }

  #features(out: JsonBytes, batch: EmissionBatch, row: number): void {
    const { features } = batch;
    for (let i = 0; i < features.length; i++) {
      out.literal(this.#featureKeys[i]!);
      const column = features.at(i)!;
      if (column.kind === 'f64') {
        out.number(column.data[row]!);
      } else {
        writeValue(out, column, row);
        out.reserve(this.#fixedBytes);
      }
    }
  }
}

/** One value of any column as JSON. */
function writeValue(out: JsonBytes, column: Column, row: number): void {
  switch (column.kind) {
    case 'f64':
      out.number(column.data[row]!);
      return;
    case 'bool':
      out.literal(column.data[row] === BOOL_NULL ? NULL : column.data[row] === 1 ? TRUE : FALSE);
      return;
    case 'text':
      writeText(out, column, row);
      return;
    case 'list_f64':
    case 'list_text':
      writeList(out, column, row);
      return;
    case 'hash':
      throw new Error('a hash is no value of an example');
  }
}

function writeText(out: JsonBytes, column: TextColumn, row: number): void {
  const start = column.start[row]!;
  if (start < 0) out.literal(NULL);
  else out.text(column.bytes, start, column.end[row]!);
}

function writeList(
  out: JsonBytes,
  column: Extract<Column, { kind: 'list_f64' | 'list_text' }>,
  row: number,
): void {
  if (column.isNull !== null && column.isNull[row] === 1) {
    out.literal(NULL);
    return;
  }
  const from = column.offsets[row]!;
  const to = column.offsets[row + 1]!;
  out.byte(0x5b);
  for (let i = from; i < to; i++) {
    out.reserve(NUMBER_BYTES + 2);
    if (i > from) out.byte(COMMA);
    if (column.kind === 'list_f64') out.number(column.values[i]!);
    else writeText(out, column.values, i);
  }
  out.reserve(2);
  out.byte(0x5d);
}

/** 0, 1 or null. */
function writeFlag(out: JsonBytes, value: number): void {
  if (value === 2) out.literal(NULL);
  else out.byte(0x30 + value);
}
