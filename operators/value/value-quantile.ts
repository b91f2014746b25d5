/** Quantiles of a window's numbers. */
import { assert } from '../assert.ts';
import { numbersOf } from '../counter/counter-kernel.ts';
import { SLICE_ENTRIES_MAX } from '../sketch/sketch-family.ts';
import { SketchStore } from '../sketch/sketch-store.ts';
import { QuantileAnswering } from './value-quantile-answer.ts';
import { type QuantileParts, QuantileSummaries, QuantileUnions } from './value-quantile-summary.ts';
import type { ValueStoreConstructor } from './value-store.ts';

export const quantileStore: ValueStoreConstructor = (context) => {
  const { store, slabs, name } = context;
  const slot = store.slots[0]!;
  assert(store.physical[0] === 'f64', 'quantiles are of numbers');
  const answering = new QuantileAnswering();
  const parts: QuantileParts = { answering, blocks: slabs.open(`${name}.blocks`) };
  let numbers: Float64Array = new Float64Array(0);
  return new SketchStore(context, {
    open: (frame) => {
      numbers = numbersOf(frame, slot);
    },
    // -0 as 0: two events of either are of one value.
    read: (row) => numbers[row]! + 0,
    summaries: (home, entriesMax) => new QuantileSummaries(parts, home, entriesMax),
    slices: (home, roots) => {
      const slices = new QuantileSummaries(parts, home, SLICE_ENTRIES_MAX);
      return { summaries: slices, unions: new QuantileUnions(parts, roots, slices) };
    },
    answering,
  });
};
