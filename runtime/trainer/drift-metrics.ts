/**
 * Whether the world moved: how what came in a day of emission differs from the first day, by column, and how what the model
 * says differs, by label, as population stability indices. The newest day counts once it has rows enough, before that the one
 * before it. Examples alone: `shown` and `audit` rows say again what others say.
 */
import type { ExampleColumn } from '../../compiler/plan/plan.ts';
import { BINS, binOf, binOfValue, stability } from '../../operators/checks/bins.ts';
import { type BinWeights, effectiveRows } from '../../operators/checks/drift-reference.ts';
import { psiThreshold } from '../../operators/checks/interval.ts';
import { BlockRow } from '../block/block-row.ts';
import type { ExampleRow } from '../block/example-row.ts';

const DAY_MS = 86_400_000;
/** Both days must have so many (effective) rows. */
const ROWS_MIN = 1_000;
/** A small change by the usual rule of thumb; more of it, beyond chance, is worth a look. */
const PSI_LIMIT = 0.1;

/** `what`: a column, or the scores of a label. */
export type Drift = {
  readonly what: string;
  readonly isScore: boolean;
  readonly psi: number;
  /** Above 0.1 by more than chance does in one of a thousand. */
  readonly isLarge: boolean;
};

/** Columns that are told of, those that moved most. */
const COLUMNS_TOLD = 5;

/** The scores of each label and the columns that moved most, by name. */
export function driftOf(drift: readonly Drift[]): Record<string, number> {
  const scores = drift.filter(({ isScore }) => isScore);
  const columns = drift.filter(({ isScore }) => !isScore).slice(0, COLUMNS_TOLD);
  return Object.fromEntries(
    [...scores, ...columns].map(({ what, isScore, psi }) => [
      isScore ? `scores of ${what}` : what,
      Math.round(psi * 10_000) / 10_000,
    ]),
  );
}

type Binned = { readonly bins: Float64Array; weight: number; squares: number };

/** As plain data: sums, then (bin, weight) of the bins that are not empty. */
type StoredBins = readonly number[];

export type DriftState = {
  readonly firstMs: number | null;
  readonly day: number;
  /** First day, day before, newest day; of each the columns, then the labels. */
  readonly days: readonly (readonly StoredBins[])[];
};

export class DriftMetrics {
  readonly #columns: readonly ExampleColumn[];
  readonly #labels: readonly string[];
  #firstMs: number | null = null;
  /** Days since the first. */
  #day = 0;
  #first: Binned[];
  #before: Binned[];
  #newest: Binned[];

  constructor(columns: readonly ExampleColumn[], labels: readonly string[], state?: DriftState) {
    this.#columns = columns;
    this.#labels = labels;
    this.#first = this.#emptyDay();
    this.#before = this.#emptyDay();
    this.#newest = this.#emptyDay();
    if (state === undefined) return;
    this.#firstMs = state.firstMs;
    this.#day = state.day;
    const days = state.days.map((day) => day.map(binned));
    [this.#first, this.#before, this.#newest] = days as [Binned[], Binned[], Binned[]];
  }

  /** A row that is trained on. */
  row(row: ExampleRow): void {
    const day = this.#dayOf(row.emitted);
    const weight = 1 / row.sampleRate;
    for (let i = 0; i < this.#columns.length; i++) {
      const { input } = this.#columns[i];
      const bin =
        row instanceof BlockRow
          ? binOf(row.column(i), row.at, input)
          : binOfValue(row.features[i], input);
      addTo(day[i], bin, weight);
    }
  }

  /** What the model said of a label before it was trained on it. */
  score(emitted: number, head: number, scored: { score: number; weight: number }): void {
    // What is taken back was counted, and stays so.
    if (scored.weight <= 0) return;
    const day = this.#dayOf(emitted);
    addTo(day[this.#columns.length + head]!, binOfValue(scored.score, 'dense'), scored.weight);
  }

  /** Scores first, then columns, those that moved most first; empty within the first day. */
  report(): Drift[] {
    const names = [...this.#columns.map(({ name }) => name), ...this.#labels];
    return names
      .flatMap((what, i) => {
        const isScore = i >= this.#columns.length;
        const now = isEnough(this.#newest[i]!) ? this.#newest[i]! : this.#before[i]!;
        const reference = this.#first[i]!;
        if (!isEnough(now) || !isEnough(reference)) return [];
        const [rows, rowsBefore] = [effectiveRows(now), effectiveRows(reference)];
        const { psi, groups } = stability({ ...now, rows }, { ...reference, rows: rowsBefore });
        const isLarge = psi > psiThreshold(PSI_LIMIT, { rows, rowsBefore, groups });
        return [{ what, isScore, psi, isLarge }];
      })
      .sort((a, b) => Number(b.isScore) - Number(a.isScore) || b.psi - a.psi);
  }

  toJSON(): DriftState {
    const days = [this.#first, this.#before, this.#newest].map((day) => day.map(storedBins));
    return { firstMs: this.#firstMs, day: this.#day, days };
  }

  /** The bins of the day of an emission; a row older than the newest day counts for that one. */
  #dayOf(emitted: number): Binned[] {
    this.#firstMs ??= emitted;
    const day = Math.floor((emitted - this.#firstMs) / DAY_MS);
    if (day > this.#day) {
      this.#before = this.#day === 0 ? this.#emptyDay() : this.#newest;
      this.#newest = this.#emptyDay();
      this.#day = day;
    }
    return this.#day === 0 ? this.#first : this.#newest;
  }

  #emptyDay(): Binned[] {
    return Array.from({ length: this.#columns.length + this.#labels.length }, () => binned([0, 0]));
  }
}

function addTo(into: Binned, bin: number, weight: number): void {
  into.bins[bin] = into.bins[bin]! + weight;
  into.weight += weight;
  into.squares += weight * weight;
}

function isEnough(of: BinWeights): boolean {
  return effectiveRows(of) >= ROWS_MIN;
}

function storedBins({ bins, weight, squares }: Binned): StoredBins {
  const stored = [weight, squares];
  for (let bin = 0; bin < BINS; bin++) if (bins[bin] !== 0) stored.push(bin, bins[bin]!);
  return stored;
}

function binned([weight = 0, squares = 0, ...pairs]: StoredBins): Binned {
  const bins = new Float64Array(BINS);
  for (let i = 0; i < pairs.length; i += 2) bins[pairs[i]!] = pairs[i + 1]!;
  return { bins, weight, squares };
}
