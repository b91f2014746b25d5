import type { LogicalProgram } from '../check/logical.ts';
import type { Plan } from '../plan/plan.ts';
import { lowerToPlan } from '../plan/to-plan.ts';

/** The plan as a Graphviz digraph: topics, streams, labels, keyspaces, anchors, example sets, and what flows between. */
export function explainDot(program: LogicalProgram): string {
  const plan = lowerToPlan(program);
  const lines = [...nodes(plan), ...edges(plan)].map((line) => `  ${line};`);
  return [
    'digraph millrace {',
    '  rankdir=LR;',
    '  node [shape=box, fontname="sans-serif"];',
    ...lines,
    '}',
    '',
  ].join('\n');
}

function nodes(plan: Plan): readonly string[] {
  return [
    ...plan.scans.map((scan, i) =>
      node(`topic${i}`, `${scan.topic}\n${scan.fields.length} fields`, 'cylinder'),
    ),
    ...plan.streams.flatMap((stream, i) =>
      stream.kind === 'label' ? [] : [node(`stream${i}`, `${stream.kind} ${stream.name}`)],
    ),
    ...plan.labels.map((label, i) => node(`label${i}`, `label ${label.name}`, 'diamond')),
    ...plan.keyspaces.map((keyspace, i) => {
      const columns = keyspace.counters.reduce((sum, group) => sum + group.columns.length, 0);
      return node(
        `key${i}`,
        `by ${keyspace.name}\n${columns + keyspace.values.length} stores`,
        'folder',
      );
    }),
    ...plan.anchors.map((anchor, i) => node(`anchor${i}`, `anchor ${anchor.name}`)),
    ...plan.examples.map((set, i) =>
      node(`set${i}`, `examples ${set.name}\n${set.features.length} columns`, 'note'),
    ),
  ];
}

function edges(plan: Plan): readonly string[] {
  const source = (stream: number) => {
    const label = plan.labels.findIndex(({ labelStream }) => labelStream === stream);
    return label < 0 ? `stream${stream}` : `label${label}`;
  };
  const found = [
    ...plan.scans.flatMap((scan, i) =>
      scan.streams.map((stream) => edge(`topic${i}`, `stream${stream}`)),
    ),
    ...plan.enrichments.map((one) => edge(source(one.source), source(one.stream), 'enrich')),
    ...plan.labels.flatMap((label, i) => [
      edge(`stream${label.anchor.stream}`, `label${i}`, 'anchor'),
      edge(`stream${label.event.stream}`, `label${i}`, 'event'),
      ...(label.unless === null
        ? []
        : [edge(`stream${label.unless.stream}`, `label${i}`, 'unless')]),
      ...label.routes.flatMap(({ of }) =>
        of === null ? [] : [edge(`label${of}`, `label${i}`, 'of')],
      ),
    ]),
    ...plan.keyspaces.flatMap((keyspace, i) => [
      ...keyspace.feeds.map(({ feed }) => edge(source(plan.feeds[feed]!.stream), `key${i}`)),
      ...keyspace.probes.map((probe) =>
        edge(`key${i}`, `anchor${probe.anchor}`, `${probe.views.length} views`),
      ),
    ]),
    ...plan.anchors.map((anchor, i) => edge(`stream${anchor.stream}`, `anchor${i}`)),
    ...plan.examples.flatMap((set, i) => [
      edge(`anchor${set.anchor}`, `set${i}`),
      ...set.labels.map(({ label }) => edge(`label${label}`, `set${i}`)),
    ]),
  ];
  return [...new Set(found)];
}

function node(id: string, label: string, shape?: string): string {
  return `${id} [label=${JSON.stringify(label)}${shape === undefined ? '' : `, shape=${shape}`}]`;
}

function edge(from: string, to: string, label?: string): string {
  return `${from} -> ${to}${label === undefined ? '' : ` [label=${JSON.stringify(label)}]`}`;
}
