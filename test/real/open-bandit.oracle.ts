/** What features/open_bandit.feat must give for these rows, from the whole history in arrays. */
import { combine, hash53, hashNumber, hashText, lanes } from '../../operators/hash.ts';
import {
  byKey,
  countBefore,
  inOutputOrder,
  quantisedSum,
  type Row,
  type Timed,
} from './brute-force.ts';

export type Impression = {
  readonly impression_id: string;
  readonly timestamp_us: number;
  readonly policy: string;
  readonly campaign: string;
  readonly item_id: number;
  readonly position: number;
  readonly click: number;
  readonly propensity_score: number;
  readonly user_feature_0: string;
  readonly user_feature_1: string;
  readonly user_feature_2: string;
  readonly user_feature_3: string;
  readonly affinity_items: readonly number[];
  readonly affinity_values: readonly number[];
};

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DELAY = 10 * MINUTE;

/** The rows of `obd`, in output order: one for each impression, at its own time. Rows come sorted by time. */
export function openBanditExpected(impressions: readonly Impression[]): Row[] {
  const timed = impressions.map((each) => ({
    ...each,
    time: Math.floor(each.timestamp_us / 1000),
  }));
  const history: History = {
    item: columnsBy(timed, itemKey),
    segment: columnsBy(timed, segmentKey),
    position: columnsBy(timed, positionKey),
    arm: columnsBy(timed, armKey),
  };
  return inOutputOrder(
    timed.map((each) => ({
      id: each.impression_id,
      time: each.time,
      emitted: each.time,
      labels: {},
      features: featuresOf(each, history),
      sample_rate: 1,
    })),
  );
}

type Seen = Impression & Timed;
type History = Readonly<Record<'item' | 'segment' | 'position' | 'arm', Map<string, Columns>>>;

/** What is summed of one key's impressions, in step order: arrays, since every window is added up anew. */
type Columns = {
  readonly time: Float64Array;
  readonly click: Float64Array;
  readonly weight: Float64Array;
  readonly weightedClick: Float64Array;
  readonly propensity: Float64Array;
};

function columnsBy(impressions: readonly Seen[], key: (each: Impression) => string) {
  const columns = [...byKey(impressions, key)].map(([name, seen]): [string, Columns] => [
    name,
    {
      time: Float64Array.from(seen, (each) => each.time),
      click: Float64Array.from(seen, (each) => each.click),
      weight: Float64Array.from(seen, weight),
      weightedClick: Float64Array.from(seen, (each) => each.click * weight(each)),
      propensity: Float64Array.from(seen, (each) => each.propensity_score),
    },
  ]);
  return new Map(columns);
}

const itemKey = (each: Impression) => `${each.campaign} ${each.item_id}`;
const segmentKey = (each: Impression) =>
  `${each.campaign} ${each.user_feature_0} ${each.user_feature_1}`;
const positionKey = (each: Impression) => `${each.campaign} ${each.position}`;
const armKey = (each: Impression) => `${each.policy} ${each.campaign}`;

/** The impressions of one key in a window: an outcome is known ten minutes later; the far end lies on the hop. */
function over(columns: Columns, time: number, window: Window): Columns {
  const from = Math.floor((time - window.ms) / window.hopMs) * window.hopMs;
  const [first, end] = [countBefore(columns.time, from), countBefore(columns.time, time - DELAY)];
  return {
    time: columns.time.subarray(first, end),
    click: columns.click.subarray(first, end),
    weight: columns.weight.subarray(first, end),
    weightedClick: columns.weightedClick.subarray(first, end),
    propensity: columns.propensity.subarray(first, end),
  };
}

type Window = { readonly ms: number; readonly hopMs: number };
/** A window's default hop is the largest round step of at most a twelfth of it. */
const ONE_HOUR: Window = { ms: HOUR, hopMs: 5 * MINUTE };
const ONE_DAY: Window = { ms: 24 * HOUR, hopMs: HOUR };

function featuresOf(each: Seen, history: History): Record<string, unknown> {
  const { time } = each;
  const hourly = over(history.item.get(itemKey(each))!, time, ONE_HOUR);
  const daily = over(history.item.get(itemKey(each))!, time, ONE_DAY);
  const segment = over(history.segment.get(segmentKey(each))!, time, ONE_DAY);
  const position = over(history.position.get(positionKey(each))!, time, ONE_DAY);
  return {
    policy: each.policy,
    campaign: each.campaign,
    item_id: each.item_id,
    position: each.position,
    click: each.click,
    propensity_score: each.propensity_score,
    weight: weight(each),
    user_feature_0: each.user_feature_0,
    user_feature_1: each.user_feature_1,
    user_feature_2: each.user_feature_2,
    user_feature_3: each.user_feature_3,
    'item_imps[1h]': hourly.time.length,
    'item_imps[24h]': daily.time.length,
    'item_clicks[1h]': clicks(hourly),
    'item_clicks[24h]': clicks(daily),
    'item_ctr[1h]': rate(hourly, 200),
    'item_ctr[24h]': rate(daily, 200),
    segment_imps: segment.time.length,
    segment_ctr: rate(segment, 200),
    position_ctr: rate(position, 500),
    ...arm(over(history.arm.get(armKey(each))!, time, ONE_DAY)),
    likes_item: each.affinity_items.includes(each.item_id),
    n_affinity: each.affinity_items.length,
    item_cross: itemCross(each) % 1024,
    tokyo_hour: new Date(time + 9 * HOUR).getUTCHours(),
  };
}

function arm(seen: Columns) {
  const n = seen.time.length;
  const weights = quantisedSum(seen.weight);
  const weighted = quantisedSum(seen.weightedClick);
  const propensity = quantisedSum(seen.propensity);
  return {
    arm_imps: n,
    arm_ctr: n === 0 ? null : clicks(seen) / n,
    uniform_ctr: n === 0 ? null : weighted! / weights!,
    mean_propensity: n === 0 ? null : propensity! / n,
  };
}

function clicks({ click }: Columns): number {
  let sum = 0;
  for (const each of click) sum += each;
  return sum;
}

/** A rate that starts at 0.005. */
function rate(seen: Columns, strength: number): number {
  return (clicks(seen) + 0.005 * strength) / (seen.time.length + strength);
}

function weight({ propensity_score }: Impression): number {
  return Math.min(Math.max(1 / propensity_score, 0), 1000);
}

/** The engine's hash is part of the language: what is checked here is what is hashed, and in which order. */
function itemCross({ campaign, item_id }: Impression): number {
  hashText(campaign);
  const [lo, hi] = [lanes[0]!, lanes[1]!];
  hashNumber(item_id);
  combine(lo, hi, lanes[0]!, lanes[1]!);
  return hash53(lanes[0]!, lanes[1]!);
}
