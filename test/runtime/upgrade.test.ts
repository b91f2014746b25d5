/** A folder whose program changes, also when the power goes while it does. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../compiler/plan/plan.ts';
import { main } from '../../runtime/command/cli.ts';
import type { Decision } from '../../runtime/log/decisions.ts';
import { decisionsOf, withDecidedFolder } from '../../runtime/run/decided-folder.ts';
import { readFolderNow } from '../../runtime/run/folder-now.ts';
import { PipelineEngine } from '../../runtime/run/pipeline-engine.ts';
import { isOfProgram } from '../../runtime/run/plan-program.ts';
import { type RunRequest, run } from '../../runtime/run/run.ts';
import { openReader } from '../../runtime/source/open-reader.ts';
import { MemoryStore } from '../../runtime/store/memory-store.ts';
import { openStateStore } from '../../runtime/store/open-store.ts';
import type { SavedPage } from '../../runtime/store/state-store.ts';
import { type Rng, rng } from '../random.ts';
import { planOf, runInMemory } from '../run-in-memory.ts';
import { Crash, SimulatedDisk } from './simulated-disk.ts';
import { CrashingStore } from './tiny-run.ts';

const STREAMS = `stream imp from "imps" {
  id   iid : string
  time ts  : timestamp
  user, ad : string
  price    : float
  late 1s
}
stream clk from "clks" {
  id   cid : string
  time ts  : timestamp
  iid, user : string
  late 1s
}
label clicked = clk on iid within 20s
`;
const OLD = `${STREAMS}
feature imps  = count(imp)      by user over [10s, 1m]
feature spend = sum(imp.price)  by user over 1m
feature ads   = last(imp.ad, 3) by user over 1m
feature pairs = count(imp)      by (user, ad) over 1m
examples ctr for imp { features imps, spend, ads, pairs, imp.ad
  label clicked wait horizon }
examples plain for clk { features imps }
`;
/** One column less, two more, one of them under a key that there was not, and another horizon; the other set stays. */
const NEW = `${STREAMS.replace('within 20s', 'within 30s')}
feature imps    = count(imp)      by user over [10s, 1m]
feature clicks  = count(clk)      by user over 30s
feature ads     = last(imp.ad, 3) by user over 1m
feature ad_imps = count(imp)      by ad   over 1m
examples ctr for imp { features imps, clicks, ads, ad_imps, imp.ad
  label clicked wait horizon }
examples plain for clk { features imps }
`;

/** A disk and a state that lose power together. */
class World {
  readonly disk: SimulatedDisk;
  readonly #store: MemoryStore;

  constructor(disk: SimulatedDisk, store: MemoryStore) {
    this.disk = disk;
    this.#store = store;
  }

  get parts() {
    const openStore = async () => new CrashingStore(this.#store, this.disk);
    return { files: this.disk, openStore };
  }

  async copy(random: Rng): Promise<World> {
    const disk = new SimulatedDisk(random);
    for (const [path, node] of this.disk.nodes) {
      disk.nodes.set(path, { ...node, bytes: node.bytes.slice() });
    }
    const pages: SavedPage[] = [];
    const meta = await this.#store.load((page) => {
      pages.push({ ...page, bytes: page.bytes.slice() });
      return true;
    });
    const store = new MemoryStore();
    if (meta !== null) await store.write(pages, meta);
    return new World(disk, store);
  }
}

type Row = { id: string; time: number; labels: unknown; features: Record<string, unknown> };

let folder = '';
const input: { stream: string; partition: number; rows: unknown[] }[] = [];
const START = 1_700_000_000_000;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-upgrade-'));
  await writeFile(join(folder, 'old.feat'), OLD);
  await writeFile(join(folder, 'new.feat'), NEW);
  const random = rng(5);
  const imps: unknown[] = [];
  const clks: unknown[] = [];
  for (let i = 0; i < 360; i++) {
    const ts = START + i * 400 - random.below(900);
    const user = `u${random.below(12)}`;
    imps.push({ iid: `i${i}`, ts, user, ad: `a${random.below(5)}`, price: random.below(9) / 4 });
    if (random.chance(0.3)) clks.push({ cid: `c${i}`, ts: ts + 3000, iid: `i${i}`, user });
  }
  input.push(
    { stream: 'imp', partition: 0, rows: imps },
    { stream: 'clk', partition: 0, rows: clks },
  );
  for (const { stream, rows } of input) {
    await writeFile(
      join(folder, `${stream}.ndjson`),
      rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
    );
  }
});
afterAll(() => rm(folder, { recursive: true }));

function inputsOf(plan: Plan): RunRequest['inputs'] {
  return plan.scans.map(({ topic, fields }, scan) => {
    const path = join(folder, `${topic.slice(0, 3)}.ndjson`);
    const open: RunRequest['inputs'][number]['open'] = async (at) => {
      const reader = await openReader(path, fields, { at });
      return {
        read: () => reader.read(30),
        position: () => reader.position(),
        close: () => reader.close(),
      };
    };
    return { scan, partition: 0, path, open };
  });
}

function request(plan: Plan, to: string, more: Partial<RunRequest>): RunRequest {
  let clock = 0;
  return {
    ...{ plan, inputs: inputsOf(plan), folder: to, format: 'ndjson', complete: true, shards: 1 },
    ...{ fresh: false, state: 'rocksdb', commitEveryMs: 2, checkpointEveryMs: 7 },
    stop: { requested: false },
    makeEngine: (of, slabs) =>
      new PipelineEngine(of, {
        ...{ slabs: [slabs.get('shard-0')!], scanSlabs: slabs.get('scan')!, codegen: false },
        ...{ spill: null, bufferBytesMax: Number.POSITIVE_INFINITY },
      }),
    say: () => undefined,
    onBatch: () => undefined,
    now: () => clock++,
    ...more,
  };
}

function rowsOf(text: string): Row[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

const expected = new Map<string, Readonly<Record<string, readonly string[]>>>();

function expectedRows(text: string, set: string): Row[] {
  const lines = expected.get(text) ?? runInMemory(planOf(text), input).lines;
  expected.set(text, lines);
  return lines[set]!.map((line) => JSON.parse(line));
}

/** \`before\` and \`after\` as the two programs alone give them, new columns where they are covered. */
function expectUpgraded(k: number, files: { before: string; after: string; plain: string }): void {
  expect(rowsOf(files.before)).toEqual(expectedRows(OLD, 'ctr').filter(({ time }) => time < k));
  const after = rowsOf(files.after);
  const wanted = expectedRows(NEW, 'ctr').filter(({ time }) => time >= k);
  expect(after.map(({ id, labels }) => [id, labels])).toEqual(
    wanted.map(({ id, labels }) => [id, labels]),
  );
  let covered = 0;
  let partly = 0;
  for (const [i, { time, features }] of wanted.entries()) {
    const { clicks, ad_imps, ...kept } = features;
    const { clicks: hasClicks, ad_imps: hasAdImps, ...hasKept } = after[i]!.features;
    expect(hasKept).toEqual(kept);
    if (time >= k + 66_000) {
      expect([hasClicks, hasAdImps]).toEqual([clicks, ad_imps]);
      covered++;
    } else if (hasAdImps !== ad_imps) partly++;
  }
  expect(covered).toBeGreaterThan(50);
  expect(partly).toBeGreaterThan(50);
  expect(rowsOf(files.plain)).toEqual(expectedRows(OLD, 'plain'));
}

/** What `diff` says of the change, as if it happened at a time. */
async function previewOf(old: string, now: string, at: string): Promise<string[]> {
  const said: string[] = [];
  const take = (line: string) => said.push(line);
  await main(['diff', old, now], { print: take, error: take, progress: process.stderr }, '0');
  const [, lines] = /run --upgrade\)\n.*\n([\s\S]*)$/.exec(said.join('\n'))!;
  const spans: Record<string, number> = { '30s': 30_000, '31s': 31_000, '1m5s': 65_000 };
  const from = (span: string) => new Date(Date.parse(at) + spans[span]!).toISOString();
  return lines!
    .replaceAll('the change', at)
    .replace(/(\w+) after it/g, (_, span) => `from ${from(span)} on`)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function switchOf(decisions: readonly Decision[]): number {
  const found = decisions.flatMap((each) => (each.kind === 'plan' ? [each.from] : []));
  expect(found).toHaveLength(1);
  return found[0] as number;
}

describe('a folder whose program changes', () => {
  it('is of the old program or the new one, whenever the power goes', async () => {
    const to = join(folder, 'simulated');
    const [old, now] = [planOf(OLD), planOf(NEW)];
    const first = new World(new SimulatedDisk(rng(1)), new MemoryStore());
    let batches = 0;
    const onBatch = () => {
      // Cut off with what is out ahead of what is in the state.
      if (++batches === 5) first.disk.actsLeft = 4;
    };
    await expect(run(request(old, to, { ...first.parts, onBatch }))).rejects.toThrow(Crash);
    const upgrade = async (before: Plan) => inputsOf(before);
    const sides = new Set<string>();
    for (let act = 1, done = false; !done; act++) {
      const { disk, parts } = await first.copy(rng(act));
      disk.restart();
      disk.actsLeft = act;
      let inTheRun = 0;
      const again = { ...parts, upgrade, onBatch: () => inTheRun++ };
      await expect(run(request(now, to, again))).rejects.toThrow(Crash);
      disk.restart();
      const isPrepared = (await disk.read(join(to, '.millrace', 'next.json'))) !== null;
      // Whoever looks finishes what was decided, and sees no more of the other program.
      const seen =
        act % 2 === 0
          ? await readFolderNow(to, disk)
          : await withDecidedFolder(to, async (of) => of, disk);
      const isDecided = (await decisionsOf(to, disk)).some(({ kind }) => kind === 'plan');
      expect(isOfProgram(seen.plan, isDecided ? now : old), `act ${act}`).toBe(true);
      sides.add(isDecided ? 'new' : 'old');
      // The program that the folder is not of is refused, and changes nothing.
      const other = run(request(isDecided ? old : now, to, parts));
      await expect(other, `act ${act}`).rejects.toThrow(/the program changed/);
      done = isDecided && inTheRun > 4;
      // Of the acts of the old program as it catches up, some.
      if (!isDecided && !isPrepared && act % 5 > 0) continue;
      if (!isDecided) await run(request(old, to, { ...parts, stop: { requested: true } }));
      await run(request(now, to, { ...parts, upgrade }));
      const of = (name: string) => disk.content(join(to, name));
      expectUpgraded(switchOf(await decisionsOf(to, disk)), {
        ...{ before: of('ctr.ndjson'), after: of('ctr.2.ndjson'), plain: of('plain.ndjson') },
      });
      const coverage = JSON.parse(of('manifest.json')).coverage;
      expect(coverage, 'windows are full by the end').toBeUndefined();
    }
    expect([...sides]).toEqual(['old', 'new']);
  });

  it('refuses the old one by name, and what it cannot take over; dropped state is deleted', async () => {
    const to = join(folder, 'real');
    const stop = { requested: false };
    let batches = 0;
    const onBatch = () => {
      if (++batches === 5) stop.requested = true;
    };
    const opened = { openStore: (own: string) => openStateStore(own, () => undefined) };
    await run(request(planOf(OLD), to, { stop, onBatch, ...opened }));
    const froms = ['--from', `imp=${folder}/imp.ndjson`, '--from', `clk=${folder}/clk.ndjson`];
    const cli = async (program: string, ...flags: string[]) => {
      const lines: string[] = [];
      const out = {
        print: (text: string) => lines.push(text),
        error: (text: string) => lines.push(text),
      };
      const args = ['run', program, ...froms, '--to', to, '--complete', '--quiet', ...flags];
      const code = await main(args, { ...out, progress: process.stderr }, '0');
      return { code, text: lines.join('\n') };
    };
    const [old, now] = [join(folder, 'old.feat'), join(folder, 'new.feat')];
    expect(await cli(now)).toMatchObject({
      code: 3,
      text: expect.stringMatching(/program changed[\s\S]*--upgrade/),
    });
    const other = join(folder, 'other.feat');
    await writeFile(other, NEW.replace('late 1s', 'late 2s').replace('clk on iid', 'clk on user'));
    expect(await cli(other, '--upgrade')).toMatchObject({
      code: 3,
      text: expect.stringMatching(/imp: its late was 1000 ms, is 2000 ms[\s\S]*--fresh/),
    });
    await writeFile(join(to, 'ctr.2.ndjson'), 'somebody else’s');
    expect(await cli(now, '--upgrade')).toMatchObject({
      code: 3,
      text: expect.stringMatching(/ctr\.2\.ndjson exists and/),
    });
    await rm(join(to, 'ctr.2.ndjson'));
    expect((await cli(now, '--upgrade', '--fresh')).code).toBe(2);
    const { code, text } = await cli(now, '--upgrade');
    expect(text).toMatch(/ctr\.2: ad_imps counts from 20\S+ on; full from 20/);
    const [, since, full] = /ad_imps counts from (\S+) on; full from (\S+) on/.exec(text)!;
    // The window and its hop.
    expect(Date.parse(full!) - Date.parse(since!)).toBe(65_000);
    expect(code).toBe(0);
    const lines = text
      .split('\n')
      .filter((line) => / (goes on|closes|counts|credits) ?/.test(line));
    expect(await previewOf(old, now, /changes at (\S+) /.exec(text)![1]!)).toEqual(lines);
    expect(await cli(old)).toMatchObject({
      code: 3,
      text: expect.stringMatching(/program changed/),
    });
    expect((await cli(now)).text).toMatch(/done already/);
    const store = await openStateStore(join(to, '.millrace'), () => undefined);
    const slabs = new Set<string>();
    await store.load(({ slab }) => {
      slabs.add(slab);
      return true;
    });
    await store.close();
    // What both have is where it was, and beside it what is new; nothing is left under names of the old plan alone.
    expect([...slabs].filter((slab) => slab.endsWith('.table')).sort()).toEqual([
      'k1.table',
      'k2.table',
      'k3.table',
    ]);
    expect((await cli(old, '--fresh')).code).toBe(0);
    expect(await readdir(to)).not.toContain('ctr.2.ndjson');
  });
});
