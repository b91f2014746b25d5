/**
 * How a plan is spread over shards: which operators a shard runs, and the channels on which rows reach them. Plain JSON,
 * derived from the plan alone (place-exchange.ts), so every worker derives the same one.
 *
 * A row travels to the shard of a key (`shardOf` of a hash's high lane). On a channel a row has a header (own time, step,
 * whether it is label-only, source partition, offset, ordinal among rows of one event) and the channel's columns.
 */
import type { Physical } from '../../dsl/types.ts';

export type ExchangePlan = {
  /** In the order in which a shard runs them: channels lead from scans and earlier nodes to later ones. */
  readonly nodes: readonly NodePlan[];
  readonly channels: readonly ChannelPlan[];
  /** By plan.streams; null: nothing is anchored there. */
  readonly homes: readonly (HomePlan | null)[];
};

/** Where a stream's anchors are put together: at the shard of `key` (a hash slot); at their id's where that is null. */
export type HomePlan = { readonly key: number | null; readonly id: number };

/** One keyed operator; every shard has one of each. Indexes are of the plan's lists. */
export type NodePlan =
  | { readonly kind: 'enrich'; readonly enrichment: number }
  /** One route of a label: its ring, and the label's events that no earlier route had a candidate for. */
  | { readonly kind: 'route'; readonly label: number; readonly route: number }
  | { readonly kind: 'refund'; readonly label: number }
  | { readonly kind: 'keyspace'; readonly keyspace: number }
  /** Where anchors meet their answers and their labels' events, and examples are emitted. */
  | { readonly kind: 'home'; readonly anchor: number };

/** Who sends on a channel: each partition's scan of a stream, or a node on each shard. */
export type ProducerPlan =
  | { readonly kind: 'scan'; readonly stream: number }
  | { readonly kind: 'node'; readonly node: number };

/** What the rows are to the node that receives them. */
export type ChannelInput =
  | { readonly kind: 'source' }
  | { readonly kind: 'event' }
  /** Anchors or a parent's accepted events. Extra columns: from a parent the anchor's reference and what it carries. */
  | { readonly kind: 'ring' }
  /** Extra columns: the anchor's reference, and millionths of the event. */
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refund' }
  /** Rows of one stream by one key: they look up for `probes` and then update for `feeds` (of the keyspace). */
  | {
      readonly kind: 'visit';
      readonly feeds: readonly number[];
      readonly probes: readonly number[];
    }
  /** Extra column: a bit for each of `probes` (keyspace, probe) whose key is not null: an answer that will come. */
  | { readonly kind: 'anchor'; readonly probes: readonly (readonly [number, number])[] }
  /** Columns: the probe's views. */
  | { readonly kind: 'answers'; readonly keyspace: number; readonly probe: number }
  /** Columns: the anchor's reference, and millionths of the event; 0 for a credit taken back. */
  | { readonly kind: 'outcome'; readonly label: number }
  /** No rows: how far a stream is. `waits`: some label of the anchor waits for it. */
  | { readonly kind: 'clock'; readonly waits: boolean };

export type ChannelPlan = {
  /** For people: `impression -> user_id`. */
  readonly name: string;
  readonly from: readonly ProducerPlan[];
  readonly node: number;
  readonly input: ChannelInput;
  /** Whose rows and slots these are; -1: answers, outcomes. */
  readonly stream: number;
  /** The columns: slots of the stream, then the extra ones. */
  readonly slots: readonly number[];
  readonly extra: readonly Physical[];
  /** Physical kinds of all of them. */
  readonly physical: readonly Physical[];
  /** Bool slot of the stream: other rows stay behind; null: all go. */
  readonly mask: number | null;
  /** Whether label-only rows go too. */
  readonly late: boolean;
  readonly route: RoutePlan;
};

export type RoutePlan =
  /** To the shard of a hash slot of the stream; rows for which `required` (a hash slot too) is null stay behind. */
  | { readonly by: 'key'; readonly slot: number; readonly required: number }
  /** To the shard of a hash slot; rows whose key is null go to any shard, the same one every time. */
  | { readonly by: 'key_or_any'; readonly slot: number }
  /** To the anchor's home. */
  | { readonly by: 'home' }
  /** To every shard (channels without rows). */
  | { readonly by: 'all' };
