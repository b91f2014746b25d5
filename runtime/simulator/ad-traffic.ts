import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  blankRecord,
  clickLines,
  impressionLines,
  PIXEL_ADD_TO_CART,
  PIXEL_PAGE_VIEW,
  PIXEL_PURCHASE,
  PIXEL_REFUND,
  pixelLines,
} from './ad-lines.ts';
import { DeliveredStream, type DeliveryCounts } from './delivered-stream.ts';
import { Fatigue } from './fatigue.ts';
import { Population } from './population.ts';
import { SeededRandom } from './seeded-random.ts';
import { TimedRecords } from './timed-records.ts';
import type { TrafficConfig } from './traffic-config.ts';
import { conversionDelays, type Delays, daily, deliveryOptions } from './traffic-shape.ts';
import { TruthWriter } from './truth.ts';

/** Where the files of a simulation lie. */
export type TrafficFiles = {
  readonly impression: string;
  readonly click: string;
  readonly pixel: string;
  readonly truth: string;
};

/** What was written, and what a correct reader must count. */
export type TrafficSummary = {
  readonly files: TrafficFiles;
  /** Lines over all streams. */
  readonly events: number;
  readonly streams: {
    readonly impression: DeliveryCounts;
    readonly click: DeliveryCounts;
    readonly pixel: DeliveryCounts;
  };
  readonly impressions: number;
  readonly clicks: number;
  readonly purchases: number;
  readonly refunds: number;
};

/**
 * Writes a whole simulation into `directory`: impressions, clicks and pixels as NDJSON (gzip if
 * asked), `truth.bin`, and `traffic.json` (the summary). The same config gives the same bytes.
 * Synchronous; memory is the population and the events on their way, whatever the duration.
 */
export function writeAdTraffic(config: TrafficConfig, directory: string): TrafficSummary {
  const traffic = new AdTraffic(config, directory);
  return traffic.finish();
}

const HOUR_MS = 3_600_000;
/** Purchases and refunds to come at once. */
const SCHEDULED_MAX = 1 << 20;
const CLICK_DELAY_MAX_MS = 25 * 60_000;

/* Kinds of scheduled happenings: field 0; then user, ad, impression, order, value in cents. */
const CLICK = 0;
const PAGE_VIEW = 1;
const ADD_TO_CART = 2;
const PURCHASE = 3;
const PURCHASE_AGAIN = 4;
const REFUND = 5;
/** The pixel that a happening causes; a click causes none itself. */
const PIXEL_OF = [
  -1,
  PIXEL_PAGE_VIEW,
  PIXEL_ADD_TO_CART,
  PIXEL_PURCHASE,
  PIXEL_PURCHASE,
  PIXEL_REFUND,
] as const;

/** The simulated world, advanced in steps of event time. */
export class AdTraffic {
  readonly files: TrafficFiles;
  readonly #config: TrafficConfig;
  readonly #directory: string;
  readonly #random: SeededRandom;
  readonly #population: Population;
  readonly #fatigue = new Fatigue();
  readonly #scheduled = new TimedRecords(SCHEDULED_MAX);
  readonly #impressions: DeliveredStream;
  readonly #clicks: DeliveredStream;
  readonly #pixels: DeliveredStream;
  readonly #truth: TruthWriter;
  readonly #delays: Delays;
  readonly #event = blankRecord();
  readonly #plan = blankRecord();
  readonly #endMs: number;
  #arrivalMs: number;
  #impressionCount = 0;
  #clickCount = 0;
  #pixelCount = 0;
  #orderCount = 0;
  #refundCount = 0;

  constructor(config: TrafficConfig, directory: string) {
    mkdirSync(directory, { recursive: true });
    this.#config = config;
    this.#directory = directory;
    this.#random = new SeededRandom(config.seed);
    this.#population = new Population(config);
    this.#delays = conversionDelays(config);
    this.files = filesIn(directory, config.gzip);
    this.#endMs = config.startMs + config.durationMs;
    this.#arrivalMs = config.startMs;
    const options = deliveryOptions(config, this.files);
    this.#impressions = new DeliveredStream(options.impression, impressionLines(this.#population));
    this.#clicks = new DeliveredStream(options.click, clickLines(this.#population));
    this.#pixels = new DeliveredStream(options.pixel, pixelLines());
    this.#truth = new TruthWriter(this.files.truth);
  }

  /** Lets everything before `untilMs` (and before the end) happen; true while there is more. */
  advance(untilMs: number): boolean {
    const limitMs = Math.min(untilMs, this.#endMs);
    for (;;) {
      const scheduledMs = this.#scheduled.nextTime();
      const nextMs = Math.min(scheduledMs, this.#arrivalMs);
      if (nextMs >= limitMs) return limitMs < this.#endMs;
      this.#release(nextMs);
      if (scheduledMs <= this.#arrivalMs) this.#happen(scheduledMs);
      else this.#arrive();
    }
  }

  /** Runs to the end, writes what is on its way, closes all files. */
  finish(): TrafficSummary {
    this.advance(this.#endMs);
    for (const stream of [this.#impressions, this.#clicks, this.#pixels]) stream.finish();
    this.#truth.close();
    const summary = this.#summary();
    writeFileSync(join(this.#directory, 'traffic.json'), `${JSON.stringify(summary, null, 2)}\n`);
    return summary;
  }

  /** Pushes out to the files what has been written so far, for readers that follow along. */
  flush(): void {
    for (const stream of [this.#impressions, this.#clicks, this.#pixels]) stream.flush();
    this.#truth.flush();
  }

  #release(nowMs: number): void {
    this.#impressions.release(nowMs);
    this.#clicks.release(nowMs);
    this.#pixels.release(nowMs);
  }

  /** One arrival of the Poisson process: an impression, or a visit without an ad. */
  #arrive(): void {
    const timeMs = Math.floor(this.#arrivalMs);
    const { impressions, organicVisits, durationMs, campaigns } = this.#config;
    const hour = Math.floor(timeMs / HOUR_MS) % 24;
    const perMs = (impressions * (1 + organicVisits)) / durationMs;
    this.#arrivalMs += this.#random.exponential() / (perMs * daily(hour));
    const user = this.#population.drawUser(this.#random);
    if (this.#random.next() * (1 + organicVisits) >= 1) {
      const campaign = this.#random.below(campaigns);
      const advertiser = this.#population.advertiserOfCampaign[campaign]!;
      this.#pixel(timeMs, { user, advertiser, kind: PIXEL_PAGE_VIEW, order: -1, cents: 0 });
    } else {
      this.#impression(timeMs, user, hour);
    }
  }

  #impression(timeMs: number, user: number, hour: number): void {
    const random = this.#random;
    const population = this.#population;
    population.liveTo(timeMs);
    const ad = population.drawAd(random, user);
    const placement = population.drawPlacement(random);
    const campaign = population.campaignOfAd[ad]!;
    const recent = this.#fatigue.meet(user, campaign, timeMs);
    const scene = { placement, hour, recent };
    const clickShare = population.clickProbability(user, ad, scene);
    this.#tellTruth(timeMs, { user, ad, clickShare });
    const event = this.#event;
    event[0] = timeMs;
    event[1] = this.#impressionCount++;
    event[2] = user;
    event[3] = ad;
    event[4] = placement;
    event[5] = Math.max(
      1,
      Math.round(population.bidCents[campaign]! * (0.8 + random.next() * 0.4)),
    );
    this.#impressions.offer(timeMs, event);
    if (!random.chance(clickShare)) return;
    const delayMs = Math.min(this.#delays.click.draw(random), CLICK_DELAY_MAX_MS);
    this.#schedule(timeMs + delayMs, [CLICK, user, ad, this.#impressionCount - 1, -1, 0]);
  }

  /** Late clicks are lost to the label, and with them their purchases. */
  #tellTruth(timeMs: number, of: { user: number; ad: number; clickShare: number }): void {
    const { impulse, rest, click } = this.#delays;
    const impulseShare = this.#population.impulse[this.#population.advertiserOf(of.ad)]!;
    const clicked = of.clickShare * (1 - this.#config.late);
    const bought = clicked * this.#population.purchaseProbability(of.user, of.ad);
    const leftMs = this.#endMs - timeMs - click.points[click.points.length >> 1]!;
    const final = impulseShare * impulse.standing.final + (1 - impulseShare) * rest.standing.final;
    const byEnd =
      impulseShare * impulse.standing.at(leftMs) + (1 - impulseShare) * rest.standing.at(leftMs);
    this.#truth.append(clicked, bought * final, bought * byEnd);
  }

  #happen(timeMs: number): void {
    this.#scheduled.take(timeMs);
    const record = this.#scheduled.record;
    const happening = {
      user: record[1]!,
      ad: record[2]!,
      impression: record[3]!,
      order: record[4]!,
      cents: record[5]!,
    };
    const kind = record[0]!;
    if (kind === CLICK) this.#click(timeMs, happening);
    else if (kind === PURCHASE) this.#purchase(timeMs, happening);
    else this.#report(timeMs, PIXEL_OF[kind]!, happening);
    if (kind === REFUND) this.#refundCount++;
  }

  #click(timeMs: number, { user, ad, impression }: Happening): void {
    const random = this.#random;
    const event = this.#event;
    event[0] = timeMs;
    event[1] = this.#clickCount++;
    event[2] = impression;
    event[3] = user;
    event[4] = ad;
    this.#clicks.offer(timeMs, event);
    if (random.chance(0.9)) {
      this.#schedule(timeMs + 300 + random.below(3_000), [PAGE_VIEW, user, ad, impression, -1, 0]);
    }
    if (random.chance(0.15)) {
      this.#schedule(timeMs + 20_000 + random.below(180_000), [ADD_TO_CART, user, ad, 0, -1, 0]);
    }
    if (!random.chance(this.#population.purchaseProbability(user, ad))) return;
    const advertiser = this.#population.advertiserOf(ad);
    const isImpulse = random.chance(this.#population.impulse[advertiser]!);
    const delayMs = (isImpulse ? this.#delays.impulse : this.#delays.rest).delay.draw(random);
    const basket = this.#population.basketCents[advertiser]! * Math.exp(random.normal() * 0.5);
    const cents = Math.max(100, Math.round(basket));
    this.#schedule(timeMs + delayMs, [PURCHASE, user, ad, impression, -1, cents]);
  }

  #purchase(timeMs: number, { user, ad, impression, cents }: Happening): void {
    const random = this.#random;
    const order = this.#orderCount++;
    this.#report(timeMs, PIXEL_PURCHASE, { user, ad, impression, order, cents });
    if (random.chance(this.#config.bursts)) {
      const reports = 1 + random.below(2);
      for (let i = 1; i <= reports; i++) {
        const againMs = timeMs + i * (200 + random.below(2_000));
        this.#schedule(againMs, [PURCHASE_AGAIN, user, ad, impression, order, cents]);
      }
    }
    if (!random.chance(this.#config.refunds)) return;
    const refundMs = timeMs + Math.max(60_000, this.#delays.refund.draw(random));
    this.#schedule(refundMs, [REFUND, user, ad, impression, order, cents]);
  }

  #report(timeMs: number, kind: number, { user, ad, order, cents }: Happening): void {
    this.#pixel(timeMs, {
      user,
      advertiser: this.#population.advertiserOf(ad),
      kind,
      order,
      cents,
    });
  }

  #pixel(
    timeMs: number,
    of: { user: number; advertiser: number; kind: number; order: number; cents: number },
  ): void {
    const event = this.#event;
    event[0] = timeMs;
    event[1] = this.#pixelCount++;
    event[2] = of.user;
    event[3] = of.advertiser;
    event[4] = of.kind;
    event[5] = of.order;
    event[6] = of.cents;
    this.#pixels.offer(timeMs, event);
  }

  /** What would happen after the end is forgotten, which bounds what is scheduled. */
  #schedule(timeMs: number, plan: readonly number[]): void {
    if (timeMs >= this.#endMs) return;
    for (let i = 0; i < plan.length; i++) this.#plan[i] = plan[i]!;
    this.#scheduled.push(timeMs, this.#plan);
  }

  #summary(): TrafficSummary {
    const streams = {
      impression: this.#impressions.counts,
      click: this.#clicks.counts,
      pixel: this.#pixels.counts,
    };
    return {
      files: this.files,
      events: streams.impression.lines + streams.click.lines + streams.pixel.lines,
      streams,
      impressions: this.#impressionCount,
      clicks: this.#clickCount,
      purchases: this.#orderCount,
      refunds: this.#refundCount,
    };
  }
}

type Happening = {
  readonly user: number;
  readonly ad: number;
  readonly impression: number;
  readonly order: number;
  readonly cents: number;
};

function filesIn(directory: string, gzip: boolean): TrafficFiles {
  const ending = gzip ? 'ndjson.gz' : 'ndjson';
  return {
    impression: join(directory, `impression.${ending}`),
    click: join(directory, `click.${ending}`),
    pixel: join(directory, `pixel.${ending}`),
    truth: join(directory, 'truth.bin'),
  };
}
