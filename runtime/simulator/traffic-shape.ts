import { type Delay, logNormalDelay, StandingShare, weibullDelay } from './delays.ts';
import type { DeliveryOptions } from './delivered-stream.ts';
import { declaredLateness, type TrafficConfig, truthWindows } from './traffic-config.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** A delay of purchases after the click, with the share of them that stands after some time. */
export type PurchaseDelay = { readonly delay: Delay; readonly standing: StandingShare };

/** Delays between cause and effect. */
export type Delays = {
  readonly click: Delay;
  /** Bought at once: minutes, log-normal. */
  readonly impulse: PurchaseDelay;
  /** Bought after thinking: hours to days, Weibull with a long tail. */
  readonly rest: PurchaseDelay;
  readonly refund: Delay;
};

/** Rate of traffic at an hour of the day (UTC) against the mean: evening high, early low. */
export function daily(hour: number): number {
  return 1 + 0.5 * Math.cos(((hour - 20) / 12) * Math.PI);
}

/** The delays of this world; purchases come minutes to days after the click. */
export function conversionDelays(config: TrafficConfig): Delays {
  const refund = weibullDelay(36 * HOUR_MS, 1);
  const limits = { durationMs: config.durationMs, ...truthWindows };
  const standing = (delay: Delay): PurchaseDelay => ({
    delay,
    standing: new StandingShare(delay, { delay: refund, share: config.refunds }, limits),
  });
  return {
    click: logNormalDelay(4_000, 1.1),
    impulse: standing(logNormalDelay(12 * MINUTE_MS, 1.2)),
    rest: standing(weibullDelay(20 * HOUR_MS, 0.7)),
    refund,
  };
}

/** How each stream travels, measured against the lateness the program declares. */
export function deliveryOptions(
  config: TrafficConfig,
  files: { readonly impression: string; readonly click: string; readonly pixel: string },
): Record<'impression' | 'click' | 'pixel', DeliveryOptions> {
  const { gzip, duplicates, malformed, seed } = config;
  const shared = { gzip, duplicateShare: duplicates, malformedShare: malformed };
  const quick = {
    ...shared,
    delayMeanMs: 1_500,
    delayMaxMs: 20_000,
    lateShare: config.late,
    lateDelayMs: { from: 3 * MINUTE_MS, to: 30 * MINUTE_MS },
  };
  return {
    impression: {
      ...quick,
      ...declaredLateness.impression,
      path: files.impression,
      seed: seed ^ 0x1111,
      idName: 'impression_id',
    },
    click: {
      ...quick,
      ...declaredLateness.click,
      path: files.click,
      seed: seed ^ 0x2222,
      idName: 'click_id',
    },
    pixel: {
      ...shared,
      ...declaredLateness.pixel,
      path: files.pixel,
      seed: seed ^ 0x3333,
      idName: 'event_id',
      delayMeanMs: 15_000,
      delayMaxMs: 8 * MINUTE_MS,
      lateShare: config.latePixels,
      lateDelayMs: { from: 12 * MINUTE_MS, to: 6 * HOUR_MS },
    },
  };
}
