/**
 * Prequential scoring: every audited anchor is scored by the model published when it was shown, and judged once its label is
 * final; no row is scored after it was trained on. One pass of training serves every publish interval: at a publish
 * time the anchors shown until the next one are scored by the model as it is then.
 */

import type { ExampleRow } from '../../../runtime/block/example-row.ts';
import { SeededRandom } from '../../../runtime/simulator/seeded-random.ts';
import type { DeepTrainer } from '../../../runtime/trainer/deep-trainer.ts';
import { LabelMetrics, type MetricValues } from '../../../runtime/trainer/label-metrics.ts';

export type Quality = {
  readonly auc: number | null;
  readonly ne: number | null;
  readonly calibration: number | null;
  readonly rows: number;
  readonly positives: number;
  /** 95 % interval of the AUC over a publish a day's, by resampling; null: not asked for. */
  readonly overDaily: readonly [number, number] | null;
};

/** One model at one publish interval: scores of the measured anchors by label, in the order of `Anchors.rows`. */
export type Scores = Readonly<Record<string, Float64Array>>;

/** Publish intervals by name, ms; infinite: never after the start. */
export const INTERVALS: Readonly<Record<string, number>> = {
  frozen: Number.POSITIVE_INFINITY,
  '1 d': 86_400_000,
  '1 h': 3_600_000,
  '5 min': 300_000,
  '1 min': 60_000,
};

/** The measured anchors in order of time, with their final labels. */
export class Anchors {
  readonly rows: readonly ExampleRow[];
  readonly #finals = new Map<string, ExampleRow['labels']>();

  constructor(rows: readonly ExampleRow[], range: { readonly from: number; readonly to: number }) {
    for (const { kind, id, labels } of rows) if (kind === 'audit') this.#finals.set(id, labels);
    this.rows = rows
      .filter(({ kind, time }) => kind === 'shown' && time >= range.from && time < range.to)
      .sort((a, b) => a.time - b.time);
  }

  /** The first anchor shown at or after a time. */
  at(timeMs: number): number {
    let [low, high] = [0, this.rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle]!.time < timeMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The final value of a label; null where it has none. */
  final(index: number, label: string): number | null {
    return this.#finals.get(this.rows[index]!.id)?.[label]?.value ?? null;
  }

  /** With `daily`, the scores of a publish a day, how sure the gain over them is. */
  quality(scores: Scores, daily?: Scores): Record<string, Quality> {
    const all = Object.entries(scores).map(([label, values]) => {
      const measured = this.#measure(label, values);
      const { auc, normalisedEntropy: ne, calibration, rows, observed: positives } = measured;
      const overDaily = daily === undefined ? null : this.#gain(label, values, daily[label]!);
      return [label, { auc, ne, calibration, rows, positives, overDaily }] as const;
    });
    return Object.fromEntries(all);
  }

  #measure(label: string, scores: Float64Array, weights?: Float64Array): MetricValues {
    const metrics = new LabelMetrics();
    for (const [i, score] of scores.entries()) {
      const value = this.final(i, label);
      const weight = weights === undefined ? 1 : weights[i]!;
      if (value !== null && weight > 0) metrics.add(score, value, weight);
    }
    return metrics.values();
  }

  /** The Poisson bootstrap: each anchor comes as often as a Poisson number says, in both models alike. */
  #gain(label: string, scores: Float64Array, daily: Float64Array): readonly [number, number] {
    const random = new SeededRandom(1);
    const gains = Array.from({ length: RESAMPLES }, () => {
      const weights = Float64Array.from(scores, () => poisson(random));
      const [own, other] = [scores, daily].map((of) => this.#measure(label, of, weights).auc);
      return own! / other!;
    }).sort((a, b) => a - b);
    return [gains[Math.floor(RESAMPLES * 0.025)]!, gains[Math.ceil(RESAMPLES * 0.975) - 1]!];
  }
}

const RESAMPLES = 80;

/** A Poisson number of mean 1 (Knuth). */
function poisson(random: SeededRandom): number {
  let count = 0;
  for (let left = random.next(); left > Math.exp(-1); left *= random.next()) count++;
  return count;
}

/** A trainer's deep model and its FTRL baseline over the anchors, filled in pieces. */
export class ScoreSheet {
  readonly deep: Scores;
  readonly ftrl: Scores;
  readonly #anchors: Anchors;

  constructor(anchors: Anchors, labels: readonly string[]) {
    const empty = () =>
      Object.fromEntries(labels.map((label) => [label, new Float64Array(anchors.rows.length)]));
    this.#anchors = anchors;
    this.deep = empty();
    this.ftrl = empty();
  }

  /** Scores the anchors shown in [from, to) by the models as they are. */
  async score(trainer: DeepTrainer, from: number, to: number): Promise<void> {
    const start = this.#anchors.at(from);
    const end = this.#anchors.at(to);
    const { labels } = trainer.config;
    for (let at = start; at < end; at += SCORED_AT_ONCE) {
      const rows = this.#anchors.rows.slice(at, Math.min(end, at + SCORED_AT_ONCE));
      const scores = await trainer.score(rows);
      for (const [i, { features }] of rows.entries()) {
        const baseline = trainer.baseline.score(features);
        for (const [head, label] of labels.entries()) {
          this.deep[label]![at + i] = scores[i * labels.length + head]!;
          this.ftrl[label]![at + i] = baseline[head]!;
        }
      }
    }
  }
}

const SCORED_AT_ONCE = 2_048;

/** Trains on `examples` from the start, and gives what each interval's published models said of the anchors. */
export async function replay(
  trainer: DeepTrainer,
  examples: readonly ExampleRow[],
  measured: { readonly anchors: Anchors; readonly from: number; readonly to: number },
): Promise<Record<string, ScoreSheet>> {
  const { anchors, from, to } = measured;
  const sheets = Object.entries(INTERVALS).map(([name, everyMs]) => {
    return { name, everyMs, next: from, sheet: new ScoreSheet(anchors, trainer.config.labels) };
  });
  const publishUntil = async (timeMs: number) => {
    for (const each of sheets) {
      while (each.next <= timeMs && each.next < to) {
        await each.sheet.score(trainer, each.next, Math.min(to, each.next + each.everyMs));
        each.next += each.everyMs;
      }
    }
  };
  for (const row of examples) {
    if (row.emitted >= to) break;
    await publishUntil(row.emitted);
    if (trainer.offer(row)) await trainer.step();
  }
  await publishUntil(to);
  return Object.fromEntries(sheets.map(({ name, sheet }) => [name, sheet]));
}

/** Each day a new model of the `windowMs` before its midnight scores the day. */
export async function dailyBatch(
  newTrainer: () => DeepTrainer,
  examples: readonly ExampleRow[],
  measured: {
    readonly anchors: Anchors;
    readonly from: number;
    readonly to: number;
    readonly windowMs: number;
  },
): Promise<ScoreSheet> {
  const { anchors, from, to, windowMs } = measured;
  const sheet = new ScoreSheet(anchors, newTrainer().config.labels);
  const dayMs = INTERVALS['1 d']!;
  for (let midnight = from; midnight < to; midnight += dayMs) {
    const trainer = newTrainer();
    for (const row of examples) {
      if (row.emitted < midnight - windowMs || row.emitted >= midnight) continue;
      if (trainer.offer(row)) await trainer.step();
    }
    await trainer.step();
    await sheet.score(trainer, midnight, Math.min(to, midnight + dayMs));
  }
  return sheet;
}
