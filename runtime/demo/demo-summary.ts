import { fixed, grouped, textTable } from '../text-table.ts';
import type { HourPoint } from '../trainer/hourly-series.ts';
import type { MetricValues } from '../trainer/label-metrics.ts';

/** One label's scores beside those of the truth, on the same rows. */
export type SummaryLabel = {
  readonly name: string;
  /** Which rows: every emission, or the audited anchors (scored when shown, final label). */
  readonly source: 'emission' | 'audit';
  readonly model: MetricValues;
  /** Of the probabilities the simulator drew from; null where there is no truth. */
  readonly ideal: MetricValues | null;
  readonly series: readonly HourPoint[];
};

/** The deep model's scores, each label as in `SummaryLabel`. */
export type SummaryDeep = {
  readonly title: string;
  readonly labels: readonly Pick<SummaryLabel, 'name' | 'source' | 'model'>[];
};

/** Something that was planted in the input, and how much of it the run found. */
export type SummaryCount = {
  readonly name: string;
  readonly planted: number;
  readonly found: number;
};

/** How many rows carry a label of this kind. */
export type SummaryEmission = {
  readonly name: string;
  readonly kind: string;
  readonly rows: number;
};

/** What the demo tells at its end. */
export type DemoSummary = {
  readonly events: number;
  /** From start to end; null where an earlier process did a part of it. */
  readonly elapsedMs: number | null;
  readonly examples: number;
  readonly labels: readonly SummaryLabel[];
  /** Null where no device could train it. */
  readonly deep: SummaryDeep | null;
  readonly counts: readonly SummaryCount[];
  /** What the examples are, by label (or row kind) and how the value came to be. */
  readonly emissions: readonly SummaryEmission[];
  readonly next: readonly SummaryStep[];
};

/** A command worth a try, and what it shows. */
export type SummaryStep = { readonly what: string; readonly command: string };

/** Calibration outside of this is worth a word. */
const CALIBRATION_MIN = 0.9;
const CALIBRATION_MAX = 1.1;
/** Fewer positives than this and calibration is mostly chance (one in ten off by luck alone). */
const POSITIVES_MIN = 100;

/** The closing summary as lines of plain text. */
export function renderSummary(summary: DemoSummary): string[] {
  return [
    `${grouped(summary.events)} events became ${grouped(summary.examples)} examples${pace(summary)}.`,
    '',
    'Examples by label and kind (labels due at the same time share one):',
    '',
    ...textTable(emissionRows(summary.emissions)),
    '',
    'Model against truth: "truth" is what the simulator drew the labels from, on the same rows.',
    'NE is log loss over that of the average rate: 1 knows nothing, lower is better.',
    'Calibration is observed over expected: below 1 the model promises too much.',
    'Positives are weighted by 1 / sample rate (audit rows stand for fifty each), rows are not.',
    '',
    ...textTable(metricRows(summary.labels)),
    '',
    ...deepLines(summary.deep),
    'What the simulator put into the input, and what the run counted:',
    '',
    ...textTable(countRows(summary.counts)),
    '',
    'What the figures say:',
    '',
    ...remarks(summary).map((line) => `  - ${line}`),
    '',
    'What to look at next:',
    '',
    ...summary.next.flatMap(({ what, command }) => [`  - ${what}:`, `      ${command}`]),
  ];
}

function pace({ events, elapsedMs }: DemoSummary): string {
  if (elapsedMs === null) return ', in more than one go';
  const seconds = elapsedMs / 1_000;
  const rate = Math.round(events / Math.max(seconds, 1e-3));
  return ` in ${seconds.toFixed(1)} s (${grouped(rate)} events/s, all steps included)`;
}

/** A row for each label, a column for each kind. */
function emissionRows(emissions: readonly SummaryEmission[]): string[][] {
  const names = [...new Set(emissions.map(({ name }) => name))];
  const kinds = [...new Set(emissions.map(({ kind }) => kind))];
  const count = (name: string, kind: string) =>
    emissions.find((each) => each.name === name && each.kind === kind)?.rows ?? 0;
  const body = names.map((name) => [name, ...kinds.map((kind) => grouped(count(name, kind)))]);
  return [['', ...kinds], ...body];
}

function metricRows(labels: readonly SummaryLabel[]): string[][] {
  const head = [
    'label',
    'rows',
    'positives',
    'calibration',
    'NE',
    'AUC',
    'truth: calibr.',
    'NE',
    'AUC',
  ];
  const body = labels.map(({ name, source, model, ideal }) => [
    source === 'audit' ? `${name} (audit)` : name,
    grouped(model.rows),
    grouped(model.observed),
    fixed(model.calibration),
    fixed(model.normalisedEntropy),
    fixed(model.auc),
    fixed(ideal?.calibration),
    fixed(ideal?.normalisedEntropy),
    fixed(ideal?.auc),
  ]);
  return [head, ...body];
}

function deepLines(deep: SummaryDeep | null): string[] {
  if (deep === null) return [];
  const body = deep.labels.map(({ name, source, model }) => [
    source === 'audit' ? `${name} (audit)` : name,
    grouped(model.rows),
    fixed(model.calibration),
    fixed(model.normalisedEntropy),
    fixed(model.auc),
  ]);
  const table = textTable([['label', 'rows', 'calibration', 'NE', 'AUC'], ...body]);
  return [`The deep model on the same examples (${deep.title}):`, '', ...table, ''];
}

function countRows(counts: readonly SummaryCount[]): string[][] {
  const body = counts.map(({ name, planted, found }) => [
    name,
    grouped(planted),
    grouped(found),
    planted === found ? 'all' : 'DIFFERS',
  ]);
  return [['', 'put in', 'counted', ''], ...body];
}

/** What the numbers themselves point at. */
function remarks({ labels, deep, counts }: DemoSummary): string[] {
  const out: string[] = [];
  for (const { name, planted, found } of counts) {
    if (planted !== found)
      out.push(`${name}: ${planted} put in but ${found} counted; that is a bug.`);
  }
  for (const { name, source, model, ideal, series } of labels) {
    const label = source === 'audit' ? `${name} (audit)` : name;
    const positives = positivesOf(model, source);
    if (positives < POSITIVES_MIN) {
      out.push(`${label}: ${grouped(positives)} positives are few; its figures are mostly chance.`);
      continue;
    }
    const known = knownShare(model, ideal);
    if (known !== null) {
      out.push(`${label}: the model knows ${Math.round(known * 100)} % of what can be known.`);
    }
    const rival = deep?.labels.find((each) => each.name === name && each.source === source);
    const deepKnown =
      rival === undefined || source === 'audit' ? null : knownShare(rival.model, ideal);
    if (deepKnown !== null) {
      out.push(`${label}: the deep model knows ${Math.round(deepKnown * 100)} % of it.`);
    }
    const calibration = calibrationRemark(label, model);
    if (calibration !== null) out.push(calibration);
    const trend = trendRemark(label, series);
    if (trend !== null) out.push(trend);
  }
  return out;
}

/** Audited rows all weigh the same, so the positives among them follow from the sums; emitted positives weigh 1. */
function positivesOf({ observed, rows, weight }: MetricValues, source: SummaryLabel['source']) {
  return source === 'audit' && weight > 0 ? (observed * rows) / weight : observed;
}

/** Information gained over the average rate, as a share of what the truth gains. */
function knownShare(model: MetricValues, ideal: MetricValues | null): number | null {
  if (model.normalisedEntropy === null || ideal === null) return null;
  if (ideal.normalisedEntropy === null || ideal.normalisedEntropy >= 1) return null;
  return Math.max(0, (1 - model.normalisedEntropy) / (1 - ideal.normalisedEntropy));
}

function calibrationRemark(label: string, { calibration }: MetricValues): string | null {
  if (calibration === null) return null;
  if (calibration >= CALIBRATION_MIN && calibration <= CALIBRATION_MAX) return null;
  const off = Math.round(Math.abs(1 / calibration - 1) * 100);
  return `${label}: promises ${off} % too ${calibration < 1 ? 'much' : 'little'}; see its deciles.`;
}

/** Loss of the first quarter of the hours against the last: is it still learning? */
function trendRemark(label: string, series: readonly HourPoint[]): string | null {
  const quarter = Math.floor(series.length / 4);
  const first = meanEntropy(series.slice(0, quarter));
  const last = meanEntropy(series.slice(series.length - quarter));
  if (quarter === 0 || first === null || last === null) return null;
  return `${label}: NE went from ${first.toFixed(3)} in the first quarter to ${last.toFixed(3)}.`;
}

function meanEntropy(points: readonly HourPoint[]): number | null {
  let [sum, weight] = [0, 0];
  for (const point of points) {
    if (point.normalisedEntropy === null) continue;
    sum += point.normalisedEntropy * point.weight;
    weight += point.weight;
  }
  return weight > 0 ? sum / weight : null;
}
