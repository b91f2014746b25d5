import { WHOLE_CREDIT } from '../../../dsl/credit.ts';
import { scalar, type Type } from '../../../dsl/types.ts';
import type { ValueStore } from '../../plan/plan.ts';
import type { GraphBuilder } from '../graph.ts';
import { frameOfSource, rewrite } from '../graph.ts';
import type { AggregateNode, Graph, NodeId, ViewRead } from '../ir.ts';
import { plainType } from '../plain-type.ts';
import { Canonicaliser } from './canonical-call.ts';
import { keepsRunningSums, squareScale, sumScale } from './running-sums.ts';

/**
 * Aggregates become views of stores. A store is named by what goes in (stream, canonical filter, key, value) and not by
 * who asks, over which window or for what of it, so that whatever any two features have in common is kept once.
 * A mean is two running sums, a deviation three; a sum of nothing is null, for which it needs its count.
 * In: folded filters. Out: no aggregate nodes; stores without windows (choose-tiers adds them).
 */
export function shareStores(graph: Graph): Graph {
  let canonical: Canonicaliser | null = null;
  return rewrite(graph, (node, builder) => {
    canonical ??= new Canonicaliser(builder);
    if (node.kind === 'call') return canonical.add(node);
    return node.kind === 'aggregate'
      ? new Split(builder, canonical, node).value()
      : builder.add(node);
  });
}

type ValueRead = Exclude<ViewRead, { readonly fn: 'total' }>;

/** One aggregate taken apart. */
class Split {
  private readonly builder: GraphBuilder;
  private readonly canonical: Canonicaliser;
  private readonly aggregate: AggregateNode;
  private readonly frame: NodeId;
  private readonly mask: NodeId | null;

  constructor(builder: GraphBuilder, canonical: Canonicaliser, aggregate: AggregateNode) {
    this.builder = builder;
    this.canonical = canonical;
    this.aggregate = aggregate;
    this.frame = frameOfSource(builder.nodes, aggregate.source);
    const source = builder.node(aggregate.source);
    this.mask = source.kind === 'filter' ? source.where : null;
  }

  value(): NodeId {
    const { agg, k, q, type } = this.aggregate;
    switch (agg) {
      case 'count':
        return this.count();
      case 'sum':
        return this.nullWhenEmpty(this.sum(false));
      case 'mean':
        return this.call('ratio_mean', [this.sum(false), this.count()], nullable(type));
      case 'stddev':
        return this.call('stddev', [this.sum(false), this.sum(true), this.count()], nullable(type));
      case 'min':
      case 'max':
      case 'first':
        return this.read(agg, { fn: agg });
      case 'last':
        return this.read('last', { fn: 'last', k });
      case 'distinct':
      case 'mode':
      case 'mode_share':
        return this.read('bag', { fn: agg });
      case 'topk':
        return this.read('bag', { fn: 'topk', k: k ?? 1 });
      case 'quantile':
        return this.read('quantile', { fn: 'quantile', q: q ?? 0.5 });
      case 'decayed_count':
      case 'decayed_sum':
        return this.read('decayed', { fn: agg });
      case 'latest':
        return this.read('latest', { fn: 'latest', column: this.aggregate.value! });
    }
  }

  /** Events, or non-null values where the value can be null. */
  private count(): NodeId {
    if (!keepsRunningSums(this.aggregate.window)) return this.tally({ fn: 'count' }, scalar('int'));
    return this.total({ value: null, mask: this.presentMask(), scale: 1, square: false });
  }

  private sum(square: boolean): NodeId {
    const { value, type } = this.aggregate;
    if (!keepsRunningSums(this.aggregate.window)) {
      return this.tally({ fn: square ? 'sum_squares' : 'sum' }, scalar('float'));
    }
    const own = this.scaleOf(value!);
    const scale = square ? squareScale(own) : own;
    return this.total({ value, mask: this.mask, scale, square }, square ? scalar('float') : type);
  }

  private nullWhenEmpty(sum: NodeId): NodeId {
    const { type } = this.aggregate;
    const zero = this.builder.add({ kind: 'const', value: 0, type: scalar('float') });
    const nothing = this.builder.add({
      kind: 'const',
      value: null,
      type: scalar('float', { nullable: true }),
    });
    const empty = this.call('eq', [this.count(), zero], scalar('bool'));
    return this.call('if', [empty, nothing, sum], nullable(type));
  }

  private presentMask(): NodeId | null {
    const { value } = this.aggregate;
    if (value === null || !isNullable(this.typeOf(value))) return this.mask;
    const type = scalar('bool');
    const { frame } = this;
    const missing = this.canonical.add({ kind: 'call', frame, fn: 'is_null', args: [value], type });
    const there = this.canonical.add({ kind: 'call', frame, fn: 'not', args: [missing], type });
    return this.canonical.every(frame, this.mask === null ? [there] : [this.mask, there]);
  }

  private total(
    column: {
      readonly value: NodeId | null;
      readonly mask: NodeId | null;
      readonly scale: number;
      readonly square: boolean;
    },
    type: Type = scalar('int'),
  ): NodeId {
    const store = this.builder.add({
      kind: 'counter_store',
      ...this.feed(),
      ...column,
      windows: [],
    });
    return this.view(store, { fn: 'total' }, type);
  }

  /** Row and session windows: count, sum and sum of squares of one value, in one store. */
  private tally(read: ValueRead, type: Type): NodeId {
    const { value } = this.aggregate;
    const scale = value === null ? 1 : this.scaleOf(value);
    return this.view(this.store('tally', value === null ? [] : [value], scale), read, type);
  }

  /** Shares are whole millionths, and so are their sums. */
  private scaleOf(value: NodeId): number {
    const { kind } = this.builder.node(value);
    return kind === 'label_credit' ? WHOLE_CREDIT : sumScale(this.typeOf(value));
  }

  private read(family: ValueStore['family'], read: ValueRead): NodeId {
    const { value, type } = this.aggregate;
    const values = value === null || family === 'latest' ? [] : [value];
    return this.view(this.store(family, values, 1), read, type);
  }

  private store(family: ValueStore['family'], values: readonly NodeId[], scale: number): NodeId {
    return this.builder.add({
      kind: 'value_store',
      family,
      ...this.feed(),
      mask: this.mask,
      values,
      hashed: false,
      windows: [],
      k: 0,
      scale,
      halfLifeMs: this.aggregate.halfLifeMs ?? 0,
    });
  }

  private feed() {
    const { keyspace, sourceKey, delayMs, headMs } = this.aggregate;
    return { keyspace, frame: this.frame, key: sourceKey, delayMs, headMs };
  }

  private view(store: NodeId, read: ViewRead, type: Type): NodeId {
    const { frame, key, window } = this.aggregate;
    const plain = plainType(type);
    // A null key has no answer at all, whatever is read.
    const known = neverNull(read, type) && !this.keyIsNullable();
    const answer = plain.kind === 'error' ? plain : { ...plain, nullable: !known };
    return this.builder.add({ kind: 'view', frame, key, store, window, read, type: answer });
  }

  private call(
    fn: 'ratio_mean' | 'stddev' | 'if' | 'eq',
    args: readonly NodeId[],
    type: Type,
  ): NodeId {
    return this.canonical.add({ kind: 'call', frame: this.aggregate.frame, fn, args, type });
  }

  private keyIsNullable(): boolean {
    const key = this.builder.node(this.aggregate.key);
    return key.kind !== 'key' || key.parts.some((part) => isNullable(this.typeOf(part)));
  }

  private typeOf(id: NodeId): Type {
    const node = this.builder.node(id);
    if (!('type' in node)) throw new Error(`a ${node.kind} node has no type`);
    return node.type;
  }
}

function isNullable(type: Type): boolean {
  return type.kind === 'error' || type.nullable;
}

function nullable(type: Type): Type {
  const plain = plainType(type);
  return plain.kind === 'error' ? plain : { ...plain, nullable: true };
}

/** Whether a read of an empty window has an answer that is not null. */
function neverNull(read: ViewRead, type: Type): boolean {
  switch (read.fn) {
    case 'total':
    case 'count':
    case 'sum':
    case 'sum_squares':
    case 'distinct':
    case 'decayed_count':
      return true;
    case 'latest':
      return false;
    default:
      return type.kind === 'list';
  }
}
