/**
 * The ads-60 workload: one day of impressions and their clicks, seeded. 100 k users, 10 k ads, 1,000 campaigns,
 * 100 advertisers by Zipf 1.05; bids are multiples of 1/256, so every sum is exact. And what may be different.
 */
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { type Rng, rng } from '../random.ts';

export const DAY_START = Date.UTC(2024, 9, 27);
const DAY_MS = 86_400_000;
const PLACEMENTS = ['feed', 'story', 'search', 'banner', 'video', 'sidebar', 'popup'];
const PLACEMENT_SHARE = [0.35, 0.25, 0.15, 0.1, 0.06, 0.04, 0.05];

/** Where the files of a workload lie. */
export type Ads60Files = {
  readonly impressions: string;
  readonly clicks: string;
  readonly conversions: string;
  readonly events: number;
};

export type Ads60Shape = {
  readonly days: number;
  /** This many users, each as often; null: 100 k by Zipf. */
  readonly evenUsers: number | null;
  /** Share of the events that one user has besides. */
  readonly hotUser: number;
  /** Conversions a click, each up to two weeks after it. */
  readonly conversions: number;
};

const ADS60: Ads60Shape = { days: 1, evenUsers: null, hotUser: 0, conversions: 0 };

/** Writes impressions.ndjson, clicks.ndjson and, where there are some, conversions.ndjson, in time order. */
export async function writeAds60(
  folder: string,
  impressions: number,
  shape: Partial<Ads60Shape> = {},
): Promise<Ads60Files> {
  await mkdir(folder, { recursive: true });
  const files = {
    impressions: path.join(folder, 'impressions.ndjson'),
    clicks: path.join(folder, 'clicks.ndjson'),
    conversions: path.join(folder, 'conversions.ndjson'),
  };
  const { days, evenUsers, hotUser, conversions } = { ...ADS60, ...shape };
  const random = rng(1);
  const anyUser = evenUsers === null ? zipf(100_000, random) : () => random.below(evenUsers);
  const draw = {
    user: () => (hotUser > 0 && random.chance(hotUser) ? 0 : anyUser()),
    ad: zipf(10_000, random),
  };
  const rate = Array.from({ length: 10_000 }, () => 0.04 * random.next());
  const clicks: { time: number; line: string }[] = [];
  const out = createWriteStream(files.impressions, { highWaterMark: 1 << 20 });
  let buffered = '';
  for (let i = 0; i < impressions; i++) {
    const time = DAY_START + Math.floor(((i + random.next()) * days * DAY_MS) / impressions);
    const ad = draw.ad();
    const campaign = ad % 1000;
    const event = {
      impression_id: `i${i.toString(36).padStart(7, '0')}`,
      ts: time,
      user_id: `u${draw.user()}`,
      ad_id: `a${ad}`,
      campaign_id: `c${campaign}`,
      advertiser_id: `v${campaign % 100}`,
      placement: pickPlacement(random.next()),
      bid: Math.round(Math.exp(normal(random)) * 256) / 256,
    };
    buffered += `${JSON.stringify(event)}\n`;
    if (random.next() < rate[ad]!) clicks.push(clickOf(event, clicks.length, random));
    if (buffered.length > 1 << 20) {
      if (!out.write(buffered))
        await new Promise<void>((resolve) => out.once('drain', () => resolve()));
      buffered = '';
    }
  }
  out.end(buffered);
  await finished(out);
  clicks.sort((a, b) => a.time - b.time);
  await writeLines(files.clicks, clicks);
  const bought = clicks.filter(() => conversions > 0 && random.chance(conversions));
  const later = bought.map((click, i) => conversionOf(click, i, random));
  later.sort((a, b) => a.time - b.time);
  await writeLines(files.conversions, later);
  return { ...files, events: impressions + clicks.length + later.length };
}

type Line = { readonly time: number; readonly line: string };

async function writeLines(file: string, lines: readonly Line[]): Promise<void> {
  const out = createWriteStream(file);
  out.end(lines.map(({ line }) => `${line}\n`).join(''));
  await finished(out);
}

/** Half of them within a day, and one in six after the week that counts. */
function conversionOf(click: Line, index: number, random: Rng): Line {
  const time = click.time + 1000 + Math.floor(14 * DAY_MS * random.next() ** 4);
  const { impression_id } = JSON.parse(click.line) as { impression_id: string };
  return { time, line: JSON.stringify({ order_id: `o${index}`, ts: time, impression_id }) };
}

type Impression = {
  readonly impression_id: string;
  readonly ts: number;
  readonly user_id: string;
  readonly ad_id: string;
  readonly campaign_id: string;
  readonly placement: string;
};

function clickOf(impression: Impression, index: number, random: Rng) {
  const time = impression.ts + 500 + Math.floor(-Math.log(1 - random.next()) * 60_000);
  const { impression_id, user_id, ad_id, campaign_id, placement } = impression;
  const event = {
    click_id: `k${index}`,
    ts: time,
    impression_id,
    user_id,
    ad_id,
    campaign_id,
    placement,
  };
  return { time, line: JSON.stringify(event) };
}

function pickPlacement(u: number): string {
  let index = 0;
  while (index < PLACEMENTS.length - 1 && u >= PLACEMENT_SHARE[index]!)
    u -= PLACEMENT_SHARE[index++]!;
  return PLACEMENTS[index]!;
}

function normal(random: Rng): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

function zipf(n: number, random: Rng): () => number {
  const cumulative = new Float64Array(n);
  let sum = 0;
  for (let i = 0; i < n; i++) {
    sum += 1 / (i + 1) ** 1.05;
    cumulative[i] = sum;
  }
  return () => {
    const target = random.next() * sum;
    let low = 0;
    let high = n - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (cumulative[middle]! < target) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

const KEYS = [
  ['user', 'user_id'],
  ['ad', 'ad_id'],
  ['placement', 'placement'],
  ['campaign', 'campaign_id'],
  ['pair', '(user_id, campaign_id)'],
] as const;

/** The program: 12 features a key (1, 3 or 5 keys); `windows` e.g. `[5m, 1h, 24h] exact`. */
export function ads60Program(features: 12 | 36 | 60, windows = '[5m, 1h, 24h]'): string {
  const keys = KEYS.slice(0, features / 12);
  const lines = keys.flatMap(([name, key]) => [
    `feature ${name}_imps = count(impression) by ${key} over ${windows}`,
    `feature ${name}_clicks = count(click) by ${key} over ${windows}`,
    `feature ${name}_bid = sum(impression.bid) by ${key} over ${windows} default 0`,
    `feature ${name}_ctr = coalesce(${name}_clicks / ${name}_imps, 0)`,
  ]);
  const names = keys.flatMap(([name]) => [
    `${name}_imps`,
    `${name}_clicks`,
    `${name}_bid`,
    `${name}_ctr`,
  ]);
  return `stream impression from "ads.impressions" {
  id   impression_id : string
  time ts            : timestamp
  user_id, ad_id, campaign_id, advertiser_id, placement : string
  bid : float
}

stream click from "ads.clicks" {
  id   click_id : string
  time ts       : timestamp
  impression_id, user_id, ad_id, campaign_id, placement : string
}

${lines.join('\n')}

examples ads60 for impression {
  features ${names.join(',\n           ')}
}
`;
}
