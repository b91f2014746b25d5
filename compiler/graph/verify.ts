/** What must hold of every graph, whichever pass made it. A breach is a bug of the compiler: it throws, naming the pass. */
import { physical } from '../../dsl/types.ts';
import { canonicalJson } from './canonical-json.ts';
import { frameOfSource, inputs } from './graph.ts';
import type { ExprNode, Graph, Node, NodeId, Tree } from './ir.ts';
import { nodeId } from './ir.ts';

export class VerifyError extends Error {
  override readonly name = 'VerifyError';
}

/** Checks order, uniqueness, frames and kinds of all nodes; `pass` is named in the message. */
export function verify(graph: Graph, pass: string): void {
  const seen = new Map<string, number>();
  for (const [index, node] of graph.nodes.entries()) {
    const check = new Check(graph, nodeId(index), pass);
    for (const input of inputs(node))
      check.that(input >= 0 && input < index, `reads %${input}, which is not before it`);
    const text = canonicalJson(node);
    const twin = seen.get(text);
    check.that(twin === undefined, `is equal to %${twin}`);
    seen.set(text, index);
    checkNode(check, node);
  }
  for (const root of graph.roots) {
    new Check(graph, root, pass).that(
      graph.nodes[root]?.kind === 'example',
      'is a root and no example set',
    );
  }
}

class Check {
  readonly graph: Graph;
  private readonly id: NodeId;
  private readonly pass: string;

  constructor(graph: Graph, id: NodeId, pass: string) {
    this.graph = graph;
    this.id = id;
    this.pass = pass;
  }

  that(holds: boolean, claim: string): void {
    if (holds) return;
    const kind = this.graph.nodes[this.id]?.kind ?? 'missing';
    throw new VerifyError(`after ${this.pass}: %${this.id} (${kind}) ${claim}`);
  }

  node(id: NodeId): Node {
    return this.graph.nodes[id]!;
  }

  /** `id` is of one of the kinds. */
  is(id: NodeId, ...kinds: readonly Node['kind'][]): void {
    const { kind } = this.node(id);
    this.that(kinds.includes(kind), `reads %${id}, a ${kind}, where ${kinds.join(' or ')} belongs`);
  }

  /** `id` is an expression of `frame`, or constant. */
  on(id: NodeId, frame: NodeId): void {
    const node = this.node(id);
    if (node.kind === 'const' || node.kind === 'list') return;
    this.that('frame' in node, `reads %${id}, a ${node.kind}, as an expression`);
    if ('frame' in node)
      this.that(node.frame === frame, `reads %${id} of frame %${node.frame}, not %${frame}`);
  }

  bool(id: NodeId): void {
    const node = this.node(id);
    const isBool = 'type' in node && node.type.kind === 'scalar' && node.type.name === 'bool';
    this.that(
      isBool || (node.kind === 'const' && node.value === null),
      `filters by %${id}, which is no bool`,
    );
  }

  key(id: NodeId, frame: NodeId): void {
    this.is(id, 'key');
    this.on(id, frame);
  }

  /** The scan or attribute node below a source. */
  frameOf(source: NodeId): NodeId {
    this.is(source, 'scan', 'filter', 'attribute');
    return frameOfSource(this.graph.nodes, source);
  }
}

function checkNode(check: Check, node: Node): void {
  switch (node.kind) {
    case 'scan':
      return;
    case 'filter':
      check.on(node.where, check.frameOf(node.input));
      check.bool(node.where);
      return;
    case 'enrich':
      check.key(node.eventKey, check.frameOf(node.event));
      check.key(node.sourceKey, check.frameOf(node.source));
      return;
    case 'attribute':
      checkAttribute(check, node);
      return;
    case 'counter_store':
    case 'value_store':
    case 'view':
    case 'aggregate':
      checkStore(check, node);
      return;
    case 'anchor':
      check.is(node.source, 'scan', 'filter');
      return;
    case 'example':
      check.is(node.anchor, 'anchor');
      check.on(node.id, node.anchor);
      for (const column of node.features) check.on(column.value, node.anchor);
      for (const label of node.labels) check.is(label.label, 'attribute');
      return;
    default:
      checkExpression(check, node);
      return;
  }
}

function checkAttribute(check: Check, node: Node & { readonly kind: 'attribute' }): void {
  const anchor = check.frameOf(node.anchor);
  const event = check.frameOf(node.event);
  check.key(node.anchorId, anchor);
  for (const route of node.routes) {
    if (route.of !== null) check.is(route.of, 'attribute');
    check.key(route.eventKey, event);
    check.key(route.targetKey, route.of ?? anchor);
  }
  if (node.unless === null) return;
  check.key(node.unless.refundKey, check.frameOf(node.unless.refund));
  check.key(node.unless.eventKey, event);
}

function checkExpression(check: Check, node: ExprNode): void {
  if ('type' in node) check.that(node.type.kind !== 'error', 'has the error type');
  switch (node.kind) {
    case 'field': {
      const scan = check.node(node.frame);
      const known = scan.kind === 'scan' && scan.fields.some((field) => field.name === node.name);
      check.that(known, `reads ${node.name}, which its scan does not decode`);
      return;
    }
    case 'enriched':
      check.is(node.frame, 'scan');
      check.is(node.enrich, 'enrich');
      check.on(node.input, sourceFrame(check, node.enrich));
      return;
    case 'label_field':
      check.is(node.frame, 'attribute');
      check.that(
        (node.parent !== null) === (node.from === 'parent'),
        'names a parent exactly when it reads one',
      );
      check.on(node.input, labelFrame(check, node));
      return;
    case 'label_credit':
      check.is(node.frame, 'attribute');
      return;
    case 'anchor_field': {
      const anchor = check.node(node.frame);
      check.is(node.frame, 'anchor');
      if (anchor.kind === 'anchor') check.on(node.input, check.frameOf(anchor.source));
      return;
    }
    case 'call':
      for (const arg of node.args) check.on(arg, node.frame);
      return;
    case 'compute':
      checkTree(check, node.tree, node.frame);
      return;
    case 'key':
      check.that(node.parts.length > 0, 'has no parts');
      for (const part of node.parts) check.on(part, node.frame);
      return;
    default:
      return;
  }
}

function sourceFrame(check: Check, enrich: NodeId): NodeId {
  const node = check.node(enrich);
  return node.kind === 'enrich' ? check.frameOf(node.source) : enrich;
}

function labelFrame(check: Check, node: ExprNode & { readonly kind: 'label_field' }): NodeId {
  const label = check.node(node.frame);
  if (label.kind !== 'attribute') return node.frame;
  if (node.from === 'parent') return node.parent ?? node.frame;
  return check.frameOf(node.from === 'event' ? label.event : label.anchor);
}

function checkTree(check: Check, tree: Tree, frame: NodeId): void {
  if (tree.kind === 'leaf') {
    check.on(tree.node, frame);
    return;
  }
  for (const arg of tree.args) checkTree(check, arg, frame);
}

type Stored = Node & { readonly kind: 'counter_store' | 'value_store' | 'view' | 'aggregate' };

function checkStore(check: Check, node: Stored): void {
  if (node.kind === 'aggregate') {
    const frame = check.frameOf(node.source);
    check.key(node.sourceKey, frame);
    if (node.value !== null) check.on(node.value, frame);
    checkRead(check, node);
    return;
  }
  if (node.kind === 'view') {
    check.is(node.store, 'counter_store', 'value_store');
    const isCounter = check.node(node.store).kind === 'counter_store';
    check.that(
      isCounter === (node.read.fn === 'total'),
      `reads ${node.read.fn} of the wrong kind of store`,
    );
    checkRead(check, node);
    return;
  }
  check.is(node.frame, 'scan', 'attribute');
  check.key(node.key, node.frame);
  if (node.mask !== null) {
    check.on(node.mask, node.frame);
    check.bool(node.mask);
  }
  for (const value of node.kind === 'value_store' ? node.values : [node.value]) {
    if (value !== null) check.on(value, node.frame);
  }
  if (node.kind === 'counter_store' && node.value !== null) checkNumber(check, node.value);
}

function checkRead(check: Check, node: { readonly frame: NodeId; readonly key: NodeId }): void {
  check.is(node.frame, 'anchor');
  check.key(node.key, check.frameOf(frameOfSource(check.graph.nodes, node.frame)));
}

function checkNumber(check: Check, id: NodeId): void {
  const node = check.node(id);
  check.that('type' in node && physical(node.type) === 'f64', `sums %${id}, which is no number`);
}
