/**
 * The contest of label policies (../labels/contest.ts) in a smaller form, for deep models: each starts from the one trained on
 * the rows that were mature at the start, scores the clicks of an hour, then trains on the rows emitted in it.
 */
import type { Plan } from '../../../compiler/plan/plan.ts';
import type { ExampleRow } from '../../../runtime/block/example-row.ts';
import { deepConfig } from '../../../runtime/trainer/deep-config.ts';
import { DeepTrainer, type Restored } from '../../../runtime/trainer/deep-trainer.ts';
import { FtrlTrainer } from '../../../runtime/trainer/ftrl-trainer.ts';
import type { Weighting } from '../../../runtime/trainer/label-weights.ts';
import { openDevice, type TensorDevice } from '../../../runtime/trainer/tensor-device.ts';
import { trainerConfig } from '../../../runtime/trainer/trainer-config.ts';
import { planOf } from '../../run-in-memory.ts';
import { ClickWorld, DAY_MS, HOUR_MS, START_MS } from '../labels/click-world.ts';
import { EngineReplay } from '../labels/engine-replay.ts';
import { PROGRAM, type SetName } from '../labels/program.ts';
import { Anchors, type Quality, ScoreSheet } from './prequential.ts';

type Contestant = { readonly set: SetName | null; readonly weighting: Weighting };

export const CONTESTANTS: Readonly<Record<string, Contestant>> = {
  'pre-trained': { set: null, weighting: 'none' },
  vanilla: { set: 'waits', weighting: 'none' },
  'wait-horizon': { set: 'horizon', weighting: 'none' },
  'take-back': { set: 'late', weighting: 'take_back' },
  'es-dfm': { set: 'late', weighting: 'es_dfm' },
  oracle: { set: 'oracle', weighting: 'none' },
};

export type LateLabelsJob = {
  readonly seed: number;
  readonly clicksADay: number;
  readonly startDay: number;
  readonly days: number;
};

export type LateLabelsResult = {
  /** By contestant, then by model. */
  readonly lines: Readonly<Record<string, Readonly<Record<'deep' | 'ftrl', Quality>>>>;
  readonly cpuSeconds: number;
};

const MODEL = `
model m from horizon {
  embed user_id, ad_id, campaign_id, advertiser_id, placement dim 8
  net dcn(cross: 2, deep: [32, 16])
  heads single(bought)
  batch 64; admit 1
}
`;
const HORIZON_DAYS = 30;

export async function runLateLabels(job: LateLabelsJob): Promise<LateLabelsResult> {
  const started = process.cpuUsage();
  const plan = planOf(PROGRAM + MODEL);
  const rows = rowsOf(plan, job);
  const { device } = await openDevice('wasm');
  const from = START_MS + job.startDay * DAY_MS;
  const to = from + job.days * DAY_MS;
  const mature = rows.get('horizon')!.filter(({ kind }) => kind === undefined);
  const pretrained = newTrainer(plan, CONTESTANTS['pre-trained']!, device!);
  await train(
    pretrained,
    mature.filter(({ emitted }) => emitted < from),
  );
  await pretrained.step();
  const content = await pretrained.capture(true);
  const anchors = new Anchors(rows.get('horizon')!, { from, to });
  const lines: [string, Record<'deep' | 'ftrl', Quality>][] = [];
  for (const [name, contestant] of Object.entries(CONTESTANTS)) {
    const baseline = baselineOf(plan, contestant);
    const own = contestant.set === null ? [] : rows.get(contestant.set)!;
    // What the late heads could learn before the start.
    if (contestant.set === 'late') baseline.consume(own.filter(({ emitted }) => emitted < from));
    baseline.startFrom(pretrained.baseline);
    const chain = [structuredClone(content)];
    const trainer = newTrainer(plan, contestant, device!, { chain, baseline, path: name });
    const sheet = new ScoreSheet(anchors, ['bought']);
    const learnt = own.filter(({ emitted }) => emitted >= from && emitted < to);
    let next = 0;
    for (let hour = from; hour < to; hour += HOUR_MS) {
      await sheet.score(trainer, hour, hour + HOUR_MS);
      const start = next;
      while (next < learnt.length && learnt[next]!.emitted < hour + HOUR_MS) next++;
      await train(trainer, learnt.slice(start, next));
    }
    const [deep, ftrl] = [anchors.quality(sheet.deep), anchors.quality(sheet.ftrl)];
    lines.push([name, { deep: deep.bought!, ftrl: ftrl.bought! }]);
  }
  const { user, system } = process.cpuUsage(started);
  return { lines: Object.fromEntries(lines), cpuSeconds: (user + system) / 1e6 };
}

async function train(trainer: DeepTrainer, rows: readonly ExampleRow[]): Promise<void> {
  for (const row of rows) if (trainer.offer(row)) await trainer.step();
}

/** The rows of every contestant's set, in order of emission; `audit` rows of the measure go on to the last horizon. */
function rowsOf(plan: Plan, job: LateLabelsJob): Map<string, ExampleRow[]> {
  const rows = new Map<string, ExampleRow[]>();
  const wanted = new Set(Object.values(CONTESTANTS).map(({ set }) => set));
  const world = new ClickWorld(job.seed, job.clicksADay);
  const engine = new EngineReplay(
    plan,
    (set) => wanted.has(set as SetName),
    (set, more) => {
      const all = rows.get(set) ?? [];
      rows.set(set, all);
      const isMeasure = set === 'horizon';
      for (const row of more) {
        if (row.kind === undefined) all.push(set === 'oracle' ? asBought(row) : row);
        else if (isMeasure ? row.time >= START_MS + job.startDay * DAY_MS : row.kind === 'audit')
          all.push(row);
      }
    },
  );
  const end = job.startDay + job.days;
  for (let day = 0; day < end + HORIZON_DAYS + 1; day++) {
    const { clicks, purchases, fates } = world.day(day, day < end);
    engine.feed({ click: clicks, purchase: purchases, fate: fates });
  }
  engine.complete();
  return rows;
}

/** The oracle's label goes by the name of the others'. */
function asBought(row: ExampleRow): ExampleRow {
  return { ...row, labels: { bought: row.labels.fated! } };
}

function setOf(plan: Plan, { set }: Contestant) {
  const { features } = plan.examples[0]!;
  const own = plan.examples.find(({ name }) => name === (set ?? 'horizon'))!;
  const labels = own.labels.map((label) => ({ ...label, name: 'bought' }));
  return { ...own, features, labels };
}

function newTrainer(
  plan: Plan,
  contestant: Contestant,
  device: TensorDevice,
  from?: Restored,
): DeepTrainer {
  const set = setOf(plan, contestant);
  const config = deepConfig(plan.models![0]!, set, { bought: contestant.weighting });
  return new DeepTrainer({ config, set, device }, from);
}

function baselineOf(plan: Plan, contestant: Contestant): FtrlTrainer {
  const weighting = { bought: contestant.weighting };
  return new FtrlTrainer(trainerConfig(setOf(plan, contestant), { weighting }));
}
