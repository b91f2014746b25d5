import { SeededRandom } from './seeded-random.ts';

const HOUR_MS = 3_600_000;

/** How fast a world changes; the default is one that does not. */
export type DriftConfig = {
  /** Deviation of what a campaign's moment adds to the logit of a click, and its time constant in ms. */
  readonly spread: number;
  readonly forgetMs: number;
  /** Share of the ads that are replaced by new ones in a day. */
  readonly newAdsADay: number;
};

export const noDrift: DriftConfig = { spread: 0, forgetMs: HOUR_MS, newAdsADay: 0 };

/**
 * What changes while a world lives, hour by hour: each campaign's moment is an Ornstein-Uhlenbeck process, and ads give way to
 * new ones with ids never seen before. Chance of its own: a world without drift is the same as before.
 */
export class Drift {
  /** By campaign: what the moment adds to the logit of a click. */
  readonly moment: Float64Array;
  readonly #config: DriftConfig;
  readonly #random: SeededRandom;
  #hour: number;

  constructor(config: DriftConfig, of: { seed: number; startMs: number; campaigns: number }) {
    this.#config = config;
    this.#random = new SeededRandom(of.seed ^ 0x0d21f7);
    this.#hour = Math.floor(of.startMs / HOUR_MS);
    this.moment = new Float64Array(of.campaigns);
    if (config.spread === 0) return;
    for (let i = 0; i < of.campaigns; i++) this.moment[i] = this.#random.normal() * config.spread;
  }

  /** Lives up to `timeMs`; `replace` hears of each ad place, of so many, that a new ad takes. */
  liveTo(timeMs: number, places: number, replace: (place: number) => void): void {
    for (const hour = Math.floor(timeMs / HOUR_MS); this.#hour < hour; this.#hour++) {
      this.#step();
      if (this.#config.newAdsADay === 0) continue;
      const share = this.#config.newAdsADay / 24;
      for (let i = 0; i < places; i++) if (this.#random.chance(share)) replace(i);
    }
  }

  #step(): void {
    const { spread, forgetMs } = this.#config;
    if (spread === 0) return;
    const kept = Math.exp(-HOUR_MS / forgetMs);
    const step = spread * Math.sqrt(1 - kept * kept);
    for (const [i, moment] of this.moment.entries()) {
      this.moment[i] = moment * kept + step * this.#random.normal();
    }
  }
}
