/**
 * Names that depend on meaning alone. A node's signature is a hash over what it computes: neither its number in the
 * graph, nor who asks for it, nor which other windows are kept beside it has a part in it. The signature of a store,
 * an enrichment or a label is its StateId.
 */
import { createHash } from 'node:crypto';
import type { Type } from '../../dsl/types.ts';
import { creditText } from '../check/credit.ts';
import type { Plan, StateId } from '../plan/plan.ts';
import { canonicalJson } from './canonical-json.ts';
import type { Node, NodeId, Tree, ViewRead } from './ir.ts';

/** Raised when an operator's state changes its meaning: its old state is then no longer taken up. */
export const OPERATOR_VERSIONS = {
  enrich: 1,
  attribute: 1,
  counter: 1,
  last: 1,
  first: 1,
  min: 1,
  max: 1,
  bag: 1,
  quantile: 1,
  decayed: 1,
  tally: 1,
  latest: 1,
} as const;

/** SHA-256 (hex) over the plan without its digest and its models, which change nothing of what a run writes. */
export function planDigest(plan: Omit<Plan, 'digest' | 'models'>): string {
  const { digest: _, models: _models, ...rest } = plan as Plan;
  return createHash('sha256').update(canonicalJson(rest)).digest('hex');
}

/** Signatures (16 hex digits) of all nodes of a graph, each computed once, inputs first. */
export function signatures(nodes: readonly Node[]): readonly StateId[] {
  const known: StateId[] = [];
  const of = (id: NodeId): StateId => known[id]!;
  for (const node of nodes) known.push(hash16(canonicalJson(essence(node, of))));
  return known;
}

/** `signatures` for a graph that still grows: call again and again with the same `known`. */
export function extendSignatures(nodes: readonly Node[], known: StateId[]): void {
  const of = (id: NodeId): StateId => known[id]!;
  for (let i = known.length; i < nodes.length; i++) {
    known.push(hash16(canonicalJson(essence(nodes[i]!, of))));
  }
}

function hash16(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

type Of = (id: NodeId) => StateId;

function essence(node: Node, of: Of): unknown {
  const maybe = (id: NodeId | null) => (id === null ? null : of(id));
  switch (node.kind) {
    case 'scan':
      return ['scan', node.stream, node.topic, node.table, node.isStatic];
    case 'filter':
      return ['filter', of(node.input), of(node.where)];
    case 'enrich':
      return [
        'enrich',
        OPERATOR_VERSIONS.enrich,
        of(node.event),
        of(node.eventKey),
        of(node.source),
        of(node.sourceKey),
        node.withinMs,
      ];
    case 'attribute':
      return attributeEssence(node, of);
    case 'field':
      return ['field', of(node.frame), node.name, typeName(node.type)];
    case 'enriched':
      return ['enriched', of(node.enrich), of(node.input)];
    case 'label_field':
      return ['label_field', of(node.frame), node.from, maybe(node.parent), of(node.input)];
    case 'label_credit':
      return ['label_credit', of(node.frame)];
    case 'anchor_field':
      return ['anchor_field', of(node.frame), of(node.input)];
    case 'const':
      return ['const', node.value, node.value === null ? typeName(node.type) : null];
    case 'list':
      return ['list', node.values];
    case 'call':
      return ['call', of(node.frame), node.fn, node.args.map(of)];
    case 'compute':
      return treeEssence(node.tree, of(node.frame), of);
    case 'key':
      return ['key', node.parts.map(of)];
    case 'anchor':
      return ['anchor', of(node.source)];
    case 'example':
      return ['example', node.name];
    default:
      return storeEssence(node, of);
  }
}

/** A compute node is named as the calls that it was fused from. */
function treeEssence(tree: Tree, frame: StateId, of: Of): unknown {
  const nameOf = (part: Tree): StateId =>
    part.kind === 'leaf' ? of(part.node) : hash16(canonicalJson(treeEssence(part, frame, of)));
  return tree.kind === 'leaf'
    ? ['same', of(tree.node)]
    : ['call', frame, tree.fn, tree.args.map(nameOf)];
}

function attributeEssence(node: Node & { readonly kind: 'attribute' }, of: Of): unknown {
  const routes = node.routes.map((route) => [
    route.withinMs,
    route.of === null ? null : of(route.of),
    of(route.eventKey),
    of(route.targetKey),
  ]);
  const { unless } = node;
  const refund = unless && [
    of(unless.refund),
    of(unless.refundKey),
    of(unless.eventKey),
    unless.withinMs,
  ];
  return [
    'attribute',
    OPERATOR_VERSIONS.attribute,
    // Two labels may say the same; each has its own outcomes.
    node.label,
    of(node.anchor),
    of(node.anchorId),
    of(node.event),
    routes,
    creditText(node.credit),
    refund,
  ];
}

function storeEssence(node: Node, of: Of): unknown {
  const maybe = (id: NodeId | null) => (id === null ? null : of(id));
  switch (node.kind) {
    case 'counter_store':
      return [
        'counter',
        OPERATOR_VERSIONS.counter,
        of(node.frame),
        maybe(node.mask),
        of(node.key),
        maybe(node.value),
        node.scale,
        node.square,
        node.delayMs,
        node.headMs,
      ];
    case 'value_store':
      return [
        node.family,
        OPERATOR_VERSIONS[node.family],
        of(node.frame),
        maybe(node.mask),
        of(node.key),
        // A table's row is one state, whichever of its columns are read.
        node.family === 'latest' ? [] : node.values.map(of),
        node.scale,
        node.halfLifeMs,
        node.delayMs,
        node.headMs,
      ];
    case 'view':
      return [
        'view',
        of(node.frame),
        of(node.key),
        of(node.store),
        node.window,
        readEssence(node.read, of),
      ];
    case 'aggregate':
      return [
        'aggregate',
        of(node.frame),
        of(node.key),
        node.agg,
        of(node.source),
        of(node.sourceKey),
        maybe(node.value),
        node.window,
        node.k,
        node.q,
        node.halfLifeMs,
        node.delayMs,
        node.headMs,
      ];
    default:
      throw new Error(`a ${node.kind} node has no store`);
  }
}

function readEssence(read: ViewRead, of: Of): unknown {
  return read.fn === 'latest' ? ['latest', of(read.column)] : read;
}

/** Null-ability and units do not change what is stored. */
function typeName(type: Type): string {
  if (type.kind === 'error') return '?';
  return type.kind === 'list' ? `${type.of}[]` : type.name;
}
