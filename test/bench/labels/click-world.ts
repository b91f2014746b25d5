/**
 * A world of clicks that convert late, with the probability of each known. Delays have the shape published for the
 * Criteo conversion logs (Chapelle, "Modeling Delayed Feedback in Display Advertising", KDD 2014: 35 % within an hour, half
 * within a day, 13 % after two weeks), cut at 30 days; campaigns differ in how late theirs come. Rates drift, so
 * that a model of old labels is wrong today.
 */
import { Delay } from '../../../runtime/simulator/delays.ts';
import { SeededRandom } from '../../../runtime/simulator/seeded-random.ts';
import { daily } from '../../../runtime/simulator/traffic-shape.ts';
import { Zipf } from '../../../runtime/simulator/zipf.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
export const START_MS = Date.UTC(2026, 0, 5);

const USERS = 3_000;
const ADS = 300;
const CAMPAIGNS = 60;
const ADVERTISERS = 20;
const PLACEMENTS = ['feed', 'search', 'story', 'sidebar'];
const BASE_LOGIT = -1.6;
/** A campaign's effect forgets itself with this time constant, around the same spread. */
const DRIFT_DAYS = 20;
const DRIFT_SPREAD = 0.5;

/** Lines of one day, by stream, in order of time. */
export type WorldDay = {
  readonly clicks: string[];
  readonly purchases: string[];
  /** The oracle's stream: a click that will convert says so a millisecond later. */
  readonly fates: string[];
};

/** (share of conversions, ms): between them the logarithm of the delay is linear. */
const SHAPE = [
  [0, 10_000],
  [0.35, HOUR_MS],
  [0.5, DAY_MS],
  [0.87, 14 * DAY_MS],
  [1, 30 * DAY_MS],
] as const;

/** The delay below which a share `u` of the conversions come. */
export function delayQuantile(u: number): number {
  const next = Math.max(
    SHAPE.findIndex(([share]) => share >= u),
    1,
  );
  const [[from, low], [to, high]] = [SHAPE[next - 1]!, SHAPE[next]!];
  return Math.exp(Math.log(low) + ((u - from) / (to - from)) * Math.log(high / low));
}

export class ClickWorld {
  /** By number of the click ("k12" is 12): P(conversion within 30 days). */
  readonly probability: number[] = [];
  /** Delays of all conversions, ms. */
  readonly delays: number[] = [];
  readonly #random: SeededRandom;
  readonly #perDay: number;
  readonly #users = new Zipf(USERS, 0.7);
  readonly #ads = new Zipf(ADS, 0.7);
  readonly #user: number[];
  readonly #ad: number[];
  readonly #placement: number[];
  readonly #campaign: number[];
  readonly #lateness: Delay[];
  /** Purchases to come, by day. */
  readonly #purchases: { ts: number; click: number }[][] = [];
  #purchaseCount = 0;

  constructor(seed: number, perDay: number) {
    const random = new SeededRandom(seed);
    const normals = (count: number, spread: number) =>
      Array.from({ length: count }, () => random.normal() * spread);
    this.#random = random;
    this.#perDay = perDay;
    this.#user = normals(USERS, 0.5);
    this.#ad = normals(ADS, 0.4);
    this.#placement = normals(PLACEMENTS.length, 0.4);
    this.#campaign = normals(CAMPAIGNS, DRIFT_SPREAD);
    this.#lateness = normals(CAMPAIGNS, 0.35).map(
      (z) => new Delay((u) => delayQuantile(u ** Math.exp(z))),
    );
  }

  /** Lives through day `day`; days come in order, from 0. Without clicks, what is still to come comes. */
  day(day: number, clicking = true): WorldDay {
    const clicks: string[] = [];
    const fates: string[] = [];
    this.#drift();
    const arrivals = clicking ? this.#arrivals(START_MS + day * DAY_MS) : [];
    for (const ts of arrivals) this.#click(ts, clicks, fates);
    const due = (this.#purchases[day] ?? []).sort((a, b) => a.ts - b.ts);
    const purchases = due.map(({ ts, click }) => {
      return `{"purchase_id":"p${this.#purchaseCount++}","ts":${ts},"click_id":"k${click}"}`;
    });
    delete this.#purchases[day];
    return { clicks, purchases, fates };
  }

  #arrivals(from: number): number[] {
    const times: number[] = [];
    for (let hour = 0; hour < 24; hour++) {
      const count = Math.round((this.#perDay / 24) * daily(hour));
      for (let i = 0; i < count; i++) {
        times.push(Math.floor(from + (hour + this.#random.next()) * HOUR_MS));
      }
    }
    return times.sort((a, b) => a - b);
  }

  #click(ts: number, clicks: string[], fates: string[]): void {
    const random = this.#random;
    const user = this.#users.draw(random);
    const ad = this.#ads.draw(random);
    const campaign = ad % CAMPAIGNS;
    const placement = random.below(PLACEMENTS.length);
    const effects = [this.#user[user]!, this.#ad[ad]!, this.#placement[placement]!];
    const logit = effects.reduce((sum, x) => sum + x, BASE_LOGIT + this.#campaign[campaign]!);
    const p = 1 / (1 + Math.exp(-logit));
    const click = this.probability.push(p) - 1;
    clicks.push(
      `{"click_id":"k${click}","ts":${ts},"user_id":"u${user}","ad_id":"a${ad}","campaign_id":"c${campaign}","advertiser_id":"v${campaign % ADVERTISERS}","placement":"${PLACEMENTS[placement]}"}`,
    );
    if (!random.chance(p)) return;
    const delay = this.#lateness[campaign]!.draw(random);
    this.delays.push(delay);
    const day = Math.floor((ts + delay - START_MS) / DAY_MS);
    (this.#purchases[day] ??= []).push({ ts: ts + delay, click });
    fates.push(`{"fate_id":"f${click}","ts":${ts + 1},"click_id":"k${click}"}`);
  }

  /** An Ornstein-Uhlenbeck step of a day for each campaign. */
  #drift(): void {
    const kept = Math.exp(-1 / DRIFT_DAYS);
    const spread = DRIFT_SPREAD * Math.sqrt(1 - kept * kept);
    for (const [i, effect] of this.#campaign.entries()) {
      this.#campaign[i] = effect * kept + spread * this.#random.normal();
    }
  }
}
