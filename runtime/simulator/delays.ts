import type { SeededRandom } from './seeded-random.ts';

/** Points of a quantile table: its resolution in probability is 1 / 4096. */
const POINTS = 4096;

/**
 * A distribution of delays (ms) as its quantiles at (j + 0.5) / 4096. Drawing picks one of these
 * points, so sums over the table are *exact* probabilities of what is drawn: the truth file and
 * the events cannot disagree through a formula.
 */
export class Delay {
  readonly points: Float64Array;

  constructor(quantile: (p: number) => number) {
    this.points = new Float64Array(POINTS);
    for (let j = 0; j < POINTS; j++) this.points[j] = Math.round(quantile((j + 0.5) / POINTS));
  }

  draw(random: SeededRandom): number {
    return this.points[random.below(POINTS)]!;
  }

  /** P(delay <= x). */
  share(x: number): number {
    let low = 0;
    let high = POINTS;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.points[middle]! <= x) low = middle + 1;
      else high = middle;
    }
    return low / POINTS;
  }
}

/** Log-normal: median in ms, sigma of the logarithm. */
export function logNormalDelay(medianMs: number, sigma: number): Delay {
  return new Delay((p) => medianMs * Math.exp(sigma * probit(p)));
}

/** Weibull: scale in ms; a shape below 1 has a long tail. */
export function weibullDelay(scaleMs: number, shape: number): Delay {
  return new Delay((p) => scaleMs * (-Math.log(1 - p)) ** (1 / shape));
}

/**
 * The share of purchases that stand `remaining` ms after the click: made by then and within
 * `purchaseMs`, and not refunded by then within `refundMs`. Tabulated over [0, durationMs] on
 * a square-root grid (dense where most happens), linear between points.
 */
export class StandingShare {
  /** The same with all the time in the world: what the label says when it is mature. */
  readonly final: number;
  readonly #values: Float64Array;
  readonly #durationMs: number;

  constructor(
    purchase: Delay,
    refund: { readonly delay: Delay; readonly share: number },
    limits: { readonly durationMs: number; readonly purchaseMs: number; readonly refundMs: number },
  ) {
    const standing = (remaining: number) => {
      let sum = 0;
      for (const x of purchase.points) {
        if (x > remaining || x > limits.purchaseMs) break;
        sum += 1 - refund.share * refund.delay.share(Math.min(remaining - x, limits.refundMs));
      }
      return sum / purchase.points.length;
    };
    this.#durationMs = limits.durationMs;
    this.#values = new Float64Array(GRID + 1);
    for (let g = 0; g <= GRID; g++) this.#values[g] = standing(limits.durationMs * (g / GRID) ** 2);
    this.final = standing(Number.POSITIVE_INFINITY);
  }

  at(remainingMs: number): number {
    const clamped = Math.min(Math.max(remainingMs / this.#durationMs, 0), 1);
    const place = Math.sqrt(clamped) * GRID;
    const cell = Math.min(Math.floor(place), GRID - 1);
    const low = this.#values[cell]!;
    return low + (this.#values[cell + 1]! - low) * (place - cell);
  }
}

const GRID = 256;

/** Inverse of the standard normal distribution function, by bisection to 2^-50. */
function probit(p: number): number {
  let low = -9;
  let high = 9;
  for (let i = 0; i < 54; i++) {
    const middle = (low + high) / 2;
    if (normalShare(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Φ(x), absolute error below 7.5e-8 (Abramowitz and Stegun 26.2.17). */
function normalShare(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const series =
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * series;
  return x >= 0 ? 1 - tail : tail;
}
