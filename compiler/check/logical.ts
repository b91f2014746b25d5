/**
 * The checked program: every name resolved, every family expanded into its columns, every expression typed.
 * It is plain data, independent of declaration order (lists are sorted by name unless they say otherwise).
 * The lowering turns it into the plan; the reference evaluator in `test` runs it as it stands.
 */
import type { AggregateName } from '../../dsl/aggregates.ts';
import type { Span, TestDecl } from '../../dsl/ast.ts';
import type { Credit } from '../../dsl/credit.ts';
import type { TimeFormat, Type } from '../../dsl/types.ts';
import type { ModelPlan } from './model-plan.ts';

export type LogicalProgram = {
  /** Base streams and tables, sorted by name. */
  readonly streams: readonly LogicalStream[];
  /** In dependency order: what an enrichment reads is filled in by those before it. */
  readonly enrichments: readonly LogicalEnrichment[];
  /** Every column of every feature, sorted by name: `user_imps[5m]`, `user_ctr[1h]`, `ad_ctr`. */
  readonly columns: readonly FeatureColumn[];
  /** In dependency order (parents first), then by name. */
  readonly labels: readonly LogicalLabel[];
  readonly examples: readonly LogicalExamples[];
  readonly models: readonly ModelPlan[];
  readonly tests: readonly TestDecl[];
};

export type LogicalStream = {
  readonly kind: 'stream' | 'table';
  readonly name: string;
  readonly topic: string;
  readonly isStatic: boolean;
  /** In declaration order; enriched fields follow, named as in their source, with `enriched` set. */
  readonly fields: readonly LogicalField[];
  readonly idField: string | null;
  /** Null for static tables. */
  readonly timeField: string | null;
  /** Tables: the key field. */
  readonly keyField: string | null;
  readonly lateMs: number;
  /** Null: label events get no more time than features. */
  readonly labelsLateMs: number | null;
  readonly aheadMs: number;
  readonly delayMs: number;
  /** How long the source keeps events: no window may be longer. Null: unstated. */
  readonly retainMs: number | null;
  readonly dedupMs: number | null;
  readonly dedupGlobal: boolean;
  /** How long labels wait for this stream when it is silent. */
  readonly holdMs: number;
  /** Share of malformed records above which a run stops; null: never. */
  readonly malformedMax: number | null;
  readonly span: Span;
};

export type LogicalField = {
  readonly name: string;
  readonly type: Type;
  readonly timeFormat: TimeFormat | null;
  /** Tagged `pii`, here or where an enrichment takes it from. */
  readonly pii: boolean;
  /** The enrichment (index) that fills it in; null: read from the record. */
  readonly enriched: number | null;
};

/** Events of a stream that pass `where` (the conjunction of every derived stream's filter), or accepted events of a label. */
export type EventSource =
  | { readonly kind: 'stream'; readonly stream: string; readonly where: LExpr | null }
  | { readonly kind: 'label'; readonly label: string; readonly where: LExpr | null };

export type LogicalEnrichment = {
  readonly stream: string;
  /** Only events of the derived stream, when one was named. */
  readonly where: LExpr | null;
  readonly source: EventSource;
  /** Pairs of equal fields. */
  readonly on: readonly { readonly event: string; readonly source: string }[];
  readonly withinMs: number;
  /** The source's fields that the stream gains (those it does not have itself). */
  readonly fields: readonly string[];
  readonly span: Span;
};

export type AggName = AggregateName;

export type Window =
  /** hopMs 1 is `exact`. atMostRows null: no cap. */
  | {
      readonly kind: 'time';
      readonly ms: number;
      readonly hopMs: number;
      readonly atMostRows: number | null;
    }
  | { readonly kind: 'rows'; readonly rows: number }
  | { readonly kind: 'session'; readonly gapMs: number }
  | { readonly kind: 'all' };

export type FeatureColumn = {
  /** `f`, or `f[5m]`; roles (`at … as g`) make columns of their own name `g[5m]`. */
  readonly name: string;
  readonly feature: string;
  readonly type: Type;
  /** Anchors it is tied to by `s.f` in an expression; null: any anchor that has the fields. */
  readonly anchor: string | null;
  readonly def: AggregateDef | ExpressionDef;
  readonly span: Span;
};

export type AggregateDef = {
  readonly kind: 'aggregate';
  readonly agg: AggName;
  readonly source: EventSource;
  /** Null for count and decayed_count. Refers to the source's fields. */
  readonly value: LExpr | null;
  /** The aggregate's own `where`, not the stream's. */
  readonly where: LExpr | null;
  /** Equal-named in the common case; `event` is a field of the source, `anchor` one of the anchor. */
  readonly by: readonly { readonly event: string; readonly anchor: string; readonly type: Type }[];
  readonly window: Window;
  /** last, topk: how many; null: a scalar. */
  readonly k: number | null;
  /** quantile. */
  readonly q: number | null;
  readonly halfLifeMs: number | null;
  /** 0: none. */
  readonly headMs: number;
  readonly fallback: Const | null;
};

export type ExpressionDef = {
  readonly kind: 'expression';
  readonly expr: LExpr;
};

export type Const = number | boolean | string | null;

/** A typed expression. `call` names an entry of dsl/builtins.ts; operators are calls too (`add`, `eq`, `and`, `if` …). */
export type LExpr =
  /** A field of the event at hand (inside an aggregate, filter, key or label). */
  | { readonly kind: 'field'; readonly name: string; readonly type: Type }
  /** A field of the anchor. */
  | { readonly kind: 'anchor'; readonly name: string; readonly type: Type }
  /** A feature column of the same anchor. */
  | { readonly kind: 'column'; readonly name: string; readonly type: Type }
  /** A table's column, looked up by the anchor's (or event's) field named like the table's key. */
  | {
      readonly kind: 'table';
      readonly table: string;
      readonly column: string;
      readonly key: string;
      readonly type: Type;
    }
  | { readonly kind: 'const'; readonly value: Const; readonly type: Type }
  | { readonly kind: 'list'; readonly values: readonly Const[]; readonly type: Type }
  | {
      readonly kind: 'call';
      readonly fn: string;
      readonly args: readonly LExpr[];
      readonly type: Type;
    };

export type LogicalLabel = {
  readonly name: string;
  /** The base stream whose events turn the label 1, with the filter of the derived stream and the label's own. */
  readonly stream: string;
  readonly where: LExpr | null;
  /** The anchor it was resolved for: a stream with a filter. One logical label per (label, anchor); name is `label` if single, else `label@anchor`. */
  readonly anchor: { readonly name: string; readonly stream: string; readonly where: LExpr | null };
  readonly routes: readonly LabelRoute[];
  readonly credit: Credit;
  readonly unless: {
    readonly stream: string;
    readonly where: LExpr | null;
    readonly on: readonly { readonly refund: string; readonly event: string }[];
    readonly withinMs: number;
  } | null;
  readonly span: Span;
};

export type LabelRoute = {
  readonly withinMs: number;
  /** The parent label; null: the anchor itself. */
  readonly of: string | null;
  /** `target` is a field of the anchor, or of the parent's event (else its anchor). */
  readonly on: readonly {
    readonly event: string;
    readonly target: string;
    readonly from: 'anchor' | 'parent_event' | 'parent_anchor';
  }[];
};

export type Policy =
  | { readonly kind: 'wait'; readonly waitMs: number }
  | { readonly kind: 'wait_horizon' }
  | { readonly kind: 'now_then_late' }
  | { readonly kind: 'wait_then_late'; readonly waitMs: number }
  | { readonly kind: 'wait_then_everything'; readonly waitMs: number };

export type LogicalExamples = {
  readonly name: string;
  /** The stream (derived or base) as the author named it. */
  readonly anchor: { readonly name: string; readonly stream: string; readonly where: LExpr | null };
  readonly topic: string | null;
  /** In the order of `features`, sets flattened. `as` is the column's name in the output. */
  readonly features: readonly { readonly as: string; readonly value: LExpr; readonly type: Type }[];
  readonly labels: readonly {
    readonly as: string;
    readonly label: string;
    readonly policy: Policy;
  }[];
  /** 1: all kept. */
  readonly sampleNegatives: number;
  /** 0: no audit rows. */
  readonly audit: number;
  readonly checks: readonly LogicalCheck[];
  readonly span: Span;
};

export type LogicalCheck =
  | { readonly kind: 'rate'; readonly label: string; readonly min: number; readonly max: number }
  | {
      readonly kind: 'missing';
      readonly column: string;
      readonly min: number;
      readonly max: number;
    }
  | { readonly kind: 'range'; readonly column: string; readonly min: number; readonly max: number }
  | { readonly kind: 'drift'; readonly column: string; readonly max: number }
  | { readonly kind: 'size'; readonly maxBytes: number }
  | { readonly kind: 'duplicates'; readonly max: number }
  | { readonly kind: 'freshness'; readonly maxMs: number };
