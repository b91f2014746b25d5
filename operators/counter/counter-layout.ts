/**
 * Where running sums live, computed from the plan alone.
 *
 * A *chain* is a set of columns whose feeds have the same delay and head, with windows whose hops divide one another
 * (each the next one's). Most keys are quiet: their windows hold a few slices, and what a window sums up is found by
 * going through them. So a chain's section of the key's record is, in words:
 *
 *   0          block of the busy section (int32, 0: the key is quiet); slices held while quiet (int32)
 *   then       QUIET_SLICES times at most: start of the slice, its sums, its counts (int32s, two to a word)
 *
 * A key with more slices is busy. Its section is a block in a slab of its own, in words:
 *
 *   0          block of the slice log (int32, 0: none), its capacity in slices (int32)
 *   1          physical index of the next slice (int32), slices held (int32)
 *   2          start of the newest slice (-inf: there was none)
 *   3          its end; its start again when an event of that slice must open another one
 *   4          earliest time at which some window loses a slice; +inf: never
 *   5 ..       per window: when it loses its oldest slice (+inf: it holds none)
 *   then       per window (two to a word): physical index of its oldest slice (int32)
 *   then       totals: what each lane has summed up since the key became busy
 *   then       per window, per lane it is read for: the total before its oldest slice
 *
 * A window's sum is then the total less the total before its oldest slice, so an event adds to one word a lane,
 * however many windows there are.
 *
 * Columns read over `all` are a chain without windows: totals, in the key's record. In totals a count has one lane, a
 * sum two, low and high (wide-sum.ts). Sums in a quiet slice are low lanes alone, below QUIET_SUM; a key with greater
 * ones is busy, however few slices it has.
 */
import type { CounterColumn, CounterGroup, KeyspacePlan, Plan } from '../../compiler/plan/plan.ts';
import { assert } from '../assert.ts';
import { viewsLaidOut } from '../keyspace/views-laid-out.ts';

export type CounterLayout = {
  /** Words of all chains, and the offset in the record after them. */
  readonly words: number;
  readonly end: number;
  readonly chains: readonly Chain[];
  /** By probe: its counter views. */
  readonly views: readonly (readonly CounterView[])[];
};

export type Chain = {
  /** Offset of the section in the record, in words. */
  readonly section: number;
  /** Words of the busy section; 0 without windows. */
  readonly busyWords: number;
  readonly quiet: QuietSlices;
  readonly columns: readonly ChainColumn[];
  /** Ascending by ms; empty: totals only. */
  readonly windows: readonly ChainWindow[];
  /** The finest hop: the width of new slices, ms. */
  readonly hopMs: number;
  /** Offset of the first total: in the busy section, or in the record without windows. */
  readonly totals: number;
  readonly lanes: number;
  /** By lane: whether it is a low lane, which carries into the next. */
  readonly carries: readonly boolean[];
};

/** The slices of a quiet key. Offsets are from a slice's first word, which is its start. */
export type QuietSlices = {
  /** Offset of the first, in words of the record. */
  readonly at: number;
  readonly words: number;
  readonly max: number;
  /** By lane: the word of a sum's low lane, or the int32 of a count; -1 for high lanes. */
  readonly lanes: readonly number[];
};

export type ChainColumn = {
  readonly plan: CounterColumn;
  readonly lane: number;
};

export type ChainWindow = {
  readonly ms: number;
  readonly hopMs: number;
  /** Offset of its expiry word. Offsets of a window are in the busy section. */
  readonly expiry: number;
  /** Offset of its oldest slice's index, in int32s. */
  readonly tail: number;
  /** Lanes it is read for, and the offsets of their totals before its oldest slice. */
  readonly lanes: readonly number[];
  readonly before: readonly number[];
};

/** A busy sum is word[total] - word[before] (+ LIMB times the same of the next word when `wide`), over `scale`. */
export type CounterView = {
  readonly view: number;
  readonly chain: number;
  /** Window of the chain; -1: `over all`. */
  readonly window: number;
  readonly lane: number;
  readonly total: number;
  /** -1: `over all`. */
  readonly before: number;
  readonly wide: boolean;
  readonly scale: number;
};

/** Sums of a quiet key are below: then those of all its slices together are exact. */
export const QUIET_SUM = 2 ** 49;
/** Counts of a quiet key's slice are below. */
export const QUIET_COUNT = 2 ** 30;
/** Slices of a quiet key, and words that they may take: records of most programs are then a cache line long. */
const QUIET_SLICES = 4;
const QUIET_WORDS = 6;

/** Sections for what some view reads, from word `at` of the record on; unread columns and windows keep no state. */
export function counterLayout(plan: Plan, keyspace: KeyspacePlan, at: number): CounterLayout {
  const drafts = keyspace.counters.flatMap((group, index) =>
    draftChains(plan, keyspace, group, readsOf(keyspace, index)),
  );
  let end = at;
  const chains = drafts.map((draft) => {
    const chain = placeChain(draft, end);
    end += sectionWords(chain);
    return chain;
  });
  return { words: end - at, end, chains, views: placeViews(keyspace, drafts, chains) };
}

export const BLOCK = 0;
export const CAPACITY = 1;
export const HEAD = 2;
export const SIZE = 3;
/** Offsets in words of the busy section. */
export const NEWEST_START = 2;
export const NEWEST_END = 3;
export const NEXT_EXPIRY = 4;
const WINDOWS_AT = 5;

type Read = { readonly column: number; readonly window: number };
type Window = { readonly ms: number; readonly hopMs: number };

type ChainDraft = {
  readonly group: CounterGroup;
  readonly windows: readonly Window[];
  readonly columns: readonly CounterColumn[];
  readonly reads: (column: CounterColumn, window: Window) => boolean;
};

function readsOf(keyspace: KeyspacePlan, group: number): Read[] {
  return viewsLaidOut(keyspace).flatMap((view) =>
    view.kind === 'counter' && view.group === group ? [view] : [],
  );
}

function draftChains(
  plan: Plan,
  keyspace: KeyspacePlan,
  group: CounterGroup,
  reads: readonly Read[],
): ChainDraft[] {
  const isRead = (column: CounterColumn, window: Window) =>
    reads.some((r) => group.columns[r.column] === column && group.windows[r.window] === window);
  const drafts: ChainDraft[] = [];
  const push = (windows: readonly Window[], columns: readonly CounterColumn[]) => {
    if (columns.length > 0) drafts.push({ group, windows, columns, reads: isRead });
  };
  for (const columns of byFeedClass(plan, keyspace, group.columns)) {
    const timed = group.windows.filter(
      (w): w is Window & { ms: number } =>
        w.ms !== null && columns.some((c) => isRead(c, w as Window)),
    );
    for (const windows of byDividingHops(timed)) {
      push(
        windows,
        columns.filter((column) => windows.some((window) => isRead(column, window))),
      );
    }
    const all = group.windows.filter((window) => window.ms === null) as unknown as Window[];
    push(
      [],
      columns.filter((column) => all.some((window) => isRead(column, window))),
    );
  }
  return drafts;
}

/** Columns whose events become visible at the same distance from their own time: their slices come in order. */
function byFeedClass(
  plan: Plan,
  keyspace: KeyspacePlan,
  columns: readonly CounterColumn[],
): CounterColumn[][] {
  const classes = new Map<string, CounterColumn[]>();
  for (const column of columns) {
    const feed = column.retired ?? plan.feeds[keyspace.feeds[column.feed]!.feed]!;
    const name = `${feed.delayMs}/${feed.headMs}`;
    const members = classes.get(name);
    if (members === undefined) classes.set(name, [column]);
    else members.push(column);
  }
  return [...classes.values()];
}

/** Runs of ascending windows in which each hop is a multiple of the one before: slices can then be coarsened in place. */
function byDividingHops(windows: readonly Window[]): Window[][] {
  const chains: Window[][] = [];
  for (const window of [...windows].sort((a, b) => a.ms - b.ms || a.hopMs - b.hopMs)) {
    const chain = chains.find((members) => window.hopMs % members[members.length - 1]!.hopMs === 0);
    if (chain === undefined) chains.push([window]);
    else chain.push(window);
  }
  return chains;
}

function placeChain(draft: ChainDraft, section: number): Chain {
  const carries: boolean[] = [];
  const columns = draft.columns.map((plan) => {
    const lane = carries.length;
    if (plan.value === null) carries.push(false);
    else carries.push(true, false);
    return { plan, lane };
  });
  const count = draft.windows.length;
  const tails = WINDOWS_AT + count;
  const totals = count === 0 ? section : tails + Math.ceil(count / 2);
  let before = totals + carries.length;
  const windows = draft.windows.map((window, w): ChainWindow => {
    const lanes = columns
      .filter((column) => draft.reads(column.plan, window))
      .flatMap(({ plan, lane }) => (plan.value === null ? [lane] : [lane, lane + 1]));
    const first = before;
    before += lanes.length;
    return {
      ms: window.ms,
      hopMs: window.hopMs,
      expiry: WINDOWS_AT + w,
      tail: tails * 2 + w,
      lanes,
      before: lanes.map((_, i) => first + i),
    };
  });
  return {
    section,
    busyWords: count === 0 ? 0 : before,
    quiet: placeQuiet(columns, carries.length, section + 1),
    columns,
    windows,
    hopMs: count === 0 ? 0 : draft.windows[0]!.hopMs,
    totals,
    lanes: carries.length,
    carries,
  };
}

function placeQuiet(columns: readonly ChainColumn[], laneCount: number, at: number): QuietSlices {
  const lanes = new Array<number>(laneCount).fill(-1);
  let words = 1;
  for (const { plan, lane } of columns) if (plan.value !== null) lanes[lane] = words++;
  let half = words * 2;
  for (const { plan, lane } of columns) if (plan.value === null) lanes[lane] = half++;
  words = Math.ceil(half / 2);
  const max = Math.max(1, Math.min(QUIET_SLICES, Math.floor(QUIET_WORDS / words)));
  return { at, words, max, lanes };
}

/** Words of a chain's section of the record. */
function sectionWords({ windows, lanes, quiet }: Chain): number {
  return windows.length === 0 ? lanes : 1 + quiet.max * quiet.words;
}

function placeViews(
  keyspace: KeyspacePlan,
  drafts: readonly ChainDraft[],
  chains: readonly Chain[],
): CounterView[][] {
  return keyspace.probes.map((probe) =>
    probe.views.flatMap((view, index) => {
      if (view.kind !== 'counter') return [];
      const group = keyspace.counters[view.group]!;
      const column = group.columns[view.column]!;
      const window = group.windows[view.window]!;
      const chain = drafts.findIndex(
        (draft) =>
          draft.group === group &&
          draft.columns.includes(column) &&
          (window.ms === null
            ? draft.windows.length === 0
            : draft.windows.includes(window as Window)),
      );
      assert(chain >= 0, `no chain for counter view ${index} of keyspace ${keyspace.name}`);
      return [
        placeView(index, chain, { draft: drafts[chain]!, placed: chains[chain]!, column, window }),
      ];
    }),
  );
}

function placeView(
  view: number,
  chain: number,
  of: {
    draft: ChainDraft;
    placed: Chain;
    column: CounterColumn;
    window: CounterGroup['windows'][number];
  },
): CounterView {
  const { draft, placed, column, window } = of;
  const { lane } = placed.columns.find((candidate) => candidate.plan === column)!;
  const wide = column.value !== null;
  const total = placed.totals + lane;
  const at = { view, chain, lane, total, wide, scale: column.scale };
  if (window.ms === null) return { ...at, window: -1, before: -1 };
  const index = draft.windows.indexOf(window as Window);
  const { before, lanes } = placed.windows[index]!;
  return { ...at, window: index, before: before[lanes.indexOf(lane)]! };
}
