import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../runtime/run/run.ts';
import { MemoryStore } from '../../runtime/store/memory-store.ts';
import { rng } from '../random.ts';
import { Crash } from './simulated-disk.ts';
import { tinyPlan } from './tiny-engine.ts';
import { outputs, request, runThroughCrashes, type World, world } from './tiny-run.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-recovery-'));
});
afterAll(() => rm(folder, { recursive: true }));

function at(seed: number, records?: number): World {
  return world(seed, join(folder, 'out'), records);
}

describe('a run that loses power at random', () => {
  it.each([
    ['with its state', {}],
    ['with --state memory', { state: 'memory' as const }],
    ['with --complete', { complete: true }],
  ])('writes the same bytes, %s', async (_, more) => {
    for (let seed = 0; seed < 25; seed++) {
      const calm = at(seed);
      expect((await run(request(calm, more))).outcome).toBe('done');
      const expected = outputs(calm);
      expect(expected['counted.ndjson']!.split('\n').length).toBeGreaterThan(300);
      expect(expected['quarantine/counted.ndjson']!.length).toBeGreaterThan(0);
      expect(expected['late.ndjson']!.length).toBeGreaterThan(0);

      const wild = at(seed);
      const lives = await runThroughCrashes(wild, rng(seed + 1000), more);
      expect(lives, `seed ${seed}: no crash happened`).toBeGreaterThan(1);
      expect(outputs(wild), `seed ${seed}`).toEqual(expected);
    }
  });

  it('survives a crash at every single act of its first life', async () => {
    const calm = at(99, 240);
    await run(request(calm));
    const expected = outputs(calm);
    for (let act = 1; act <= calm.disk.acts; act++) {
      const wild = at(99, 240);
      wild.disk.actsLeft = act;
      await expect(run(request(wild)), `act ${act}`).rejects.toBeInstanceOf(Crash);
      wild.disk.restart();
      await run(request(wild));
      expect(outputs(wild), `act ${act}`).toEqual(expected);
    }
  });
});

describe('a run that is stopped, full or done', () => {
  it('stops at a commit and goes on from it', async () => {
    const calm = at(5);
    await run(request(calm));
    const w = at(5);
    const stop = { requested: false };
    let batches = 0;
    const onBatch = () => {
      if (++batches === 40) stop.requested = true;
    };
    expect((await run(request(w, { stop, onBatch }))).outcome).toBe('stopped');
    expect((await run(request(w))).outcome).toBe('done');
    expect(outputs(w)).toEqual(outputs(calm));
  });

  it('does nothing when it is already done', async () => {
    const w = at(6);
    await run(request(w));
    const before = outputs(w);
    const inputs = request(w).inputs.map((input) => ({
      ...input,
      open: () => Promise.reject(new Error('was opened')),
    }));
    expect((await run(request(w, { inputs }))).outcome).toBe('already_done');
    expect(outputs(w)).toEqual(before);
  });

  it('says that the disk is full, keeps what was committed, and goes on when there is room', async () => {
    const calm = at(7);
    await run(request(calm));
    const w = at(7);
    w.disk.bytesLeft = 20_000;
    await expect(run(request(w))).rejects.toMatchObject({ kind: 'disk_full', retriable: true });
    w.disk.bytesLeft = Number.POSITIVE_INFINITY;
    await run(request(w));
    expect(outputs(w)).toEqual(outputs(calm));
  });

  it('refuses a folder of another program, other inputs or options, and starts over with --fresh', async () => {
    const w = at(8);
    await run(request(w));
    const other = { plan: tinyPlan('d2') };
    await expect(run(request(w, other))).rejects.toMatchObject({ kind: 'folder_of_other_run' });
    await expect(run(request(w, other))).rejects.toThrow(/program changed.*--fresh/s);
    await expect(run(request(w, { shards: 2 }))).rejects.toThrow(/--shards 1, not 2/);
    await expect(run(request(w, { complete: true }))).rejects.toThrow(/without --complete/);
    const fewer = request(w).inputs.slice(1);
    await expect(run(request(w, { inputs: fewer }))).rejects.toThrow(/events\/0.*was an input/);
    w.store = new MemoryStore();
    expect((await run(request(w, { ...other, fresh: true }))).outcome).toBe('done');
  });

  it('refuses to overwrite files that no run made', async () => {
    const w = at(9);
    await w.disk.replace(join(w.path, 'counted.ndjson'), Buffer.from('precious'));
    await expect(run(request(w))).rejects.toMatchObject({ kind: 'folder_not_ours' });
    expect(w.disk.content(join(w.path, 'counted.ndjson'))).toBe('precious');
  });

  it('says that an output was cut by somebody', async () => {
    const w = at(10);
    const stop = { requested: false };
    let batches = 0;
    await run(
      request(w, {
        stop,
        onBatch: () => {
          stop.requested = ++batches === 60;
        },
      }),
    );
    w.disk.nodes.get(join(w.path, 'counted.ndjson'))!.length = 1;
    await expect(run(request(w))).rejects.toMatchObject({ kind: 'output_cut' });
  });

  it('says that an input is shorter than what was already written out', async () => {
    const w = at(11);
    const stop = { requested: false };
    let batches = 0;
    await run(
      request(w, {
        stop,
        onBatch: () => {
          stop.requested = ++batches === 60;
        },
      }),
    );
    w.store = new MemoryStore();
    w.inputs = w.inputs.map((input) => input.slice(0, 20));
    await expect(run(request(w))).rejects.toMatchObject({ kind: 'input_shorter' });
  });

  it('lets one process at a time into a folder', async () => {
    const w = at(12);
    let second: unknown = null;
    const inputs = request(w).inputs.map((input) => ({
      ...input,
      open: async (at: { rows: number; bytes: number } | null) => {
        second ??= await run(request(w)).catch((error) => error);
        return input.open(at);
      },
    }));
    expect((await run(request(w, { inputs }))).outcome).toBe('done');
    expect(second).toMatchObject({ kind: 'folder_locked' });
  });
});
