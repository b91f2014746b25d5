/** An anchor's reference as five columns of a channel: id hash, time, partition, offset, home lane. */

import type { Column, F64Column } from '../column/column.ts';
import { hashOf } from '../enrich.ts';
import { AnchorList, type AnchorRows } from '../label/attribute-anchors.ts';

export const ANCHOR_COLUMNS = 5;

export function anchorColumns(anchors: AnchorList): Column[] {
  const { n } = anchors;
  const numbers = (from: ArrayLike<number>): Column => ({
    kind: 'f64',
    data: Float64Array.from({ length: n }, (_, i) => from[i]),
  });
  return [
    { kind: 'hash', lo: anchors.lo.slice(0, n), hi: anchors.hi.slice(0, n) },
    numbers(anchors.time),
    numbers(anchors.partition),
    numbers(anchors.offset),
    numbers(anchors.home),
  ];
}

export function anchorsOf(columns: readonly Column[]): Required<AnchorRows> {
  const numbers = (c: number) => (columns[c] as F64Column).data;
  const { lo, hi } = hashOf(columns[0]);
  return {
    ...{ lo, hi, time: numbers(1), offset: numbers(3) },
    partition: Int32Array.from(numbers(2)),
    home: Int32Array.from(numbers(4)),
  };
}

/** The references of rows 0 .. n. */
export function anchorList(columns: readonly Column[], n: number): AnchorList {
  const rows = anchorsOf(columns);
  const list = new AnchorList();
  for (let i = 0; i < n; i++) list.addRow(rows, i);
  return list;
}
