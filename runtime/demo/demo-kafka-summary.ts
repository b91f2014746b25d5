import { join } from 'node:path';
import type { Plan } from '../../compiler/plan/plan.ts';
import { decodeBlock } from '../block/block-decode.ts';
import { blockRow } from '../block/block-row.ts';
import type { ExampleRow } from '../block/example-row.ts';
import { ownCommand, shownPath } from '../own-command.ts';
import type { TrafficSummary } from '../simulator/ad-traffic.ts';
import { grouped, textTable } from '../text-table.ts';
import { appTopics } from '../worker/app-topics.ts';
import type { Cluster } from '../worker/cluster.ts';
import { readToEnd } from '../worker/tail-read.ts';
import type { KafkaDemo } from './demo-kafka.ts';

export type TopicsSummary = {
  readonly examples: number;
  readonly dead: number;
  /** Rows by label and kind. */
  readonly kinds: ReadonlyMap<string, number>;
  readonly first: readonly ExampleRow[];
};

const FIRST = 2;
const SHOWN_FEATURES = 6;

/** What is committed in the topics of the demo's one example set. */
export async function summariseTopics(
  cluster: Cluster,
  plan: Plan,
  app: string,
): Promise<TopicsSummary> {
  const topics = appTopics(app, plan);
  const kinds = new Map<string, number>();
  const first: ExampleRow[] = [];
  let examples = 0;
  await readToEnd(cluster, { topic: topics.examples[0]!, partition: 0 }, null, (value) => {
    const block = decodeBlock(value.slice());
    examples += block.rows;
    for (let i = 0; i < block.rows; i++) {
      const row = blockRow(block, i);
      if (first.length < FIRST && row.kind === undefined) first.push(row);
      for (const [label, { kind }] of Object.entries(row.labels)) {
        const name = `${label} ${kind}`;
        kinds.set(name, (kinds.get(name) ?? 0) + 1);
      }
    }
  });
  let dead = 0;
  await readToEnd(cluster, { topic: topics.dead, partition: 0 }, null, () => {
    dead++;
  });
  return { examples, dead, kinds, first };
}

export function renderKafkaSummary(
  of: TopicsSummary & {
    readonly traffic: TrafficSummary;
    readonly plan: Plan;
    readonly demo: KafkaDemo;
    readonly replication: number;
  },
): string {
  const { examples, dead, kinds, first, traffic, plan, demo, replication } = of;
  const { app, kafka, places } = demo;
  const streams = Object.values(traffic.streams);
  const planted = streams.reduce((sum, { late, malformed }) => sum + late + malformed, 0);
  const topics = appTopics(app, plan);
  const program = shownPath(places.program);
  const on = `${program} --kafka ${kafka} --app ${app}`;
  const rows = [...kinds].sort().map(([name, count]) => [...name.split(' '), grouped(count)]);
  const copies = `--replication ${replication}`;
  const next = [
    ['the topics, and whether they are as they should be', `topics plan ${on} ${copies}`],
    ['a model from the example topic', `train ${on} --until-end --to ${shownPath(places.model)}`],
    [
      'another application over the same events: its topics',
      `topics apply ${on}-2 --shards 2 ${copies}`,
    ],
    [
      '… and a worker; start another beside it with a --state-dir of its own, kill one',
      `run ${on}-2 --shards 2 --state-dir ${shownPath(join(places.folder, 'worker-1'))}`,
    ],
  ] as const;
  return [
    `${grouped(traffic.events)} events in ${app}.* became ${grouped(examples)} examples in ${topics.examples[0]!}.`,
    '',
    'Rows by label and kind:',
    '',
    ...textTable([['label', 'kind', 'rows'], ...rows]),
    '',
    `Late and malformed records in ${topics.dead}: ${grouped(dead)}; put in by the simulator: ${grouped(planted)}${dead === planted ? '' : ' (DIFFERS)'}.`,
    '',
    `The first examples, some of their ${plan.examples[0]!.features.length} features:`,
    '',
    ...first.map((row) => `  ${JSON.stringify(shown(row, plan))}`),
    '',
    'What to look at next:',
    '',
    ...next.flatMap(([what, command]) => [`  - ${what}:`, `      ${ownCommand()} ${command}`]),
  ].join('\n');
}

function shown({ id, emitted, labels, features }: ExampleRow, plan: Plan): object {
  const { features: columns } = plan.examples[0]!;
  const values = Object.entries(labels).map(([name, { value, kind }]) => [name, { value, kind }]);
  return {
    id,
    emitted: new Date(emitted).toISOString(),
    labels: Object.fromEntries(values),
    features: Object.fromEntries(
      columns.slice(0, SHOWN_FEATURES).map(({ name }, i) => [name, features[i]]),
    ),
  };
}
