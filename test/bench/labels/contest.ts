/**
 * One seed of the comparison. Stream replay: history is what was emitted before the start S, so that nobody knows what was
 * not known then (the oracle aside); from S on, hour by hour, each model scores the clicks of the hour with what it
 * learnt before, then trains on the rows emitted in that hour.
 *
 *   day 0             15                          45 = S          55
 *   clicks … their labels mature from day 30 on … | measured hours |
 *
 * Pre-trained: the model of the rows that were mature at S, those of clicks of days 0 to 15. All start from it.
 */

import type { ExampleRow } from '../../../runtime/block/example-row.ts';
import { FtrlTrainer } from '../../../runtime/trainer/ftrl-trainer.ts';
import { LabelMetrics, type MetricValues } from '../../../runtime/trainer/label-metrics.ts';
import type { Weighting } from '../../../runtime/trainer/label-weights.ts';
import { trainerConfig } from '../../../runtime/trainer/trainer-config.ts';
import { planOf } from '../../run-in-memory.ts';
import { ClickWorld, DAY_MS, HOUR_MS, START_MS } from './click-world.ts';
import { EngineReplay } from './engine-replay.ts';
import { PROGRAM, type SetName, WAIT } from './program.ts';

export type Contestant = {
  readonly name: string;
  /** As one would write it in a program; what it trains on. */
  readonly policy: string;
  /** Null: stays as pre-trained. */
  readonly set: SetName | null;
  readonly weighting: Weighting;
};

const NOW = 'now then late positives';
const LATE = `wait ${WAIT} then late positives`;
const EVERYTHING = `wait ${WAIT} then everything`;

export const CONTESTANTS: readonly Contestant[] = [
  { name: 'pre-trained', policy: '', set: null, weighting: 'none' },
  { name: 'vanilla', policy: `wait ${WAIT}`, set: 'waits', weighting: 'none' },
  { name: 'wait-horizon', policy: 'wait horizon', set: 'horizon', weighting: 'none' },
  { name: 'fnc', policy: NOW, set: 'at_once', weighting: 'fnc' },
  { name: 'fnw', policy: NOW, set: 'at_once', weighting: 'fnw' },
  { name: 'fake-negative', policy: NOW, set: 'at_once', weighting: 'fake_negative' },
  { name: 'es-dfm', policy: LATE, set: 'late', weighting: 'es_dfm' },
  { name: 'elapsed', policy: LATE, set: 'late', weighting: 'elapsed' },
  { name: 'defer', policy: EVERYTHING, set: 'everything', weighting: 'defer' },
  { name: 'take-back (now)', policy: NOW, set: 'at_once', weighting: 'take_back' },
  { name: 'take-back', policy: LATE, set: 'late', weighting: 'take_back' },
  {
    name: 'take-back (again)',
    policy: EVERYTHING,
    set: 'everything',
    weighting: 'take_back_again',
  },
  { name: 'oracle', policy: '(labels known at once)', set: 'oracle', weighting: 'none' },
];

export type ContestOptions = {
  readonly seed: number;
  readonly clicksPerDay: number;
  readonly startDay: number;
  readonly days: number;
};

/** Quality over the measured hours: `audit` against the final labels of the audit rows, `truth` against the world's own probabilities. */
export type ContestResult = {
  readonly contestants: Readonly<
    Record<string, { readonly audit: Quality; readonly truth: Quality }>
  >;
  readonly rows: number;
  readonly audited: number;
  /** Shares of conversions within an hour, within a day, after two weeks. */
  readonly delays: readonly number[];
};
export type Quality = Pick<MetricValues, 'auc' | 'prAuc' | 'logLoss' | 'calibration'>;

const BITS = 16;
const HORIZON_DAYS = 30;

export function runContest(options: ContestOptions): ContestResult {
  const world = new ClickWorld(options.seed, options.clicksPerDay);
  const contest = new Contest(START_MS + options.startDay * DAY_MS, world);
  const end = options.startDay + options.days;
  for (let day = 0; day < end; day++) {
    const { clicks, purchases, fates } = world.day(day);
    contest.feed({ click: clicks, purchase: purchases, fate: fates });
  }
  // No more clicks, but all their purchases.
  const rest = Array.from({ length: HORIZON_DAYS + 1 }, (_, i) => world.day(end + i, false));
  contest.end({ purchase: rest.flatMap(({ purchases }) => purchases) });
  return contest.result();
}

type Runner = {
  readonly of: Contestant;
  readonly trainer: FtrlTrainer;
  readonly truth: LabelMetrics;
  readonly audit: LabelMetrics;
};

class Contest {
  readonly #startMs: number;
  readonly #world: ClickWorld;
  readonly #engine: EngineReplay;
  readonly #runners: readonly Runner[];
  /** Pre-trained, and the same for a model of the rate seen by `now …`: each positive was a negative first. */
  readonly #pretrained: FtrlTrainer;
  readonly #pretrainedSeen: FtrlTrainer;
  readonly #queues = new Map<string, ExampleRow[]>();
  readonly #shown = new Map<string, readonly number[]>();
  #hourMs: number;
  #started = false;
  #rows = 0;
  #audited = 0;

  constructor(startMs: number, world: ClickWorld) {
    const plan = planOf(PROGRAM);
    const { features } = plan.examples[0]!;
    const trainer = ({ set, weighting }: Pick<Contestant, 'set' | 'weighting'>) => {
      // The oracle's label goes by the name of the others'.
      const policies = plan.examples.find(({ name }) => name === set)?.labels ?? [];
      const labels = policies.map((label) => ({ ...label, name: 'bought' }));
      const given = { bits: BITS, weighting: { bought: weighting } };
      return new FtrlTrainer(trainerConfig({ features, labels, audit: 1 }, given));
    };
    const mature = { set: 'horizon', weighting: 'none' } as const;
    this.#startMs = startMs;
    this.#world = world;
    this.#hourMs = startMs;
    this.#pretrained = trainer(mature);
    this.#pretrainedSeen = trainer(mature);
    this.#runners = CONTESTANTS.map((of) => ({
      of,
      trainer: trainer(of.set === null ? mature : of),
      truth: new LabelMetrics(),
      audit: new LabelMetrics(),
    }));
    const history = ['horizon', 'late', 'everything'];
    this.#engine = new EngineReplay(
      plan,
      (set) => this.#started || history.includes(set),
      (set, rows) => this.#take(set, rows),
    );
  }

  feed(lines: Readonly<Record<string, readonly string[]>>): void {
    const frontier = this.#engine.feed(lines);
    if (!this.#started && frontier >= this.#startMs - HOUR_MS) this.#start();
    for (; this.#started && this.#hourMs + HOUR_MS <= frontier; this.#hourMs += HOUR_MS) {
      this.#hour(this.#hourMs, this.#hourMs + HOUR_MS);
    }
  }

  /** Every wait elapses: what was shown meets its final label. */
  end(lines: Readonly<Record<string, readonly string[]>>): void {
    this.#engine.feed(lines);
    this.#engine.complete();
    for (const row of this.#queues.get('horizon') ?? []) {
      const scores = row.kind === 'audit' ? this.#shown.get(row.id) : undefined;
      const final = row.labels.bought?.value;
      if (scores === undefined || final === undefined || final === null) continue;
      this.#audited++;
      for (const [i, { audit }] of this.#runners.entries()) audit.add(scores[i]!, final, 1);
    }
  }

  result(): ContestResult {
    const contestants = this.#runners.map(({ of, truth, audit }) => {
      return [of.name, { audit: quality(audit), truth: quality(truth) }] as const;
    });
    const { delays } = this.#world;
    const share = (from: number, to: number) =>
      delays.filter((delay) => delay > from && delay <= to).length / delays.length;
    return {
      contestants: Object.fromEntries(contestants),
      rows: this.#rows,
      audited: this.#audited,
      delays: [share(0, HOUR_MS), share(0, DAY_MS), share(14 * DAY_MS, Number.POSITIVE_INFINITY)],
    };
  }

  #take(set: string, rows: ExampleRow[]): void {
    this.#rows += rows.length;
    if (!this.#started && (rows.at(-1)?.emitted ?? 0) < this.#startMs)
      this.#learnHistory(set, rows);
    else this.#queue(set, rows);
  }

  #queue(set: string, rows: ExampleRow[]): void {
    const queue = this.#queues.get(set);
    if (queue === undefined) this.#queues.set(set, rows);
    else for (const row of rows) queue.push(row);
  }

  /** Before S: mature rows make the pre-trained model, and heads learn from what their policy has emitted. */
  #learnHistory(set: string, rows: readonly ExampleRow[]): void {
    if (set === 'horizon') {
      const examples = rows.filter(({ kind }) => kind === undefined);
      this.#pretrained.consume(examples);
      this.#pretrainedSeen.consume(examples.flatMap(seenAtOnce));
      return;
    }
    for (const { of, trainer } of this.#runners) if (of.set === set) trainer.consume(rows);
  }

  #start(): void {
    this.#started = true;
    for (const { of, trainer } of this.#runners) {
      trainer.startFrom(of.weighting === 'fnc' ? this.#pretrainedSeen : this.#pretrained);
    }
  }

  /** Tests on the clicks of the hour, then trains on what was emitted in it. */
  #hour(from: number, to: number): void {
    const taken = new Map<string, ExampleRow[]>();
    for (const [set, queue] of this.#queues) {
      const end = queue.findIndex(({ emitted }) => emitted >= to);
      taken.set(set, queue.splice(0, end < 0 ? queue.length : end));
    }
    for (const row of taken.get('horizon') ?? []) {
      if (row.kind === 'shown' && row.time >= from) this.#test(row);
    }
    for (const { of, trainer } of this.#runners) {
      const rows = of.set === null ? [] : (taken.get(of.set) ?? []);
      if (of.set === 'horizon') trainer.consume(rows.filter(({ kind }) => kind === undefined));
      else if (of.set === 'oracle') trainer.consume(rows.map(asBought));
      else trainer.consume(rows);
    }
  }

  #test(row: ExampleRow): void {
    const p = this.#world.probability[Number(row.id.slice(1))]!;
    const scores = this.#runners.map(({ trainer }) => trainer.score(row.features)[0]!);
    this.#shown.set(row.id, scores);
    for (const [i, { truth }] of this.#runners.entries()) truth.add(scores[i]!, p, 1);
  }
}

function quality(metrics: LabelMetrics): Quality {
  const { auc, prAuc, logLoss, calibration } = metrics.values();
  return { auc, prAuc, logLoss, calibration };
}

/** A mature row as `now then late positives` would have shown it. */
function seenAtOnce(row: ExampleRow): ExampleRow[] {
  const label = row.labels.bought;
  if (label?.value !== 1) return [row];
  return [{ ...row, labels: { bought: { ...label, value: 0 } } }, row];
}

function asBought(row: ExampleRow): ExampleRow {
  const label = row.labels.fated;
  return label === undefined ? row : { ...row, labels: { bought: label } };
}
