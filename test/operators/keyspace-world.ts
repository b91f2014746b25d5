/** A keyspace on its own: a plan around it, random events, batches of steps, and a driver that feeds them in. */
import type { FeedPlan, KeyspacePlan, Plan } from '../../compiler/plan/plan.ts';
import type { Physical } from '../../dsl/types.ts';
import { type Column, type Value, valueAt } from '../../operators/column/column.ts';
import { Frame } from '../../operators/column/frame.ts';
import { hashNumber, lanes } from '../../operators/hash.ts';
import { Answers } from '../../operators/keyspace/answers.ts';
import { Keyspace } from '../../operators/keyspace/keyspace.ts';
import { type Slab, SlabSet } from '../../operators/state/slab.ts';
import { appliedAt } from '../../operators/time.ts';

/** One thing that happens: an update by a feed of the keyspace, or a look-up by a probe. */
export type Happening = {
  /** Feeds, then probes. */
  readonly participant: number;
  /** 0: null. */
  readonly key: number;
  /** Own time. */
  readonly time: number;
  /** Value of each slot but slot 0 (the key). */
  readonly slots: readonly Value[];
};

export type World = {
  readonly plan: Plan;
  readonly keyspace: KeyspacePlan;
  /** Kinds of slots 1, 2, … of every frame. */
  readonly physical: readonly Physical[];
};

/** A plan with one keyspace; feeds of its streams as given, each stream's slot 0 is the key. */
export function world(
  feeds: readonly Omit<FeedPlan, 'stream'>[],
  rest: Pick<KeyspacePlan, 'counters' | 'values' | 'probes'>,
  physical: readonly Physical[] = ['bool', 'f64'],
): World {
  const keyspace: KeyspacePlan = {
    name: 'k',
    feeds: feeds.map((_, feed) => ({ feed, key: 0 })),
    ...rest,
  };
  const plan: Plan = {
    version: 1,
    digest: '',
    scans: [],
    streams: [],
    enrichments: [],
    labels: [],
    feeds: feeds.map((feed, stream) => ({ ...feed, stream })),
    anchors: [],
    keyspaces: [keyspace],
    examples: [],
  };
  return { plan, keyspace, physical };
}

/** When a happening takes place; look-ups at their own time. */
export function stepTime({ plan, keyspace }: World, happening: Happening): number {
  const feed = keyspace.feeds[happening.participant];
  if (feed === undefined) return happening.time;
  const { delayMs, headMs } = plan.feeds[feed.feed]!;
  return appliedAt(happening.time, delayMs, headMs);
}

/** Step order: time; look-ups first; by participant; as listed. */
export function inStepOrder(of: World, happenings: readonly Happening[]): Happening[] {
  const feeds = of.keyspace.feeds.length;
  const rank = (h: Happening) => (h.participant >= feeds ? -1 : h.participant);
  return happenings
    .map((h, i) => ({ h, i, at: stepTime(of, h) }))
    .sort((a, b) => a.at - b.at || rank(a.h) - rank(b.h) || a.h.time - b.h.time || a.i - b.i)
    .map(({ h }) => h);
}

/** Runs happenings (in step order) as batches; answers per look-up, in order: the value of each view. */
export function play(
  of: World,
  happenings: readonly Happening[],
  options: { codegen: boolean; cuts: readonly number[]; restoreAt?: ReadonlySet<number> },
): Value[][] {
  let slabs = new SlabSet();
  let keyspace = new Keyspace(of.plan, 0, slabs, 0, { codegen: options.codegen });
  const out: Value[][] = [];
  let from = 0;
  const saved = new Map<string, Map<number, Uint8Array>>();
  for (const cut of [...options.cuts, happenings.length]) {
    if (cut <= from) continue;
    out.push(...runBatch(of, keyspace, happenings.slice(from, cut)));
    from = cut;
    if (options.restoreAt === undefined) continue;
    save(slabs, saved);
    if (!options.restoreAt.has(cut)) continue;
    slabs = restore(saved);
    keyspace = new Keyspace(of.plan, 0, slabs, 0, { codegen: options.codegen });
  }
  return out;
}

/** Adds the dirty pages to what is saved already, and cleans them: a checkpoint. */
export function save(slabs: SlabSet, saved: Map<string, Map<number, Uint8Array>>): void {
  for (const slab of slabs.all()) {
    const pages = saved.get(slab.name) ?? new Map<number, Uint8Array>();
    saved.set(slab.name, pages);
    for (const { page, bytes } of slab.dirtyPages()) pages.set(page, bytes.slice());
    slab.clean();
  }
}

/** New slabs with the saved pages. */
export function restore(saved: ReadonlyMap<string, ReadonlyMap<number, Uint8Array>>): SlabSet {
  const slabs = new SlabSet();
  for (const [name, pages] of saved) {
    const slab: Slab = slabs.open(name);
    for (const [page, bytes] of pages) slab.load(page, bytes);
  }
  return slabs;
}

/** Runs one batch; answers per look-up, in order. */
export function runBatch(of: World, keyspace: Keyspace, batch: readonly Happening[]): Value[][] {
  const feeds = of.keyspace.feeds.length;
  const participants = feeds + of.keyspace.probes.length;
  const rows = Array.from({ length: participants }, (): Happening[] => []);
  const steps = {
    n: batch.length,
    time: Float64Array.from(batch, (h) => stepTime(of, h)),
    participant: Int32Array.from(batch, (h) => h.participant),
    row: Int32Array.from(batch, (h) => rows[h.participant]!.push(h) - 1),
  };
  const frames = rows.map((list) => frameOf(list, of.physical));
  const counts = frames.slice(feeds).map((frame) => frame?.n ?? 0);
  const answers = new Answers(of.keyspace, counts);
  keyspace.run(steps, frames.slice(0, feeds), frames.slice(feeds), answers);
  const columns = of.keyspace.probes.map(({ views }, probe) =>
    views.map((_, view) => answers.column(probe, view)),
  );
  return batch.flatMap((h, i) =>
    h.participant < feeds
      ? []
      : [columns[h.participant - feeds]!.map((column) => valueAt(column, steps.row[i]!))],
  );
}

function frameOf(rows: readonly Happening[], physical: readonly Physical[]): Frame | null {
  if (rows.length === 0) return null;
  const time = Float64Array.from(rows, (h) => h.time);
  const lo = new Int32Array(rows.length);
  const hi = new Int32Array(rows.length);
  rows.forEach(({ key }, i) => {
    if (key === 0) return;
    hashNumber(key);
    lo[i] = lanes[0]!;
    hi[i] = lanes[1]!;
  });
  const columns: Column[] = [{ kind: 'hash', lo, hi }];
  for (const [slot, kind] of physical.entries()) {
    columns.push(
      columnOf(
        kind,
        rows.map((h) => h.slots[slot]!),
      ),
    );
  }
  return new Frame({
    n: rows.length,
    time,
    step: time,
    labelOnly: null,
    partition: new Int32Array(rows.length),
    offset: Float64Array.from(rows, (_, i) => i),
    columns,
  });
}

function columnOf(kind: Physical, values: readonly Value[]): Column {
  if (kind === 'bool') {
    return { kind: 'bool', data: Uint8Array.from(values, (v) => (v === null ? 2 : Number(v))) };
  }
  if (kind === 'f64') {
    return {
      kind: 'f64',
      data: Float64Array.from(values, (v) => (v === null ? Number.NaN : Number(v))),
    };
  }
  const start: number[] = [];
  const end: number[] = [];
  const bytes: number[] = [7];
  for (const value of values) {
    start.push(value === null ? -1 : bytes.length);
    if (value !== null) bytes.push(...new TextEncoder().encode(String(value)));
    end.push(value === null ? -1 : bytes.length);
  }
  return {
    kind: 'text',
    bytes: Uint8Array.from(bytes),
    start: Int32Array.from(start),
    end: Int32Array.from(end),
  };
}
