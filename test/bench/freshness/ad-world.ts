/**
 * A drifting world of ad traffic, its events run through the real command line, and the examples that came out. Two
 * sets over the same impressions: ids alone, and the same with counters that are always fresh.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Plan } from '../../../compiler/plan/plan.ts';
import type { ExampleRow } from '../../../runtime/block/example-row.ts';
import { main } from '../../../runtime/command/cli.ts';
import { writeAdTraffic } from '../../../runtime/simulator/ad-traffic.ts';
import { defaultTraffic } from '../../../runtime/simulator/traffic-config.ts';
import { EXAMPLES_START, readExamples } from '../../../runtime/training/read-examples.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export const PROGRAM = `
stream impression from "ads.impressions" {
  id   impression_id : string
  time ts            : timestamp
  user_id, ad_id, campaign_id, advertiser_id, placement : string
  late 30s
}
stream click from "ads.clicks" {
  id   click_id : string
  time ts       : timestamp
  impression_id, user_id, ad_id, advertiser_id : string
  late 30s
}
stream pixel from "pixel.events" {
  id   event_id : string
  time ts       : timestamp
  user_id, advertiser_id, kind : string
  late 10m, labels 2d
}
stream buy = pixel where kind == "purchase"

feature ad_imps   = count(impression) by ad_id over [1h, 24h]
feature ad_clicks = count(click) by ad_id over [1h, 24h]
feature ad_ctr    = smooth(ad_clicks, ad_imps, prior: 0.08, weight: 50)
feature campaign_imps   = count(impression) by campaign_id over [1h, 24h]
feature advertiser_clicks = count(click) by advertiser_id over [1h, 24h]
feature user_imps   = count(impression) by user_id over 24h
feature user_clicks = count(click) by user_id over 24h
feature user_ctr    = smooth(user_clicks, user_imps, prior: 0.08, weight: 20)
set id_columns = impression.user_id, impression.ad_id, impression.campaign_id, impression.advertiser_id, impression.placement

label clicked   = click on impression_id within 5m
label purchased = buy on user_id, advertiser_id within 12h of clicked credit last

examples ids for impression {
  features id_columns
  label clicked   wait horizon
  label purchased wait 5m then late positives
  sample negatives 50%
  audit 40%
}
examples counters for impression {
  features id_columns, ad_ctr, user_ctr, campaign_imps, advertiser_clicks
  label clicked   wait horizon
  sample negatives 50%
  audit 40%
}
`;

export type AdWorld = {
  readonly seed: number;
  readonly days: number;
  readonly impressionsADay: number;
  readonly pace: keyof typeof DRIFTS;
};

/** How fast campaigns and ads change. */
export const DRIFTS = {
  fast: { spread: 0.7, forgetMs: 12 * HOUR_MS, newAdsADay: 0.2 },
  slow: { spread: 0.35, forgetMs: 5 * DAY_MS, newAdsADay: 0.05 },
} as const;

/** Simulates a world of so many days into `folder`, and runs the program over it. */
export async function makeAdWorld(folder: string, of: AdWorld): Promise<void> {
  const config = {
    ...{ ...defaultTraffic, seed: of.seed, durationMs: of.days * DAY_MS },
    impressions: of.days * of.impressionsADay,
    ...{ users: 3_000, ads: 300, campaigns: 60, advertisers: 20 },
    ...{ clickBase: -3.4, purchaseBase: -1.2, refunds: 0, late: 0, latePixels: 0 },
    ...{ duplicates: 0, malformed: 0 },
    drift: DRIFTS[of.pace],
  };
  const { files } = writeAdTraffic(config, path.join(folder, 'traffic'));
  const from = (['impression', 'click', 'pixel'] as const).map((s) => `${s}=${files[s]}`);
  await runProgram(folder, PROGRAM, from, ['--complete']);
}

/** Runs a program's text over files into `folder`/examples, as blocks. */
export async function runProgram(
  folder: string,
  program: string,
  from: readonly string[],
  more: readonly string[],
): Promise<void> {
  const file = path.join(folder, 'program.feat');
  writeFileSync(file, program);
  const said: string[] = [];
  const out = { print: () => {}, error: (text: string) => said.push(text) };
  const args = ['run', file, ...from.flatMap((each) => ['--from', each]), ...more];
  const to = ['--to', path.join(folder, 'examples'), '--format', 'block', '--fresh', '--quiet'];
  const code = await main([...args, ...to], { ...out, progress: { write: () => true } }, '0.0.0');
  if (code !== 0) throw new Error(said.join('\n'));
}

export function planIn(folder: string): Plan {
  const text = readFileSync(path.join(folder, 'examples/.millrace/plan.json'), 'utf8');
  const plan: Plan = JSON.parse(text);
  return plan;
}

/** The rows of a set in order of emission; of its audits only those for anchors from `measuredFrom` on. */
export async function rowsIn(
  folder: string,
  plan: Plan,
  of: { readonly set: string; readonly measuredFrom: number },
): Promise<ExampleRow[]> {
  const set = plan.examples.find(({ name }) => name === of.set)!;
  const rows: ExampleRow[] = [];
  const range = { from: EXAMPLES_START, to: null };
  const file = path.join(folder, 'examples', `${of.set}.block`);
  for await (const piece of readExamples(file, set, range)) {
    for (const row of piece.rows) {
      if (row.kind === undefined || row.time >= of.measuredFrom) rows.push(row);
    }
  }
  return rows;
}
