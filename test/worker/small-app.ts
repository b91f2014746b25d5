/** A small program with a feature, a label and a table, and events for it. */
import type { Plan } from '../../compiler/plan/plan.ts';
import { rng } from '../random.ts';
import { type Partition, planOf } from '../run-in-memory.ts';

const PROGRAM = `
stream imp from "imps" {
  id   impression_id : string
  time ts            : timestamp
  user_id, ad_id     : string
  bid                : float
  late 5s
}
stream clk from "clks" {
  id   click_id : string
  time ts       : timestamp
  impression_id, user_id : string
  late 5s
}
feature imps  = count(imp) by user_id over [10s, 1m]
feature bids  = sum(imp.bid) by (user_id, ad_id) over 1m
feature clks  = count(clk) by user_id over 1m
label clicked = clk on impression_id within 20s
examples shown for imp {
  features imps, bids, clks, imp.ad_id
  label clicked wait 10s then late positives
  check range(imp.bid) in 0 .. 9
}
examples plain for clk {
  features imps, clks
}
`;

export const START = 1_700_000_000_000;
const HOUR_MS = 3_600_000;

/** Of rows together: early ones have no bids before, and the share of clicks is above the bound now and then. */
const TOGETHER = `
  check rate(clicked) in 0% .. 14%
  check missing(bids) <= 20%
  check drift(imp.bid) <= 0.01
  check duplicates <= 0%
}
examples plain`;

/** `together`: rows of `shown` are judged together too; `changed`: what an author made of the program. */
export function smallPlan(together = false, changed = (program: string) => program): Plan {
  const program = smallProgram();
  const judged = program.replace('}\nexamples plain', TOGETHER.trimStart());
  return planOf(changed(together ? judged : program));
}

export function smallProgram(): string {
  return PROGRAM.replace('imp.ad_id\n', 'imp.ad_id, imp.bid\n');
}

/**
 * Events of `partitions` partitions a stream, `count` impressions, 100 ms of event time between two. `wrongClocks`: now and then
 * one is hours or a year ahead.
 */
export function smallEvents(
  seed: number,
  count: number,
  partitions: number,
  wrongClocks = false,
): Partition[] {
  const random = rng(seed);
  const input = (['imp', 'clk'] as const).flatMap((stream) =>
    Array.from({ length: partitions }, (_, partition) => ({
      stream,
      partition,
      rows: [] as unknown[],
    })),
  );
  const put = (stream: string, row: unknown) => {
    const own = input.filter((each) => each.stream === stream);
    random.pick(own).rows.push(row);
  };
  for (let i = 0; i < count; i++) {
    const ts = START + i * 100 - random.below(4_000);
    const user = `u${random.below(20)}`;
    const impression = `i${i}`;
    const ad = `a${random.below(5)}`;
    put('imp', {
      impression_id: impression,
      ts,
      user_id: user,
      ad_id: ad,
      bid: random.below(100) / 10,
    });
    if (random.chance(0.3)) {
      const clicked = ts + random.below(15_000);
      put('clk', { click_id: `c${i}`, ts: clicked, impression_id: impression, user_id: user });
    }
    if (wrongClocks && i % 37 === 11) {
      const wrong = i % 2 === 0 ? 2 * HOUR_MS : 9_000 * HOUR_MS;
      const row = { impression_id: `w${i}`, ts: ts + wrong, user_id: user, ad_id: ad, bid: 2 };
      input[i % partitions]!.rows.push(row);
    }
    if (random.chance(0.01)) put('imp', '{"ts": 12');
    if (random.chance(0.01)) {
      put('imp', { impression_id: `l${i}`, ts: ts - 60_000, user_id: user, ad_id: ad, bid: 1 });
    }
  }
  return input;
}

/** What files have before the time, then what the topics have from it on, by partition of the topics. */
export function cutAt(
  topics: readonly Partition[],
  t: number,
  files: readonly Partition[] = topics,
): Partition[] {
  const isLater = (row: unknown) => typeof row === 'object' && (row as { ts: number }).ts >= t;
  return topics.map(({ stream, partition, rows }) => {
    const own = files.find((each) => each.stream === stream && each.partition === partition);
    const earlier = (own?.rows ?? []).filter((row) => !isLater(row));
    return { stream, partition, rows: [...earlier, ...rows.filter(isLater)] };
  });
}

/** One column less, and one more under a key that there was not. */
export function changedProgram(program: string): string {
  return program
    .replace(
      'feature bids  = sum(imp.bid) by (user_id, ad_id) over 1m',
      'feature ads = count(imp) by ad_id over 8s',
    )
    .replace('imps, bids, clks', 'imps, ads, clks')
    .replace('missing(bids)', 'missing(ads)');
}

/** And another horizon, and a stream of a topic that was not read before. */
export function changedAgain(program: string): string {
  const changed = changedProgram(program).replace('within 20s', 'within 25s');
  return changed.replace('imps, ads, clks', 'imps, ads, clks, buys').replace('label clicked', BUYS);
}

const BUYS = `stream buy from "buys" {
  id   buy_id : string
  time ts     : timestamp
  user_id     : string
  late 5s
}
feature buys  = count(buy) by user_id over 10s
label clicked`;

/** Events of that stream beside `smallEvents`, of as many impressions. */
export function smallBuys(seed: number, count: number): Partition {
  const random = rng(seed + 1);
  const rows = Array.from({ length: count }, (_, i) => ({
    ...{ buy_id: `b${i}`, ts: START + i * 100 - random.below(4_000) },
    user_id: `u${random.below(20)}`,
  }));
  return { stream: 'buy', partition: 0, rows };
}

/** Of every partition's rows one part of several. */
export function partOf(events: readonly Partition[], i: number, parts: number): Partition[] {
  return events.map(({ rows, ...of }) => {
    const at = (part: number) => Math.floor((rows.length * part) / parts);
    return { ...of, rows: rows.slice(at(i), at(i + 1)) };
  });
}
