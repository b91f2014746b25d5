/** Columns of frames, made on demand: one slot per (expression, value or hash), inputs first. */
import { type Physical, physical } from '../../dsl/types.ts';
import { frameOfSource } from '../graph/graph.ts';
import type {
  AttributeNode,
  EnrichNode,
  ExprNode,
  Graph,
  NodeId,
  ScanNode,
  Tree,
  ViewNode,
} from '../graph/ir.ts';
import { expressionText } from './expression-text.ts';
import type { Sources } from './place-sources.ts';
import type { EnrichPlan, Expr, SlotOp, SlotPlan } from './plan.ts';

type ExprOf<K extends ExprNode['kind']> = ExprNode & { readonly kind: K };

type Frame = { readonly slots: SlotPlan[]; readonly known: Map<string, number> };

/** Answers where a view is read: which keyspace, probe and view. The stores' placement gives it. */
export type ViewPlacer = (
  id: NodeId,
  view: ViewNode,
  keySlot: number,
) => { keyspace: number; probe: number; view: number };

export class Slots {
  private readonly graph: Graph;
  private readonly sources: Sources;
  private readonly frames = new Map<NodeId, Frame>();
  private readonly gained = new Map<NodeId, { from: number; to: number }[]>();
  private placeView: ViewPlacer | null = null;

  constructor(graph: Graph, sources: Sources) {
    this.graph = graph;
    this.sources = sources;
  }

  /** All slots of a frame so far. */
  of(frame: NodeId): readonly SlotPlan[] {
    return this.frame(frame).slots;
  }

  /** The slot of an event's id as a hash: scan field `field`. */
  id(frame: NodeId, name: string, field: number): number {
    return this.slot(frame, 'id', () => ({ name, physical: 'hash', op: { kind: 'field', field } }));
  }

  /** What an enrichment fills in so far. */
  enrichedBy(enrich: NodeId): EnrichPlan['fields'] {
    return this.gained.get(enrich) ?? [];
  }

  setViews(placer: ViewPlacer): void {
    this.placeView = placer;
  }

  /** The slot of an expression's value on `frame`. */
  value(frame: NodeId, id: NodeId): number {
    return this.slot(frame, `value ${id}`, () =>
      this.plan(id, this.physical(id), this.valueOp(frame, id)),
    );
  }

  /** The slot of the hash of an expression (of a key: of its parts). */
  hash(frame: NodeId, id: NodeId): number {
    const node = this.graph.nodes[id]!;
    if (node.kind === 'key' && node.parts.length === 1) return this.hash(frame, node.parts[0]!);
    return this.slot(frame, `hash ${id}`, () => this.plan(id, 'hash', this.hashOp(frame, id)));
  }

  /** A slot of the anchor's stream, seen on the anchor's frame. */
  onAnchor(anchor: NodeId, streamSlot: number): number {
    const stream = frameOfSource(this.graph.nodes, anchor);
    const { name, physical } = this.frame(stream).slots[streamSlot]!;
    return this.slot(anchor, `stream ${streamSlot}`, () => ({
      name,
      physical,
      op: { kind: 'stream', slot: streamSlot },
    }));
  }

  private slot(frameId: NodeId, text: string, make: () => SlotPlan): number {
    const frame = this.frame(frameId);
    const known = frame.known.get(text);
    if (known !== undefined) return known;
    const plan = make();
    const index = frame.slots.push(plan) - 1;
    frame.known.set(text, index);
    const { op } = plan;
    if (op.kind === 'enriched') {
      const enrich = this.sources.enrichments[op.enrichment]!;
      const fields = this.gained.get(enrich) ?? [];
      fields.push({ from: op.slot, to: index });
      this.gained.set(enrich, fields);
    }
    return index;
  }

  private frame(id: NodeId): Frame {
    let frame = this.frames.get(id);
    if (frame === undefined) {
      frame = { slots: [], known: new Map() };
      this.frames.set(id, frame);
    }
    return frame;
  }

  private plan(id: NodeId, kind: Physical, op: SlotOp): SlotPlan {
    return { name: expressionText(this.graph.nodes, id), physical: kind, op };
  }

  /** The physical kind of an expression's value; a key's is its hash. */
  physical(id: NodeId): Physical {
    const node = this.graph.nodes[id]!;
    if (node.kind === 'key') return 'hash';
    if (!('type' in node)) throw new Error(`a ${node.kind} node has no value`);
    return physical(node.type);
  }

  private valueOp(frame: NodeId, id: NodeId): SlotOp {
    const node = this.graph.nodes[id]!;
    switch (node.kind) {
      case 'key':
        return this.hashOp(frame, id);
      case 'field':
        return { kind: 'field', field: this.scanField(node, 'value') };
      case 'enriched':
        return this.enriched(node, (source) => this.value(source, node.input));
      case 'label_field':
        return this.labelField(node, (source) => this.value(source, node.input));
      case 'label_credit':
        return { kind: 'credit' };
      case 'anchor_field':
        return {
          kind: 'stream',
          slot: this.value(frameOfSource(this.graph.nodes, frame), node.input),
        };
      case 'view':
        return this.view(id, node);
      case 'const':
      case 'call':
      case 'compute':
        return { kind: 'expr', expr: this.expression(frame, id) };
      default:
        throw new Error(`a ${node.kind} node has no column`);
    }
  }

  private hashOp(frame: NodeId, id: NodeId): SlotOp {
    const node = this.graph.nodes[id]!;
    switch (node.kind) {
      case 'key': {
        const slots = node.parts.map((part) => this.hash(frame, part));
        return slots.length === 1
          ? { kind: 'hash_of', slot: slots[0]! }
          : { kind: 'combine', slots };
      }
      case 'field':
        return { kind: 'field', field: this.scanField(node, 'hash') };
      // Hashes travel as they are: eight bytes a row instead of the text.
      case 'enriched':
        return this.enriched(node, (source) => this.hash(source, node.input));
      case 'label_field':
        return this.labelField(node, (source) => this.hash(source, node.input));
      case 'anchor_field':
        return {
          kind: 'stream',
          slot: this.hash(frameOfSource(this.graph.nodes, frame), node.input),
        };
      default:
        return { kind: 'hash_of', slot: this.value(frame, id) };
    }
  }

  private scanField(node: ExprOf<'field'>, want: 'value' | 'hash'): number {
    const { topic } = this.graph.nodes[node.frame] as ScanNode;
    const { fields } = this.sources.topics.find((one) => one.topic === topic)!;
    const index = fields.findIndex((field) => field.name === node.name);
    fields[index]![want] = true;
    return index;
  }

  private enriched(node: ExprOf<'enriched'>, slotOf: (source: NodeId) => number): SlotOp {
    const { source } = this.graph.nodes[node.enrich] as EnrichNode;
    const frame = frameOfSource(this.graph.nodes, source);
    return {
      kind: 'enriched',
      enrichment: this.sources.enrichment.get(node.enrich)!,
      slot: slotOf(frame),
    };
  }

  private labelField(node: ExprOf<'label_field'>, slotOf: (source: NodeId) => number): SlotOp {
    if (node.from === 'parent') {
      return {
        kind: 'parent',
        label: this.sources.label.get(node.parent!)!,
        slot: slotOf(node.parent!),
      };
    }
    const label = this.graph.nodes[node.frame] as AttributeNode;
    const frame = frameOfSource(
      this.graph.nodes,
      node.from === 'event' ? label.event : label.anchor,
    );
    return { kind: node.from, slot: slotOf(frame) };
  }

  private view(id: NodeId, node: ViewNode): SlotOp {
    const stream = frameOfSource(this.graph.nodes, node.frame);
    const keySlot = this.onAnchor(node.frame, this.hash(stream, node.key));
    if (this.placeView === null) throw new Error('views are read before stores are placed');
    return { kind: 'view', ...this.placeView(id, node, keySlot) };
  }

  private expression(frame: NodeId, id: NodeId): Expr {
    const node = this.graph.nodes[id]!;
    switch (node.kind) {
      case 'compute':
        return this.tree(frame, node.tree);
      case 'call':
        return {
          op: 'call',
          fn: node.fn,
          args: node.args.map((arg) => this.operand(frame, arg)),
          physical: this.physical(id),
        };
      default:
        return this.operand(frame, id);
    }
  }

  private tree(frame: NodeId, tree: Tree): Expr {
    if (tree.kind === 'leaf') return this.operand(frame, tree.node);
    const args = tree.args.map((arg) => this.tree(frame, arg));
    return { op: 'call', fn: tree.fn, args, physical: physical(tree.type) };
  }

  private operand(frame: NodeId, id: NodeId): Expr {
    const node = this.graph.nodes[id]!;
    const kind = this.physical(id);
    if (node.kind === 'const') return { op: 'const', physical: kind, value: node.value };
    if (node.kind === 'list') {
      return {
        op: 'list',
        physical: kind === 'list_text' ? 'list_text' : 'list_f64',
        values: node.values,
      };
    }
    return { op: 'slot', slot: this.value(frame, id), physical: kind };
  }
}
