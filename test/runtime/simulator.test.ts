import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Fault } from '../../runtime/fault.ts';
import {
  AdTraffic,
  type TrafficSummary,
  writeAdTraffic,
} from '../../runtime/simulator/ad-traffic.ts';
import { logNormalDelay, StandingShare, weibullDelay } from '../../runtime/simulator/delays.ts';
import { Population } from '../../runtime/simulator/population.ts';
import { SeededRandom } from '../../runtime/simulator/seeded-random.ts';
import { TimedRecords } from '../../runtime/simulator/timed-records.ts';
import {
  declaredLateness,
  defaultTraffic,
  type TrafficConfig,
} from '../../runtime/simulator/traffic-config.ts';
import { readTruth } from '../../runtime/simulator/truth.ts';
import { Zipf } from '../../runtime/simulator/zipf.ts';
import { rng } from '../random.ts';

type Line = Readonly<Record<string, unknown>>;
type StreamName = 'impression' | 'click' | 'pixel';

const folder = mkdtempSync(join(tmpdir(), 'millrace-traffic-'));
afterAll(() => rmSync(folder, { recursive: true }));

const DAY_MS = 86_400_000;
const small: TrafficConfig = {
  ...defaultTraffic,
  seed: 7,
  impressions: 90_000,
  users: 3_000,
  ads: 300,
  campaigns: 60,
  advertisers: 20,
  clickBase: -3.8,
  malformed: 0.002,
  late: 0.002,
  latePixels: 0.02,
};
const idNames = { impression: 'impression_id', click: 'click_id', pixel: 'event_id' } as const;
const required = {
  impression: ['user_id', 'ad_id', 'campaign_id', 'advertiser_id', 'placement'],
  click: ['impression_id', 'user_id', 'ad_id', 'advertiser_id'],
  pixel: ['user_id', 'advertiser_id', 'kind'],
} as const;

let summary: TrafficSummary;
const streams: Record<StreamName, (Line | null)[]> = { impression: [], click: [], pixel: [] };

beforeAll(() => {
  summary = writeAdTraffic(small, join(folder, 'small'));
  for (const name of ['impression', 'click', 'pixel'] as const) {
    const text = readFileSync(summary.files[name], 'utf8');
    expect(text.endsWith('\n')).toBe(true);
    streams[name] = text
      .slice(0, -1)
      .split('\n')
      .map((line) => wellFormed(line, name));
  }
});

function wellFormed(text: string, name: StreamName): Line | null {
  let line: Line;
  try {
    line = JSON.parse(text) as Line;
  } catch {
    return null;
  }
  const isSound =
    typeof line[idNames[name]] === 'string' &&
    Number.isInteger(line.ts) &&
    required[name].every((field) => typeof line[field] === 'string');
  return isSound ? line : null;
}

function accepted(name: StreamName): Line[] {
  const seen = new Set<unknown>();
  return streams[name].filter((line): line is Line => {
    if (line === null || seen.has(line[idNames[name]])) return false;
    seen.add(line[idNames[name]]);
    return true;
  });
}

describe('files', () => {
  test.each(['impression', 'click', 'pixel'] as const)(
    '%s: counts are what a reader counts',
    (name) => {
      const { lateMs, labelsMs } = declaredLateness[name];
      const found = { accepted: 0, late: 0, lateForFeatures: 0, duplicates: 0, malformed: 0 };
      const seen = new Set<unknown>();
      let max = Number.NEGATIVE_INFINITY;
      for (const line of streams[name]) {
        if (line === null) {
          found.malformed++;
          continue;
        }
        const time = line.ts as number;
        if (seen.has(line[idNames[name]])) found.duplicates++;
        else if (time >= max - lateMs) found.accepted++;
        else if (time >= max - labelsMs) found.lateForFeatures++;
        else found.late++;
        seen.add(line[idNames[name]]);
        max = Math.max(max, time);
      }
      expect(summary.streams[name]).toMatchObject(found);
      expect(summary.streams[name].lines).toBe(streams[name].length);
    },
  );

  test('every kind of trouble is there, and disorder too', () => {
    const { impression, click, pixel } = summary.streams;
    for (const { duplicates, malformed, outOfOrder } of [impression, click, pixel]) {
      expect(Math.min(duplicates, malformed, outOfOrder)).toBeGreaterThan(0);
    }
    expect(impression.late).toBeGreaterThan(0);
    expect(pixel.lateForFeatures).toBeGreaterThan(0);
  });

  test('clicks and purchases follow from impressions and clicks', () => {
    const impressions = new Map(accepted('impression').map((line) => [line.impression_id, line]));
    const clickedPairs = new Set<string>();
    for (const click of accepted('click')) {
      const impression = impressions.get(click.impression_id)!;
      expect(click).toMatchObject({ user_id: impression.user_id, ad_id: impression.ad_id });
      const delay = (click.ts as number) - (impression.ts as number);
      expect(delay).toBeGreaterThanOrEqual(0);
      expect(delay).toBeLessThan(30 * 60_000);
      clickedPairs.add(`${String(click.user_id)} ${String(click.advertiser_id)}`);
    }
    const purchases = accepted('pixel').filter((line) => line.kind === 'purchase');
    const orders = new Map<unknown, number>();
    for (const line of purchases) {
      expect(clickedPairs.has(`${String(line.user_id)} ${String(line.advertiser_id)}`)).toBe(true);
      expect(line.value).toBeGreaterThan(0);
      orders.set(line.order_id, (orders.get(line.order_id) ?? 0) + 1);
    }
    expect(orders.size).toBe(summary.purchases);
    expect([...new Set(orders.values())].sort()).toEqual([1, 2, 3]);
    const refunds = accepted('pixel').filter((line) => line.kind === 'refund');
    expect(refunds.length).toBe(summary.refunds);
    expect(refunds.every((line) => orders.has(line.order_id))).toBe(true);
  });

  test('volumes are near what was asked, and times within the days', () => {
    expect(Math.abs(summary.impressions / small.impressions - 1)).toBeLessThan(0.03);
    for (const name of ['impression', 'click', 'pixel'] as const) {
      const times = accepted(name).map((line) => line.ts as number);
      expect(times.every((t) => t >= small.startMs && t < small.startMs + small.durationMs)).toBe(
        true,
      );
    }
  });
});

describe('determinism', () => {
  const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
  const tiny = { ...small, impressions: 8_000 };

  test('same seed, same bytes, in one go or in steps; another seed, others', () => {
    const whole = writeAdTraffic(tiny, join(folder, 'whole'));
    const stepped = new AdTraffic(tiny, join(folder, 'stepped'));
    for (let t = tiny.startMs; stepped.advance(t); t += 777_777) stepped.flush();
    const steps = stepped.finish();
    const other = writeAdTraffic({ ...tiny, seed: 8 }, join(folder, 'other'));
    for (const name of ['impression', 'click', 'pixel', 'truth'] as const) {
      expect(digest(steps.files[name])).toBe(digest(whole.files[name]));
      expect(digest(other.files[name])).not.toBe(digest(whole.files[name]));
    }
  });

  test('gzip holds the same lines', () => {
    const plain = writeAdTraffic(tiny, join(folder, 'plain'));
    const zipped = writeAdTraffic({ ...tiny, gzip: true }, join(folder, 'zipped'));
    expect(zipped.files.impression.endsWith('.ndjson.gz')).toBe(true);
    const unzipped = gunzipSync(readFileSync(zipped.files.impression));
    expect(unzipped.equals(readFileSync(plain.files.impression))).toBe(true);
  });
});

describe('drift', () => {
  const drift = { spread: 1, forgetMs: 12 * 3_600_000, newAdsADay: 0.5 };
  const config = { ...small, drift };
  /** Mean probability over all users of ads 0 to 59, one of each campaign, as of a time. */
  const ratesAt = (population: Population) =>
    Array.from({ length: 60 }, (_, ad) => {
      const scene = { placement: 0, hour: 12, recent: 0 };
      const users = Array.from({ length: 50 }, (_, user) => user);
      return users.reduce((sum, u) => sum + population.clickProbability(u, ad, scene), 0) / 50;
    });

  test('moves campaigns and brings new ads, and none of it where there is no drift', () => {
    const moved = (of: TrafficConfig) => {
      const population = new Population(of);
      const before = ratesAt(population);
      population.liveTo(of.startMs + 2 * DAY_MS);
      const after = ratesAt(population);
      const change = before.map((rate, i) => Math.abs(Math.log(after[i]! / rate)));
      return { population, change: change.reduce((a, b) => a + b) / 60 };
    };
    const still = moved(small);
    expect(still.change).toBe(0);
    expect(still.population.campaignOfAd.length).toBe(small.ads);
    const drifting = moved(config);
    // Two days are four time constants: the difference of two normals, whose mean size is 1.13.
    expect(drifting.change).toBeGreaterThan(0.6);
    expect(drifting.change).toBeLessThan(1.6);
    // Half of 300 ads a day, for two days.
    expect(Math.abs(drifting.population.campaignOfAd.length - 600)).toBeLessThan(70);
    const random = new SeededRandom(3);
    const shown = Array.from({ length: 500 }, () => drifting.population.drawAd(random, 1));
    expect(shown.some((ad) => ad >= small.ads)).toBe(true);
  });
});

describe('truth', () => {
  test('is calibrated and tells impressions apart', () => {
    const truth = readTruth(summary.files.truth);
    expect(truth.impressions).toBe(summary.impressions);
    const impressions = accepted('impression');
    const clicked = new Set(accepted('click').map((line) => line.impression_id));
    let [expected, top, topClicks] = [0, 0, 0];
    let [final, byEnd] = [0, 0];
    for (const line of impressions) {
      const record = truth.of(line.impression_id as string)!;
      expected += record.clicked;
      final += record.purchased;
      byEnd += record.purchasedByEnd;
      expect(record.purchasedByEnd).toBeLessThanOrEqual(record.purchased * 1.09);
      if (record.clicked > 0.15) {
        top += record.clicked;
        topClicks += clicked.has(line.impression_id) ? 1 : 0;
      }
    }
    // Bounds are four standard deviations of a sum of rare events.
    expect(Math.abs(expected - clicked.size)).toBeLessThan(4 * Math.sqrt(expected));
    expect(Math.abs(top - topClicks)).toBeLessThan(4 * Math.sqrt(top));
    expect(top).toBeGreaterThan(expected * 0.1);
    const standing = summary.purchases - summary.refunds;
    expect(Math.abs(byEnd - standing)).toBeLessThan(4 * Math.sqrt(standing) + 0.02 * standing);
    expect(final).toBeGreaterThan(byEnd);
  });

  test('other ids have none, and a damaged file is a fault', () => {
    const truth = readTruth(summary.files.truth);
    expect(truth.of('k1')).toBeNull();
    expect(truth.of('i1x')).toBeNull();
    expect(truth.of(`i${summary.impressions}`)).toBeNull();
    const cut = join(folder, 'cut.bin');
    writeFileSync(cut, readFileSync(summary.files.truth).subarray(0, 1_001));
    expect(() => readTruth(cut)).toThrow(Fault);
    expect(() => readTruth(join(folder, 'absent.bin'))).toThrow(Fault);
  });

  test('standing shares: without refunds the distribution itself, with them less', () => {
    const limits = { durationMs: 2 * DAY_MS, purchaseMs: 7 * DAY_MS, refundMs: 14 * DAY_MS };
    const delay = weibullDelay(20 * 3_600_000, 0.7);
    const refund = weibullDelay(36 * 3_600_000, 1);
    const kept = new StandingShare(delay, { delay: refund, share: 0 }, limits);
    const half = new StandingShare(delay, { delay: refund, share: 0.5 }, limits);
    const formula = (ms: number) => 1 - Math.exp(-((ms / (20 * 3_600_000)) ** 0.7));
    expect(kept.at(DAY_MS)).toBeCloseTo(formula(DAY_MS), 2);
    expect(kept.final).toBeCloseTo(formula(7 * DAY_MS), 3);
    expect(kept.at(-5)).toBe(0);
    expect(half.final / kept.final).toBeCloseTo(0.5, 2);
    expect(half.at(DAY_MS)).toBeGreaterThan(0.6 * kept.at(DAY_MS));
  });
});

describe('chance', () => {
  test('log-normal delays have their median and deviation', () => {
    const { points } = logNormalDelay(720_000, 1.2);
    expect((points[2_047]! + points[2_048]!) / 2 / 720_000).toBeCloseTo(1, 3);
    const logs = points.map((ms) => Math.log(ms / 720_000));
    const variance = logs.reduce((sum, z) => sum + z * z, 0) / logs.length;
    expect(Math.sqrt(variance)).toBeCloseTo(1.2, 1);
  });

  test('Zipf draws follow the law', () => {
    const zipf = new Zipf(50, 1);
    const random = new SeededRandom(3);
    const counts = new Float64Array(50);
    const draws = 200_000;
    for (let i = 0; i < draws; i++) counts[zipf.draw(random)]!++;
    let harmonic = 0;
    for (let rank = 1; rank <= 50; rank++) harmonic += 1 / rank;
    for (const rank of [1, 2, 10, 50]) {
      const expected = draws / rank / harmonic;
      expect(Math.abs(counts[rank - 1]! - expected)).toBeLessThan(5 * Math.sqrt(expected));
    }
  });

  test('records leave by time, then in the order they came (seeded)', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { below, chance } = rng(seed);
      const records = new TimedRecords(1 << 14);
      const waiting: { time: number; id: number }[] = [];
      for (let id = 0; id < 1_000; id++) {
        const time = below(500);
        records.push(time, [id, 0, 0, 0, 0, 0, 0, 0]);
        waiting.push({ time, id });
        if (chance(0.3)) expectNext(records, waiting, seed);
      }
      while (waiting.length > 0) expectNext(records, waiting, seed);
      expect(records.take(Number.POSITIVE_INFINITY)).toBe(false);
    }
  });

  function expectNext(
    records: TimedRecords,
    waiting: { time: number; id: number }[],
    seed: number,
  ): void {
    let first = 0;
    for (let i = 1; i < waiting.length; i++) if (waiting[i]!.time < waiting[first]!.time) first = i;
    const [expected] = waiting.splice(first, 1);
    expect(records.nextTime(), `seed ${seed}`).toBe(expected!.time);
    expect(records.take(expected!.time - 1)).toBe(false);
    expect(records.take(expected!.time)).toBe(true);
    expect(records.record[0], `seed ${seed}`).toBe(expected!.id);
  }
});
