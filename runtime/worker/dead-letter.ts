/**
 * A record that was set aside, as a record of the dead letters. It must not be what stops a run: whatever its size was, its letter is one
 * that brokers take. What is cut or left out is said in a header, and where the whole record lies is there always.
 */
import { RECORD_BYTES_MAX } from '../config.ts';
import type { ProducedRecord } from './cluster.ts';

export type DeadRecord = {
  readonly kind: 'late' | 'malformed' | 'quarantined';
  readonly reason: string;
  readonly value: Uint8Array | null;
  readonly key: Uint8Array | null;
  /** Where it came from. */
  readonly place: Readonly<Record<string, string>>;
  /** The headers it had. */
  readonly headers: Readonly<Record<string, string>>;
};

/** Bytes of each part that are kept. */
const VALUE_BYTES_MAX = RECORD_BYTES_MAX;
const KEY_BYTES_MAX = 16 * 1024;
const HEADER_BYTES_MAX = 16 * 1024;
const REASON_CHARACTERS_MAX = 4096;

export function deadLetter({
  kind,
  reason,
  value,
  key,
  place,
  headers,
}: DeadRecord): ProducedRecord {
  const kept = fitting(headers);
  const left = Object.keys(headers).length - Object.keys(kept).length;
  return {
    key: key?.slice(0, KEY_BYTES_MAX) ?? null,
    value: value?.slice(0, VALUE_BYTES_MAX) ?? null,
    headers: {
      ...kept,
      ...place,
      'millrace.kind': kind,
      'millrace.reason': reason.slice(0, REASON_CHARACTERS_MAX),
      ...(isOver(value, VALUE_BYTES_MAX) ? { 'millrace.cut_value': `${value!.length} bytes` } : {}),
      ...(isOver(key, KEY_BYTES_MAX) ? { 'millrace.cut_key': `${key!.length} bytes` } : {}),
      ...(left > 0 ? { 'millrace.left_headers': `${left}` } : {}),
    },
  };
}

function isOver(bytes: Uint8Array | null, max: number): boolean {
  return bytes !== null && bytes.length > max;
}

/** The first headers, as many as there is room for. */
function fitting(headers: Readonly<Record<string, string>>): Record<string, string> {
  const kept: Record<string, string> = {};
  let bytes = 0;
  for (const [name, text] of Object.entries(headers)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(text);
    if (bytes > HEADER_BYTES_MAX) break;
    kept[name] = text;
  }
  return kept;
}
