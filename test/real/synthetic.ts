/**
 * Small seeded data of the shapes of the real files, for where those are not at hand. Times lie on coarse grids, so that
 * windows, hops, delays, horizons and instants meet exactly; a few keys are hot, so that every cap is reached.
 */
import { type Rng, rng } from '../random.ts';
import type { JdAction, JdComment, JdRequest, JdRows, JdUser } from './jd.oracle.ts';
import type { Impression } from './open-bandit.oracle.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.UTC(2016, 0, 31, 16);
/** Requests go on for a while after the last action, as in the real files. */
const ACTION_DAYS = 40;
const REQUEST_DAYS = 48;
/** When a user's row changes. */
const CHANGE_DAY = 10;

/** About 900 requests, 2,500 actions and 800 comments. */
export function syntheticJd(seed: number): JdRows {
  const random = rng(seed);
  return {
    requests: requests(random),
    actions: actions(random),
    comments: comments(random),
    users: users(random),
    products: ['p0', 'p1', 'p2', 'p2'].map((sku_id, i) => ({
      sku_id,
      a1: `${i}`,
      a2: '-1',
      a3: i === 1 ? '' : '2',
      br: `${800 + i}`,
      cate: '8',
    })),
  };
}

const USERS = 7;
const PRODUCTS = 5;

/** The first is hot: half of all. */
function skewed(random: Rng, n: number): number {
  return random.chance(0.5) ? 0 : random.below(n);
}

/** Times on even hours mostly, with odd milliseconds between, and ties. */
function times(random: Rng, n: number, days: number): number[] {
  return Array.from({ length: n }, () => {
    const odd = random.chance(0.3) ? random.pick([-1, 1, 59_000]) : 0;
    return START + (1 + random.below(days * 12 - 1)) * 2 * HOUR + odd;
  });
}

const ascending = (times: readonly number[]) => [...times].sort((a, b) => a - b);

/** Where a label's answer hangs on one millisecond: the actions end, the hold ends, a user's row comes. */
const EDGES = [
  START + (ACTION_DAYS - 1) * DAY,
  START + (ACTION_DAYS - 5) * DAY,
  START + (REQUEST_DAYS - 1) * DAY - 6 * HOUR,
  START + CHANGE_DAY * DAY,
];

function requests(random: Rng): JdRequest[] {
  const edges = EDGES.flatMap((time) => [time - 1, time, time + 1]);
  // A busy week: one user makes more requests in a fortnight than its window may hold.
  const all = [...times(random, 450, REQUEST_DAYS), ...times(random, 450, 7), ...edges];
  return [...ascending(all), ...theEnd(REQUEST_DAYS)].map((eventTime, i) => {
    const user_id = edges.includes(eventTime) ? 'u1' : `u${skewed(random, USERS)}`;
    const sku_id = `p${skewed(random, PRODUCTS)}`;
    const pair_id = `${user_id}_${sku_id}`;
    const split_id = eventTime < START + ACTION_DAYS * DAY ? 1 : 2;
    return { reqId: `${pair_id}_${i}`, eventTime, pair_id, user_id, sku_id, split_id };
  });
}

/** Three rows at one instant: the watermark comes to it. */
function theEnd(days: number): number[] {
  return [0, 0, 0].map(() => START + days * DAY);
}

function actions(random: Rng): JdAction[] {
  const all = [...ascending(times(random, 2500, ACTION_DAYS)), ...theEnd(ACTION_DAYS)];
  return all.map((ingestionTime, i) => {
    const [user, product] = [skewed(random, USERS), skewed(random, PRODUCTS)];
    return {
      action_id: `a${i}`,
      ingestionTime,
      pair_id: `u${user}_p${product}`,
      sku_id: `p${product}`,
      type: random.chance(0.05) ? random.pick(['2', '4']) : random.pick(['1', '3', '5', '6', '6']),
      model_id: random.pick(['', '0', '14', '21', '211', 'Ωx', '\u{1f6d2}']),
      cate: random.pick(['8', '4', '10']),
      br: random.pick(['30', '306', '4', '']),
    };
  });
}

function comments(random: Rng): JdComment[] {
  // They begin long before the first request: the far end of 64 days lies among them.
  return ascending(times(random, 800, REQUEST_DAYS + 70)).map((time) => ({
    ingestionTime: time - 70 * DAY,
    // The last product has none.
    sku_id: `p${skewed(random, PRODUCTS - 1)}`,
    comment_num: random.below(5),
    has_bad_comment: random.pick(['0', '1', '1', '']),
    bad_comment_rate: random.below(10_000) / 10_000,
  }));
}

/** Some change, one of them at the instant of a request; two come after everything, too few to move the watermark. */
function users(random: Rng): JdUser[] {
  const row = (user_id: string, ingestionTime: number): JdUser => ({
    user_id,
    ingestionTime,
    age: random.pick(['26-35岁', '36-45岁', '-1']),
    sex: random.pick(['0', '1', '2']),
    user_lv_cd: `${1 + random.below(5)}`,
  });
  const rows = Array.from({ length: USERS - 1 }, (_, i) =>
    row(`u${i}`, START - (i - 1) * 100 * DAY + (i === 0 ? -99 * DAY : 0)),
  );
  rows.push(row('u1', START + CHANGE_DAY * DAY), row('u0', START + 20 * DAY));
  for (let i = 0; i < 2; i++) rows.push(row(`new${i}`, START + 200 * DAY + i * MINUTE));
  return rows.sort((a, b) => a.ingestionTime - b.ingestionTime);
}

/** 3,000 impressions over three days. */
export function syntheticOpenBandit(seed: number): Impression[] {
  const random = rng(seed);
  const start = Date.UTC(2019, 10, 24);
  const instants = Array.from({ length: 3000 }, () => {
    const odd = random.chance(0.3) ? random.below(MINUTE * 1000) : random.pick([0, 0, -1, 999]);
    return (start + random.below(3 * 24 * 12) * 5 * MINUTE) * 1000 + odd;
  }).sort((a, b) => a - b);
  return instants.map((timestamp_us, i) => {
    const items = Array.from({ length: random.below(4) }, () => random.below(6));
    return {
      impression_id: `bts-men-${i}`,
      timestamp_us,
      policy: random.pick(['random', 'bts']),
      campaign: random.pick(['men', 'women']),
      item_id: random.below(6),
      position: 1 + random.below(3),
      click: random.chance(0.05) ? 1 : 0,
      propensity_score: random.pick([1 / 34, 1 / 46, 0.000001, 0.725, random.next() / 2 + 0.01]),
      user_feature_0: random.pick(['x', 'y']),
      user_feature_1: random.pick(['x', 'y', '']),
      user_feature_2: 'z',
      user_feature_3: random.pick(['v', 'w']),
      affinity_items: items,
      affinity_values: items.map(() => 1 + random.below(3)),
    };
  });
}
