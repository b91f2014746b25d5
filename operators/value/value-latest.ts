/**
 * A table's row as of t: the fields of the newest row, nulls included. Section: one word a field. No row reads as a
 * row of nulls.
 */
import { PAGE_SHIFT } from '../state/slab.ts';
import { ValueCell } from './value-cell.ts';
import type { ValueStoreConstructor } from './value-store.ts';

export const latestStore: ValueStoreConstructor = ({ store, records, slabs, name }) => {
  const cells = store.slots.map(
    (slot, i) => new ValueCell(slot, store.physical[i]!, slabs, `${name}.${i}`),
  );
  return {
    recordWords: cells.length,
    refs: [],
    init: (at) => {
      records.f64.fill(Number.NaN, at, at + cells.length);
    },
    open: (frame) => {
      for (const cell of cells) cell.open(frame);
    },
    add: (at, row) => {
      for (let i = 0; i < cells.length; i++) records.f64[at + i] = cells[i]!.read(row);
      records.dirty[at >> PAGE_SHIFT] = 1;
    },
    read: (at, _time, _window, read, out, row) => {
      if (read.fn === 'latest') cells[read.slot]!.write(records.f64[at + read.slot]!, out, row);
    },
  };
};
