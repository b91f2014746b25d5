/** A graph or a plan as stable text, one node or thing a line: for golden files and for reading a pass's work. */
import { showType } from '../../dsl/types.ts';
import { creditText } from '../check/credit.ts';
import { durationText } from '../duration-text.ts';
import { windowText } from '../plan/expression-text.ts';
import type { Plan, SlotOp, SlotPlan } from '../plan/plan.ts';
import type { CounterWindow, Graph, Node, NodeId, Tree, ViewRead } from './ir.ts';

/** `%4 = call eq(%2, %3) : bool`, in the graph's order. */
export function showGraph(graph: Graph): string {
  const lines = graph.nodes.map((node, id) => `%${id} = ${showNode(node)}`);
  return `${[...lines, `roots ${refs(graph.roots)}`].join('\n')}\n`;
}

function refs(ids: readonly NodeId[]): string {
  return ids.map((id) => `%${id}`).join(', ');
}

function showNode(node: Node): string {
  switch (node.kind) {
    case 'scan':
      return `scan ${node.stream} from ${node.topic} {${node.fields.map(({ name, type }) => `${name}: ${showType(type)}`).join(', ')}}`;
    case 'filter':
      return `filter %${node.input} where %${node.where}`;
    case 'enrich':
      return `enrich %${node.event} key %${node.eventKey} from %${node.source} key %${node.sourceKey} within ${durationText(node.withinMs)}`;
    case 'attribute':
      return showAttribute(node);
    case 'field':
      return `field %${node.frame}.${node.name} : ${showType(node.type)}`;
    case 'enriched':
      return `enriched %${node.frame}.${node.name} by %${node.enrich} from %${node.input} : ${showType(node.type)}`;
    case 'label_field':
      return `label_field %${node.frame} ${node.from} ${node.parent === null ? '' : `of %${node.parent} `}%${node.input} : ${showType(node.type)}`;
    case 'label_credit':
      return `label_credit %${node.frame} : ${showType(node.type)}`;
    case 'anchor_field':
      return `anchor_field %${node.frame} %${node.input} : ${showType(node.type)}`;
    case 'const':
      return `const ${JSON.stringify(node.value)} : ${showType(node.type)}`;
    case 'list':
      return `list ${JSON.stringify(node.values)}`;
    case 'call':
      return `call %${node.frame} ${node.fn}(${refs(node.args)}) : ${showType(node.type)}`;
    case 'key':
      return `key %${node.frame} (${refs(node.parts)})`;
    case 'compute':
      return `compute %${node.frame} ${showTree(node.tree)} : ${showType(node.type)}`;
    case 'anchor':
      return `anchor %${node.source}`;
    case 'example':
      return showExample(node);
    default:
      return showStore(node);
  }
}

function showAttribute(node: Node & { readonly kind: 'attribute' }): string {
  const routes = node.routes.map(
    (route) =>
      `%${route.eventKey} on %${route.targetKey}${route.of === null ? '' : ` of %${route.of}`} within ${durationText(route.withinMs)}`,
  );
  const { unless } = node;
  const refund =
    unless === null
      ? ''
      : ` unless %${unless.refund} %${unless.refundKey} on %${unless.eventKey} within ${durationText(unless.withinMs)}`;
  return `attribute ${node.label} anchor %${node.anchor} id %${node.anchorId} event %${node.event} ${routes.join(' else ')} credit ${creditText(node.credit)}${refund}`;
}

type StoreLike = Node & { readonly kind: 'counter_store' | 'value_store' | 'view' | 'aggregate' };

function showStore(node: StoreLike): string {
  if (node.kind === 'view') {
    return `view %${node.frame} key %${node.key} of %${node.store} ${showRead(node.read)} over ${windowText(node.window)} : ${showType(node.type)}`;
  }
  const late = `${node.delayMs === 0 ? '' : ` delay ${durationText(node.delayMs)}`}${node.headMs === 0 ? '' : ` head ${durationText(node.headMs)}`}`;
  if (node.kind === 'aggregate') {
    const more = [node.k, node.q, node.halfLifeMs].filter((x) => x !== null).map((x) => `, ${x}`);
    const value = node.value === null ? '' : ` %${node.value}`;
    return `aggregate %${node.frame} key %${node.key} ${node.agg}(%${node.source}${value}${more.join('')}) by %${node.sourceKey} in ${node.keyspace} over ${windowText(node.window)}${late} : ${showType(node.type)}`;
  }
  const mask = node.mask === null ? '' : ` where %${node.mask}`;
  const feed = `%${node.frame}${mask} by %${node.key} in ${node.keyspace}${late}`;
  if (node.kind === 'counter_store') {
    const value =
      node.value === null
        ? 'count'
        : `${node.square ? 'squares' : 'sum'} %${node.value} in 1/${node.scale}`;
    return `counter_store ${value} of ${feed} windows [${node.windows.map(showWindow).join(', ')}]`;
  }
  const k = node.k === 0 ? '' : ` k ${node.k}`;
  const windows = node.windows.map((window) => windowText(window)).join(', ');
  return `value_store ${node.family}${node.hashed ? ' of hashes' : ''} (${refs(node.values)}) of ${feed} windows [${windows}]${k}`;
}

function showWindow({ ms, hopMs }: CounterWindow): string {
  return ms === null ? 'all' : `${durationText(ms)} hop ${durationText(hopMs)}`;
}

function showRead(read: ViewRead): string {
  const more =
    read.fn === 'latest'
      ? ` %${read.column}`
      : 'k' in read
        ? ` ${read.k}`
        : 'q' in read
          ? ` ${read.q}`
          : '';
  return read.fn + more;
}

function showTree(tree: Tree): string {
  return tree.kind === 'leaf'
    ? `%${tree.node}`
    : `${tree.fn}(${tree.args.map(showTree).join(', ')})`;
}

function showExample(node: Node & { readonly kind: 'example' }): string {
  const features = node.features.map(({ as, value }) => `${as} = %${value}`);
  const labels = node.labels.map(({ as, label, policy }) => `${as} = %${label} ${policy.kind}`);
  return `example ${node.name} anchor %${node.anchor} id %${node.id} {${[...features, ...labels].join(', ')}}`;
}

/** Streams, slots, stores and sets of a plan, indented. */
export function showPlan(plan: Plan): string {
  const lines: string[] = [];
  for (const scan of plan.scans) {
    const fields = scan.fields.map(
      ({ name, value, hash }) => `${name}${value ? '' : '#'}${value && hash ? '+#' : ''}`,
    );
    lines.push(`scan ${scan.topic}: ${fields.join(', ')}`);
  }
  for (const [s, stream] of plan.streams.entries()) {
    lines.push(`${stream.kind} ${s} ${stream.name}`, ...slotLines(stream.slots));
  }
  for (const one of plan.enrichments) lines.push(`enrich ${canonicalLine(one)}`);
  for (const one of plan.labels) lines.push(`label ${one.name} ${canonicalLine(one)}`);
  for (const [f, feed] of plan.feeds.entries()) lines.push(`feed ${f} ${canonicalLine(feed)}`);
  for (const [a, anchor] of plan.anchors.entries()) {
    lines.push(
      `anchor ${a} ${anchor.name} of ${anchor.stream} mask ${anchor.mask}`,
      ...slotLines(anchor.slots),
    );
  }
  for (const [k, keyspace] of plan.keyspaces.entries()) {
    lines.push(`keyspace ${k} ${keyspace.name}`);
    for (const feed of keyspace.feeds) lines.push(`  feed ${canonicalLine(feed)}`);
    for (const group of keyspace.counters) {
      lines.push(
        `  counters [${group.windows.map(showWindow).join(', ')}]`,
        ...group.columns.map((one) => `    ${canonicalLine(one)}`),
      );
    }
    for (const store of keyspace.values) lines.push(`  ${store.family} ${canonicalLine(store)}`);
    for (const probe of keyspace.probes) {
      lines.push(
        `  probe of anchor ${probe.anchor} key ${probe.key}`,
        ...probe.views.map((one) => `    ${canonicalLine(one)}`),
      );
    }
  }
  for (const set of plan.examples) {
    lines.push(`examples ${set.name} anchor ${set.anchor} id ${set.id} #${set.idHash}`);
    for (const one of set.features)
      lines.push(`  ${one.name} = ${one.slot} : ${showType(one.type)} ${one.input}`);
    for (const one of set.labels)
      lines.push(`  ${one.name} = label ${one.label} ${canonicalLine(one.policy)}`);
  }
  return `${lines.join('\n')}\n`;
}

function slotLines(slots: readonly SlotPlan[]): readonly string[] {
  return slots.map(({ name, physical, op }, i) => `  ${i} ${physical} ${showOp(op)}  // ${name}`);
}

function showOp(op: SlotOp): string {
  const { kind, ...rest } = op;
  return `${kind} ${canonicalLine(rest)}`;
}

function canonicalLine(value: object): string {
  return JSON.stringify(value);
}
