/**
 * Keyspaces of a new plan over the state of an old one. A record's layout is that of the plan that made it, so an old
 * keyspace that still answers something stays as it is, words and all, and what is new goes to keyspaces of its own:
 *
 *   kept   the old one's columns, windows and stores in their order, computed from the new plan's slots; probes ask it for
 *          every view that it holds. What nobody needs any more is *retired*: it keeps its words and adds nothing.
 *   new    what no old keyspace holds: it starts empty, and has seen events since `since`
 *
 * An old keyspace that answers nothing any more is dropped with its state.
 */
import type {
  CounterColumn,
  KeyspacePlan,
  Plan,
  ValueStore,
  ViewPlan,
} from '../../compiler/plan/plan.ts';
import { assert } from '../assert.ts';
import { slotsReadOf } from '../keyspace/feature-stage.ts';
import { viewsLaidOut } from '../keyspace/views-laid-out.ts';
import type { Draft, PlanDraft } from './draft.ts';
import { KeyspaceDraft, type Moved, type PendingFeed, part } from './keyspace-draft.ts';
import { Meaning } from './meaning.ts';
import { falseSlot, nullSlot } from './quiet-slots.ts';
import { SlotsAgain } from './slots-again.ts';

/** Rewrites feeds, keyspaces and the anchors' views of `draft`; gives reasons why it cannot be done, none: it is done. */
export function keepKeyspaces(old: Plan, draft: PlanDraft, since: number): string[] {
  const now = structuredClone(draft) as Plan;
  new Keeping(old, now, draft, since).run();
  return staticTables(old, draft);
}

class Keeping {
  readonly #old: Plan;
  readonly #now: Plan;
  readonly #draft: PlanDraft;
  readonly #since: number;
  readonly #meaning: Meaning;
  readonly #again: SlotsAgain;
  #places: number;
  /** Feeds of the draft by the new plan's feed and, where they hold rows back, by place. */
  readonly #feeds = new Map<string, PendingFeed>();

  constructor(old: Plan, now: Plan, draft: PlanDraft, since: number) {
    this.#old = old;
    this.#now = now;
    this.#draft = draft;
    this.#since = since;
    this.#meaning = new Meaning(now);
    this.#again = new SlotsAgain(old, draft);
    this.#places = old.takenOver?.places ?? Math.max(old.keyspaces.length, old.feeds.length);
  }

  run(): void {
    const moved = this.#moved();
    const kept = new Set(moved.flatMap(({ held }) => (held === null ? [] : [held.keyspace])));
    const made: { keyspace: KeyspaceDraft; moved: readonly Moved[] }[] = [];
    for (const keyspace of [...kept].sort((a, b) => a - b)) {
      const own = moved.filter(({ held }) => held?.keyspace === keyspace);
      made.push({ keyspace: this.#kept(keyspace, own), moved: own });
    }
    for (const [index, plan] of this.#now.keyspaces.entries()) {
      const own = moved.filter((each) => each.keyspace === index && each.held === null);
      if (own.length > 0) made.push({ keyspace: this.#fresh(plan, own), moved: own });
    }
    this.#place(made);
    this.#draft.takenOver!.places = this.#places;
  }

  #moved(): Moved[] {
    const before = new Meaning(this.#old);
    const held = new Map<string, { keyspace: number; view: ViewPlan }>();
    for (const [keyspace, plan] of this.#old.keyspaces.entries()) {
      for (const view of viewsLaidOut(plan)) {
        if (!isRetired(plan, view)) held.set(before.held(plan, view), { keyspace, view });
      }
    }
    return this.#now.keyspaces.flatMap((plan, keyspace) =>
      plan.probes.flatMap(({ views }, probe) =>
        views.map((view, index): Moved => {
          const found = held.get(this.#meaning.held(plan, view));
          const serves = found !== undefined && this.#isEnough(plan, view, found);
          return { keyspace, probe, view: index, held: serves ? found : null };
        }),
      ),
    );
  }

  /** A log of the newest values may be too short. */
  #isEnough(
    plan: KeyspacePlan,
    view: ViewPlan,
    found: { keyspace: number; view: ViewPlan },
  ): boolean {
    if (view.kind !== 'value' || found.view.kind !== 'value') return true;
    const old = this.#old.keyspaces[found.keyspace]!.values[found.view.store]!;
    const now = plan.values[view.store]!;
    return view.read.fn !== 'last' || ((view.read.k ?? 1) <= old.k && now.family === old.family);
  }

  #kept(index: number, moved: readonly Moved[]): KeyspaceDraft {
    const old = this.#old.keyspaces[index]!;
    const made = new KeyspaceDraft({
      name: this.#now.keyspaces[moved[0]!.keyspace]!.name,
      place: old.place ?? index,
      ...(old.since === undefined ? {} : { since: old.since }),
      kept: distinct(viewsLaidOut(old)),
    });
    const live = new Map<CounterColumn | ValueStore, Moved>();
    for (const each of moved) live.set(part(old, each.held!.view), each);
    // Whoever is retired looks at the rows of a feed that is still there, and sees none of them.
    const columns = old.counters.map((group) => group.columns.map((column) => live.get(column)));
    const stores = old.values.map((store) => live.get(store));
    for (const each of [...columns.flat(), ...stores]) if (each) this.#feedOf(made, each, old);
    for (const [g, { windows, columns: olds }] of old.counters.entries()) {
      made.counters.push({
        windows: structuredClone(windows) as Draft<typeof windows>,
        columns: olds.map((column, c) => {
          const each = columns[g]![c];
          if (each === undefined) return this.#retiredColumn(made, column, old);
          const own = part(this.#now.keyspaces[each.keyspace]!, this.#view(each)) as CounterColumn;
          return { ...own, feed: this.#feedOf(made, each, old) };
        }),
      });
    }
    for (const [s, store] of old.values.entries()) {
      const each = stores[s];
      if (each === undefined) {
        made.values.push(this.#retiredStore(made, store));
        continue;
      }
      const own = part(this.#now.keyspaces[each.keyspace]!, this.#view(each)) as ValueStore;
      made.values.push({
        ...(structuredClone(store) as Draft<ValueStore>),
        feed: this.#feedOf(made, each, old),
        mask: own.mask,
        slots: this.#slotsOf(store, own, each),
      });
    }
    for (const each of moved) made.read(this.#probe(each), this.#renumbered(each), each);
    return made;
  }

  /** The store's slots in their old order; fields that nobody asks for any more are null. */
  #slotsOf(store: ValueStore, own: ValueStore, each: Moved): number[] {
    if (store.family !== 'latest') return [...own.slots];
    const feedOf = (plan: Plan, keyspace: number, feed: number) =>
      plan.feeds[plan.keyspaces[keyspace]!.feeds[feed]!.feed]!.stream;
    const from = feedOf(this.#old, each.held!.keyspace, store.feed);
    const to = feedOf(this.#now, each.keyspace, own.feed);
    return store.slots.map((slot) => this.#again.findOrNull({ from, to, slot }));
  }

  #retiredColumn(made: KeyspaceDraft, column: CounterColumn, old: KeyspacePlan) {
    const feed = this.#quietFeed(made);
    const slots = this.#slotsOfFeed(made, feed);
    const { delayMs, headMs } = column.retired ?? this.#old.feeds[old.feeds[column.feed]!.feed]!;
    return {
      ...column,
      feed,
      mask: falseSlot(slots),
      value: column.value === null ? null : nullSlot(slots, 'f64'),
      retired: { delayMs, headMs },
    };
  }

  #retiredStore(made: KeyspaceDraft, store: ValueStore): Draft<ValueStore> {
    const feed = this.#quietFeed(made);
    const slots = this.#slotsOfFeed(made, feed);
    return {
      ...(structuredClone(store) as Draft<ValueStore>),
      feed,
      mask: falseSlot(slots),
      slots: store.physical.map((physical) => nullSlot(slots, physical)),
      retired: true,
    };
  }

  /** For who is retired: a feed that holds no rows back, since those would have to hold what it looks at. */
  #quietFeed(made: KeyspaceDraft): number {
    const { stream, delayMs, headMs } = made.pending[0]!.feed;
    if (delayMs === 0 && headMs === 0) return 0;
    const name = `quiet ${stream}`;
    const quiet = this.#feeds.get(name) ?? {
      feed: { stream, delayMs: 0, headMs: 0 },
      order: this.#now.feeds.length,
    };
    this.#feeds.set(name, quiet);
    return made.feed(quiet, made.keys[0]!);
  }

  #slotsOfFeed(made: KeyspaceDraft, feed: number) {
    return this.#draft.streams[made.pending[feed]!.feed.stream]!.slots;
  }

  /** A keyspace of the views that nobody holds, and of nothing else. */
  #fresh(plan: KeyspacePlan, moved: readonly Moved[]): KeyspaceDraft {
    const made = new KeyspaceDraft({ name: plan.name, place: this.#places++, since: this.#since });
    const views = moved.map((each) => this.#view(each));
    const groups = numbering(
      views.flatMap((view) => (view.kind === 'counter' ? [view.group] : [])),
    );
    const stores = numbering(views.flatMap((view) => (view.kind === 'value' ? [view.store] : [])));
    const columnsOf = [...groups.keys()].map((group) =>
      numbering(
        views.flatMap((view) =>
          view.kind === 'counter' && view.group === group ? [view.column] : [],
        ),
      ),
    );
    for (const [group, at] of groups) {
      const { windows, columns } = plan.counters[group]!;
      made.counters.push({
        windows: structuredClone(windows) as Draft<typeof windows>,
        columns: [...columnsOf[at]!.keys()].map((column) => ({
          ...columns[column]!,
          feed: this.#freshFeed(made, plan, columns[column]!.feed),
        })),
      });
    }
    const windowsOf = [...stores.keys()].map((store) =>
      numbering(
        views.flatMap((view) =>
          view.kind === 'value' && view.store === store ? [view.window] : [],
        ),
      ),
    );
    for (const [store, at] of stores) {
      const own = plan.values[store]!;
      made.values.push({
        ...(structuredClone(own) as Draft<ValueStore>),
        feed: this.#freshFeed(made, plan, own.feed),
        windows: [...windowsOf[at]!.keys()].map((window) => structuredClone(own.windows[window]!)),
      });
    }
    for (const [i, each] of moved.entries()) {
      const view = views[i]!;
      const renumbered: ViewPlan =
        view.kind === 'counter'
          ? {
              ...view,
              group: groups.get(view.group)!,
              column: columnsOf[groups.get(view.group)!]!.get(view.column)!,
            }
          : {
              ...view,
              store: stores.get(view.store)!,
              window: windowsOf[stores.get(view.store)!]!.get(view.window)!,
            };
      made.read(this.#probe(each), renumbered, each);
    }
    return made;
  }

  #view(each: Moved): ViewPlan {
    return this.#now.keyspaces[each.keyspace]!.probes[each.probe]!.views[each.view]!;
  }

  #probe(each: Moved) {
    return this.#now.keyspaces[each.keyspace]!.probes[each.probe]!;
  }

  /** The view as the old keyspace answers it. */
  #renumbered(each: Moved): ViewPlan {
    const { view } = each.held!;
    const asked = this.#view(each);
    if (view.kind === 'counter' || asked.kind === 'counter') return view;
    const read = asked.read.fn === 'latest' ? view.read : asked.read;
    return { ...view, read, physical: asked.physical };
  }

  /** Of a kept keyspace: the feed of a part of it. Rows that it holds back stay where they are. */
  #feedOf(made: KeyspaceDraft, each: Moved, old: KeyspacePlan): number {
    const plan = this.#now.keyspaces[each.keyspace]!;
    const own = plan.feeds[part(plan, this.#view(each)).feed]!;
    const was = old.feeds[part(old, each.held!.view).feed]!.feed;
    return made.feed(this.#feed(own.feed, was), own.key);
  }

  #freshFeed(made: KeyspaceDraft, plan: KeyspacePlan, feed: number): number {
    const own = plan.feeds[feed]!;
    return made.feed(this.#feed(own.feed, null), own.key);
  }

  /** `was`: the old plan's feed that it goes on with; null: it begins. */
  #feed(index: number, was: number | null) {
    const feed = this.#now.feeds[index]!;
    const isDelayed = feed.delayMs > 0 || feed.headMs > 0;
    const name = isDelayed ? `${index} ${was}` : `${index}`;
    let known = this.#feeds.get(name);
    if (known === undefined) {
      const at = isDelayed ? this.#delayed(feed.stream, was) : {};
      known = { feed: { ...(structuredClone(feed) as Draft<typeof feed>), ...at }, order: index };
      this.#feeds.set(name, known);
    }
    return known;
  }

  /** Rows that an old feed holds back stay where they are, and as they are. */
  #delayed(stream: number, index: number | null) {
    if (index === null) return { place: this.#places++ };
    const was = this.#old.feeds[index]!;
    const kept = (was.kept ?? slotsReadOf(this.#old, index)).map((slot) =>
      this.#again.findOrNull({ from: was.stream, to: stream, slot }),
    );
    return { place: was.place ?? index, kept };
  }

  /** Numbers feeds and keyspaces, and tells the anchors where their answers come from. */
  #place(made: readonly { keyspace: KeyspaceDraft; moved: readonly Moved[] }[]): void {
    const feeds = [...this.#feeds.values()].sort((a, b) => a.order - b.order);
    this.#draft.feeds = feeds.map(({ feed }) => feed);
    this.#draft.keyspaces = made.map(({ keyspace }) => keyspace.finish(feeds));
    const to = new Map<string, { keyspace: number; probe: number; view: number }>();
    for (const [index, { keyspace, moved }] of made.entries()) {
      for (const each of moved) {
        const { probe, view } = keyspace.placeOf(each);
        to.set(`${each.keyspace} ${each.probe} ${each.view}`, { keyspace: index, probe, view });
      }
    }
    for (const { slots } of this.#draft.anchors) {
      for (const { op } of slots) {
        if (op.kind !== 'view') continue;
        const found = to.get(`${op.keyspace} ${op.probe} ${op.view}`);
        assert(found !== undefined, 'every view has a keyspace');
        Object.assign(op, found);
      }
    }
  }
}

function isRetired(keyspace: KeyspacePlan, view: ViewPlan): boolean {
  return part(keyspace, view).retired !== undefined;
}

function distinct(views: readonly ViewPlan[]): ViewPlan[] {
  return [...new Map(views.map((view) => [JSON.stringify(view), view])).values()];
}

/** Ascending, each with its new number. */
function numbering(indexes: readonly number[]): Map<number, number> {
  const sorted = [...new Set(indexes)].sort((a, b) => a - b);
  return new Map(sorted.map((index, i) => [index, i]));
}

/** Rows of a table without a time come before everything: a store that starts now would never see them. */
function staticTables(old: Plan, draft: PlanDraft): string[] {
  const names = new Set<string>();
  for (const keyspace of draft.keyspaces) {
    if (old.keyspaces.some((each, i) => (each.place ?? i) === keyspace.place)) continue;
    for (const { feed } of keyspace.feeds) {
      const { name, timeField, kind } = draft.streams[draft.feeds[feed]!.stream]!;
      if (timeField < 0 && kind === 'table') names.add(name);
    }
  }
  return [...names].map(
    (name) => `more is read of the table ${name}, which has no time and was read before everything`,
  );
}
