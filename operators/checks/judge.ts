/** A bucket's figures against its set's checks: the reasons why it must not land, in the order of the checks. */
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import { stability } from './bins.ts';
import type { BucketBounds } from './buckets.ts';
import { type BinWeights, effectiveRows } from './drift-reference.ts';
import { psiThreshold, type Share, shareInterval } from './interval.ts';
import type { BucketCheck, CheckSummary } from './summary.ts';

/** By check: what is asked, what was found, and for a drift what was before. */
export type Case = {
  readonly checks: readonly BucketCheck[];
  readonly figures: readonly CheckSummary[];
  readonly references: readonly (BinWeights | null)[];
};

export function judge(
  plan: ExamplePlan,
  { checks, figures, references }: Case,
  bounds: BucketBounds,
): string[] {
  return checks.flatMap((check, i) => {
    const figure = figures[i];
    const reason =
      figure.kind === 'share'
        ? shareReason(check, figure.share)
        : driftReason(check, { now: figure.weights, before: references[i] }, bounds);
    return reason === null ? [] : [`${nameOf(plan, check)}: ${reason}`];
  });
}

function nameOf(plan: ExamplePlan, check: BucketCheck): string {
  if (check.kind === 'duplicates') return 'duplicates';
  if (check.kind === 'rate') return `rate(${plan.labels[check.label].name})`;
  return `${check.kind}(${plan.features[check.column].name})`;
}

function shareReason(check: BucketCheck, share: Share): string | null {
  const found = shareInterval(share);
  if (found === null || check.kind === 'drift') return null;
  const min = check.kind === 'duplicates' ? 0 : check.min;
  if (found.low <= check.max && found.high >= min) return null;
  return `${percent(found.p)} of ${share.rows} rows (99.9 % interval ${percent(found.low)} .. ${percent(found.high)}) is not in ${percent(min)} .. ${percent(check.max)}`;
}

function driftReason(
  check: BucketCheck,
  { now, before }: { readonly now: BinWeights; readonly before: BinWeights | null },
  { driftRowsMin, referenceRowsMin }: BucketBounds,
): string | null {
  if (check.kind !== 'drift' || before === null) return null;
  const rows = effectiveRows(now);
  const rowsBefore = effectiveRows(before);
  if (rows < driftRowsMin || rowsBefore < referenceRowsMin) return null;
  const { psi, groups } = stability({ ...now, rows }, { ...before, rows: rowsBefore });
  const threshold = psiThreshold(check.max, { rows, rowsBefore, groups });
  if (psi <= threshold) return null;
  return `PSI ${figure(psi)} of ${Math.round(rows)} rows against ${Math.round(rowsBefore)} earlier ones is above ${check.max} (by chance up to ${figure(threshold)}, 99.9 %)`;
}

function percent(share: number): string {
  return `${figure(share * 100)} %`;
}

/** Four digits. */
function figure(value: number): string {
  return String(Number(value.toPrecision(4)));
}
