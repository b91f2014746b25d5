/** A state is gone on from only where the logs still hold what it reads on from. */
import { describe, expect, it } from 'vitest';
import type { CheckpointMeta } from '../../runtime/store/checkpoint.ts';
import { LogReach } from '../../runtime/worker/log-reach.ts';
import { rng } from '../random.ts';
import { BrokerState } from './simulator/broker-state.ts';
import { SimulatedCluster } from './simulator/simulated-cluster.ts';
import { SimulatedGroup } from './simulator/simulated-group.ts';
import { SimulatedProcess } from './simulator/simulated-process.ts';
import { Timeline } from './simulator/timeline.ts';

const IMPS = { topic: 'imps', partition: 0 };
const EXCHANGE = { topic: 'app.exchange', partition: 0 };

describe('how far back the logs reach', () => {
  it.each([
    ['everything is there', { kept: 0, at: null, end: null }, null],
    [
      'a first start is where the topic begins',
      { kept: 5, at: null, end: null, isFirst: true },
      null,
    ],
    ['what was deleted was read before', { kept: 5, at: 5, end: null }, null],
    ['a record is gone', { kept: 5, at: 4, end: null }, /imps\/0 begins at offset 5, .* from 4:/],
    ['nothing is left of the state', { kept: 5, at: null, end: null }, /from 0:.*--snapshots/],
    ['what is gone lies behind the decided end', { kept: 5, at: 4, end: 4 }, null],
  ])('%s', async (_, { kept, at, end, ...more }, message) => {
    const reach = await reachOf({ imps: kept }, { end, isFirst: 'isFirst' in more });
    const missing = reach.missing(at === null ? null : stateAt(at));
    if (message === null) expect(missing).toBeNull();
    else expect(missing?.message).toMatch(message);
  });

  it('of the exchange a shard needs what it has not applied', async () => {
    const reach = await reachOf({ exchange: 7 }, { end: null, isFirst: false });
    const shard = (logOffset: number) => JSON.stringify({ inbox: { logOffset } });
    expect(reach.missing({ ...stateAt(0), shard: shard(7) })).toBeNull();
    expect(reach.missing({ ...stateAt(0), shard: shard(6) })?.kind).toBe('exchange_truncated');
    expect(reach.missing(null)?.kind).toBe('exchange_truncated');
  });
});

function stateAt(bytes: number): CheckpointMeta {
  return { planDigest: '', k: 0, sources: [{ ...IMPS, rows: bytes, bytes, scans: [] }] };
}

async function reachOf(
  kept: { readonly imps?: number; readonly exchange?: number },
  { end, isFirst }: { readonly end: number | null; readonly isFirst: boolean },
): Promise<LogReach> {
  const brokers = new BrokerState();
  for (const [of, before] of [
    [IMPS, kept.imps ?? 0],
    [EXCHANGE, kept.exchange ?? 0],
  ] as const) {
    brokers.create(of.topic, 1);
    brokers.append(
      of,
      Array.from({ length: 9 }, () => ({ key: null, value: null })),
    );
    brokers.truncate(of, before);
  }
  const timeline = new Timeline();
  const weather = { loss: 0, delayMs: 1 };
  const process = new SimulatedProcess(timeline, rng(1), weather);
  const group = new SimulatedGroup(timeline);
  const cluster = new SimulatedCluster({
    ...{ brokers, group, process, name: 'w', canary: 'none', newestNeeds: () => 0 },
  });
  const progress = {
    ...{ planDigest: '', k: 0, starts: { 'imps/0': 0 }, unapplied: {}, sideRows: {} },
    ...{ rows: [], done: false },
  };
  const asking = LogReach.ask({
    ...{ cluster, sources: [{ of: IMPS, end }], exchange: EXCHANGE },
    progress: isFirst ? null : progress,
  });
  await timeline.run(() => false, Number.POSITIVE_INFINITY);
  return asking;
}
