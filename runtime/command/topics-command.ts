/** `millrace topics plan|apply`: says what topics a program needs, and makes those that are missing. Never deletes or changes one. */
import { hasErrors } from '../../dsl/diagnostic.ts';
import { type Console, showDiagnostics } from '../console-output.ts';
import { KafkaCluster } from '../kafka/kafka-cluster.ts';
import { reachKafka } from '../kafka/reach.ts';
import { Topics } from '../kafka/topics.ts';
import { compileProgram, readProgram } from '../program-files.ts';
import { planOfApp } from '../worker/unit-upgrade.ts';
import { type KafkaFlags, kafkaConfig } from './kafka-config.ts';
import { judgeTopic, neededTopics, type TopicFinding, type TopicSizes } from './needed-topics.ts';

/** Exit code 0: all is there and right (or was made); 1: something is missing (`plan`) or wrong. */
export async function topicsCommand(
  action: 'plan' | 'apply',
  paths: readonly string[],
  flags: KafkaFlags & TopicSizes,
  out: Console,
): Promise<number> {
  const program = readProgram(paths);
  const { plan, diagnostics } = compileProgram(program);
  showDiagnostics(diagnostics, program.texts, out);
  if (plan === null || hasErrors(diagnostics)) return 1;
  const { app, kafka } = kafkaConfig(flags, process.env, (message) => out.error(message));
  await reachKafka(kafka);
  const topics = new Topics(kafka);
  const cluster = new KafkaCluster(kafka);
  try {
    let isRight = true;
    // Where the application goes over to the program, sets that change have topics of the next generation.
    const own = flags.units === 1 ? await planOfApp(cluster, app, plan) : null;
    for (const need of neededTopics(own ?? plan, app, flags)) {
      const found = await topics.describe(need.name, Object.keys(need.config));
      const finding = judgeTopic(need, found);
      const makes = finding.state === 'missing' && action === 'apply';
      if (makes) await topics.create(need);
      isRight &&= makes || finding.state === 'right' || finding.state === 'differs';
      out.print(lineOf(finding, makes));
    }
    return isRight ? 0 : 1;
  } finally {
    await cluster.close();
    await topics.close();
  }
}

function lineOf({ topic, state, remarks }: TopicFinding, isMade: boolean): string {
  const config = Object.entries(topic.config).map(([name, value]) => `${name}=${value}`);
  const size = `${topic.partitions} partitions, ${topic.replication} replicas`;
  const word = isMade ? 'made' : state;
  const rest = state === 'missing' ? `${size}, ${config.join(', ')}` : remarks.join('; ');
  return `${word.padEnd(8)}${topic.name} (${topic.purpose})${rest === '' ? '' : `: ${rest}`}`;
}
