/**
 * Which plan the application runs now; and, where its worker was told to (`--upgrade`), the change to another program.
 *
 * The change is one transaction of the unit's new holder: the new plan, as an entry of the decision log, and the committed progress
 * once more, as the new plan's. No state is needed for it: all emissions before the committed K are out, so K is where
 * the old plan ends. Whose state is not there yet is a matter of the lives that follow (unit-stage.ts). Whoever held the unit
 * before was fenced; whoever comes with the old program finds the entry.
 */
import type { Plan } from '../../compiler/plan/plan.ts';
import { sealPlan } from '../../compiler/plan/seal-plan.ts';
import { takeOver } from '../../operators/take-over/take-over.ts';
import { Fault } from '../fault.ts';
import { isOfProgram } from '../run/plan-program.ts';
import { takeOverText } from '../run/take-over-text.ts';
import { appTopics, decisionsTopic, progressTopic } from './app-topics.ts';
import type { Cluster, TransactionalProducer } from './cluster.ts';
import { readDecisions } from './unit-decisions.ts';
import { judgesTogether } from './unit-gates.ts';
import type { Began } from './unit-handover.ts';
import { UnitOutputs } from './unit-outputs.ts';
import { type PlanStage, planDecisions, planStages } from './unit-plans.ts';
import { readProgress, type UnitProgress } from './unit-progress.ts';
import type { UnitRequest } from './unit-recovery.ts';
import { partitionsOf } from './unit-shard.ts';

export type PlanNow = {
  /** Oldest first; the last one is of the program asked for. */
  readonly stages: readonly PlanStage[];
  readonly progress: UnitProgress | null;
};

/** `said`: what the decision log says. A Fault where the application runs another program, and is not to change or cannot. */
export async function planNow(
  asked: UnitRequest,
  of: {
    readonly said: readonly PlanStage[];
    readonly progress: UnitProgress | null;
    readonly began: Began | null;
    readonly transactions: TransactionalProducer;
  },
): Promise<PlanNow> {
  const { said, progress, began } = of;
  const first = { plan: began?.plan ?? asked.plan, from: began?.k ?? Number.NEGATIVE_INFINITY };
  const stages = said.length > 0 ? said : [{ ...first, handover: null }];
  if (progress === null) return { stages, progress };
  const last = stages.at(-1)!;
  checkJudged(asked, last.plan, progress);
  const isKnown = progress.planDigest === last.plan.digest;
  if (isKnown && isOfProgram(last.plan, asked.plan)) return { stages, progress };
  if (asked.upgrade !== true || !isKnown) throw otherPlan(asked, progress, said);
  const plan = planToCome(asked, last.plan, progress);
  const changed = await change(asked, { plan, before: last.plan, progress }, of.transactions);
  return { stages: [...stages, { plan, from: progress.k, handover: null }], progress: changed };
}

/** The plan that an application has, or would have if it went over to the program now; null: there is none of the name. */
export async function planOfApp(
  cluster: Cluster,
  app: string,
  program: Plan,
): Promise<Plan | null> {
  const last = (await stagesOfApp(cluster, app)).at(-1);
  if (last === undefined) return null;
  if (isOfProgram(last.plan, program)) return last.plan;
  const of = { topic: progressTopic(app), partition: 0 };
  return planToCome({ app, plan: program }, last.plan, (await readProgress(cluster, of))!);
}

/** What would keep a change from happening, as far as it can be told while workers of the old program are still there. */
export async function checkChange(cluster: Cluster, app: string, program: Plan): Promise<void> {
  const plan = await planOfApp(cluster, app, program);
  if (plan !== null) await partitionsOf(cluster, appTopics(app, plan).examples);
}

/** The plans that an application has had, oldest first; none where there is no such application, or it does not say. */
export async function stagesOfApp(cluster: Cluster, app: string): Promise<PlanStage[]> {
  const topic = decisionsTopic(app);
  if ((await cluster.partitions([topic])).get(topic) !== 1) return [];
  return planStages(await readDecisions(cluster, { topic, partition: 0 }));
}

type Asked = Pick<UnitRequest, 'app' | 'plan'>;

function planToCome({ app, plan: program }: Asked, old: Plan, progress: UnitProgress): Plan {
  if (progress.done) refuse(app, ['everything up to the ends of its topics is out']);
  if (!Number.isFinite(progress.k)) refuse(app, ['nothing of it is committed yet']);
  refuse(app, topicReasons(old, program, progress));
  const made = takeOver(old, program, progress.k);
  refuse(app, made.reasons ?? []);
  return sealPlan(made.plan!);
}

/** A topic that was read is not read again from its beginning: by then its first records may be gone. */
function topicReasons(old: Plan, program: Plan, { starts }: UnitProgress): string[] {
  const known = new Set(old.streams.map(({ name }) => name));
  const topics = new Set(old.scans.map(({ topic }) => topic));
  const began = new Set(Object.keys(starts).map((name) => name.slice(0, name.lastIndexOf('/'))));
  return program.scans.flatMap(({ topic, streams }) => {
    if (!began.has(topic)) return [];
    if (!topics.has(topic)) return [`${topic} was read once, and would be read from there again`];
    return streams
      .map((stream) => program.streams[stream]!.name)
      .filter((name) => !known.has(name))
      .map((name) => `stream ${name} is new on ${topic}, which is read already`);
  });
}

function refuse(app: string, reasons: readonly string[]): void {
  if (reasons.length === 0) return;
  throw new Fault(
    'cannot_take_over',
    [
      `the program cannot take over what the application ${app} has:`,
      ...reasons.map((line) => `  - ${line}`),
      'Begin another one with --app: both can run side by side.',
    ].join('\n'),
    { context: { app } },
  );
}

async function change(
  { app, cluster, unit, moved, say }: UnitRequest,
  of: { readonly plan: Plan; readonly before: Plan; readonly progress: UnitProgress },
  transactions: TransactionalProducer,
): Promise<UnitProgress> {
  const { plan, before, progress } = of;
  const topics = appTopics(app, plan);
  // A set of the next generation has a topic of its own: that it is not there is said before anything has happened.
  await partitionsOf(cluster, topics.examples);
  const was = plan.examples.map(({ name }) =>
    before.examples.findIndex((set) => set.name === name),
  );
  const { waiting } = progress;
  const changed: UnitProgress = {
    ...progress,
    planDigest: plan.digest,
    rows: was.map((set) => progress.rows[set] ?? 0),
    ...(waiting === undefined ? {} : { waiting: was.map((set) => waiting[set] ?? null) }),
  };
  const { rows } = changed;
  const outputs = new UnitOutputs({
    ...{ plan, topics, unit, transactions, moved, rows, partitions: new Map() },
  });
  for (const each of planDecisions({ plan, from: progress.k, handover: null })) {
    await outputs.decide(each, cluster.now());
  }
  await outputs.commit(changed);
  for (const line of takeOverText(before, plan)) say('upgraded', { unit, line });
  return changed;
}

function checkJudged({ app, units }: UnitRequest, plan: Plan, { waiting }: UnitProgress): void {
  if (waiting !== undefined || !judgesTogether(plan, units)) return;
  throw new Fault(
    'app_not_judged',
    `the application ${app} was started by a version that let rows out unjudged where this one judges them together: going on would give some twice. Go on with that version, or give another name with --app.`,
    { context: { app } },
  );
}

function otherPlan(
  { app, plan, units }: UnitRequest,
  { planDigest }: UnitProgress,
  said: readonly PlanStage[],
): Fault {
  const [is, wanted] = [planDigest.slice(0, 12), plan.digest.slice(0, 12)];
  const last = said.at(-1);
  const since =
    last === undefined || !Number.isFinite(last.from)
      ? ''
      : `, since event time ${new Date(last.from).toISOString()}`;
  const instead =
    units > 1
      ? ''
      : said.length === 0
        ? ' Start it once with the program it has, which is then kept with it, and after that with the new one and --upgrade; or'
        : ' Start a worker of that program; or take over what it has with --upgrade; or';
  return new Fault(
    'app_of_other_plan',
    `the application ${app} runs another program (plan ${is}, not ${wanted}${since}).${instead === '' ? ' Give' : `${instead} give`} another name with --app: both can run side by side.`,
    { context: { app } },
  );
}
