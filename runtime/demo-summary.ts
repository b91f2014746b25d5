import type { HourPoint } from './trainer/hourly-series.ts';
import type { MetricValues } from './trainer/label-metrics.ts';

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

/** Something that was planted in the input, and how much of it the run found. */
export type SummaryCount = {
  readonly name: string;
  readonly planted: number;
  readonly found: number;
};

/** What the demo tells at its end. */
export type DemoSummary = {
  readonly events: number;
  readonly elapsedMs: number;
  readonly examples: number;
  readonly labels: readonly SummaryLabel[];
  readonly counts: readonly SummaryCount[];
  /** Commands and files worth opening, most telling first. */
  readonly next: readonly string[];
};

/** Calibration outside of this is worth a word. */
const CALIBRATION_MIN = 0.9;
const CALIBRATION_MAX = 1.1;
/** Fewer positives than this and calibration is mostly chance (one in ten off by luck alone). */
const POSITIVES_MIN = 100;

/** The closing summary as lines of plain text. */
export function renderSummary(summary: DemoSummary): string[] {
  const seconds = summary.elapsedMs / 1_000;
  const rate = Math.round(summary.events / Math.max(seconds, 1e-3));
  return [
    `${grouped(summary.events)} events became ${grouped(summary.examples)} examples ` +
      `in ${seconds.toFixed(1)} s (${grouped(rate)} events/s, training included).`,
    '',
    'Model against truth: "truth" is what the simulator drew the labels from, on the same rows.',
    'NE is log loss over that of the average rate: 1 knows nothing, lower is better.',
    '',
    ...table(metricRows(summary.labels)),
    '',
    'Planted in the input, and found:',
    '',
    ...table(countRows(summary.counts)),
    '',
    'What to look at next:',
    ...[...remarks(summary), ...summary.next].map((line) => `  - ${line}`),
  ];
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

function countRows(counts: readonly SummaryCount[]): string[][] {
  const body = counts.map(({ name, planted, found }) => [
    name,
    grouped(planted),
    grouped(found),
    planted === found ? 'all' : 'DIFFERS',
  ]);
  return [['what', 'planted', 'found', ''], ...body];
}

/** What the numbers themselves point at. */
function remarks({ labels, counts }: DemoSummary): string[] {
  const out: string[] = [];
  for (const { name, planted, found } of counts) {
    if (planted !== found)
      out.push(`${name}: ${planted} planted but ${found} found; that is a bug.`);
  }
  for (const { name, source, model, ideal, series } of labels) {
    const label = source === 'audit' ? `${name} (audit)` : name;
    const known = knownShare(model, ideal);
    if (known !== null) {
      out.push(`${label}: the model knows ${Math.round(known * 100)} % of what can be known.`);
    }
    const calibration = calibrationRemark(label, model);
    if (calibration !== null) out.push(calibration);
    const trend = trendRemark(label, series);
    if (trend !== null) out.push(trend);
  }
  return out;
}

/** Information gained over the average rate, as a share of what the truth gains. */
function knownShare(model: MetricValues, ideal: MetricValues | null): number | null {
  if (model.normalisedEntropy === null || ideal === null) return null;
  if (ideal.normalisedEntropy === null || ideal.normalisedEntropy >= 1) return null;
  return Math.max(0, (1 - model.normalisedEntropy) / (1 - ideal.normalisedEntropy));
}

function calibrationRemark(label: string, { calibration, observed }: MetricValues): string | null {
  if (calibration === null) return `${label}: no positive seen, so calibration says nothing.`;
  if (observed < POSITIVES_MIN) {
    return `${label}: ${grouped(observed)} positives are few; its figures are mostly chance.`;
  }
  if (calibration >= CALIBRATION_MIN && calibration <= CALIBRATION_MAX) return null;
  const off = Math.round(Math.abs(calibration - 1) * 100);
  return `${label}: promises ${off} % too ${calibration > 1 ? 'much' : 'little'}; see its deciles.`;
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

/** Columns as wide as their widest cell: the first to the left, the others to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  );
}

function grouped(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

function fixed(value: number | null | undefined): string {
  return value === null || value === undefined ? '-' : value.toFixed(3);
}
