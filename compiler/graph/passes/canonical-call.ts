/**
 * One form for calls that mean the same: operands of commutative functions in one order, nested `and` flat and without
 * repeats, `>` as `<`, negations inside. What the author cannot tell apart shares a slot, a mask and a store.
 * Floating-point sums are never regrouped, and null stays strict: only what holds for null operands too is rewritten.
 */
import type { FnName } from '../../../dsl/builtins.ts';
import { scalar, type Type } from '../../../dsl/types.ts';
import type { Const } from '../../check/logical.ts';
import { extendSignatures } from '../digest.ts';
import type { GraphBuilder } from '../graph.ts';
import type { Node, NodeId } from '../ir.ts';
import { constType } from '../lower-expression.ts';
import { foldConstant, isStrict } from './fold-values.ts';

export type Call = Node & { readonly kind: 'call' };

const COMMUTATIVE: ReadonlySet<FnName> = new Set(['add', 'mul', 'eq', 'ne', 'least', 'greatest']);
const NEGATED: ReadonlyMap<FnName, FnName> = new Map([
  ['eq', 'ne'],
  ['ne', 'eq'],
]);

const TRUTHS: ReadonlySet<FnName> = new Set([
  'eq',
  'ne',
  'lt',
  'le',
  'gt',
  'ge',
  'and',
  'or',
  'not',
  'in',
]);

/** Adds calls to a builder in canonical form. Arguments must be canonical already. */
export class Canonicaliser {
  readonly builder: GraphBuilder;
  private readonly known: string[] = [];

  constructor(builder: GraphBuilder) {
    this.builder = builder;
  }

  /** The id of the canonical node that means `call`; it may be an argument or a constant. */
  add(call: Call): NodeId {
    const { fn, args } = call;
    const values = args.map((arg) => this.constant(arg));
    if (isStrict(fn) && values.some((value) => value === null)) return this.make(null, call.type);
    if (args.length > 0 && values.every((value) => value !== undefined)) {
      const folded = foldConstant(fn, values as Const[]);
      if (folded !== undefined) return this.make(folded, call.type);
    }
    switch (fn) {
      case 'and':
      case 'or':
        return this.junction(call, fn);
      case 'not':
        return this.negation(call, args[0]!);
      case 'gt':
      case 'ge':
        return this.keep({ ...call, fn: fn === 'gt' ? 'lt' : 'le', args: [args[1]!, args[0]!] });
      case 'eq':
      case 'ne':
        return this.comparison(call, values);
      case 'is_null':
        return this.isNullable(args[0]!) ? this.keep(call) : this.make(false, call.type);
      case 'coalesce':
        return this.coalesce(call);
      case 'if':
        return this.choice(call, values[0]);
      case 'in':
        return this.membership(call);
      default:
        return COMMUTATIVE.has(fn)
          ? this.keep({ ...call, args: this.sorted(args) })
          : this.keep(call);
    }
  }

  /** `and` of masks where only true counts; null if there is none. */
  every(frame: NodeId, masks: readonly NodeId[]): NodeId | null {
    if (masks.length === 0) return null;
    const type = scalar('bool');
    const all = masks.reduce((left, right) =>
      left === right
        ? left
        : this.add({ kind: 'call', frame, fn: 'and', args: [left, right], type }),
    );
    return this.constant(all) === true ? null : all;
  }

  private keep(call: Call): NodeId {
    if (!TRUTHS.has(call.fn)) return this.builder.add(call);
    // What the type says of null follows from the operands, whoever wrote the call.
    const nullable = call.args.some((arg) => this.isNullable(arg));
    return this.builder.add({ ...call, type: scalar('bool', { nullable }) });
  }

  private make(value: Const, type: Type): NodeId {
    return this.builder.add({ kind: 'const', value, type: constType(value, type) });
  }

  private constant(id: NodeId): Const | undefined {
    const node = this.builder.node(id);
    return node.kind === 'const' ? node.value : undefined;
  }

  private junction(call: Call, fn: 'and' | 'or'): NodeId {
    const neutral = fn === 'and';
    const operands = new Set(call.args.flatMap((arg) => this.operands(fn, arg)));
    const kept = [...operands].filter((id) => this.constant(id) !== neutral);
    if (kept.length === 0) return this.make(neutral, call.type);
    return this.sorted(kept).reduce((left, right) => this.keep({ ...call, args: [left, right] }));
  }

  private operands(fn: 'and' | 'or', id: NodeId): readonly NodeId[] {
    const node = this.builder.node(id);
    return node.kind === 'call' && node.fn === fn
      ? node.args.flatMap((arg) => this.operands(fn, arg))
      : [id];
  }

  private negation(call: Call, arg: NodeId): NodeId {
    const inner = this.builder.node(arg);
    if (inner.kind !== 'call') return this.keep(call);
    const [a, b] = inner.args as readonly [NodeId, NodeId];
    if (inner.fn === 'not') return a;
    if (inner.fn === 'lt' || inner.fn === 'le') {
      return this.keep({ ...inner, fn: inner.fn === 'lt' ? 'le' : 'lt', args: [b, a] });
    }
    const opposite = NEGATED.get(inner.fn);
    return opposite === undefined ? this.keep(call) : this.keep({ ...inner, fn: opposite });
  }

  private comparison(call: Call, values: readonly (Const | undefined)[]): NodeId {
    const at = values.findIndex((value) => typeof value === 'boolean');
    if (at < 0) return this.keep({ ...call, args: this.sorted(call.args) });
    const other = call.args[1 - at]!;
    const same = (call.fn === 'eq') === values[at];
    return same ? other : this.add({ ...call, fn: 'not', args: [other] });
  }

  /** Arguments after one that is never null are never read. */
  private coalesce(call: Call): NodeId {
    const args = call.args.filter((arg) => this.constant(arg) !== null);
    const last = args.findIndex((arg) => !this.isNullable(arg));
    const kept = last < 0 ? args : args.slice(0, last + 1);
    if (kept.length === 0) return this.make(null, call.type);
    return kept.length === 1 ? kept[0]! : this.keep({ ...call, args: kept });
  }

  private choice(call: Call, test: Const | undefined): NodeId {
    const [condition, yes, no] = call.args as readonly [NodeId, NodeId, NodeId];
    if (test === null) return this.make(null, call.type);
    if (test !== undefined) return test === true ? yes : no;
    const inner = this.builder.node(condition);
    if (inner.kind === 'call' && inner.fn === 'not') {
      return this.keep({ ...call, args: [inner.args[0]!, no, yes] });
    }
    return this.keep(call);
  }

  /** `x in [b, a, b]` is `x in [a, b]`; of one value it is `==`. */
  private membership(call: Call): NodeId {
    const [value, listId] = call.args as readonly [NodeId, NodeId];
    const node = this.builder.node(listId);
    if (node.kind !== 'list') return this.keep(call);
    const values = [...new Set(node.values)].sort((a, b) => (a < b ? -1 : 1));
    const [only] = values;
    if (values.length === 1 && only !== undefined && !this.isBool(value)) {
      const single = this.make(only, scalar(typeof only === 'string' ? 'string' : 'float'));
      return this.add({ ...call, fn: 'eq', args: [value, single] });
    }
    return this.keep({ ...call, args: [value, this.builder.add({ ...node, values })] });
  }

  private isBool(id: NodeId): boolean {
    const node = this.builder.node(id);
    return 'type' in node && node.type.kind === 'scalar' && node.type.name === 'bool';
  }

  private isNullable(id: NodeId): boolean {
    const node = this.builder.node(id);
    if (node.kind === 'list') return false;
    return !('type' in node) || node.type.kind === 'error' || node.type.nullable;
  }

  /** Fields by name first, then everything else by what it computes; constants last. */
  private sorted(args: readonly NodeId[]): readonly NodeId[] {
    extendSignatures(this.builder.nodes, this.known);
    const rank = (id: NodeId): string => {
      const node = this.builder.node(id);
      if (node.kind === 'const') return `2 ${JSON.stringify(node.value)}`;
      const name = node.kind === 'field' || node.kind === 'enriched' ? `0 ${node.name} ` : '1 ';
      return name + this.known[id]!;
    };
    return [...args].sort((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0));
  }
}
