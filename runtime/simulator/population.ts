import { Drift } from './drift.ts';
import { SeededRandom } from './seeded-random.ts';
import type { TrafficConfig } from './traffic-config.ts';
import { Zipf } from './zipf.ts';

/** Length of a taste vector. */
const TASTES = 6;
/** Deviations of an ad's appeal and of each component of its theme. */
const AD_SPREAD = 0.7;
const THEME_SPREAD = 0.5;

/** Placements with what each adds to the logit of a click, and its share of the traffic. */
export const placements = ['feed', 'search', 'story', 'sidebar'] as const;
const placementClick = [0, 0.9, 0.2, -0.8];
const placementShare = [0.45, 0.7, 0.85, 1];

/**
 * Who lives in the simulated world: users, ads, campaigns and advertisers with their latent
 * traits. Drawn once from the seed; memory is about 100 bytes per user and per ad, those that new ads replaced included.
 *
 *     logit p(click) = base + user + ad + taste·theme + placement + hour + fatigue (+ the campaign's moment, where it drifts)
 *     logit p(buy | click) = base + user + advertiser + taste·theme
 *
 * Ids and counters can learn every term but taste·theme: that is what an embedding is for.
 */
export class Population {
  readonly advertiserOfCampaign: Int32Array;
  /** By ad, the new ones too. */
  readonly campaignOfAd: number[];
  /** How often an advertiser's buyers decide at once and not in the days after. */
  readonly impulse: Float64Array;
  /** In cents. */
  readonly basketCents: Float64Array;
  readonly bidCents: Float64Array;
  readonly #config: TrafficConfig;
  readonly #userClick: Float64Array;
  readonly #userBuy: Float64Array;
  readonly #advertiserBuy: Float64Array;
  readonly #adClick: number[];
  readonly #tastes: Float32Array;
  readonly #themes: number[];
  readonly #users: Zipf;
  readonly #campaigns: Zipf;
  readonly #adsOfCampaign: number[][];
  readonly #drift: Drift;
  /** Traits of new ads. */
  readonly #newcomers: SeededRandom;

  constructor(config: TrafficConfig) {
    const random = new SeededRandom(config.seed ^ 0x5eed);
    this.#config = config;
    this.#users = new Zipf(config.users, config.userZipf);
    this.#campaigns = new Zipf(config.campaigns, config.campaignZipf);
    this.#userClick = normals(random, config.users, 0.8);
    this.#userBuy = normals(random, config.users, 0.6);
    this.#tastes = Float32Array.from(normals(random, config.users * TASTES, 0.5));
    this.#advertiserBuy = normals(random, config.advertisers, 0.6);
    this.impulse = uniforms(random, config.advertisers, { from: 0.3, to: 0.7 });
    this.basketCents = normals(random, config.advertisers, 0.8).map((z) => 4000 * Math.exp(z));
    this.advertiserOfCampaign = spread(random, config.campaigns, config.advertisers);
    this.bidCents = normals(random, config.campaigns, 0.5).map((z) => 80 * Math.exp(z));
    this.campaignOfAd = [...spread(random, config.ads, config.campaigns)];
    this.#adClick = [...normals(random, config.ads, AD_SPREAD)];
    this.#themes = [...Float32Array.from(normals(random, config.ads * TASTES, THEME_SPREAD))];
    this.#adsOfCampaign = grouped(this.campaignOfAd, config.campaigns);
    this.#drift = new Drift(config.drift, config);
    this.#newcomers = new SeededRandom(config.seed ^ 0x9ee4);
  }

  /** Lets the world change up to a time; time goes forward. */
  liveTo(timeMs: number): void {
    this.#drift.liveTo(timeMs, this.#config.ads, (place) => this.#replaceAd(place));
  }

  drawUser(random: SeededRandom): number {
    return this.#users.draw(random);
  }

  /** The better suited of two candidates wins the slot, as an auction would have it. */
  drawAd(random: SeededRandom, user: number): number {
    const first = this.#drawCandidate(random);
    const second = this.#drawCandidate(random);
    return this.#affinity(user, first) >= this.#affinity(user, second) ? first : second;
  }

  drawPlacement(random: SeededRandom): number {
    const u = random.next();
    let placement = 0;
    while (u >= placementShare[placement]!) placement++;
    return placement;
  }

  /** p(click) of an impression; `recent` is how often the pair has met lately (decayed count). */
  clickProbability(
    user: number,
    ad: number,
    scene: { placement: number; hour: number; recent: number },
  ): number {
    const evening = 0.25 * Math.cos(((scene.hour - 20) / 12) * Math.PI);
    return sigmoid(
      this.#config.clickBase +
        this.#userClick[user]! +
        this.#adClick[ad]! +
        this.#affinity(user, ad) +
        placementClick[scene.placement]! +
        evening +
        this.#drift.moment[this.campaignOfAd[ad]!]! -
        0.4 * Math.log1p(scene.recent),
    );
  }

  /** p(purchase, whenever it comes | click). */
  purchaseProbability(user: number, ad: number): number {
    const advertiser = this.advertiserOf(ad);
    return sigmoid(
      this.#config.purchaseBase +
        this.#userBuy[user]! +
        this.#advertiserBuy[advertiser]! +
        0.5 * this.#affinity(user, ad),
    );
  }

  advertiserOf(ad: number): number {
    return this.advertiserOfCampaign[this.campaignOfAd[ad]!]!;
  }

  /** A new ad of the same campaign takes the place of one, which is not shown again. */
  #replaceAd(place: number): void {
    const random = this.#newcomers;
    const campaign = this.campaignOfAd[place]!;
    const ads = this.#adsOfCampaign[campaign]!;
    const ad = this.campaignOfAd.push(campaign) - 1;
    this.#adClick.push(random.normal() * AD_SPREAD);
    for (let i = 0; i < TASTES; i++) this.#themes.push(random.normal() * THEME_SPREAD);
    ads[place % ads.length] = ad;
  }

  #drawCandidate(random: SeededRandom): number {
    const ads = this.#adsOfCampaign[this.#campaigns.draw(random)]!;
    return ads[random.below(ads.length)]!;
  }

  #affinity(user: number, ad: number): number {
    let dot = 0;
    for (let i = 0; i < TASTES; i++) {
      dot += this.#tastes[user * TASTES + i]! * this.#themes[ad * TASTES + i]!;
    }
    return dot;
  }
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

function normals(random: SeededRandom, count: number, deviation: number): Float64Array {
  const out = new Float64Array(count);
  for (let i = 0; i < count; i++) out[i] = random.normal() * deviation;
  return out;
}

function uniforms(
  random: SeededRandom,
  count: number,
  range: { from: number; to: number },
): Float64Array {
  const out = new Float64Array(count);
  for (let i = 0; i < count; i++) out[i] = range.from + random.next() * (range.to - range.from);
  return out;
}

/** Gives each child a parent; the first `parents` children one each, so that none stays empty. */
function spread(random: SeededRandom, children: number, parents: number): Int32Array {
  const out = new Int32Array(children);
  for (let i = 0; i < children; i++) out[i] = i < parents ? i : random.below(parents);
  return out;
}

function grouped(parentOf: readonly number[], parents: number): number[][] {
  const lists: number[][] = Array.from({ length: parents }, () => []);
  for (const [child, parent] of parentOf.entries()) lists[parent]!.push(child);
  return lists;
}
