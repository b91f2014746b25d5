/**
 * The protobuf field number of a column in an ExampleBlock: a hash of its name and type, so that adding, removing or
 * reordering features moves none, and a feature of another type never reads the bytes of the old one.
 */
import { createHash } from 'node:crypto';
import type { Type } from '../../dsl/types.ts';

/** What a field is of, beside its name. A column's unit and whether it may be null change no number. */
export type FieldOf = Type | 'label';

/** In [32, 2^29) outside 19000 .. 19999, which protobuf keeps to itself: the first 32 bits of SHA-256 of `name:type`. */
export function fieldNumber(name: string, of: FieldOf): number {
  const digest = createHash('sha256')
    .update(`${name}:${typeName(of)}`)
    .digest();
  const number = FIRST + (digest.readUInt32BE(0) % (2 ** 29 - FIRST));
  return number >= 19_000 && number <= 19_999 ? number + 1_000 : number;
}

/** Lower numbers are the block's own fields. */
const FIRST = 32;

/** Pairs of names (the earlier first) that share a field number: one of them must be renamed. */
export function sharedFieldNumbers(
  fields: readonly { readonly name: string; readonly of: FieldOf }[],
): (readonly [string, string])[] {
  const taken = new Map<number, string>();
  const shared: [string, string][] = [];
  for (const { name, of } of fields) {
    const number = fieldNumber(name, of);
    const before = taken.get(number);
    if (before === undefined) taken.set(number, name);
    else shared.push([before, name]);
  }
  return shared;
}

function typeName(of: FieldOf): string {
  if (of === 'label') return of;
  if (of.kind === 'error') return '?';
  return of.kind === 'list' ? `${of.of}[]` : of.name;
}
