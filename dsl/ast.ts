/**
 * The syntax tree: closed unions on `kind`, every node with its span. Names are not resolved here;
 * sugar is kept as written so that the printer can give it back.
 */
import type { ScalarName, TimeFormat } from './types.ts';

/** Half-open range of UTF-16 offsets in one file. */
export type Span = { readonly file: string; readonly start: number; readonly end: number };

export type Name = { readonly text: string; readonly span: Span };

/** A comment line, without its slashes; the printer puts it before the node that follows, or at the line's end. */
export type Comment = { readonly text: string; readonly span: Span; readonly trailing: boolean };

export type File = {
  readonly path: string;
  readonly text: string;
  readonly declarations: readonly Declaration[];
  readonly comments: readonly Comment[];
};

export type Declaration =
  | StreamDecl
  | DerivedStreamDecl
  | TableDecl
  | EnrichDecl
  | FeatureDecl
  | SetDecl
  | LabelDecl
  | ExamplesDecl
  | ModelDecl
  | TestDecl;

export type TypeNode = {
  readonly name: ScalarName | (string & {});
  readonly timeFormat: TimeFormat | null;
  readonly list: boolean;
  readonly nullable: boolean;
  readonly span: Span;
};

/** `id x : string`, `time ts : timestamp(s)`, `key sku : string`, `a, b : int`, `user_id : string pii`. */
export type FieldNode = {
  readonly role: 'id' | 'time' | 'key' | 'field';
  readonly names: readonly Name[];
  readonly type: TypeNode;
  /** Says who a person is: its values reach no example. */
  readonly pii: boolean;
  readonly span: Span;
};

/** A duration as written: `24h` has ms 86,400,000 and text `24h`. */
export type DurationNode = { readonly ms: number; readonly text: string; readonly span: Span };

/** A stream option: `late 10m`, `labels 2d`, `ahead 1h`, `delay 10m`, `retain 30d`, `dedup 1d`, `dedup global`, `hold 6h`, `malformed <= 1%`. */
export type StreamOption = {
  readonly kind: 'option';
  readonly name: Name;
  readonly duration: DurationNode | null;
  readonly word: Name | null;
  readonly number: number | null;
  readonly span: Span;
};

export type StreamDecl = {
  readonly kind: 'stream';
  readonly name: Name;
  readonly topic: { readonly text: string; readonly span: Span };
  readonly fields: readonly FieldNode[];
  readonly options: readonly StreamOption[];
  readonly span: Span;
};

/** `stream buy = pixel where kind == "purchase"`. */
export type DerivedStreamDecl = {
  readonly kind: 'derived';
  readonly name: Name;
  readonly base: Name;
  readonly where: Expr;
  readonly span: Span;
};

/** `table product from "…" { key … }`; `static table` has no time. */
export type TableDecl = Omit<StreamDecl, 'kind'> & {
  readonly kind: 'table';
  readonly isStatic: boolean;
};

/** `enrich click from impression on impression_id within 1d`. `on a as b`: event field a, source field b. */
export type EnrichDecl = {
  readonly kind: 'enrich';
  readonly stream: Name;
  readonly source: Name;
  readonly on: readonly KeyNode[];
  readonly within: DurationNode;
  readonly span: Span;
};

/** One key: `user_id`, or `uid as user_id` (the event's field, then the anchor's). */
export type KeyNode = { readonly field: Name; readonly as: Name | null; readonly span: Span };

export type FeatureDecl = {
  readonly kind: 'feature';
  readonly name: Name;
  readonly body: AggregateNode | ExpressionBody;
  readonly span: Span;
};

export type ExpressionBody = {
  readonly kind: 'expression';
  readonly expr: Expr;
  readonly fallback: Expr | null;
  readonly span: Span;
};

/** `count(click where pos == 1) by user_id over [5m, 1h] hop 1m head 1s default 0`. */
export type AggregateNode = {
  readonly kind: 'aggregate';
  readonly fn: Name;
  /** The first argument: a stream or label name alone (`click`), or an expression over its fields (`buy.value * 2`). */
  readonly of: Expr;
  /** Further positional arguments: the k of last and topk, the q of quantile. */
  readonly args: readonly Expr[];
  /** Named arguments: half_life. */
  readonly named: readonly NamedArg[];
  readonly where: Expr | null;
  readonly by: readonly KeyNode[];
  readonly over: WindowNode;
  readonly head: DurationNode | null;
  readonly fallback: Expr | null;
  readonly span: Span;
};

export type WindowNode =
  | {
      readonly kind: 'time';
      readonly durations: readonly DurationNode[];
      /** `[…]` was written: a family even with one member. */
      readonly family: boolean;
      readonly hop: DurationNode | 'exact' | null;
      readonly atMostRows: number | null;
      readonly span: Span;
    }
  | { readonly kind: 'rows'; readonly rows: number; readonly span: Span }
  | { readonly kind: 'session'; readonly gap: DurationNode; readonly span: Span }
  | { readonly kind: 'all'; readonly span: Span };

/** `set user_state = user_imps, user_ctr`. */
export type SetDecl = {
  readonly kind: 'set';
  readonly name: Name;
  readonly items: readonly FeatureItem[];
  readonly span: Span;
};

/** An entry of a features list: `user_imps`, `user_imps[5m]`, `impression.bid`, `user_imps at owner_id as owner_imps`. */
export type FeatureItem = {
  readonly path: readonly Name[];
  readonly index: DurationNode | null;
  readonly at: readonly Name[];
  readonly as: Name | null;
  readonly span: Span;
};

/** `label purchased = buy on user_id, advertiser_id within 7d of clicked else 1d of impression credit last unless refund on order_id within 14d`. */
export type LabelDecl = {
  readonly kind: 'label';
  readonly name: Name;
  readonly stream: Name;
  readonly where: Expr | null;
  readonly on: readonly KeyNode[];
  /** Tried in order; `of` null: the anchor of the example set. */
  readonly routes: readonly {
    readonly within: DurationNode | null;
    readonly of: Name | null;
    readonly span: Span;
  }[];
  readonly credit: CreditNode | null;
  readonly unless: {
    readonly stream: Name;
    readonly on: readonly KeyNode[];
    readonly within: DurationNode;
    readonly span: Span;
  } | null;
  readonly span: Span;
};

/** `credit last`, `credit position(first: 40%, last: 40%)`. */
export type CreditNode = {
  readonly rule: Name;
  readonly args: readonly Expr[];
  readonly named: readonly NamedArg[];
  readonly span: Span;
};

export type PolicyNode =
  | { readonly kind: 'wait'; readonly wait: DurationNode; readonly span: Span }
  | { readonly kind: 'wait_horizon'; readonly span: Span }
  | { readonly kind: 'now_then_late'; readonly span: Span }
  | { readonly kind: 'wait_then_late'; readonly wait: DurationNode; readonly span: Span }
  | { readonly kind: 'wait_then_everything'; readonly wait: DurationNode; readonly span: Span };

export type ExamplesDecl = {
  readonly kind: 'examples';
  readonly name: Name;
  readonly anchor: Name;
  readonly topic: { readonly text: string; readonly span: Span } | null;
  readonly features: readonly FeatureItem[];
  readonly labels: readonly {
    readonly label: Name;
    readonly policy: PolicyNode;
    readonly span: Span;
  }[];
  /** A share in (0, 1]; null: all. */
  readonly sampleNegatives: { readonly value: number; readonly span: Span } | null;
  readonly audit: { readonly value: number; readonly span: Span } | null;
  readonly checks: readonly CheckNode[];
  readonly span: Span;
};

/** `check rate(clicked) in 0.1% .. 20%`, `check missing(spend) <= 99%`, `check size <= 64000`, `check freshness <= 1h`. */
export type CheckNode = {
  readonly fn: Name;
  readonly of: FeatureItem | null;
  /** Inclusive bounds; shares are fractions (20% is 0.2). */
  readonly min: number | null;
  readonly max: number | null;
  /** A bound that is a time; `max` is null then. */
  readonly within: DurationNode | null;
  readonly span: Span;
};

/** The model block is kept as parsed clauses; the trainer gives them their meaning. */
export type ModelDecl = {
  readonly kind: 'model';
  readonly name: Name;
  readonly from: Name;
  readonly clauses: readonly { readonly text: string; readonly span: Span }[];
  readonly span: Span;
};

export type TestDecl = {
  readonly kind: 'test';
  readonly title: { readonly text: string; readonly span: Span };
  readonly steps: readonly TestStep[];
  readonly span: Span;
};

export type TestStep =
  /** `impression { impression_id: "i1", ts: 0s }`: a row, as it arrives. */
  | {
      readonly kind: 'row';
      readonly stream: Name;
      readonly values: readonly {
        readonly field: Name;
        readonly value: Expr;
        readonly span: Span;
      }[];
      readonly span: Span;
    }
  /** `expect user_clicks[5m] at "i1", "i2" = 0, 1`: a feature or a label's final value, by anchor. */
  | {
      readonly kind: 'expect';
      readonly item: FeatureItem;
      readonly at: readonly { readonly text: string; readonly span: Span }[];
      readonly values: readonly Expr[];
      readonly span: Span;
    }
  /** `expect emissions of ads_ctr at "i1" = 30m { clicked: 1 observed }, 3h { … }`: all of them, in order. */
  | {
      readonly kind: 'emissions';
      readonly set: Name;
      readonly at: { readonly text: string; readonly span: Span };
      readonly rows: readonly {
        readonly emitted: DurationNode;
        readonly labels: readonly {
          readonly label: Name;
          readonly value: number | null;
          readonly emission: Name;
        }[];
        readonly span: Span;
      }[];
      readonly span: Span;
    };

export type NamedArg = { readonly name: Name; readonly value: Expr; readonly span: Span };

export type Expr =
  | { readonly kind: 'number'; readonly value: number; readonly text: string; readonly span: Span }
  | { readonly kind: 'percent'; readonly value: number; readonly text: string; readonly span: Span }
  | { readonly kind: 'string'; readonly value: string; readonly span: Span }
  | { readonly kind: 'bool'; readonly value: boolean; readonly span: Span }
  | { readonly kind: 'null'; readonly span: Span }
  | { readonly kind: 'duration'; readonly ms: number; readonly text: string; readonly span: Span }
  /** `a`, `a.b`, `user_imps[5m]`. */
  | {
      readonly kind: 'ref';
      readonly path: readonly Name[];
      readonly index: DurationNode | null;
      readonly span: Span;
    }
  | {
      readonly kind: 'unary';
      readonly op: '-' | 'not';
      readonly operand: Expr;
      readonly span: Span;
    }
  | {
      readonly kind: 'binary';
      readonly op: BinaryOp;
      readonly left: Expr;
      readonly right: Expr;
      readonly span: Span;
    }
  | {
      readonly kind: 'is_null';
      readonly operand: Expr;
      readonly negated: boolean;
      readonly span: Span;
    }
  /** `x in ["a", "b"]`. */
  | {
      readonly kind: 'in';
      readonly operand: Expr;
      readonly items: readonly Expr[];
      readonly span: Span;
    }
  | {
      readonly kind: 'if';
      readonly test: Expr;
      readonly then: Expr;
      readonly else: Expr;
      readonly span: Span;
    }
  | { readonly kind: 'list'; readonly items: readonly Expr[]; readonly span: Span }
  | {
      readonly kind: 'call';
      readonly fn: Name;
      readonly args: readonly Expr[];
      readonly named: readonly NamedArg[];
      readonly span: Span;
    };

export type BinaryOp =
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | 'and'
  | 'or';
