/**
 * Exponentially decayed count or sum, folded in step order: v = v * 2^(-(s - last) / halfLife) + x, read at t as
 * v * 2^(-(t - last) / halfLife). Without a slot x is 1; null values are skipped.
 * Section: v; own time of the last value, ms; how many values there were.
 */
import { numbersOf } from '../counter/counter-kernel.ts';
import { PAGE_SHIFT } from '../state/slab.ts';
import type { ValueStoreConstructor } from './value-store.ts';

export const decayedStore: ValueStoreConstructor = ({ store, records }) => {
  const slot = store.slots[0];
  const halfLife = store.halfLifeMs;
  let values: Float64Array | null = null;
  return {
    recordWords: 3,
    refs: [],
    init: () => {},
    open: (frame) => {
      values = slot === undefined ? null : numbersOf(frame, slot);
    },
    add: (at, row, time) => {
      const value = values === null ? 1 : values[row]!;
      if (Number.isNaN(value)) return;
      const { f64 } = records;
      const faded = f64[at + 2] === 0 ? 0 : f64[at]! * 2 ** (-(time - f64[at + 1]!) / halfLife);
      f64[at] = faded + value;
      f64[at + 1] = time;
      f64[at + 2]! += 1;
      records.dirty[at >> PAGE_SHIFT] = 1;
    },
    read: (at, time, _window, read, out, row) => {
      if (out.kind !== 'f64') return;
      const { f64 } = records;
      if (f64[at + 2] === 0) {
        if (read.fn === 'decayed_count') out.data[row] = 0;
        return;
      }
      out.data[row] = f64[at]! * 2 ** (-(time - f64[at + 1]!) / halfLife);
    },
  };
};
