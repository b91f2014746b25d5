/**
 * The physical plan: plain, versioned JSON. Everything the operators do is written here; no name of it is looked up
 * at run time and no closure exists before code generation. Lists are referred to by index.
 */
import type { FnName } from '../../dsl/builtins.ts';
import type { Credit } from '../../dsl/credit.ts';
import type { Physical, TimeFormat, Type } from '../../dsl/types.ts';
import type { ModelPlan } from '../check/model-plan.ts';
import type { KeptRings, TakenOver } from './taken-over.ts';

export const PLAN_VERSION = 1;

export type Plan = {
  readonly version: typeof PLAN_VERSION;
  /** SHA-256 (hex) over the plan without this field. */
  readonly digest: string;
  /** One per topic: it is read and decoded once. */
  readonly scans: readonly ScanPlan[];
  /** Base streams and tables by name, then one stream per label that something reads. The index breaks ties of step order. */
  readonly streams: readonly StreamPlan[];
  /** In dependency order. */
  readonly enrichments: readonly EnrichPlan[];
  /** Parents before children. */
  readonly labels: readonly LabelPlan[];
  /** Streams as feature stores see them: with their delay and head applied. */
  readonly feeds: readonly FeedPlan[];
  readonly anchors: readonly AnchorPlan[];
  readonly keyspaces: readonly KeyspacePlan[];
  readonly examples: readonly ExamplePlan[];
  /** What to train on them; absent: nothing. Not in the digest: another model leaves a run as it is. */
  readonly models?: readonly ModelPlan[];
  /** Absent: the plan is as compiled. Else it goes on with the state of another (operators/take-over). */
  readonly takenOver?: TakenOver;
};

/** Hash (hex, 16 digits) of a normalised logical node and its operator's version: names state, whoever asks for it. */
export type StateId = string;

export type ScanPlan = {
  readonly topic: string;
  /** Streams over this topic (indexes of plan.streams). */
  readonly streams: readonly number[];
  /** The union of what those streams read, sorted by name. */
  readonly fields: readonly ScanField[];
};

export type ScanField = {
  readonly name: string;
  readonly type: Type;
  readonly timeFormat: TimeFormat | null;
  /** Which columns the decoder makes of it. `value` is f64, bool, text or a list; `hash` is the 64-bit hash of its value. */
  readonly value: boolean;
  readonly hash: boolean;
};

export type StreamPlan = {
  readonly name: string;
  readonly kind: 'stream' | 'table' | 'label';
  /** Index of the scan; -1 for label streams. */
  readonly scan: number;
  /** Scan fields this stream declares: a record in which one of them is bad is malformed for this stream. */
  readonly fields: readonly number[];
  readonly slots: readonly SlotPlan[];
  /** Scan field (with `hash`) of the event id; -1: none, no dedup. */
  readonly idField: number;
  /** Scan field of the time; -1: static table (all rows come before everything). */
  readonly timeField: number;
  readonly lateMs: number;
  readonly labelsLateMs: number | null;
  readonly aheadMs: number;
  readonly dedupMs: number | null;
  /** `dedup global`: hash slot of the id, compared over all partitions. Absent: within each partition only. */
  readonly dedupSlot?: number;
  readonly holdMs: number;
  readonly malformedMax: number | null;
  /** Scan fields tagged `pii` (with `hash`, unless they are lists). Absent: none. */
  readonly pii?: readonly number[];
  /** How long its source keeps events, and the run what it sets aside of them. Absent: unstated. */
  readonly retainMs?: number;
};

/** A column of a stream's frame or of an anchor's frame. Slots come after the slots they read. */
export type SlotPlan = {
  /** For people: the field's name or the expression's text. */
  readonly name: string;
  readonly physical: Physical;
  readonly op: SlotOp;
};

export type SlotOp =
  /** Decoded: the scan field's value, or its hash when physical is `hash`. */
  | { readonly kind: 'field'; readonly field: number }
  /** Key hash of several slots of physical `hash`, in order. */
  | { readonly kind: 'combine'; readonly slots: readonly number[] }
  /** The hash of a slot's value (an enriched text, a computed number). */
  | { readonly kind: 'hash_of'; readonly slot: number }
  | { readonly kind: 'expr'; readonly expr: Expr }
  /** Filled in by an enrichment: slot `slot` of its source stream. */
  | { readonly kind: 'enriched'; readonly enrichment: number; readonly slot: number }
  /** Label streams: a slot of the event's stream, of the parent label's stream, or of the anchor's stream. */
  | { readonly kind: 'event'; readonly slot: number }
  | { readonly kind: 'parent'; readonly label: number; readonly slot: number }
  | { readonly kind: 'anchor'; readonly slot: number }
  /** Label streams: the share that the anchor has of the event, of 1. */
  | { readonly kind: 'credit' }
  /** Anchor frames: a slot of the anchor's stream, or what a look-up answers. */
  | { readonly kind: 'stream'; readonly slot: number }
  | {
      readonly kind: 'view';
      readonly keyspace: number;
      readonly probe: number;
      readonly view: number;
    };

export type Expr =
  | { readonly op: 'slot'; readonly slot: number; readonly physical: Physical }
  | {
      readonly op: 'const';
      readonly physical: Physical;
      readonly value: number | boolean | string | null;
    }
  | {
      readonly op: 'list';
      readonly physical: 'list_f64' | 'list_text';
      readonly values: readonly (number | string)[];
    }
  | {
      readonly op: 'call';
      readonly fn: FnName;
      readonly args: readonly Expr[];
      readonly physical: Physical;
    };

export type EnrichPlan = {
  readonly state: StateId;
  /** The step time from which on it has seen sources; absent: it has seen all. Part of its state's name. */
  readonly since?: number;
  /** Events that gain fields, and their key (a hash slot). mask: a bool slot, null: all. */
  readonly stream: number;
  readonly mask: number | null;
  readonly key: number;
  readonly source: number;
  readonly sourceMask: number | null;
  readonly sourceKey: number;
  readonly withinMs: number;
  /** Pairs: slot of the source, the `enriched` slot of the stream it fills. */
  readonly fields: readonly { readonly from: number; readonly to: number }[];
};

export type LabelPlan = {
  readonly state: StateId;
  /** The step time from which on its rings have seen anchors; absent: all. Part of its state's name. */
  readonly since?: number;
  /** It makes events for features alone, beside the label of that state that example sets follow. */
  readonly twin?: true;
  readonly name: string;
  readonly anchor: {
    readonly stream: number;
    readonly mask: number | null /** Hash slot: who the anchor is. */;
    readonly id: number;
  };
  readonly event: { readonly stream: number; readonly mask: number | null };
  readonly routes: readonly LabelRoutePlan[];
  /**
   * Whose rings it is matched in: the first label (index) with the same anchors, events and keys. Such labels differ in their
   * windows, credit or refunds alone, and are matched in one pass over rings kept for the longest window.
   */
  readonly rings: number;
  /** What its rings are laid out for, where an earlier plan made them; absent: what is read of them. */
  readonly kept?: KeptRings;
  readonly credit: Credit;
  readonly unless: {
    readonly stream: number;
    readonly mask: number | null;
    /** Hash slots of equal value: in the refund's stream, in the label's event stream. */
    readonly refundKey: number;
    readonly eventKey: number;
    readonly withinMs: number;
  } | null;
  /** plan.streams index of the label's accepted events; -1 when nobody reads them (no child label, no feature). */
  readonly labelStream: number;
  /** How long after its deadline an event may still be applied: the greatest `labels` lateness among its streams, ms. */
  readonly graceMs: number;
  /** Streams (indexes) whose silence holds this label: its own, its parents', its refund's. */
  readonly waitsFor: readonly number[];
};

export type LabelRoutePlan = {
  readonly withinMs: number;
  /** Parent label (index); null: the anchor. */
  readonly of: number | null;
  /** Hash slot of the event's stream. */
  readonly eventKey: number;
  /** Hash slot of the anchor's stream (of null), or of the parent's label stream. */
  readonly targetKey: number;
};

/** An event with own time s is visible to an anchor at t iff appliedAt(s) < t; see `appliedAt` in operators/time.ts. */
export type FeedPlan = {
  readonly stream: number;
  readonly delayMs: number;
  readonly headMs: number;
  /** Number in the name of its state; absent: its index. */
  readonly place?: number;
  /** The stream's slots that rows hold which wait, where an earlier plan made them; absent: what is read of them. */
  readonly kept?: readonly number[];
};

export type AnchorPlan = {
  readonly name: string;
  readonly stream: number;
  /** Bool slot of the stream; null: every event. */
  readonly mask: number | null;
  readonly slots: readonly SlotPlan[];
};

/** All stores under one key: one key table, one record per key, one look-up per (event, key). */
export type KeyspacePlan = {
  /** `user_id`, `(user_id, campaign_id)`. */
  readonly name: string;
  /** Who writes: a feed and the hash slot of its stream. */
  readonly feeds: readonly { readonly feed: number; readonly key: number }[];
  /** Who reads: an anchor, the hash slot of its frame, and the answers it wants. */
  readonly probes: readonly {
    readonly anchor: number;
    readonly key: number;
    readonly views: readonly ViewPlan[];
  }[];
  readonly counters: readonly CounterGroup[];
  readonly values: readonly ValueStore[];
  /** Number in the names of its slabs; absent: its index. */
  readonly place?: number;
  /** The step time from which on it has seen events; absent: it has seen all. */
  readonly since?: number;
  /** Views for which state is laid out though no probe may ask for them any more. */
  readonly kept?: readonly ViewPlan[];
};

/** Invertible columns that share their windows, and so their slices: kept side by side in the key's record. */
export type CounterGroup = {
  readonly columns: readonly CounterColumn[];
  /** Ascending by ms; ms null is `over all` (last). */
  readonly windows: readonly { readonly ms: number | null; readonly hopMs: number }[];
};

/** Adds 1 (value null) or round(value * scale), or round(value^2 * scale) where `square`. Null values add nothing. */
export type CounterColumn = {
  readonly state: StateId;
  /** Index into the keyspace's feeds. */
  readonly feed: number;
  /** Bool slot of the feed's stream that must be true; null: every event. */
  readonly mask: number | null;
  /** f64 slot of the feed's stream; null: count. */
  readonly value: number | null;
  readonly scale: number;
  readonly square: boolean;
  /** It keeps its words in records and adds nothing any more: delay and head of the feed it had. */
  readonly retired?: { readonly delayMs: number; readonly headMs: number };
};

export type WindowPlan =
  | {
      readonly kind: 'time';
      readonly ms: number;
      readonly hopMs: number;
      readonly rows: number | null;
    }
  | { readonly kind: 'rows'; readonly rows: number }
  | { readonly kind: 'session'; readonly gapMs: number }
  | { readonly kind: 'all' };

/**
 * A store that is not a plain running sum.
 * last: the newest `k` values; first; min, max; bag: values with counts (distinct, topk, mode, mode_share);
 * quantile; decayed; tally: count, sum and sum of squares over row and session windows; latest: a table's row.
 */
export type ValueStore = {
  readonly state: StateId;
  readonly family:
    | 'last'
    | 'first'
    | 'min'
    | 'max'
    | 'bag'
    | 'quantile'
    | 'decayed'
    | 'tally'
    | 'latest';
  readonly feed: number;
  readonly mask: number | null;
  /** Slots of the feed's stream: one; several for `latest`; none for counts. */
  readonly slots: readonly number[];
  /** Physical kinds of those slots. */
  readonly physical: readonly Physical[];
  readonly windows: readonly WindowPlan[];
  /** last: the greatest k read; else 0. */
  readonly k: number;
  readonly scale: number;
  readonly halfLifeMs: number;
  /** It keeps its words in records and takes nothing in any more. */
  readonly retired?: true;
};

export type ViewPlan =
  /** f64: running sum / scale. */
  | {
      readonly kind: 'counter';
      readonly group: number;
      readonly column: number;
      readonly window: number;
    }
  | {
      readonly kind: 'value';
      readonly store: number;
      readonly window: number;
      readonly read: ReadOp;
      readonly physical: Physical;
    };

export type ReadOp =
  | {
      readonly fn:
        | 'count'
        | 'sum'
        | 'sum_squares'
        | 'first'
        | 'min'
        | 'max'
        | 'distinct'
        | 'mode'
        | 'mode_share'
        | 'decayed_count'
        | 'decayed_sum';
    }
  /** k null: a scalar, the newest. */
  | { readonly fn: 'last'; readonly k: number | null }
  | { readonly fn: 'topk'; readonly k: number }
  | { readonly fn: 'quantile'; readonly q: number }
  /** latest: which of the store's slots. */
  | { readonly fn: 'latest'; readonly slot: number };

export type PolicyPlan =
  | { readonly kind: 'wait'; readonly waitMs: number }
  | { readonly kind: 'wait_horizon' }
  | { readonly kind: 'now_then_late' }
  | { readonly kind: 'wait_then_late'; readonly waitMs: number }
  | { readonly kind: 'wait_then_everything'; readonly waitMs: number };

export type ExamplePlan = {
  readonly name: string;
  /** The author's name of it, where `name` says which generation it is; absent: `name`. */
  readonly set?: string;
  /** It takes no anchors any more, and emits what those it has wait for. */
  readonly closed?: true;
  readonly topic: string | null;
  readonly anchor: number;
  /** Anchor slots: the id as text, and as hash. */
  readonly id: number;
  readonly idHash: number;
  readonly features: readonly ExampleColumn[];
  readonly labels: readonly {
    readonly name: string;
    readonly label: number;
    readonly policy: PolicyPlan;
    /** Its values are fractions. Absent: 0 and 1. */
    readonly isFraction?: true;
  }[];
  readonly sampleNegatives: number;
  readonly audit: number;
  readonly checks: readonly CheckPlan[];
};

export type ExampleColumn = {
  readonly name: string;
  /** Anchor slot. */
  readonly slot: number;
  readonly type: Type;
  /** How a model takes it in: categories and id lists are embedded, numbers are dense. */
  readonly input: 'categorical' | 'ids' | 'dense';
};

/** `label` and `column` are places in the set's own `labels` and `features`. */
export type CheckPlan =
  | { readonly kind: 'rate'; readonly label: number; readonly min: number; readonly max: number }
  | {
      readonly kind: 'missing';
      readonly column: number;
      readonly min: number;
      readonly max: number;
    }
  | { readonly kind: 'range'; readonly column: number; readonly min: number; readonly max: number }
  | { readonly kind: 'drift'; readonly column: number; readonly max: number }
  | { readonly kind: 'size'; readonly maxBytes: number }
  /** Share of rows that say again what an earlier row of the same id said. */
  | { readonly kind: 'duplicates'; readonly max: number }
  /** Time without an example, ms: an alarm. */
  | { readonly kind: 'freshness'; readonly maxMs: number };
