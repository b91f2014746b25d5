import { type DriftConfig, noDrift } from './drift.ts';

/** The knobs of the ad traffic. Shares are in [0, 1], times in ms. */
export type TrafficConfig = {
  readonly seed: number;
  /** Time of the first possible event; everything is counted from here, never from the clock. */
  readonly startMs: number;
  readonly durationMs: number;
  /** Expected number of impressions over the whole duration. */
  readonly impressions: number;
  /** Site visits without an ad, as a share of impressions; they keep the pixel stream moving. */
  readonly organicVisits: number;
  readonly users: number;
  readonly ads: number;
  readonly campaigns: number;
  readonly advertisers: number;
  /** Exponents of the popularity of users and of campaigns. */
  readonly userZipf: number;
  readonly campaignZipf: number;
  /** Logit of a click and of a purchase after a click, before all effects. */
  readonly clickBase: number;
  readonly purchaseBase: number;
  /** Share of purchases that are refunded some time after. */
  readonly refunds: number;
  /** Share of purchases that the page reports two or three times, under different event ids. */
  readonly bursts: number;
  /** Share of events delivered later than the stream's lateness allows. */
  readonly late: number;
  /** The same for pixels: they come from browsers. */
  readonly latePixels: number;
  /** Share of events delivered twice under the same event id. */
  readonly duplicates: number;
  /** Malformed lines, as a share of lines. */
  readonly malformed: number;
  readonly gzip: boolean;
  readonly drift: DriftConfig;
};

const DAY_MS = 86_400_000;

/** Two days, about 700 k events: impressions, 2 % of them clicked, and pixels. */
export const defaultTraffic: TrafficConfig = {
  seed: 1,
  startMs: Date.UTC(2026, 0, 5),
  durationMs: 2 * DAY_MS,
  impressions: 630_000,
  organicVisits: 0.08,
  users: 20_000,
  ads: 2_000,
  campaigns: 400,
  advertisers: 120,
  userZipf: 0.8,
  campaignZipf: 0.8,
  clickBase: -5.1,
  purchaseBase: -2.4,
  refunds: 0.08,
  bursts: 0.15,
  late: 0.0005,
  latePixels: 0.005,
  duplicates: 0.003,
  malformed: 0.0005,
  gzip: false,
  drift: noDrift,
};

/** The lateness that `features/ads.feat` declares: what "late" is measured against, in ms. */
export const declaredLateness = {
  impression: { lateMs: 30_000, labelsMs: 0 },
  click: { lateMs: 30_000, labelsMs: 0 },
  pixel: { lateMs: 600_000, labelsMs: 2 * DAY_MS },
} as const;

/** The label windows that the truth is stated for (`within 7d`, `unless refund within 14d`). */
export const truthWindows = { purchaseMs: 7 * DAY_MS, refundMs: 14 * DAY_MS } as const;
