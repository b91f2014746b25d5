/** Rows that wait for verdicts, through crashes, releases and reruns: the same bytes every time. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CheckPlan } from '../../compiler/plan/plan.ts';
import { BUCKET_BOUNDS } from '../../operators/checks/buckets.ts';
import { type DecidedFolder, withDecidedFolder } from '../../runtime/run/decided-folder.ts';
import { type RunRequest, run } from '../../runtime/run/run.ts';
import { rng } from '../random.ts';
import { Crash } from './simulated-disk.ts';
import { tinyPlan } from './tiny-engine.ts';
import { outputs, request, runThroughCrashes, type World, world } from './tiny-run.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-checks-'));
});
afterAll(() => rm(folder, { recursive: true }));

const CHECKS: readonly CheckPlan[] = [
  { kind: 'range', column: 0, min: 0, max: 60 },
  { kind: 'missing', column: 0, min: 0, max: 0.01 },
  { kind: 'drift', column: 0, max: 0.5 },
  { kind: 'duplicates', max: 0 },
  { kind: 'freshness', maxMs: 20 },
];
/** Buckets small enough that a short input has many of each kind. */
const bucketBounds = {
  ...BUCKET_BOUNDS,
  ...{ cellMs: 100, spanMs: 400, rowsMin: 40, rowsMax: 150 },
  ...{ driftRowsMin: 20, referenceRowsMin: 60 },
};

function checked(w: World, more: Partial<RunRequest> = {}): RunRequest {
  return request(w, { plan: tinyPlan('d1', CHECKS), bucketBounds, ...more });
}

const options: Partial<RunRequest> = { plan: tinyPlan('d1', CHECKS), bucketBounds };

function at(seed: number, name = 'out'): World {
  return world(seed, join(folder, name));
}

async function lotsOf(w: World): Promise<DecidedFolder['lots']> {
  return withDecidedFolder(w.path, async ({ lots }) => lots, w.disk);
}

/** Releases the first lot of the folder that was judged together, and drops the last of all. */
async function decide(w: World): Promise<void> {
  await withDecidedFolder(
    w.path,
    async ({ lots, decide }) => {
      const kept = lots.filter(({ state }) => state === 'kept');
      const first = kept.find(({ lot }) => !lot.endsWith('r'));
      const last = kept.at(-1);
      if (first !== undefined) await decide('release', [first]);
      if (last !== undefined && last !== first) await decide('drop', [last]);
    },
    w.disk,
  );
}

async function decisionsOf(w: World) {
  const files = w.disk;
  const { decisionsOf: read } = await import('../../runtime/run/decided-folder.ts');
  return read(w.path, files);
}

describe('checks of rows together', () => {
  it('keep the same rows aside however often the power goes', async () => {
    for (let seed = 0; seed < 8; seed++) {
      const calm = at(seed);
      await run(checked(calm));
      const expected = outputs(calm);
      const lots = await lotsOf(calm);
      expect(
        lots.some(({ lot }) => !lot.endsWith('r')),
        `seed ${seed}`,
      ).toBe(true);
      expect(
        lots.some(({ lot }) => lot.endsWith('r')),
        `seed ${seed}`,
      ).toBe(true);
      expect(expected['counted.ndjson']!.split('\n').length).toBeGreaterThan(100);

      const wild = at(seed);
      const lives = await runThroughCrashes(wild, rng(seed + 1000), options);
      expect(lives).toBeGreaterThan(1);
      expect(outputs(wild), `seed ${seed}`).toEqual(expected);
    }
  });

  it('judge the same buckets whatever the pace of commits and checkpoints', async () => {
    for (let seed = 20; seed < 23; seed++) {
      const found = [];
      for (const [commitEveryMs, checkpointEveryMs] of [
        [0, 0],
        [7, 50],
        [1e9, 1e9],
      ] as const) {
        const w = at(seed);
        await run(checked(w, { commitEveryMs, checkpointEveryMs }));
        const verdicts = (await decisionsOf(w)).filter(({ kind }) => kind === 'verdict');
        found.push([outputs(w), verdicts]);
      }
      expect(found[1], `seed ${seed}`).toEqual(found[0]);
      expect(found[2], `seed ${seed}`).toEqual(found[0]);
    }
  });
});

describe('releases and drops', () => {
  it('take effect once, and a rerun with the same decisions writes the same bytes', async () => {
    for (let seed = 30; seed < 37; seed++) {
      const random = rng(seed);
      const first = at(seed);
      const stop = { requested: false };
      let batches = 0;
      const pause = 20 + random.below(30);
      const onBatch = () => {
        if (++batches >= pause) stop.requested = true;
      };
      // Decided while it stands still, and again when it is done.
      await run(checked(first, { stop, onBatch }));
      await decide(first);
      await runThroughCrashes(first, random, options);
      await decide(first);
      const expected = outputs(first);
      const decided = await decisionsOf(first);
      const kinds = decided.map(({ kind }) => kind);
      expect(kinds.filter((kind) => kind === 'release').length, `seed ${seed}`).toBeGreaterThan(0);

      const again = at(seed);
      await run(checked(again, { decided }));
      expect(outputs(again), `seed ${seed}, rerun`).toEqual(expected);
      expect(await decisionsOf(again)).toEqual(decided);

      const wild = at(seed);
      await runThroughCrashes(wild, rng(seed + 1), { ...options, decided });
      expect(outputs(wild), `seed ${seed}, rerun with crashes`).toEqual(expected);
    }
  });

  it('end a lot whose bucket is still open: what comes later is in the next, and no row is lost', async () => {
    const alone: CheckPlan[] = [{ kind: 'range', column: 0, min: 0, max: 8 }];
    // Buckets that are open over several stops.
    const bounds = { ...BUCKET_BOUNDS, cellMs: 500, spanMs: 1500, rowsMin: 10_000 };
    const more = { plan: tinyPlan('d1', alone), bucketBounds: bounds };
    const parts = new Set<string>();
    for (let seed = 80; seed < 82; seed++) {
      const w = at(seed);
      for (let life = 0; life < 4; life++) {
        const stop = { requested: false };
        let batches = 0;
        const onBatch = () => {
          if (++batches >= 40) stop.requested = true;
        };
        if (life < 3) await run(request(w, { ...more, stop, onBatch }));
        else await runThroughCrashes(w, rng(seed), more);
        const kept = (await lotsOf(w)).filter(({ state }) => state === 'kept');
        await withDecidedFolder(w.path, ({ decide: take }) => take('release', kept), w.disk);
      }
      const lots = await lotsOf(w);
      for (const { lot } of lots) parts.add(lot);
      const rows = lots.reduce((sum, lot) => sum + lot.rows, 0);
      const manifest = JSON.parse(outputs(w)['manifest.json']!);
      expect(manifest, `seed ${seed}`).toMatchObject({ quarantined: rows, released: rows });
      const plain = at(seed);
      await run(request(plain, { plan: tinyPlan('d1', []) }));
      const sorted = (of: World) => outputs(of)['counted.ndjson']!.split('\n').sort();
      expect(sorted(w), `seed ${seed}`).toEqual(sorted(plain));

      const again = at(seed);
      await run(request(again, { ...more, decided: await decisionsOf(w) }));
      expect(outputs(again), `seed ${seed}, rerun`).toEqual(outputs(w));
    }
    expect([...parts]).toEqual(expect.arrayContaining(['1r', '2r', '2r.2', '3r']));
  });

  it('of a finished run survive a crash at every act', async () => {
    const make = async () => {
      const w = at(50);
      await run(checked(w));
      return w;
    };
    const calm = await make();
    const before = calm.disk.acts;
    await decide(calm);
    const acts = calm.disk.acts - before;
    const expected = outputs(calm);
    for (let act = 1; act <= acts; act++) {
      const wild = await make();
      wild.disk.actsLeft = act;
      await decide(wild).catch((error) => {
        if (!(error instanceof Crash)) throw error;
      });
      wild.disk.restart();
      // What was written down is acted on by whoever comes next; what was not is asked for again.
      await run(checked(wild));
      const decided = (await decisionsOf(wild)).filter(
        ({ kind }) => kind === 'release' || kind === 'drop',
      );
      if (decided.length < 2) await decideRest(wild, decided.length);
      expect(outputs(wild), `act ${act} of ${acts}`).toEqual(expected);
    }
  });

  async function decideRest(w: World, done: number): Promise<void> {
    if (done === 0) return decide(w);
    await withDecidedFolder(
      w.path,
      ({ lots, decide: take }) => take('drop', [lots.at(-1)!]),
      w.disk,
    );
  }

  it('are refused where they were taken for another program', async () => {
    const w = at(60);
    await run(checked(w));
    const decided = await decisionsOf(w);
    const other = at(60, 'other');
    const plan = tinyPlan('d2', CHECKS);
    await expect(run(checked(other, { plan, decided }))).rejects.toMatchObject({
      kind: 'decisions_of_other_plan',
    });
  });
});
