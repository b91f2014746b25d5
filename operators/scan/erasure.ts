/**
 * An erasure: a person's events before a time are as if they had never been written. It is applied where records come in,
 * so whatever is made of them afterwards, in state and outputs alike, is made without them.
 *
 * A person is known by hashes of keys: the keys themselves are kept nowhere. An event is theirs when one of its fields has
 * the name and the hash of one of the keys, and no time of its own at or after `before` (a record whose time cannot be read has none).
 */
import type { Plan, ScanField } from '../../compiler/plan/plan.ts';
import type { HashColumn } from '../column/column.ts';
import type { DecodedBatch } from '../decode/decoder.ts';
import { hashNumber, hashText, lanes } from '../hash.ts';

/** Hashes of a key's value, 16 hex digits each; `number`: as fields of numbers have it, null where it is none. */
export type ErasedKey = {
  readonly field: string;
  readonly text: string;
  readonly number: string | null;
};

export type Erasure = { readonly keys: readonly ErasedKey[]; readonly before: number };

export function erasedKey(field: string, value: string): ErasedKey {
  hashText(value);
  const text = hex();
  const asNumber = value.trim() === '' ? Number.NaN : Number(value);
  if (!Number.isFinite(asNumber)) return { field, text, number: null };
  hashNumber(asNumber);
  return { field, text, number: hex() };
}

/** Fields by which events can be found to be somebody's: those that the plan reads as keys or that are tagged. */
export function erasableFields(plan: Plan): string[] {
  const names = plan.scans.flatMap(({ fields }) => fields.filter(isErasable).map((f) => f.name));
  return [...new Set(names)].sort();
}

/** More in one folder is a Fault: their numbers would not fit beside rows. */
export const ERASURES_MAX = 65_535;

/** Marks the erased rows of batches, as they come from their sources. */
export class ErasedRows {
  /** By stream, then by scan field that is compared. */
  readonly #rules: readonly (readonly FieldRules[])[];
  readonly #timeFields: readonly number[];

  constructor(plan: Plan, erasures: readonly Erasure[]) {
    this.#timeFields = plan.streams.map(({ timeField }) => timeField);
    this.#rules = plan.streams.map(({ scan }) =>
      scan < 0 ? [] : rulesOf(plan.scans[scan]!.fields, erasures),
    );
  }

  mark(stream: number, batch: DecodedBatch): DecodedBatch {
    const timeField = this.#timeFields[stream]!;
    const time = timeField < 0 ? null : batch.columns[timeField]!.value;
    const times = time?.kind === 'f64' ? time.data : null;
    let erased: Uint16Array | null = null;
    for (const { column, byHash } of this.#rules[stream]!) {
      const keys = batch.columns[column]!.hash as HashColumn;
      for (let row = 0; row < batch.n; row++) {
        const rules = byHash.get(keys.lo[row]!);
        if (rules === undefined) continue;
        for (const { hi, before, number } of rules) {
          if (keys.hi[row] !== hi || (times !== null && times[row]! >= before)) continue;
          erased ??= new Uint16Array(batch.n);
          if (erased[row] === 0 || erased[row]! > number) erased[row] = number;
        }
      }
    }
    return erased === null ? batch : { ...batch, erased };
  }
}

type FieldRules = {
  readonly column: number;
  /** By the lower half of the hash. */
  readonly byHash: ReadonlyMap<number, readonly Rule[]>;
};

/** `number`: of the erasure, from 1. */
type Rule = { readonly hi: number; readonly before: number; readonly number: number };

function rulesOf(fields: readonly ScanField[], erasures: readonly Erasure[]): FieldRules[] {
  return fields.flatMap((field, column) => {
    if (!isErasable(field)) return [];
    const isText = field.type.kind === 'scalar' && field.type.name === 'string';
    const byHash = new Map<number, Rule[]>();
    for (const [i, { keys, before }] of erasures.entries()) {
      for (const key of keys) {
        const hash = isText ? key.text : key.number;
        if (key.field !== field.name || hash === null) continue;
        const lo = laneOf(hash.slice(0, 8));
        const hi = laneOf(hash.slice(8));
        byHash.set(lo, [...(byHash.get(lo) ?? []), { hi, before, number: i + 1 }]);
      }
    }
    return byHash.size === 0 ? [] : [{ column, byHash }];
  });
}

function laneOf(hex: string): number {
  return Number.parseInt(hex, 16) | 0;
}

function isErasable({ type, hash }: ScanField): boolean {
  return hash && type.kind === 'scalar' && type.name !== 'bool';
}

function hex(): string {
  return [...lanes].map((lane) => (lane >>> 0).toString(16).padStart(8, '0')).join('');
}
