/** How a scan field is decoded: its kind as a small number, and the checks of its values. */
import type { ScanField } from '../../compiler/plan/plan.ts';
import type { ScalarName, TimeFormat } from '../../dsl/types.ts';
import { assert } from '../assert.ts';
import { REASON } from './decode-reasons.ts';

export const KIND = { text: 0, int: 1, float: 2, time: 3, iso: 4, bool: 5, list: 6 } as const;

/** Last millisecond of the year 9999. */
export const TIME_MAX_MS = 253402300799999;

/** A scan field, resolved: what `kind` its values (for lists: its elements) have, and what the plan wants of it. */
export type FieldSpec = {
  readonly name: string;
  readonly kind: number;
  /** For lists: kind of an element; otherwise `kind`. */
  readonly element: number;
  readonly format: TimeFormat;
  readonly nullable: boolean;
  readonly value: boolean;
  readonly hash: boolean;
};

export function fieldSpec(field: ScanField): FieldSpec {
  const { type } = field;
  assert(type.kind !== 'error', `scan field ${field.name} has no type`);
  const format = field.timeFormat ?? 'ms';
  const element = kindOf(type.kind === 'list' ? type.of : type.name, format);
  return {
    name: field.name,
    kind: type.kind === 'list' ? KIND.list : element,
    element,
    format,
    nullable: type.nullable,
    value: field.value,
    hash: field.hash,
  };
}

/** A number as a value of the field (times as ms); NaN when it cannot be one, see `numberReason`. */
export function fieldNumber(kind: number, format: TimeFormat, value: number): number {
  if (kind === KIND.float) return value - value === 0 ? value : Number.NaN;
  if (kind === KIND.int) return Number.isSafeInteger(value) ? value : Number.NaN;
  if (kind !== KIND.time) return Number.NaN;
  const ms = timeMs(format, value);
  return ms >= 0 && ms <= TIME_MAX_MS ? ms : Number.NaN;
}

/** Why `fieldNumber` refused a value. */
export function numberReason(kind: number, format: TimeFormat, value: number): number {
  if (kind === KIND.float) return REASON.range;
  if (kind === KIND.int) return Number.isInteger(value) ? REASON.range : wholeOrRange(value);
  if (kind !== KIND.time) return REASON.type;
  return format === 's' || Number.isInteger(value) ? REASON.timeRange : wholeOrRange(value);
}

/** Fractional seconds are read to the microsecond, then floored: 1.001 s is 1001 ms though 1.001 * 1000 is less. */
function timeMs(format: TimeFormat, value: number): number {
  if (format === 's') return Math.floor(Math.round(value * 1e6) / 1000);
  if (!Number.isInteger(value)) return Number.NaN;
  return format === 'us' ? Math.floor(value / 1000) : value;
}

function wholeOrRange(value: number): number {
  return Number.isFinite(value) ? REASON.whole : REASON.range;
}

function kindOf(name: ScalarName, format: TimeFormat): number {
  switch (name) {
    case 'string':
      return KIND.text;
    case 'bool':
      return KIND.bool;
    case 'float':
      return KIND.float;
    case 'timestamp':
      return format === 'iso' ? KIND.iso : KIND.time;
    case 'int':
    case 'money':
    case 'duration':
      return KIND.int;
  }
}
