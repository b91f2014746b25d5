/**
 * The checks of an example set, slow and obvious: all rows in an array, buckets cut by walking over it, every figure worked
 * out from the bucket's rows again. It shares no code with the engine but the types and the hash.
 */
import type { CheckPlan, ExamplePlan } from '../../compiler/plan/plan.ts';
import type { BucketBounds } from '../../operators/checks/buckets.ts';
import type { Value } from '../../operators/column/column.ts';
import { hashNumber, hashText, lanes } from '../../operators/hash.ts';
import type { ExampleRow } from '../../runtime/block/example-row.ts';

export type JudgedBucket = {
  readonly from: number;
  readonly rows: readonly ExampleRow[];
  /** Names of the checks that failed, in the order of the program. */
  readonly failed: readonly string[];
};

/** `rows` in the order of the set; `ownReason`: a row that must not land whatever its bucket does. */
export function judgeRows(
  plan: ExamplePlan,
  rows: readonly ExampleRow[],
  bounds: BucketBounds,
): JudgedBucket[] {
  const landed: JudgedBucket[] = [];
  return bucketsOf(rows, bounds).map((of) => {
    const from = cellOf(of[0]!, bounds);
    const sound = of.filter((row) => !breaksRange(plan, row));
    const failed = plan.checks.filter((check) => fails(check, { plan, sound, landed, bounds }));
    const bucket = { from, rows: of, failed: failed.map((check) => nameOf(plan, check)) };
    if (failed.length === 0) landed.push({ ...bucket, rows: sound });
    return bucket;
  });
}

/** A value outside its `range`; nulls pass. */
export function breaksRange(plan: ExamplePlan, row: ExampleRow): boolean {
  return plan.checks.some((check) => {
    if (check.kind !== 'range') return false;
    const value = row.features[check.column];
    return typeof value === 'number' && (value < check.min || value > check.max);
  });
}

function cellOf(row: ExampleRow, { cellMs }: BucketBounds): number {
  return Math.floor(row.emitted / cellMs) * cellMs;
}

/** Whole cells until there are enough rows or the span is full; never more than `rowsMax` rows. */
function bucketsOf(rows: readonly ExampleRow[], bounds: BucketBounds): ExampleRow[][] {
  const buckets: ExampleRow[][] = [];
  let open: ExampleRow[] = [];
  for (const row of rows) {
    if (open.length > 0) {
      const cell = cellOf(row, bounds);
      const isNewCell = cell > cellOf(open.at(-1)!, bounds);
      const isLong = cell - cellOf(open[0]!, bounds) >= bounds.spanMs;
      if (isLong || (isNewCell && open.length >= bounds.rowsMin)) {
        buckets.push(open);
        open = [];
      }
    }
    open.push(row);
    if (open.length < bounds.rowsMax) continue;
    buckets.push(open);
    open = [];
  }
  return open.length > 0 ? [...buckets, open] : buckets;
}

type Judged = {
  readonly plan: ExamplePlan;
  readonly sound: readonly ExampleRow[];
  readonly landed: readonly JudgedBucket[];
  readonly bounds: BucketBounds;
};

function fails(check: CheckPlan, { plan, sound, landed, bounds }: Judged): boolean {
  const examples = sound.filter((row) => row.kind === undefined);
  switch (check.kind) {
    case 'rate': {
      const { name } = plan.labels[check.label]!;
      const said = examples.flatMap((row) => {
        const label = row.labels[name];
        const isFirst = label?.kind === 'observed' || label?.kind === 'late_positive';
        if (!isFirst || label.value === null) return [];
        return [{ weight: 1 / row.sampleRate, yes: (label.value ?? 0) > 0 }];
      });
      return isOutside(said, check.min, check.max);
    }
    case 'missing': {
      const seen = examples.map((row) => ({
        weight: 1 / row.sampleRate,
        yes: row.features[check.column] === null,
      }));
      return isOutside(seen, check.min, check.max);
    }
    case 'duplicates': {
      const keys = sound.map(sayingOf);
      const seen = keys.map((key, i) => ({ weight: 1, yes: keys.indexOf(key) < i }));
      return isOutside(seen, 0, check.max);
    }
    case 'drift':
      return hasDrifted(check, { plan, sound: examples, landed, bounds });
    default:
      return false;
  }
}

/** Who a row is about and what it says: its kind and its labels' kinds, not their values. */
function sayingOf(row: ExampleRow): string {
  const labels = Object.entries(row.labels).map(([name, { kind }]) => `${name} ${kind}`);
  return JSON.stringify([row.id, row.kind ?? null, labels.sort()]);
}

/** The 99.9 % interval of the weighted share of the yeses lies wholly outside the bounds. */
function isOutside(
  rows: readonly { readonly weight: number; readonly yes: boolean }[],
  min: number,
  max: number,
): boolean {
  if (rows.length === 0) return false;
  const sum = (of: (row: (typeof rows)[number]) => number) =>
    rows.reduce((total, row) => total + of(row), 0);
  const weight = sum((row) => row.weight);
  const p = sum((row) => (row.yes ? row.weight : 0)) / weight;
  const spread = sum((row) => (row.weight * ((row.yes ? 1 : 0) - p)) ** 2);
  const kish = weight ** 2 / sum((row) => row.weight ** 2);
  const isMixed = rows.some(({ yes }) => yes) && rows.some(({ yes }) => !yes);
  const n = isMixed ? (p * (1 - p) * weight ** 2) / spread : kish;
  const z = 3.290526731491926;
  const centre = (p + z ** 2 / (2 * n)) / (1 + z ** 2 / n);
  const half = (z * Math.sqrt((p * (1 - p)) / n + z ** 2 / (4 * n ** 2))) / (1 + z ** 2 / n);
  return centre - half > max || centre + half < min;
}

const DAY_MS = 86_400_000;

function hasDrifted(
  check: Extract<CheckPlan, { kind: 'drift' }>,
  { plan, sound, landed, bounds }: Judged,
): boolean {
  const { input } = plan.features[check.column]!;
  const weigh = (rows: readonly ExampleRow[], share: number) =>
    rows
      .filter((row) => row.kind === undefined)
      .map((row) => ({
        bin: binOf(row.features[check.column]!, input),
        weight: share / row.sampleRate,
      }));
  const now = weigh(sound, 1);
  const newest = landed.at(-1)?.from ?? 0;
  const before = landed.flatMap(({ rows, from }) => weigh(rows, 2 ** ((from - newest) / DAY_MS)));
  const n = effective(now);
  const m = effective(before);
  if (n < bounds.driftRowsMin || m < bounds.referenceRowsMin) return false;
  const groups = groupsOf(before);
  let psi = 0;
  for (const group of groups) {
    const share = (of: typeof now, rows: number) => {
      const inside = of.filter(({ bin }) => group.includes(bin));
      const part = total(inside) / total(of);
      return (part * rows + 0.5) / (rows + 0.5 * groups.length);
    };
    const p = share(now, n);
    const q = share(before, m);
    psi += (p - q) * Math.log(p / q);
  }
  const unit = 1 / n + 1 / m;
  const k = Math.max(1, groups.length - 1);
  const lambda = check.max / unit;
  const freedom = (k + lambda) ** 2 / (k + 2 * lambda);
  const quantile = (1 - 2 / (9 * freedom) + 3.090232306167813 * Math.sqrt(2 / (9 * freedom))) ** 3;
  return psi > unit * ((k + 2 * lambda) / (k + lambda)) * freedom * quantile;
}

type Weighted = readonly { readonly bin: number; readonly weight: number }[];

function total(of: Weighted): number {
  return of.reduce((sum, { weight }) => sum + weight, 0);
}

function effective(of: Weighted): number {
  if (of.length === 0) return 0;
  return total(of) ** 2 / of.reduce((sum, { weight }) => sum + weight ** 2, 0);
}

const BINS = 514;

/** Null by itself, then bins in their order until a tenth of the weight is together; the rest joins the last group. */
function groupsOf(before: Weighted): number[][] {
  const tenth = total(before.filter(({ bin }) => bin !== 0)) / 10;
  const groups: number[][] = [[0]];
  let open: number[] = [];
  for (let bin = 1; bin < BINS; bin++) {
    open.push(bin);
    const weight = total(before.filter((row) => open.includes(row.bin)));
    if (tenth === 0 || weight < tenth * (1 - 1e-12)) continue;
    groups.push(open);
    open = [];
  }
  if (groups.length === 1) groups.push(open);
  else groups.at(-1)!.push(...open);
  return groups;
}

function binOf(value: Value, input: ExamplePlan['features'][number]['input']): number {
  if (value === null) return 0;
  if (typeof value === 'boolean') return value ? 2 : 1;
  if (typeof value === 'string') {
    hashText(value);
    return 1 + (lanes[0]! & 0xff);
  }
  if (typeof value !== 'number') return numberBin(value.length);
  if (input !== 'categorical') return numberBin(value);
  hashNumber(value);
  return 1 + (lanes[0]! & 0xff);
}

/** Quarters of octaves from 2^-20, at most 256 of them, outwards from zero at 257. */
function numberBin(value: number): number {
  if (value === 0) return 257;
  const size = Math.abs(value);
  let octave = -20;
  while (octave < 43 && size >= 2 ** (octave + 1)) octave++;
  const quarter = Math.floor((size / 2 ** octave - 1) * 4);
  const at = Math.min(255, Math.max(0, (octave + 20) * 4 + quarter));
  return value > 0 ? 258 + at : 256 - at;
}

function nameOf(plan: ExamplePlan, check: CheckPlan): string {
  switch (check.kind) {
    case 'rate':
      return `rate(${plan.labels[check.label]!.name})`;
    case 'missing':
    case 'drift':
    case 'range':
      return `${check.kind}(${plan.features[check.column]!.name})`;
    default:
      return check.kind;
  }
}
