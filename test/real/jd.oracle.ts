/** What features/jd.feat must give for these rows: every feature and every label, from the whole history in arrays. */
import {
  between,
  byKey,
  distinct,
  finalWatermark,
  inOutputOrder,
  largest,
  modeShare,
  newest,
  type Row,
  smallest,
  type Timed,
  topk,
} from './brute-force.ts';

export type JdRequest = {
  readonly reqId: string;
  readonly eventTime: number;
  readonly pair_id: string;
  readonly user_id: string;
  readonly sku_id: string;
  /** 1: before the end of the actions, 2: after it. */
  readonly split_id: number;
};
export type JdAction = {
  readonly action_id: string;
  readonly ingestionTime: number;
  readonly pair_id: string;
  readonly sku_id: string;
  readonly type: string;
  readonly model_id: string;
  readonly cate: string;
  readonly br: string;
};
export type JdComment = {
  readonly ingestionTime: number;
  readonly sku_id: string;
  readonly comment_num: number;
  readonly has_bad_comment: string;
  readonly bad_comment_rate: number;
};
export type JdUser = {
  readonly ingestionTime: number;
  readonly user_id: string;
  readonly age: string;
  readonly sex: string;
  readonly user_lv_cd: string;
};
export type JdProduct = {
  readonly sku_id: string;
  readonly a1: string;
  readonly a2: string;
  readonly a3: string;
  readonly br: string;
  readonly cate: string;
};

/** Rows of each file, sorted by time as the files are. */
export type JdRows = {
  readonly requests: readonly JdRequest[];
  readonly actions: readonly JdAction[];
  readonly comments: readonly JdComment[];
  readonly users: readonly JdUser[];
  readonly products: readonly JdProduct[];
};

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const HOLD = 6 * HOUR;

/** The rows of `jd_intent`, in output order. `complete`: the streams end where the rows end. */
export function jdExpected(rows: JdRows, { complete }: { readonly complete: boolean }): Row[] {
  const history = historyOf(rows);
  const frontier = complete ? null : frontiersOf(rows);
  const out: Row[] = [];
  for (const request of rows.requests) {
    const features = featuresOf(request, history);
    const { reqId: id, eventTime: time } = request;
    for (const [name, ms] of [
      ['24h', DAY],
      ['5d', 5 * DAY],
    ] as const) {
      const due = time + ms;
      if (frontier === null || due < frontier.actions) {
        const actions = history.actions.get(request.pair_id);
        const value = (type: string) => (happens(actions, type, [time, due]) ? 1 : 0);
        const labels = {
          [`carted_${name}`]: { value: value('2'), kind: 'observed' },
          [`ordered_${name}`]: { value: value('4'), kind: 'observed' },
        };
        out.push({ id, time, emitted: due, labels, features, sample_rate: 1 });
      } else if (due + HOLD < frontier.all) {
        // The actions have fallen silent: six hours later the labels are given up, as unknown.
        const unknown = { value: null, kind: 'unknown' };
        const labels = { [`carted_${name}`]: unknown, [`ordered_${name}`]: unknown };
        out.push({ id, time, emitted: due + HOLD, labels, features, sample_rate: 1 });
      }
    }
  }
  return inOutputOrder(out);
}

/** Requests with an action of the type in (t, t + within], or [t, t + within]: for the table in the data's README. */
export function jdPositives(
  rows: JdRows,
  requests: readonly JdRequest[],
  label: { readonly type: string; readonly withinMs: number; readonly atOnce: boolean },
): number {
  const { actions } = historyOf(rows);
  return requests.filter(({ pair_id, eventTime }) => {
    const from = label.atOnce ? eventTime : eventTime + 1;
    return happens(actions.get(pair_id), label.type, [from, eventTime + label.withinMs]);
  }).length;
}

type History = {
  readonly requests: Map<string, (JdRequest & Timed)[]>;
  readonly actions: Map<string, (JdAction & Timed)[]>;
  readonly productActions: Map<string, (JdAction & Timed)[]>;
  readonly comments: Map<string, (JdComment & Timed)[]>;
  readonly users: Map<string, (JdUser & Timed)[]>;
  readonly products: Map<string, JdProduct[]>;
};

function historyOf(rows: JdRows): History {
  const timed = <T extends { ingestionTime: number }>(events: readonly T[]) =>
    events.map((event) => ({ ...event, time: event.ingestionTime }));
  const requests = rows.requests.map((request) => ({ ...request, time: request.eventTime }));
  return {
    requests: byKey(requests, ({ user_id }) => user_id),
    actions: byKey(timed(rows.actions), ({ pair_id }) => pair_id),
    productActions: byKey(timed(rows.actions), ({ sku_id }) => sku_id),
    comments: byKey(timed(rows.comments), ({ sku_id }) => sku_id),
    users: byKey(timed(rows.users), ({ user_id }) => user_id),
    products: byKey(rows.products, ({ sku_id }) => sku_id),
  };
}

/** Up to where the actions are complete, and how far event time comes at all. */
function frontiersOf(rows: JdRows) {
  const actions = finalWatermark(rows.actions.map((each) => each.ingestionTime));
  const others = [
    finalWatermark(rows.requests.map((each) => each.eventTime)),
    finalWatermark(rows.comments.map((each) => each.ingestionTime)),
    finalWatermark(rows.users.map((each) => each.ingestionTime)),
  ];
  return { actions, all: Math.max(actions, ...others) };
}

function happens(
  actions: readonly (JdAction & Timed)[] | undefined,
  type: string,
  [from, to]: readonly [number, number],
): boolean {
  return between(actions, from, to + 1).some((action) => action.type === type);
}

function featuresOf(request: JdRequest, history: History): Record<string, unknown> {
  const { eventTime: time, pair_id, sku_id, user_id } = request;
  const beijing = new Date(time + 8 * HOUR).getUTCDay();
  const product = history.products.get(sku_id)?.at(-1);
  const user = between(history.users.get(user_id), Number.NEGATIVE_INFINITY, time).at(-1);
  return {
    pair_id,
    sku_id,
    user_id,
    weekday: beijing + 1,
    is_workday: beijing >= 1 && beijing <= 5,
    ...userHistory(request, history),
    a1: product?.a1 ?? null,
    a2: product?.a2 ?? null,
    a3: product?.a3 ?? null,
    br: product?.br ?? null,
    cate: product?.cate ?? null,
    age: user?.age ?? null,
    sex: user?.sex ?? null,
    user_lv_cd: user?.user_lv_cd ?? null,
    account_age: user === undefined ? null : time - user.ingestionTime,
    ...productComments(request, history),
    ...pairActions(request, history),
    ...productActions(request, history),
  };
}

function userHistory({ eventTime, user_id, pair_id }: JdRequest, history: History) {
  const requests = history.requests.get(user_id);
  const before = between(requests, Number.NEGATIVE_INFINITY, eventTime);
  const ten = newest(before, 10).map((each) => each.pair_id);
  const fortnight = newest(between(requests, eventTime - 14 * DAY, eventTime), 200).map(
    (each) => each.pair_id,
  );
  const same = ten.filter((each) => each === pair_id).length;
  return {
    user_pairs_10: distinct(ten),
    user_pair_share_10: modeShare(ten),
    user_pairs_11: distinct([...ten, pair_id]),
    user_same_pair_11: same + 1,
    user_pairs_14d: distinct(fortnight),
    user_pair_share_14d: modeShare(fortnight),
  };
}

function productComments({ eventTime, sku_id }: JdRequest, history: History) {
  const comments = history.comments.get(sku_id);
  const recent = newest(between(comments, eventTime - 64 * DAY, eventTime), 100);
  const ten = newest(between(comments, Number.NEGATIVE_INFINITY, eventTime), 10);
  const rates = recent.map((each) => each.bad_comment_rate);
  return {
    worst_bad_rate_64d: largest(rates),
    best_bad_rate_64d: smallest(rates),
    best_bad_rate_10: smallest(ten.map((each) => each.bad_comment_rate)),
    comment_bands_64d: distinct(recent.map((each) => each.comment_num)),
    bad_flags_64d: distinct(recent.map((each) => each.has_bad_comment)),
    top_bands_64d: topk(
      recent.map((each) => each.comment_num),
      3,
    ),
    top_bad_flags_64d: topk(
      recent.map((each) => each.has_bad_comment),
      3,
    ),
  };
}

function pairActions({ eventTime, pair_id }: JdRequest, history: History) {
  const over = (ms: number) =>
    newest(between(history.actions.get(pair_id), eventTime - ms, eventTime), 100);
  const values = (ms: number, field: 'br' | 'cate' | 'model_id' | 'type') =>
    over(ms).map((action) => action[field]);
  return {
    pair_brands_10h: topk(values(10 * HOUR, 'br'), 3),
    pair_cates_10h: topk(values(10 * HOUR, 'cate'), 3),
    pair_models_7d: topk(values(7 * DAY, 'model_id'), 3),
    pair_types_7d: topk(values(7 * DAY, 'type'), 3),
    pair_n_models_7d: distinct(values(7 * DAY, 'model_id')),
    pair_n_models_14d: distinct(values(14 * DAY, 'model_id')),
    pair_n_types_14d: distinct(values(14 * DAY, 'type')),
    pair_types_14d: topk(values(14 * DAY, 'type'), 3),
  };
}

function productActions({ eventTime, sku_id }: JdRequest, history: History) {
  const before = between(history.productActions.get(sku_id), Number.NEGATIVE_INFINITY, eventTime);
  return { product_brand: before.at(-1)?.br ?? null, product_cate: before.at(-1)?.cate ?? null };
}
