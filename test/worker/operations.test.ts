import { request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { newSlabSets, saveCheckpoint } from '../../runtime/store/checkpoint.ts';
import { MemoryStore } from '../../runtime/store/memory-store.ts';
import { type Cluster, ClusterFault } from '../../runtime/worker/cluster.ts';
import type { LogReach } from '../../runtime/worker/log-reach.ts';
import { Operations } from '../../runtime/worker/operations.ts';
import type { UnitLife } from '../../runtime/worker/unit-life.ts';
import type { UnitProgress } from '../../runtime/worker/unit-progress.ts';
import { UnitPulses } from '../../runtime/worker/unit-pulses.ts';
import type { UnitRequest } from '../../runtime/worker/unit-recovery.ts';
import { loadState } from '../../runtime/worker/unit-state.ts';
import { runWorker, type WorkerRequest } from '../../runtime/worker/worker.ts';
import { smallPlan } from './small-app.ts';

const open: Operations[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

async function serving(
  port = 0,
): Promise<{ operations: Operations; port: number; said: string[] }> {
  const said: string[] = [];
  const at = { port: 0 };
  const operations = new Operations('app', port, (event, more) => {
    said.push(`${event} ${JSON.stringify(more)}`);
    if (event === 'serving') at.port = Number(more?.port);
  });
  open.push(operations);
  await operations.listen();
  return { operations, port: at.port, said };
}

async function ask(port: number, path: string, method = 'GET') {
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    request({ port, path, method }, (response) => {
      let body = '';
      response.on('data', (piece) => {
        body += piece;
      });
      response.on('end', () => resolve({ status: response.statusCode!, body }));
    })
      .on('error', reject)
      .end();
  });
}

describe('what a worker answers over HTTP', () => {
  it('is what there is to see, and says of everything else what there is', async () => {
    const { port } = await serving();
    expect(await ask(port, '/healthz?why')).toEqual({ status: 200, body: 'ok\n' });
    expect(await ask(port, '/healthz', 'HEAD')).toEqual({ status: 200, body: '' });
    expect(await ask(port, '/')).toMatchObject({
      status: 404,
      body: expect.stringContaining('here are'),
    });
    expect(await ask(port, '/metrics', 'POST')).toMatchObject({ status: 405 });
    expect((await ask(port, '/metrics')).body).toContain('millrace_faults_total');
    await expect(serving(port)).rejects.toThrow(/EADDRINUSE.*another port with --http/);
  });

  it('is 500 where a figure cannot be had, and the worker goes on', async () => {
    const { operations, port, said } = await serving();
    operations.onLife(0, { k: 0, parts: null, isReplaying: false } as unknown as UnitLife);
    expect((await ask(port, '/metrics')).status).toBe(500);
    expect(said.join()).toMatch(/http_failed .*\/metrics/);
    expect((await ask(port, '/healthz')).status).toBe(200);
  });

  it('is not ready while a unit that it holds has not caught up', async () => {
    const { operations, port } = await serving();
    const ready = async () => (await ask(port, '/readyz')).status;
    expect(await ready()).toBe(200);
    operations.onSeat(3, true);
    expect(await ready()).toBe(503);
    operations.onLife(3, { isReplaying: true } as unknown as UnitLife);
    expect(await ready()).toBe(503);
    operations.onLife(3, { isReplaying: false } as unknown as UnitLife);
    expect(await ready()).toBe(200);
  });
});

describe('a unit gets on', () => {
  it('or is stuck, whatever the others do', () => {
    let now = 0;
    const pulses = new UnitPulses(() => now);
    for (const unit of [0, 1, 2]) pulses.held(unit);
    now = 59_999;
    pulses.moved(1);
    expect(pulses.stuck()).toEqual([]);
    now = 60_000;
    pulses.released(2);
    expect(pulses.stuck()).toEqual([{ unit: 0, forMs: 60_000 }]);
    pulses.moved(0);
    expect(pulses.stuck()).toEqual([]);
  });

  it('while its state is read', async () => {
    const store = new MemoryStore();
    const slabs = newSlabSets(1);
    slabs.get('shard-0')!.open('some').alloc(12);
    const plan = smallPlan();
    await saveCheckpoint(store, slabs, { planDigest: plan.digest, k: 5, sources: [] });
    let moves = 0;
    const request = {
      ...{ plan, snapshots: null, openStore: async () => store, moved: () => moves++ },
    } as unknown as UnitRequest;
    const state = await loadState(request, {
      progress: { k: 5 } as UnitProgress,
      reach: { missing: () => null } as unknown as LogReach,
      left: { chains: [], states: [], isUnknown: false },
      ...{ began: null, stopAt: Number.POSITIVE_INFINITY, isFirst: true },
    });
    expect(state?.checkpoint?.k).toBe(5);
    expect(moves).toBeGreaterThan(0);
  });

  const away = async () => {
    throw new ClusterFault('retriable', 'away', 'no broker answers');
  };
  it.each([
    ['and it tries again', async () => undefined],
    ['and the group does not answer', () => new Promise<void>(() => undefined)],
  ])('while the cluster is away %s', async (_, confirm) => {
    let now = 0;
    const stop = { requested: false };
    const seen: string[] = [];
    const cluster = {
      now: () => now,
      sleep: async (ms: number) => {
        now += ms;
      },
      join: () => ({ units: () => [0], confirm, leave: async () => undefined }),
      partitions: away,
    } as unknown as Cluster;
    const moved = () => {
      seen.push('move');
      stop.requested = seen.length > 5;
    };
    await runWorker({
      ...{ cluster, app: 'a', topics: {}, units: 1, isEnding: false, stop, say: () => undefined },
      unitOf: (unit: number) => ({ cluster, plan: smallPlan(), topics: {}, unit, units: 1 }),
      watch: {
        onSeat: (unit: number, isHeld: boolean) => seen.push(`${unit} ${isHeld}`),
        ...{ onLife: () => undefined, onFault: () => undefined, onMove: moved },
      },
    } as unknown as WorkerRequest);
    expect([seen[0], seen.at(-1)]).toEqual(['0 true', '0 false']);
    expect(seen.filter((each) => each === 'move').length).toBeGreaterThan(4);
  });
});
