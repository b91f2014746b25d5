import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../compiler/plan/plan.ts';
import { main } from '../../runtime/command/cli.ts';
import { DemoTrainer } from '../../runtime/demo/demo-trainer.ts';
import type { Manifest } from '../../runtime/run/manifest.ts';
import type { TrafficSummary } from '../../runtime/simulator/ad-traffic.ts';
import { readTruth } from '../../runtime/simulator/truth.ts';
import type { ModelManifest } from '../../runtime/training/model-folder.ts';
import { rng } from '../random.ts';
import { startChild } from './child.ts';

const MAIN = '../../runtime/main.ts';
const SMALL = ['--days', '0.25', '--scale', '0.3', '--seed', '3', '--quiet'];

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-demo-'));
});
afterAll(() => rm(folder, { recursive: true }));

const at = (...parts: string[]) => join(folder, ...parts);

async function cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const console = {
    print: (text: string) => {
      out += `${text}\n`;
    },
    error: (text: string) => {
      err += `${text}\n`;
    },
    progress: { write: () => true },
  };
  const code = await main(args, console, '0.0.0');
  return { code, out, err };
}

async function json<T>(...parts: string[]): Promise<T> {
  const value: T = JSON.parse(await readFile(at(...parts), 'utf8'));
  return value;
}

/** A file's bytes without the folder it lies in, which late and malformed records name. */
function unplaced(demo: string, bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('latin1').replaceAll(at(demo), ''), 'latin1');
}

/** The last snapshot of a demo's deep model. */
async function newestOf(demo: string): Promise<string> {
  const manifest = await json<ModelManifest>(demo, 'run', 'ads_ctr.deep', 'manifest.json');
  return join('run', 'ads_ctr.deep', manifest.snapshots.at(-1)!.file);
}

/** Every file of a demo that a user may look at, the model included, as bytes. */
async function filesOf(demo: string): Promise<Record<string, Buffer>> {
  const found: Record<string, Buffer> = {};
  for (const name of await readdir(at(demo), { recursive: true })) {
    if (/summary\.txt|traffic\.json|\.millrace|(^|\/)log(\/|$)/.test(name)) continue;
    // Which snapshots there are besides the last depends on the clock.
    if (/\.deep\//.test(name) && name !== (await newestOf(demo))) continue;
    if ((await stat(at(demo, name))).isFile())
      found[name] = unplaced(demo, await readFile(at(demo, name)));
  }
  return found;
}

function expectSame(a: Record<string, Buffer>, b: Record<string, Buffer>): void {
  expect(Object.keys(a).sort()).toEqual(Object.keys(b).sort());
  for (const [name, bytes] of Object.entries(a)) expect(bytes.equals(b[name]!), name).toBe(true);
}

describe('demo', () => {
  it('counts what the simulator put in, and sets model beside truth', async () => {
    const { code, out } = await cli('demo', ...SMALL, '--to', at('calm'));
    expect(code).toBe(0);
    expect(out).toMatch(/events became [\d,]+ examples in [\d.]+ s/);
    expect(out).not.toMatch(/DIFFERS|that is a bug|NaN|null|undefined/);
    expect(out).toMatch(/clicked +[\d,]+ +[\d,]+ +\d\.\d{3} +0\.\d{3} +0\.\d{3} +\d\.\d{3}/);
    expect(await readFile(at('calm', 'summary.txt'), 'utf8')).toBe(`${out.trim()}\n`);

    const { streams, events } = await json<TrafficSummary>('calm', 'traffic', 'traffic.json');
    const manifest = await json<Manifest>('calm', 'run', 'manifest.json');
    expect(manifest.read).toBe(events);
    for (const name of ['impression', 'click', 'pixel'] as const) {
      const { accepted, late, lateForFeatures, duplicates, malformed } = streams[name];
      expect(manifest.streams[name]).toMatchObject({
        accepted: accepted + lateForFeatures,
        ...{ late, lateForFeatures, malformed },
        duplicate: duplicates,
      });
    }
    expect(manifest.duplicate).toBeGreaterThan(50);
    expect(manifest.late).toBeGreaterThan(5);
    expect(manifest.malformed).toBeGreaterThan(10);
  });

  it('says it is done when it is, and that another demo is in the way', async () => {
    const again = await cli('demo', ...SMALL, '--to', at('calm'));
    expect(again.code).toBe(0);
    expect(again.out.trim()).toBe((await readFile(at('calm', 'summary.txt'), 'utf8')).trim());
    expect(again.err).toMatch(/done already/);
    const other = await cli('demo', '--days', '0.2', '--to', at('calm'));
    expect(other.code).toBe(3);
    expect(other.err).toMatch(/another demo \(--days 0\.25 --scale 0\.3 --seed 3\)/);
    await writeFile(at('precious.txt'), 'mine');
    const foreign = await cli('demo', ...SMALL, '--to', folder, '--fresh');
    expect(foreign.code).toBe(3);
    expect(await readFile(at('precious.txt'), 'utf8')).toBe('mine');
  });

  it('makes the same bytes after being killed at every stage', async () => {
    const random = rng(11);
    const stage = async () => (await json<{ stage: string }>('killed', 'demo.json')).stage;
    const examples = async () => (await stat(at('killed', 'run', 'ads_ctr.ndjson'))).size;
    const moments = [
      async () => (await stage()) === 'started',
      async () => (await stage()) === 'traffic',
      async () => (await stage()) === 'log',
      async () => (await examples()) >= 0,
      async () => (await examples()) > 0,
      async () => (await examples()) > 0,
    ];
    let kills = 0;
    for (const isReached of moments) {
      const child = startChild(MAIN, ['demo', ...SMALL, '--to', at('killed')]);
      const closed = new Promise<void>((resolve) => child.on('close', () => resolve()));
      while (child.exitCode === null && !(await isReached().catch(() => false))) await sleep(5);
      await sleep(random.below(200));
      child.kill('SIGKILL');
      await closed;
      if (child.signalCode === 'SIGKILL') kills++;
    }
    expect(kills).toBeGreaterThan(3);
    expect((await cli('demo', ...SMALL, '--to', at('killed'))).code).toBe(0);
    expectSame(await filesOf('killed'), await filesOf('calm'));
    expect(await readFile(at('killed', 'summary.txt'), 'utf8')).toMatch(/in more than one go/);
  });

  it('names commands that work', async () => {
    const text = await readFile(at('calm', 'summary.txt'), 'utf8');
    const commands = [...text.matchAll(/^ {6}.* (test|explain|train|run) (.*)$/gm)];
    expect(commands.map((match) => match[1])).toEqual(['test', 'explain', 'train', 'run']);
    for (const [line, name, rest] of commands) {
      const { code, err } = await cli(
        name!,
        ...rest!.split(' '),
        ...(name === 'run' ? ['--quiet'] : []),
      );
      expect(code, `${line}\n${err}`).toBe(0);
    }
    const again = await readFile(at('calm', 'again', 'ads_ctr.ndjson'));
    expect(again.equals(await readFile(at('calm', 'run', 'ads_ctr.ndjson')))).toBe(true);
    for (const path of text.matchAll(/^ {6}(?:less|head -n 3) (.*)$/gm)) {
      for (const name of path[1]!.split(' ')) expect((await stat(name)).size).toBeGreaterThan(0);
    }
  });

  it('is told on a command line that is wrong', async () => {
    for (const args of [
      ['--days', '0'],
      ['--scale', 'big'],
      ['--seed', '1.5'],
      ['--speed', '1'],
    ]) {
      expect((await cli('demo', ...args, '--to', at('never'))).code).toBe(2);
    }
    expect(await readdir(folder)).not.toContain('never');
  });
});

describe('the demo trainer', () => {
  it.each([1, 2, 3])('is the same however its reading is cut (seed %i)', async (seed) => {
    const random = rng(seed);
    const run = at('calm', 'run');
    const plan = await json<Plan>('calm', 'run', '.millrace', 'plan.json');
    const truth = readTruth(at('calm', 'traffic', 'truth.bin'));
    const of = { set: plan.examples[0]!, planDigest: plan.digest, truth };
    const model = join(run, 'ads_ctr.model');
    const lines = (await readFile(join(run, 'ads_ctr.ndjson'), 'utf8')).split('\n');
    const whole = await trained(0);
    expect((await trained(1 + random.below(4))).equals(whole), `seed ${seed}`).toBe(true);

    async function trained(stops: number): Promise<Buffer> {
      await rm(model);
      const cuts = Array.from({ length: stops }, () => random.below(lines.length));
      for (const cut of cuts.sort((a, b) => a - b)) {
        const bytes = Buffer.byteLength(
          lines
            .slice(0, cut)
            .map((line) => `${line}\n`)
            .join(''),
        );
        const trainer = DemoTrainer.open(run, of);
        await trainer.follow({ 'ads_ctr.ndjson': { bytes } });
        trainer.pause();
      }
      await DemoTrainer.open(run, of).finish();
      return readFile(model);
    }
  });
});
