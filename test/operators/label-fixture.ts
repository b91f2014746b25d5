/** Streams, plans and frames for tests of enrichment, attribution and emission; nothing here runs an operator. */
import type {
  ExamplePlan,
  LabelPlan,
  Plan,
  SlotOp,
  SlotPlan,
  StreamPlan,
} from '../../compiler/plan/plan.ts';
import type { Physical } from '../../dsl/types.ts';
import type { Column, Value } from '../../operators/column/column.ts';
import { Frame } from '../../operators/column/frame.ts';
import { ListBuilder, TextBuilder } from '../../operators/column/text-builder.ts';
import { hashNumber, hashText, lanes } from '../../operators/hash.ts';
import { type Slab, SlabSet } from '../../operators/state/slab.ts';

/** One row of a stream. `values` by slot; a hash slot takes the key as a number or a text. */
export type Row = {
  readonly time: number;
  readonly step: number;
  readonly partition: number;
  readonly offset: number;
  readonly values: readonly Value[];
};

export type SlotSpec = readonly [name: string, physical: Physical, op?: SlotOp];

export function streamPlan(
  name: string,
  slots: readonly SlotSpec[],
  more: { labelsLateMs?: number | null; holdMs?: number; kind?: StreamPlan['kind'] } = {},
): StreamPlan {
  return {
    name,
    kind: more.kind ?? 'stream',
    scan: 0,
    fields: [],
    slots: slots.map(
      ([slot, physical, op], field): SlotPlan => ({
        name: slot,
        physical,
        op: op ?? { kind: 'field', field },
      }),
    ),
    idField: -1,
    timeField: 0,
    lateMs: 0,
    labelsLateMs: more.labelsLateMs ?? null,
    aheadMs: 0,
    dedupMs: null,
    holdMs: more.holdMs ?? 1000,
    malformedMax: null,
  };
}

export function planOf(parts: {
  streams: readonly StreamPlan[];
  labels?: readonly LabelPlan[];
  enrichments?: Plan['enrichments'];
  anchors?: Plan['anchors'];
  examples?: readonly ExamplePlan[];
}): Plan {
  return {
    version: 1,
    digest: '',
    scans: [],
    streams: parts.streams,
    enrichments: parts.enrichments ?? [],
    labels: parts.labels ?? [],
    feeds: [],
    anchors: parts.anchors ?? [],
    keyspaces: [],
    examples: parts.examples ?? [],
  };
}

/** Step order. */
export function inStepOrder(rows: readonly Row[]): Row[] {
  return [...rows].sort(
    (a, b) => a.step - b.step || a.partition - b.partition || a.offset - b.offset,
  );
}

/** Rows (in step order) with from <= step < to as a frame; null if there are none. */
export function frameOf(
  rows: readonly Row[],
  stream: StreamPlan,
  from: number,
  to: number,
): Frame | null {
  const taken = rows.filter((row) => row.step >= from && row.step < to);
  if (taken.length === 0) return null;
  return new Frame({
    n: taken.length,
    time: Float64Array.from(taken, (row) => row.time),
    step: Float64Array.from(taken, (row) => row.step),
    labelOnly: taken.some((row) => row.step > row.time)
      ? Uint8Array.from(taken, (row) => (row.step > row.time ? 1 : 0))
      : null,
    partition: Int32Array.from(taken, (row) => row.partition),
    offset: Float64Array.from(taken, (row) => row.offset),
    columns: stream.slots.map((slot, s) =>
      slot.op.kind === 'field'
        ? columnOf(
            slot.physical,
            taken.map((row) => row.values[s]),
          )
        : undefined,
    ),
  });
}

/** A column of plain values; a hash column of the values' hashes. */
export function columnOf(kind: Physical, values: readonly (Value | undefined)[]): Column {
  switch (kind) {
    case 'f64':
      return {
        kind,
        data: Float64Array.from(values, (v) => (typeof v === 'number' ? v : Number.NaN)),
      };
    case 'bool':
      return {
        kind,
        data: Uint8Array.from(values, (v) => (typeof v === 'boolean' ? Number(v) : 2)),
      };
    case 'hash': {
      const lo = new Int32Array(values.length);
      const hi = new Int32Array(values.length);
      values.forEach((value, i) => {
        if (value === null || value === undefined) return;
        if (typeof value === 'number') hashNumber(value);
        else hashText(String(value));
        lo[i] = lanes[0];
        hi[i] = lanes[1];
      });
      return { kind, lo, hi };
    }
    case 'text': {
      const texts = new TextBuilder(values.length);
      for (const value of values) {
        if (typeof value === 'string') texts.addString(value);
        else texts.addNull();
      }
      return texts.finish();
    }
    default:
      return listColumn(kind, values);
  }
}

function listColumn(
  kind: 'list_f64' | 'list_text',
  values: readonly (Value | undefined)[],
): Column {
  const lists = new ListBuilder(values.length);
  for (const value of values) {
    for (const item of Array.isArray(value) ? value : []) {
      if (typeof item === 'number') lists.addNumber(item);
      else {
        const bytes = Buffer.from(String(item));
        lists.addText(bytes, 0, bytes.length);
      }
    }
    lists.endRow(!Array.isArray(value));
  }
  return kind === 'list_f64' ? lists.finishNumbers() : lists.finishTexts();
}

/** What is in the frame already: tests have no computed slots. */
export function columnIn(_stream: number, frame: Frame, slot: number): Column {
  const column = frame.columns[slot];
  if (column === undefined) throw new Error(`slot ${slot} is not filled`);
  return column;
}

/** Checkpoints of slab sets: only dirty pages are written, as a state store would. */
export class SavedPages {
  readonly #pages = new Map<string, Map<number, Uint8Array>>();

  save(slabs: readonly SlabSet[]): void {
    slabs.forEach((set, shard) => {
      for (const slab of set.all()) {
        const name = `${shard}|${slab.name}`;
        const pages = this.#pages.get(name) ?? new Map<number, Uint8Array>();
        this.#pages.set(name, pages);
        for (const { page, bytes } of slab.dirtyPages()) pages.set(page, Uint8Array.from(bytes));
        slab.clean();
      }
    });
  }

  restore(shards: number): SlabSet[] {
    const sets = Array.from({ length: shards }, () => new SlabSet());
    for (const [name, pages] of this.#pages) {
      const [shard, slab] = name.split('|');
      const target: Slab = sets[Number(shard)].open(slab);
      for (const [page, bytes] of pages) target.load(page, bytes);
    }
    return sets;
  }
}
