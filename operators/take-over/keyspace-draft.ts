/** A keyspace that is being put together, and the views that move into it. */
import type {
  CounterColumn,
  KeyspacePlan,
  Plan,
  ValueStore,
  ViewPlan,
} from '../../compiler/plan/plan.ts';
import type { Draft } from './draft.ts';

/** A view of the new plan: where it was, where it goes. */
export type Moved = {
  readonly keyspace: number;
  readonly probe: number;
  readonly view: number;
  /** In the old plan; null: nobody holds it. */
  readonly held: { readonly keyspace: number; readonly view: ViewPlan } | null;
};

/** A feed that has no number yet; `order`: its place among the feeds of the plan as compiled. */
export type PendingFeed = { readonly feed: Draft<Plan['feeds'][number]>; readonly order: number };

/** A keyspace that is being put together; its feeds are numbered last. */
export class KeyspaceDraft {
  readonly counters: Draft<KeyspacePlan['counters'][number]>[] = [];
  readonly values: Draft<ValueStore>[] = [];
  readonly pending: PendingFeed[] = [];
  /** By feed. */
  readonly keys: number[] = [];
  readonly #probes: { anchor: number; key: number; views: ViewPlan[] }[] = [];
  readonly #places = new Map<Moved, { probe: number; view: number }>();
  readonly #rest: Pick<KeyspacePlan, 'name' | 'place' | 'since' | 'kept'>;

  constructor(rest: Pick<KeyspacePlan, 'name' | 'place' | 'since' | 'kept'>) {
    this.#rest = rest;
  }

  feed(feed: PendingFeed, key: number): number {
    const known = this.pending.findIndex((each, i) => each === feed && this.keys[i] === key);
    if (known >= 0) return known;
    this.keys.push(key);
    return this.pending.push(feed) - 1;
  }

  read(by: { readonly anchor: number; readonly key: number }, view: ViewPlan, of: Moved): void {
    const { anchor, key } = by;
    let probe = this.#probes.findIndex((each) => each.anchor === anchor && each.key === key);
    if (probe < 0) probe = this.#probes.push({ anchor, key, views: [] }) - 1;
    const { views } = this.#probes[probe]!;
    const text = JSON.stringify(view);
    const known = views.findIndex((each) => JSON.stringify(each) === text);
    this.#places.set(of, { probe, view: known >= 0 ? known : views.push(view) - 1 });
  }

  placeOf(of: Moved): { readonly probe: number; readonly view: number } {
    return this.#places.get(of)!;
  }

  finish(feeds: readonly PendingFeed[]): Draft<KeyspacePlan> {
    const keyspace = {
      ...this.#rest,
      feeds: this.pending.map((feed, i) => ({ feed: feeds.indexOf(feed), key: this.keys[i]! })),
      probes: this.#probes,
      counters: this.counters,
      values: this.values,
    };
    return structuredClone(keyspace) as Draft<KeyspacePlan>;
  }
}

/** The column or store that a view is of. */
export function part(keyspace: KeyspacePlan, view: ViewPlan): CounterColumn | ValueStore {
  return view.kind === 'counter'
    ? keyspace.counters[view.group]!.columns[view.column]!
    : keyspace.values[view.store]!;
}
