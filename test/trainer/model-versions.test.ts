/** `millrace model`: snapshots listed, taken back and gone on from. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../runtime/command/cli.ts';
import { openDevice, type TensorDevice } from '../../runtime/trainer/tensor-device.ts';
import { DeepTraining } from '../../runtime/training/deep-training.ts';
import type { ModelManifest } from '../../runtime/training/model-folder.ts';
import { MODEL, rowsOf, SET } from './deep-world.ts';
import { lineOf } from './example-lines.ts';

let folder = '';
let device: TensorDevice;
const at = (...parts: string[]) => join(folder, ...parts);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-versions-'));
  await writeFile(
    at('ctr.ndjson'),
    rowsOf(1_200)
      .map((row) => `${lineOf(row)}\n`)
      .join(''),
  );
  device = (await openDevice('wasm')).device!;
});
afterAll(() => rm(folder, { recursive: true }));

async function train(resume: boolean): Promise<DeepTraining> {
  const of = { path: at('ctr.ndjson'), set: SET, planDigest: 'd', model: MODEL, weighting: {} };
  const more = { device, folder: at('ctr.deep'), saveEveryMs: 0, keep: 3 };
  const training = await DeepTraining.open({ ...of, ...more }, resume);
  await training.consume(null);
  await training.finish();
  return training;
}

async function cli(...args: string[]): Promise<{ code: number; out: string }> {
  let out = '';
  const write = (text: string) => {
    out += `${text}\n`;
  };
  const console = { print: write, error: write, progress: { write: () => true } };
  return { code: await main(args, console, '0.0.0'), out };
}

async function manifest(): Promise<ModelManifest> {
  return JSON.parse(await readFile(at('ctr.deep', 'manifest.json'), 'utf8'));
}

describe('the snapshots of a model', () => {
  it('are listed; one is rolled back to, and training comes to the same model again', async () => {
    await train(false);
    const before = await manifest();
    expect(before.snapshots.length).toBeGreaterThan(3);
    const last = before.snapshots.at(-1)!;
    const bytes = await readFile(at('ctr.deep', last.file));
    const listed = await cli('model', 'list', folder);
    expect(listed.code).toBe(0);
    expect(listed.out).toMatch(/^rows-\d+\.delta +rows-\d+\.\w+ +\d+ +2023-11-14T.*passed$/m);
    expect(listed.out).toMatch(new RegExp(`^${last.file} +- .* passed +published$`, 'm'));

    const target = before.snapshots[1]!;
    expect(target.kind).toBe('delta');
    const back = await cli('model', 'rollback', folder, '--to', `${target.rows}`);
    expect(back.code, back.out).toBe(0);
    const now = await manifest();
    expect(now.published).toBe(target.file);
    expect(now.snapshots.at(-1)!.file).toBe(target.file);
    expect(now.rolledBack).toEqual({ from: last.file, to: target.file, skipped: false });
    await train(true);
    expect((await readFile(at('ctr.deep', last.file))).equals(bytes)).toBe(true);
  });

  it('what a model that was taken back had seen can be skipped', async () => {
    const { snapshots } = await manifest();
    const target = snapshots[1]!;
    const back = await cli('model', 'rollback', at('ctr.deep'), '--to', target.file, '--skip');
    expect(back.code, back.out).toBe(0);
    const training = await train(true);
    expect(training.rows).toBe(target.rows);
  });

  it('a snapshot that has not passed its gates is no way back', async () => {
    const now = await manifest();
    const [first, ...others] = now.snapshots;
    const waits = { ...first!, gate: { verdict: 'waits', findings: ['too few rows yet'] } };
    await writeFile(
      at('ctr.deep', 'manifest.json'),
      JSON.stringify({ ...now, snapshots: [waits, ...others] }),
    );
    const back = await cli('model', 'rollback', at('ctr.deep'), '--to', first!.file);
    expect(back).toMatchObject({
      code: 2,
      out: expect.stringMatching(/has not passed its gates \(too few rows yet\)/),
    });
    await writeFile(at('ctr.deep', 'manifest.json'), JSON.stringify(now));
  });

  it('what is not there is said', async () => {
    const missing = await cli('model', 'rollback', folder, '--to', 'rows-7.full');
    expect(missing).toMatchObject({
      code: 2,
      out: expect.stringMatching(/no snapshot rows-7\.full; there are rows-/),
    });
    const none = await cli('model', 'list', at('ctr.ndjson'));
    expect(none).toMatchObject({ code: 2, out: expect.stringMatching(/there is no folder/) });
    await writeFile(at('ctr.deep', 'manifest.json'), '{"version": 1, "snap');
    const cut = await cli('model', 'list', folder);
    expect(cut).toMatchObject({
      code: 3,
      out: expect.stringMatching(/is no manifest of a model: it is cut/),
    });
  });
});
