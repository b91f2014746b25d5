import { LossSums } from './label-metrics.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
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

/** The same of a day (UTC). */
export type DayPoint = Omit<HourPoint, 'hour'> & { readonly day: number };

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
    return hours.map(([hour, sums]) => ({ hour, ...figures(sums) }));
  }

  days(): DayPoint[] {
    const days = new Map<number, LossSums>();
    for (const [hour, sums] of [...this.#hours].sort(([a], [b]) => a - b)) {
      const day = Math.floor(hour / DAY_MS) * DAY_MS;
      const all = days.get(day) ?? new LossSums();
      all.merge(sums);
      days.set(day, all);
    }
    return [...days].map(([day, sums]) => ({ day, ...figures(sums) }));
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

function figures(sums: LossSums): Omit<HourPoint, 'hour'> {
  return {
    rows: sums.rows,
    weight: sums.weight,
    logLoss: sums.logLoss(),
    normalisedEntropy: sums.normalisedEntropy(),
    calibration: sums.calibration(),
  };
}
