/**
 * The intermediate representation: a directed graph of closed unions, hash-consed, so that what is equal is one node.
 * A node refers to others by NodeId only, always to smaller ones. Expressions live on a `frame`: the events of a stream
 * (a scan), the accepted events of a label (an attribute node), or the anchors of example sets (an anchor node).
 */
import type { FnName } from '../../dsl/builtins.ts';
import type { Credit } from '../../dsl/credit.ts';
import type { TimeFormat, Type } from '../../dsl/types.ts';
import type { AggName, Const, LogicalCheck, Policy } from '../check/logical.ts';
import type { ReadOp, ValueStore, WindowPlan } from '../plan/plan.ts';

declare const nodeIdBrand: unique symbol;

/** Position of a node in its graph. */
export type NodeId = number & { readonly [nodeIdBrand]: true };

/** Nodes in topological order (inputs first), and the example nodes that everything else serves. */
export type Graph = { readonly nodes: readonly Node[]; readonly roots: readonly NodeId[] };

export type Node = SourceNode | ExprNode | StoreNode | AggregateNode | AnchorNode | ExampleNode;

export type SourceNode = ScanNode | FilterNode | EnrichNode | AttributeNode;

export type ScanNode = {
  readonly kind: 'scan';
  readonly stream: string;
  readonly topic: string;
  readonly table: boolean;
  readonly isStatic: boolean;
  /** Read from the record; sorted by name. */
  readonly fields: readonly {
    readonly name: string;
    readonly type: Type;
    readonly timeFormat: TimeFormat | null;
    /** Tagged: always read, so that a person's events can be found. */
    readonly pii?: true;
  }[];
  readonly idField: string | null;
  readonly timeField: string | null;
  readonly lateMs: number;
  readonly labelsLateMs: number | null;
  readonly aheadMs: number;
  readonly dedupMs: number | null;
  /** Ids are compared over all partitions. Absent: within each. */
  readonly dedupGlobal?: true;
  readonly holdMs: number;
  readonly malformedMax: number | null;
  /** Absent: unstated. */
  readonly retainMs?: number;
};

/** Events of `input` (a scan, an attribute node, another filter) for which `where` is true. */
export type FilterNode = {
  readonly kind: 'filter';
  readonly input: NodeId;
  readonly where: NodeId;
};

/** Events look up the newest source row of equal key; each field taken is an `enriched` expression. */
export type EnrichNode = {
  readonly kind: 'enrich';
  /** Index in the program: enrichments run in this order. No part of the node's identity as state. */
  readonly order: number;
  readonly event: NodeId;
  readonly eventKey: NodeId;
  readonly source: NodeId;
  readonly sourceKey: NodeId;
  readonly withinMs: number;
};

/** A label: credits events to anchors. As a frame it stands for the label's accepted events. */
export type AttributeNode = {
  readonly kind: 'attribute';
  readonly label: string;
  readonly anchor: NodeId;
  readonly anchorId: NodeId;
  readonly event: NodeId;
  readonly routes: readonly {
    readonly withinMs: number;
    readonly of: NodeId | null;
    readonly eventKey: NodeId;
    readonly targetKey: NodeId;
  }[];
  readonly credit: Credit;
  readonly unless: {
    readonly refund: NodeId;
    readonly refundKey: NodeId;
    readonly eventKey: NodeId;
    readonly withinMs: number;
  } | null;
};

export type ExprNode =
  /** A field of the record; frame: the scan. */
  | { readonly kind: 'field'; readonly frame: NodeId; readonly name: string; readonly type: Type }
  /** A field gained by an enrichment: `input`, of the source's frame. */
  | {
      readonly kind: 'enriched';
      readonly frame: NodeId;
      readonly enrich: NodeId;
      readonly input: NodeId;
      readonly name: string;
      readonly type: Type;
    }
  /** On accepted events of a label: a field of the event, of the parent label's accepted event, or of the anchor's stream. */
  | {
      readonly kind: 'label_field';
      readonly frame: NodeId;
      readonly from: 'event' | 'parent' | 'anchor';
      /** The parent label, when `from` is `parent`. */
      readonly parent: NodeId | null;
      readonly input: NodeId;
      readonly type: Type;
    }
  /** On accepted events of a label: the share that the anchor has of the event. */
  | { readonly kind: 'label_credit'; readonly frame: NodeId; readonly type: Type }
  /** On anchors: an expression of the anchor's stream. */
  | {
      readonly kind: 'anchor_field';
      readonly frame: NodeId;
      readonly input: NodeId;
      readonly type: Type;
    }
  | { readonly kind: 'const'; readonly value: Const; readonly type: Type }
  | { readonly kind: 'list'; readonly values: readonly (number | string)[]; readonly type: Type }
  | {
      readonly kind: 'call';
      readonly frame: NodeId;
      readonly fn: FnName;
      readonly args: readonly NodeId[];
      readonly type: Type;
    }
  /** A hash key of one or several values, in canonical order. */
  | { readonly kind: 'key'; readonly frame: NodeId; readonly parts: readonly NodeId[] }
  /** Neighbouring calls fused into one computation (made by fuse-stateless). */
  | { readonly kind: 'compute'; readonly frame: NodeId; readonly tree: Tree; readonly type: Type };

/** The inside of a `compute` node: leaves are other nodes. */
export type Tree =
  | { readonly kind: 'leaf'; readonly node: NodeId }
  | {
      readonly kind: 'call';
      readonly fn: FnName;
      readonly args: readonly Tree[];
      readonly type: Type;
    };

export type CounterWindow = { readonly ms: number | null; readonly hopMs: number };

/** What both kinds of store are fed with. */
type StoreFeed = {
  /** Canonical id of the key tuple on the anchor's side: `user_id:string,campaign_id:string`. */
  readonly keyspace: string;
  readonly frame: NodeId;
  readonly mask: NodeId | null;
  readonly key: NodeId;
  readonly delayMs: number;
  readonly headMs: number;
};

export type CounterStoreNode = StoreFeed & {
  readonly kind: 'counter_store';
  readonly value: NodeId | null;
  readonly scale: number;
  readonly square: boolean;
  /** Filled in by choose-tiers: every window some view reads, ascending; `over all` last. */
  readonly windows: readonly CounterWindow[];
};

export type ValueStoreNode = StoreFeed & {
  readonly kind: 'value_store';
  readonly family: ValueStore['family'];
  /** `latest`: filled in by choose-tiers with the columns read. */
  readonly values: readonly NodeId[];
  /** Set by choose-tiers on a bag of texts that are only counted: it keeps their hashes, no text. */
  readonly hashed: boolean;
  readonly windows: readonly WindowPlan[];
  readonly k: number;
  readonly scale: number;
  readonly halfLifeMs: number;
};

/** What an anchor's look-up answers. */
export type ViewNode = {
  readonly kind: 'view';
  readonly frame: NodeId;
  /** A key of the anchor's stream. */
  readonly key: NodeId;
  readonly store: NodeId;
  readonly window: WindowPlan;
  /** `total`: a counter's running sum. */
  readonly read: ViewRead;
  readonly type: Type;
};

export type ViewRead =
  | { readonly fn: 'total' }
  | Exclude<ReadOp, { readonly fn: 'latest' }>
  /** The column of the table, as an expression of its frame. */
  | { readonly fn: 'latest'; readonly column: NodeId };

export type StoreNode = CounterStoreNode | ValueStoreNode | ViewNode;

/** An aggregate as the author wrote it, read by an anchor; share-stores turns it into stores and views. */
export type AggregateNode = {
  readonly kind: 'aggregate';
  readonly frame: NodeId;
  readonly key: NodeId;
  readonly keyspace: string;
  readonly agg: AggName | 'latest';
  readonly source: NodeId;
  readonly sourceKey: NodeId;
  readonly value: NodeId | null;
  readonly window: WindowPlan;
  readonly k: number | null;
  readonly q: number | null;
  readonly halfLifeMs: number | null;
  readonly delayMs: number;
  readonly headMs: number;
  readonly type: Type;
};

/** The anchors of example sets: the events of a scan or filter. */
export type AnchorNode = { readonly kind: 'anchor'; readonly source: NodeId };

export type ExampleNode = {
  readonly kind: 'example';
  readonly name: string;
  readonly anchorName: string;
  readonly topic: string | null;
  readonly anchor: NodeId;
  readonly id: NodeId;
  readonly features: readonly {
    readonly as: string;
    readonly value: NodeId;
    readonly type: Type;
  }[];
  readonly labels: readonly {
    readonly as: string;
    readonly label: NodeId;
    readonly policy: Policy;
  }[];
  readonly sampleNegatives: number;
  readonly audit: number;
  readonly checks: readonly LogicalCheck[];
};

/** The only way from a number to a NodeId: graphs make ids, everyone else passes them on. */
export function nodeId(index: number): NodeId {
  return index as NodeId;
}
