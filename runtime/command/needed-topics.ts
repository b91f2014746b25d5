/** What topics a program needs on Kafka, and how what is there differs. */
import type { Plan } from '../../compiler/plan/plan.ts';
import { RECORD_BYTES_MAX, TOPIC_RECORD_BYTES } from '../config.ts';
import type { TopicFacts, TopicWish } from '../kafka/topics.ts';
import { appTopics } from '../worker/app-topics.ts';

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
/** What is written is cut to RECORD_BYTES_MAX, but a row is not cut, and one event of a source may fill a record. */
const LARGE_RECORDS = { 'max.message.bytes': String(TOPIC_RECORD_BYTES) };
/** Batches and their headers around a record of RECORD_BYTES_MAX. */
const BATCH_BYTES = 2 * RECORD_BYTES_MAX;

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
    config: { ...durable, ...(purpose === 'source' ? {} : LARGE_RECORDS), ...config },
    isExact: purpose === 'progress' || purpose === 'decisions' || purpose === 'exchange',
  });
  return [
    ...plan.scans.map(({ topic, streams }) =>
      need(topic, 'source', sizes.sourcePartitions, kept(plan, streams, Math.max)),
    ),
    ...topics.examples.map((topic) => need(topic, 'examples', sizes.examplePartitions, {})),
    need(topics.dead, 'dead letters', 1, kept(plan, [...plan.streams.keys()], Math.min)),
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

/** As long as the streams say, where they do: a source keeps what any of them needs, dead letters what all of them allow. */
function kept(
  plan: Plan,
  streams: readonly number[],
  of: (...ms: number[]) => number,
): Readonly<Record<string, string>> {
  const said = streams.flatMap((stream) => plan.streams[stream]!.retainMs ?? []);
  const isEnough = said.length > 0 && (of === Math.min || said.length === streams.length);
  return isEnough ? { 'retention.ms': String(of(...said)) } : {};
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
    if (name === 'retention.ms' && wanted !== FOR_EVER) {
      const isLonger = Number(is) < 0 || Number(is) > Number(wanted);
      if (topic.purpose === 'source') differs.push(`${remark} as \`retain\` says`);
      else if (isLonger) wrong.push(`${remark}: longer than a stream's \`retain\``);
      continue;
    }
    if (name === 'max.message.bytes') {
      if (Number(is) < BATCH_BYTES) wrong.push(`${remark}: records that are written may not fit`);
      else if (Number(is) < Number(wanted)) differs.push(`${remark}: a very long row may not fit`);
      continue;
    }
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
