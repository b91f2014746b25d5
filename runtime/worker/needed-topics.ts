/** What topics a program needs on Kafka, and how what is there differs. */
import type { Plan } from '../../compiler/plan.ts';
import type { TopicFacts, TopicWish } from '../kafka/topics.ts';
import { appTopics } from './app-topics.ts';

export type TopicSizes = {
  /** Partitions of source topics that are made. */
  readonly sourcePartitions: number;
  readonly examplePartitions: number;
  /** Shards of the application: fixed when it is created. */
  readonly units: number;
  readonly replication: number;
};

export type NeededTopic = TopicWish & {
  readonly purpose: 'source' | 'examples' | 'dead letters' | 'progress' | 'decisions' | 'exchange';
  /** The partition count must be exactly this; otherwise at least one will do. */
  readonly isExact: boolean;
};

const FOR_EVER = '-1';

export function neededTopics(plan: Plan, app: string, sizes: TopicSizes): NeededTopic[] {
  const { replication, units } = sizes;
  // With three replicas one may be away, and no acknowledged record is lost.
  const insync = String(Math.max(1, replication - 1));
  const durable = { 'min.insync.replicas': insync };
  const topics = appTopics(app, plan);
  const need = (
    name: string,
    purpose: NeededTopic['purpose'],
    partitions: number,
    config: Readonly<Record<string, string>>,
  ): NeededTopic => ({
    ...{ name, purpose, partitions, replication },
    config: { ...durable, ...config },
    isExact: purpose === 'progress' || purpose === 'decisions' || purpose === 'exchange',
  });
  return [
    ...plan.scans.map(({ topic }) => need(topic, 'source', sizes.sourcePartitions, {})),
    ...topics.examples.map((topic) => need(topic, 'examples', sizes.examplePartitions, {})),
    need(topics.dead, 'dead letters', 1, {}),
    need(topics.progress, 'progress', units, {
      'cleanup.policy': 'compact',
      'retention.ms': FOR_EVER,
    }),
    need(topics.decisions, 'decisions', units, { 'retention.ms': FOR_EVER }),
    ...(units === 1
      ? []
      : [need(topics.exchange, 'exchange', units, { 'retention.ms': FOR_EVER })]),
  ];
}

export type TopicFinding = {
  readonly topic: NeededTopic;
  readonly state: 'missing' | 'right' | 'wrong' | 'differs';
  /** What differs: `wrong` would break the application, `differs` is worth knowing. */
  readonly remarks: readonly string[];
};

/** `found`: null where there is no such topic. */
export function judgeTopic(topic: NeededTopic, found: TopicFacts | null): TopicFinding {
  if (found === null) return { topic, state: 'missing', remarks: [] };
  const wrong: string[] = [];
  const differs: string[] = [];
  if (topic.isExact && found.partitions !== topic.partitions) {
    wrong.push(`it has ${found.partitions} partitions, and must have ${topic.partitions}`);
  }
  for (const [name, wanted] of Object.entries(topic.config)) {
    const is = found.config[name] ?? 'unknown';
    if (is === wanted) continue;
    const remark = `${name} is ${is}, not ${wanted}`;
    // What is lost there is lost for good.
    if (name !== 'min.insync.replicas') wrong.push(remark);
    else if (Number(is) < Number(wanted)) differs.push(remark);
  }
  if (found.replication < topic.replication) {
    differs.push(`${found.replication} replicas, not ${topic.replication}`);
  }
  const state = wrong.length > 0 ? 'wrong' : differs.length > 0 ? 'differs' : 'right';
  return { topic, state, remarks: [...wrong, ...differs] };
}
