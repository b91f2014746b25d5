import type { Console } from '../console-output.ts';
import { fixed, grouped, textTable } from '../text-table.ts';
import type { DeepCounts, DeepTrainer } from '../trainer/deep-trainer.ts';
import { type Drift, driftOf } from '../trainer/drift-metrics.ts';
import type { TrainerMetrics } from '../trainer/ftrl-trainer.ts';
import type { FreshnessState } from '../trainer/label-freshness.ts';
import type { MetricValues } from '../trainer/label-metrics.ts';
import type { GateVerdict } from '../trainer/model-gates.ts';
import type { SliceReport } from '../trainer/slice-metrics.ts';

/**
 * The quality of a trained model as lines: per label over all emissions (scored before trained on) and, where there are
 * audit rows, over the audited anchors (scored when shown, joined with the final label); then calibration by decile.
 */
export function renderTraining({ labels, audits }: TrainerMetrics): string[] {
  const head = ['label', 'rows', 'positives', 'log loss', 'NE', 'AUC', 'PR-AUC', 'calibration'];
  const measured = Object.entries(labels).flatMap(([name, { emissions, audit }]) => [
    { name, values: emissions },
    ...(audit.rows > 0 ? [{ name: `${name} (audit)`, values: audit }] : []),
  ]);
  const lines = textTable([head, ...measured.map(({ name, values }) => measure(name, values))]);
  const deciles = measured.filter(({ values }) => values.deciles.length > 0);
  if (deciles.length > 0) {
    const columns = Math.max(...deciles.map(({ values }) => values.deciles.length));
    const numbers = Array.from({ length: columns }, (_, i) => String(i + 1));
    const rows = deciles.map(({ name, values }) => [
      name,
      ...numbers.map((_, i) => decile(values, i)),
    ]);
    lines.push(
      '',
      'Calibration (observed / expected) by tenth of the weight, lowest scores first:',
    );
    lines.push('', ...textTable([['label', ...numbers], ...rows]));
  }
  if (audits.pending + audits.unmatched + audits.dropped > 0) {
    const { pending, unmatched, dropped } = audits;
    lines.push(
      '',
      `Audited anchors: ${grouped(pending)} wait for their final labels, ` +
        `${grouped(unmatched)} had no score, ${grouped(dropped)} were dropped.`,
    );
  }
  return lines;
}

/** Everything a deep model came to, its baseline beside it. */
export function printDeep(trainer: DeepTrainer, last: GateVerdict, out: Console): void {
  out.print(`\n${renderTraining(trainer.metrics()).join('\n')}\n`);
  out.print('The FTRL baseline on the same rows:');
  out.print(`\n${renderTraining(trainer.baseline.metrics()).join('\n')}\n`);
  out.print(`${renderSlices(trainer.slices()).join('\n')}\n`);
  const overTime = [
    ...renderDays(trainer.metrics(), trainer.baseline.metrics()),
    ...renderDrift(trainer.drift()),
  ];
  if (overTime.length > 0) out.print(`${overTime.join('\n')}\n`);
  out.print(renderDeep(trainer.counts(), last).join('\n'));
}

/** Days shown, the newest. */
const DAYS_SHOWN = 7;

/** Quality by day of emission, model beside baseline; nothing where all is one day. */
function renderDays({ labels }: TrainerMetrics, baseline: TrainerMetrics): string[] {
  const rows = Object.entries(labels).flatMap(([label, { days }]) => {
    if (days.length < 2) return [];
    const beside = new Map(
      baseline.labels[label]?.days.map(({ day, normalisedEntropy }) => [day, normalisedEntropy]),
    );
    return days.slice(-DAYS_SHOWN).map(({ day, ...of }) => {
      const date = new Date(day).toISOString().slice(0, 10);
      const figures = [of.normalisedEntropy, beside.get(day), of.calibration].map(fixed);
      return [label, date, grouped(of.rows), ...figures];
    });
  });
  if (rows.length === 0) return [];
  return [...textTable([['label', 'emitted', 'rows', 'NE', 'baseline', 'calibration'], ...rows])];
}

/** What moved since the first day; nothing within it. */
function renderDrift(drift: readonly Drift[]): string[] {
  if (drift.length === 0) return [];
  const told = Object.entries(driftOf(drift)).map(([what, psi]) => `${what} ${psi.toFixed(3)}`);
  const large = drift.filter(({ isLarge }) => isLarge).map(({ what }) => what);
  const beyond = large.length === 0 ? 'none above 0.1' : `above 0.1: ${large.join(', ')}`;
  return ['', `Moved since the first day (PSI; ${beyond}): ${told.join(', ')}`];
}

/** What a deep model came to beside its quality: steps, rows of embeddings, gates. */
function renderDeep(counts: DeepCounts, { verdict, findings }: GateVerdict): string[] {
  const rows = counts.tables.reduce((sum, table) => sum + table.rows, 0);
  const refused = counts.tables.reduce((sum, table) => sum + table.refused, 0);
  const lines = [
    `${grouped(counts.steps)} steps, ${grouped(rows)} embedding rows, ${grouped(counts.publishes)} publishes; gates: ${verdict}`,
    ...findings.map((finding) => `  ${finding}`),
  ];
  if (counts.badSteps > 0)
    lines.push(`${grouped(counts.badSteps)} steps had no finite loss and were left out`);
  lines.push(...renderStale(counts.freshness));
  if (refused > 0) lines.push(`${grouped(refused)} look-ups found no room for a row of their own`);
  return lines;
}

/** Labels whose positives stopped coming, or had for a while; nothing where all came. */
export function renderStale(freshness: Readonly<Record<string, FreshnessState>>): string[] {
  const lines: string[] = [];
  for (const [label, { skipped, staleSince }] of Object.entries(freshness)) {
    if (staleSince !== null) {
      const since = new Date(staleSince).toISOString();
      lines.push(
        `${label} is stale since ${since}: its positives stopped coming, so nothing is learnt from it until one comes`,
      );
    }
    if (skipped > 0)
      lines.push(`${grouped(skipped)} stale labels of ${label} were not learnt from`);
  }
  return lines;
}

/** Slices shown of one label and column, those with most rows. */
const SLICES_SHOWN = 8;

/** Quality by slice, model beside baseline. */
function renderSlices(slices: readonly SliceReport[]): string[] {
  const shown = new Map<string, number>();
  const rows = slices.flatMap(({ label, column, value, ne, baselineNe, ...slice }) => {
    const before = shown.get(`${label} ${column}`) ?? 0;
    shown.set(`${label} ${column}`, before + 1);
    if (before >= SLICES_SHOWN) return [];
    const counts = [grouped(slice.rows), grouped(slice.observed)];
    const figures = [fixed(ne), fixed(baselineNe), fixed(slice.calibration)];
    return [[label, column, value, ...counts, ...figures]];
  });
  const head = ['label', 'slice', '', 'rows', 'positives', 'NE', 'baseline', 'calibration'];
  return textTable([head, ...rows]);
}

function measure(name: string, values: MetricValues): string[] {
  return [
    name,
    grouped(values.rows),
    grouped(values.observed),
    values.logLoss === null ? '-' : values.logLoss.toFixed(4),
    fixed(values.normalisedEntropy),
    fixed(values.auc),
    fixed(values.prAuc),
    fixed(values.calibration),
  ];
}

function decile({ deciles }: MetricValues, index: number): string {
  const found = deciles[index];
  return found === undefined ? '-' : found.ratio.toFixed(2);
}
