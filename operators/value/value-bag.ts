/** Values with counts: distinct, topk, mode and mode_share of a window's values. */
import type { KeyspacePlan, ReadOp, ValueStore } from '../../compiler/plan/plan.ts';
import { viewsLaidOut } from '../keyspace/views-laid-out.ts';
import { type SketchFamily, SLICE_ENTRIES_MAX } from '../sketch/sketch-family.ts';
import { SketchStore } from '../sketch/sketch-store.ts';
import type { Slab } from '../state/slab.ts';
import { BagAnswering } from './value-bag-answer.ts';
import { BagCell } from './value-bag-cell.ts';
import { type BagParts, BagSummaries, BagUnions } from './value-bag-summary.ts';
import type { ValueStoreConstructor } from './value-store.ts';

export const bagStore: ValueStoreConstructor = (context) => {
  const { store, keyspace, slabs, name } = context;
  const reads = readsOf(keyspace, store);
  const most = Math.max(0, ...reads.map(valuesWanted));
  const cell = new BagCell(store.slots[0]!, store.physical[0]!, slabs, name);
  const distinct = reads.some(({ fn }) => fn === 'distinct');
  const blocks = slabs.open(`${name}.blocks`);
  const answering = new BagAnswering(cell, most);
  const parts: BagParts = { cell, reads: { counts: most > 0, distinct }, answering, blocks };
  return new SketchStore(context, bagFamily(parts, most));
};

function bagFamily(parts: BagParts, most: number): SketchFamily {
  const { cell, answering } = parts;
  // A summary holds no fewer values than the longest topk lists.
  const summaries = (home: Slab, entriesMax: number) =>
    new BagSummaries(parts, home, Math.max(entriesMax, most));
  return {
    open: (frame) => cell.open(frame),
    read: (row) => cell.read(row),
    summaries,
    slices: (home, roots) => {
      const slices = summaries(home, SLICE_ENTRIES_MAX);
      return { summaries: slices, unions: new BagUnions(parts, roots, slices) };
    },
    answering,
  };
}

function readsOf(keyspace: KeyspacePlan, store: ValueStore): readonly ReadOp[] {
  const index = keyspace.values.indexOf(store);
  return viewsLaidOut(keyspace).flatMap((view) =>
    view.kind === 'value' && view.store === index ? [view.read] : [],
  );
}

/** How many of the most frequent values a read needs. */
function valuesWanted(read: ReadOp): number {
  if (read.fn === 'topk') return read.k;
  return read.fn === 'mode' || read.fn === 'mode_share' ? 1 : 0;
}
