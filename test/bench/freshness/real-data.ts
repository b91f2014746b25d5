/** The two real data sets, each by its shipped program with one example set more. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { runProgram } from './ad-world.ts';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const DATA = path.resolve(ROOT, '../shared/data');

export type RealData = {
  readonly title: string;
  readonly folder: string;
  readonly shipped: string;
  /** Stream to file. */
  readonly from: Readonly<Record<string, string>>;
  readonly more: string;
  readonly set: string;
  readonly model: string;
  readonly measured: { readonly from: number; readonly to: number };
};

export const REAL_DATA: readonly RealData[] = [
  {
    title: 'JD, carted within a day',
    folder: 'jd',
    shipped: 'jd.feat',
    from: {
      ...{ request: 'requests', action: 'actions', comment: 'comments' },
      ...{ user: 'users', product: 'products' },
    },
    more: `
examples jd_fresh for request {
  features request.sku_id, weekday, user_history, product.a1, product.a2, product.a3, product.br, product.cate, user.age,
           user.sex, user.user_lv_cd, account_age, product_comments, pair_actions
  label carted_24h wait 1h then late positives
  audit 100%
}
`,
    set: 'jd_fresh',
    model: `
model m from jd_fresh {
  embed sku_id dim 8
  net dcn(cross: 2, deep: [32, 16])
  heads single(carted_24h)
  batch 32; admit 1
}
`,
    measured: { from: Date.UTC(2016, 2, 1), to: Date.UTC(2016, 3, 10) },
  },
  {
    title: 'Open Bandit, clicked',
    folder: 'open-bandit',
    shipped: 'open_bandit.feat',
    from: { recommendation: 'impressions' },
    more: `
stream hit = recommendation where click == 1
label clicked = hit on impression_id within 1m
examples obd_fresh for recommendation {
  features recommendation.policy, recommendation.campaign, recommendation.item_id, recommendation.position,
           recommendation.user_feature_0, recommendation.user_feature_1, recommendation.user_feature_2,
           recommendation.user_feature_3, item_ctr, segment_ctr, position_ctr, likes_item, item_cross
  label clicked wait horizon
  audit 100%
}
`,
    set: 'obd_fresh',
    model: `
model m from obd_fresh {
  net dcn(cross: 2, deep: [32, 16])
  heads single(clicked)
  batch 32; admit 1
}
`,
    measured: { from: Date.UTC(2019, 10, 26), to: Date.UTC(2019, 11, 1) },
  },
];

export function hasRealData({ folder }: RealData): boolean {
  return existsSync(path.join(DATA, folder));
}

export function programOf({ shipped, more }: RealData): string {
  return readFileSync(path.join(ROOT, 'features', shipped), 'utf8') + more;
}

/** Runs the program over the data into `folder`. */
export async function makeRealExamples(folder: string, data: RealData): Promise<void> {
  const from = Object.entries(data.from).map(
    ([stream, file]) => `${stream}=${path.join(DATA, data.folder, `${file}.ndjson.gz`)}`,
  );
  await runProgram(folder, programOf(data), from, []);
}
