import { LossSums } from './label-metrics.ts';

const HOUR_MS = 3_600_000;
/** Hours kept; the oldest is dropped beyond. */
const HOURS_MAX = 24 * 92;

/** The quality of the rows emitted in one hour of event time. */
export type HourPoint = {
  /** Start of the hour, ms. */
  readonly hour: number;
  readonly rows: number;
  readonly weight: number;
  readonly logLoss: number | null;
  readonly normalisedEntropy: number | null;
  readonly calibration: number | null;
};

/** Loss and calibration by hour of emission, for the last 92 days of hours that had rows. */
export class HourlySeries {
  readonly #hours = new Map<number, LossSums>();

  add(emittedMs: number, scored: { score: number; value: number; weight: number }): void {
    const hour = Math.floor(emittedMs / HOUR_MS) * HOUR_MS;
    let sums = this.#hours.get(hour);
    if (sums === undefined) {
      if (this.#hours.size === HOURS_MAX) this.#dropOldest();
      sums = new LossSums();
      this.#hours.set(hour, sums);
    }
    sums.add(scored.score, scored.value, scored.weight);
  }

  points(): HourPoint[] {
    const hours = [...this.#hours].sort(([a], [b]) => a - b);
    return hours.map(([hour, sums]) => ({
      hour,
      rows: sums.rows,
      weight: sums.weight,
      logLoss: sums.logLoss(),
      normalisedEntropy: sums.normalisedEntropy(),
      calibration: sums.calibration(),
    }));
  }

  /** As plain data for a snapshot, in insertion order, and back. */
  toJSON(): [number, number[]][] {
    return [...this.#hours].map(([hour, sums]) => [hour, sums.toArray()]);
  }

  static from(data: readonly (readonly [number, readonly number[]])[]): HourlySeries {
    const series = new HourlySeries();
    for (const [hour, numbers] of data) series.#hours.set(hour, LossSums.from(numbers));
    return series;
  }

  #dropOldest(): void {
    this.#hours.delete(Math.min(...this.#hours.keys()));
  }
}
