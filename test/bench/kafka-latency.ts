/**
 * How long an event takes from its append to the example that it makes, committed: a steady load in real time, examples
 * read back with `read_committed`. The clock runs from before an event's send to when its example was fetched.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { textAt } from '../../operators/column/column.ts';
import { decodeBlock } from '../../runtime/block/block-decode.ts';
import type { Cluster, ProducedRecord } from '../../runtime/worker/cluster.ts';
import { rng } from '../random.ts';
import { topicOf } from './kafka-load.ts';

const TICK_MS = 10;
const CLICK_SHARE = 0.02;
/** Compiling and the first checkpoint are not what is measured. */
const WARM_UP_MS = 3_000;
/** What comes last waits for events that do not come any more. */
const TAIL_MS = 2_000;

export type Latency = { readonly p50: number; readonly p99: number; readonly examples: number };

/** Sends for `seconds`; gives for each topic of examples how long they took, ms. */
export async function pacedLatency(
  cluster: Cluster,
  load: { readonly name: string; readonly perSecond: number; readonly seconds: number },
  outputs: readonly string[],
): Promise<Latency[]> {
  const sentAt = new Map<string, number>();
  const seen = outputs.map(() => new Map<string, number>());
  const stop = { requested: false };
  const watching = outputs.map((topic, i) => watch(cluster, topic, seen[i]!, stop));
  const [from, to] = await send(cluster, load, sentAt);
  await sleep(TAIL_MS);
  stop.requested = true;
  await Promise.all(watching);
  return seen.map((times) => {
    const all: number[] = [];
    for (const [id, sent] of sentAt) {
      if (sent < from + WARM_UP_MS || sent > to - TAIL_MS) continue;
      const time = times.get(id);
      // An example that has not come counts as one that took all the time there was.
      all.push((time ?? to + TAIL_MS) - sent);
    }
    all.sort((a, b) => a - b);
    return { p50: at(all, 0.5), p99: at(all, 0.99), examples: all.length };
  });
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

async function send(
  cluster: Cluster,
  { name, perSecond, seconds }: { name: string; perSecond: number; seconds: number },
  sentAt: Map<string, number>,
): Promise<[number, number]> {
  const producers = [cluster.producer(), cluster.producer()];
  const random = rng(1);
  const start = Date.now();
  let sent = 0;
  while (Date.now() < start + seconds * 1000) {
    const due = Math.floor(((Date.now() - start) * perSecond) / 1000);
    const impressions: ProducedRecord[] = [];
    const clicks: ProducedRecord[] = [];
    for (; sent < due; sent++) {
      const now = Date.now();
      const event = eventOf(`i${start}-${sent}`, now, random.below(10_000));
      sentAt.set(event.impression_id, now);
      impressions.push(recordOf(event));
      const isClick = random.next() < CLICK_SHARE;
      if (isClick) clicks.push(recordOf({ ...event, click_id: `k${start}-${sent}` }));
    }
    await Promise.all([
      producers[0]!.send({ topic: topicOf('impressions', name), partition: 0 }, impressions),
      producers[1]!.send({ topic: topicOf('clicks', name), partition: 0 }, clicks),
    ]);
    await sleep(TICK_MS);
  }
  for (const producer of producers) await producer.close();
  return [start, Date.now()];
}

function eventOf(impression_id: string, ts: number, user: number) {
  const campaign = user % 1000;
  return {
    ...{ impression_id, ts, user_id: `u${user}`, ad_id: `a${campaign}`, placement: 'feed' },
    ...{ campaign_id: `c${campaign}`, advertiser_id: `v${campaign % 100}`, bid: 0.5 },
  };
}

function recordOf(event: object): ProducedRecord {
  return { key: null, value: Buffer.from(JSON.stringify(event)) };
}

async function watch(
  cluster: Cluster,
  topic: string,
  seen: Map<string, number>,
  stop: { requested: boolean },
): Promise<void> {
  const of = { topic, partition: 0 };
  const [bounds] = await cluster.bounds([of], 'committed');
  const reader = cluster.reader({ isolation: 'committed', bufferBytes: 8 << 20 });
  reader.add(of, bounds!.end);
  while (!stop.requested) {
    for (let records = reader.take(of); records !== null; records = reader.take(of)) {
      const now = Date.now();
      for (let i = 0; i < records.n; i++) {
        const value = records.bytes.slice(records.valueStart[i], records.valueEnd[i]);
        const { id, rows } = decodeBlock(value);
        for (let row = 0; row < rows; row++) seen.set(textAt(id, row)!, now);
      }
    }
    await reader.wait(20);
  }
  await reader.close();
}
