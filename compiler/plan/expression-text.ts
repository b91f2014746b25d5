/** Expressions as people read them: names of slots, and the lines of `explain`. Nothing is looked up by these texts. */

import { CREDIT_FIELD } from '../../dsl/credit.ts';
import { durationText } from '../duration-text.ts';
import type { Node, NodeId, Tree, ViewNode } from '../graph/ir.ts';
import type { WindowPlan } from './plan.ts';

/** Longer texts are cut here, in characters. */
export const EXPRESSION_TEXT_MAX = 120;

const INFIX: Readonly<Record<string, string>> = {
  add: '+',
  sub: '-',
  mul: '*',
  div: '/',
  mod: '%',
  eq: '==',
  ne: '!=',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
  and: 'and',
  or: 'or',
  in: 'in',
};

/** An expression's text, at most EXPRESSION_TEXT_MAX long. */
export function expressionText(nodes: readonly Node[], id: NodeId): string {
  return cut(unwrapped(nodeText(nodes, id, 0)));
}

/** Deep inside, an ellipsis: shared nodes would otherwise be written out again and again. */
const NESTING_MAX = 6;

function nodeText(nodes: readonly Node[], id: NodeId, depth: number): string {
  const node = nodes[id]!;
  if (depth > NESTING_MAX) return '…';
  switch (node.kind) {
    case 'field':
    case 'enriched':
      return node.name;
    case 'anchor_field':
    case 'label_field':
      return nodeText(nodes, node.input, depth);
    case 'label_credit':
      return CREDIT_FIELD;
    case 'const':
      return JSON.stringify(node.value);
    case 'list':
      return JSON.stringify(node.values);
    case 'key':
      return parenthesised(node.parts.map((part) => nodeText(nodes, part, depth + 1)));
    case 'call':
      return callText(
        node.fn,
        node.args.map((arg) => nodeText(nodes, arg, depth + 1)),
      );
    case 'compute':
      return treeText(nodes, node.tree, depth);
    case 'view':
      return viewText(nodes, node);
    case 'aggregate':
      return `${node.agg}(…) over ${windowText(node.window)}`;
    default:
      return node.kind;
  }
}

function treeText(nodes: readonly Node[], tree: Tree, depth: number): string {
  if (depth > NESTING_MAX) return '…';
  return tree.kind === 'leaf'
    ? nodeText(nodes, tree.node, depth)
    : callText(
        tree.fn,
        tree.args.map((arg) => treeText(nodes, arg, depth + 1)),
      );
}

/** A call as it is written, operators between their operands. */
export function callText(fn: string, args: readonly string[]): string {
  const sign = INFIX[fn];
  if (sign !== undefined && args.length === 2) return `(${args[0]} ${sign} ${args[1]})`;
  return `${fn}(${args.join(', ')})`;
}

/** `count(impression) by user_id over 5m`. */
function viewText(nodes: readonly Node[], view: ViewNode): string {
  const { read, window } = view;
  if (read.fn === 'latest') return cut(tableText(nodes, view.store, read.column));
  const name = read.fn === 'total' ? '' : read.fn;
  const more = 'k' in read && read.k !== null ? `, ${read.k}` : 'q' in read ? `, ${read.q}` : '';
  return cut(`${storeText(nodes, view.store, { read: name, more })} over ${windowText(window)}`);
}

/** `product.brand`. */
function tableText(nodes: readonly Node[], store: NodeId, column: NodeId): string {
  const node = nodes[store]!;
  const table = 'frame' in node ? frameText(nodes, node.frame) : node.kind;
  return `${table}.${nodeText(nodes, column, 0)}`;
}

/** What a store keeps: `sum(value) of pixel where (kind == "purchase") by user_id`. */
export function storeText(
  nodes: readonly Node[],
  id: NodeId,
  { read = '', more = '' }: { readonly read?: string; readonly more?: string } = {},
): string {
  const store = nodes[id]!;
  if (store.kind !== 'counter_store' && store.kind !== 'value_store') return store.kind;
  const values =
    store.kind === 'value_store' ? store.values : store.value === null ? [] : [store.value];
  const counted = store.kind === 'counter_store' && store.value === null;
  const fn =
    store.kind === 'counter_store'
      ? counted
        ? 'count'
        : store.square
          ? 'sum_squares'
          : 'sum'
      : read || store.family;
  const of = frameText(nodes, store.frame);
  const value =
    values.length === 0
      ? of
      : values.map((value) => `${of}.${nodeText(nodes, value, 0)}`).join(', ');
  const where = store.mask === null ? '' : ` where ${unwrapped(nodeText(nodes, store.mask, 0))}`;
  return cut(`${fn}(${value}${more}${where}) by ${nodeText(nodes, store.key, 0)}`);
}

/** The stream or label whose events a frame holds. */
export function frameText(nodes: readonly Node[], frame: NodeId): string {
  const node = nodes[frame]!;
  return node.kind === 'scan' ? node.stream : node.kind === 'attribute' ? node.label : node.kind;
}

/** `24h`, `last 10 rows`, `14d at most 200 rows`, `session 30m`, `all`. */
export function windowText(window: WindowPlan): string {
  switch (window.kind) {
    case 'time':
      return durationText(window.ms) + (window.rows === null ? '' : ` at most ${window.rows} rows`);
    case 'rows':
      return `last ${window.rows} rows`;
    case 'session':
      return `session ${durationText(window.gapMs)}`;
    case 'all':
      return 'all';
  }
}

/** Without the parentheses around the whole; a text with others at its ends keeps them. */
function unwrapped(text: string): string {
  if (!text.startsWith('(')) return text;
  let depth = 0;
  for (let i = 0; i < text.length - 1; i++) {
    if (text[i] === '(') depth++;
    if (text[i] === ')') depth--;
    if (depth === 0) return text;
  }
  return text.endsWith(')') ? text.slice(1, -1) : text;
}

function parenthesised(parts: readonly string[]): string {
  return parts.length === 1 ? parts[0]! : `(${parts.join(', ')})`;
}

function cut(text: string): string {
  return text.length <= EXPRESSION_TEXT_MAX ? text : `${text.slice(0, EXPRESSION_TEXT_MAX - 1)}…`;
}
