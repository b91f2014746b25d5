/** `millrace train PATH… --kafka HOST:PORT --app NAME`: one process that trains one model on the examples of an application. */
import { join } from 'node:path';
import type { ModelPlan } from '../../compiler/check/model-plan.ts';
import type { ExamplePlan, Plan } from '../../compiler/plan/plan.ts';
import { hasErrors } from '../../dsl/diagnostic.ts';
import { type Console, showDiagnostics } from '../console-output.ts';
import { Fault } from '../fault.ts';
import { KafkaCluster } from '../kafka/kafka-cluster.ts';
import { reachKafka } from '../kafka/reach.ts';
import { compileProgram, readProgram } from '../program-files.ts';
import { FolderLock } from '../run/folder-lock.ts';
import { isOfProgram } from '../run/plan-program.ts';
import { safeName } from '../sink/sink.ts';
import { grouped } from '../text-table.ts';
import type { GateVerdict } from '../trainer/model-gates.ts';
import { LiveTraining } from '../training/live-training.ts';
import { printDeep } from '../training/training-report.ts';
import { UsageError } from '../usage-error.ts';
import { type AppTopics, appTopics } from '../worker/app-topics.ts';
import { type Cluster, ClusterFault } from '../worker/cluster.ts';
import { ExampleStream, type StreamOf } from '../worker/example-stream.ts';
import { watchSignals } from '../worker/stop-signals.ts';
import { placesOf } from '../worker/unit-plans.ts';
import { stagesOfApp } from '../worker/unit-upgrade.ts';
import { type KafkaFlags, kafkaConfig } from './kafka-config.ts';
import {
  checkNames,
  chosenDevice,
  flatLabels,
  labelsOf,
  parseWeights,
  type TrainFlags,
  weightingsOf,
} from './train-command.ts';

export type LiveTrainFlags = KafkaFlags &
  Pick<TrainFlags, 'sets' | 'weights' | 'device' | 'slices' | 'keep'> & {
    /** Folder of the models; null: MODELS/APP. */
    readonly to: string | null;
    readonly untilEnd: boolean;
  };

const MODELS = 'millrace-models';
/** Nothing to train on: how long to wait for something. */
const WAIT_MS = 50;
/** After a failure of the cluster: at first at once, then ever longer. */
const PAUSE_FIRST_MS = 50;
const PAUSE_MAX_MS = 5_000;

/** Gives the exit code; throws UsageError, Fault. */
export async function trainOnKafka(
  paths: readonly string[],
  flags: LiveTrainFlags,
  out: Console,
): Promise<number> {
  const program = readProgram(paths);
  const { plan, diagnostics } = compileProgram(program);
  showDiagnostics(diagnostics, program.texts, out);
  if (plan === null || hasErrors(diagnostics)) return 1;
  const log = (event: string, more: Readonly<Record<string, string | number>> = {}) =>
    out.error(JSON.stringify({ time: new Date().toISOString(), event, ...more }));
  const { app, kafka } = kafkaConfig(flags, process.env, (message) => log('kafka', { message }));
  await reachKafka(kafka);
  const cluster = new KafkaCluster(kafka);
  try {
    return await trainOne({ program: plan, app, cluster, log }, flags, out);
  } finally {
    await cluster.close();
  }
}

async function trainOne(
  of: {
    readonly program: Plan;
    readonly app: string;
    readonly cluster: Cluster;
    readonly log: (event: string, more?: Readonly<Record<string, string | number>>) => void;
  },
  flags: LiveTrainFlags,
  out: Console,
): Promise<number> {
  const { program, app, cluster, log } = of;
  const stages = await stagesOfApp(cluster, app);
  // Over the state of an earlier program, sets may go by the names of their next generation.
  const plan = stages.findLast((stage) => isOfProgram(stage.plan, program))?.plan ?? program;
  const { set, model } = chosenModel(plan, flags.sets);
  const { places, planDigest } = placesOf(set.name, [...stages.map((each) => each.plan), plan]);
  checkNames(
    'column',
    flags.slices,
    set.features.map(({ name }) => name),
  );
  const asked = flags.weights.map(parseWeights);
  checkNames('label', flatLabels(asked), labelsOf(set));
  const weighting = weightingsOf(set, labelsOf(set), asked);
  const device = await chosenDevice(flags.device, out);
  if (device === null) throw new Fault('no_device', 'there is no device to train a model on');
  const models = flags.to ?? join(MODELS, app);
  const folder = join(models, `${safeName(set.name)}.deep`);
  const topics = appTopics(app, plan);
  const setIndex = plan.examples.indexOf(set);
  const lock = await FolderLock.take(models);
  const { stop, unwatch } = watchSignals(log);
  try {
    const training = await LiveTraining.open({
      ...{ set, planDigest, model, weighting, device, folder },
      ...{
        topic: topics.examples[setIndex]!,
        slices: flags.slices,
        keep: flags.keep,
        now: () => cluster.now(),
      },
      onPublish: ({ verdict, findings }, saved) => {
        const found = verdict === 'passed' ? {} : { findings: findings.join('; ') };
        if (saved === null && verdict === 'passed') return;
        log(verdict === 'passed' ? 'published' : 'not_published', {
          ...{ verdict, ...found, rows: training.trainer.progress.rows },
          ...(saved === null ? {} : { snapshot: saved.file }),
        });
      },
    });
    if (training.from !== null) {
      log('resumed', { folder, rows: training.trainer.progress.rows });
    }
    const stream = { topics, set, setIndex, places, untilEnd: flags.untilEnd };
    const last = await trainAlong({ cluster, stream, training, stop, log });
    if (last === null) return 0;
    out.print(`${set.name}: ${grouped(training.trainer.progress.rows)} rows, model in ${folder}`);
    printDeep(training.trainer, last, out);
    return 0;
  } finally {
    unwatch();
    await lock.release();
  }
}

export type AlongOf = {
  readonly cluster: Cluster;
  readonly stream: Omit<StreamOf, 'cluster' | 'place'> & { readonly topics: AppTopics };
  readonly training: LiveTraining;
  readonly stop: { readonly requested: boolean };
  readonly log: (event: string, more: Readonly<Record<string, string | number>>) => void;
};

/** Trains until asked to stop (null) or to the decided end. What a retry may cure of the cluster is tried again. */
export async function trainAlong(of: AlongOf): Promise<GateVerdict | null> {
  const { cluster, training, stop, log } = of;
  let place = training.from;
  let pause = PAUSE_FIRST_MS;
  for (;;) {
    let stream: ExampleStream | null = null;
    try {
      stream = await ExampleStream.open({ ...of.stream, cluster, place });
      return await follow(of, stream);
    } catch (error) {
      if (!(error instanceof ClusterFault) || error.effect === 'fatal') throw error;
      log('kafka', { effect: error.effect, reason: error.message });
      if (stop.requested) return null;
      await cluster.sleep(pause);
      pause = Math.min(pause * 2, PAUSE_MAX_MS);
    } finally {
      // What was trained on since is in the trainer: the next stream goes on behind it.
      place = stream?.merge.place() ?? place;
      await stream?.close();
    }
  }
}

async function follow(
  { cluster, training, stop }: AlongOf,
  stream: ExampleStream,
): Promise<GateVerdict | null> {
  const rows = rowsOf(stream);
  while (!stop.requested) {
    const pulled = stream.pull();
    const trained = await training.turn(rows, pulled === 'rows');
    if (pulled === 'nothing' && !trained) {
      if (stream.isOver) return training.finish(rows);
      await stream.wait(WAIT_MS);
    }
    // The connections' answers get their turn.
    await cluster.sleep(0);
  }
  await training.drain(rows);
  return null;
}

function rowsOf({ merge }: ExampleStream) {
  return {
    get ready() {
      return merge.ready;
    },
    get watermark() {
      return merge.watermark;
    },
    take: (count: number) => merge.take(count),
    place: () => merge.place(),
  };
}

/** The one set that is to be trained on, and its model. */
function chosenModel(
  plan: Plan,
  names: readonly string[],
): { readonly set: ExamplePlan; readonly model: ModelPlan } {
  const models = plan.models ?? [];
  checkNames(
    'example set',
    names,
    plan.examples.map(({ name }) => name),
  );
  const wanted = models.filter(({ from }) => names.length === 0 || names.includes(from));
  const [model, other] = wanted;
  if (model === undefined) {
    throw new UsageError(
      models.length === 0
        ? 'the program has no model block: on Kafka the models of model blocks are trained'
        : `there is no model block for ${names.join(', ')}; there are for ${models.map(({ from }) => from).join(', ')}`,
    );
  }
  if (other !== undefined) {
    const list = wanted.map(({ from }) => from).join(', ');
    throw new UsageError(`one process trains one model: name one of ${list} with --set`);
  }
  return { set: plan.examples.find(({ name }) => name === model.from)!, model };
}
