import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelPlan } from '../../compiler/check/model-plan.ts';
import type { Fault } from '../../runtime/fault.ts';
import { openDevice, type TensorDevice } from '../../runtime/trainer/tensor-device.ts';
import { DeepTraining } from '../../runtime/training/deep-training.ts';
import { rng } from '../random.ts';
import { MODEL, rowsOf, SET } from './deep-world.ts';
import { lineOf } from './example-lines.ts';

let folder = '';
let device: TensorDevice;
const rows = rowsOf(1_500);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-deep-'));
  await writeFile(join(folder, 'ctr.ndjson'), rows.map((row) => `${lineOf(row)}\n`).join(''));
  device = (await openDevice('wasm')).device!;
});
afterAll(() => rm(folder, { recursive: true }));

/** `bytes`: how much of the file there is yet. */
async function open(
  name: string,
  resume: boolean,
  model: ModelPlan = MODEL,
): Promise<DeepTraining> {
  const path = join(folder, 'ctr.ndjson');
  const of = { path, set: SET, planDigest: 'd', model, weighting: {}, device };
  return DeepTraining.open({ ...of, folder: join(folder, name), saveEveryMs: 0 }, resume);
}

async function lastFile(name: string): Promise<{ name: string; bytes: Buffer }> {
  const files = (await readdir(join(folder, name))).filter((file) => file.endsWith('.full')).sort();
  const last = files[files.length - 1]!;
  return { name: last, bytes: await readFile(join(folder, name, last)) };
}

describe('training a deep model', () => {
  it('learns: ads that are clicked more get higher scores', async () => {
    const training = await open('learns', false);
    await training.consume(null);
    await training.finish();
    const { clicked, bought } = training.trainer.metrics().labels;
    expect(clicked!.emissions.auc).toBeGreaterThan(0.6);
    expect(clicked!.emissions.normalisedEntropy).toBeLessThan(1);
    expect(clicked!.emissions.calibration).toBeGreaterThan(0.8);
    expect(bought!.emissions.rows).toBeLessThan(clicked!.emissions.rows);
    expect(clicked!.audit.rows).toBeGreaterThan(100);
    expect(training.trainer.counts().steps).toBe(Math.ceil(1_500 / MODEL.batch));
  });

  it('cut off anywhere and resumed, it writes the bytes of an uninterrupted one', async () => {
    const seed = 20_261_121;
    const random = rng(seed);
    const lines = (await readFile(join(folder, 'ctr.ndjson'))).toString().split('\n');
    for (let trial = 0; trial < 3; trial++) {
      for (let from = 0; from < 3; from++) {
        const upTo = random.below(lines.length);
        const bytes = Buffer.byteLength(lines.slice(0, upTo).join('\n')) + (upTo > 0 ? 1 : 0);
        // What was not saved is lost, as in a kill.
        await (await open('cut', from > 0)).consume(bytes);
      }
      const training = await open('cut', true);
      await training.consume(null);
      await training.finish();
      const whole = await lastFile('learns');
      const cut = await lastFile('cut');
      expect(cut.name, `seed ${seed}`).toBe(whole.name);
      expect(cut.bytes.equals(whole.bytes), `seed ${seed}, trial ${trial}`).toBe(true);
    }
  });

  it('a model that fails its gates is not published, and is saved all the same', async () => {
    const gates: ModelPlan['gates'] = [{ kind: 'calibration', label: 'clicked', min: 5, max: 6 }];
    const training = await open('gated', false, { ...MODEL, gates });
    await training.consume(null);
    await training.finish();
    expect(training.trainer.counts().publishes).toBe(0);
    const manifest = JSON.parse(await readFile(join(folder, 'gated', 'manifest.json'), 'utf8'));
    expect(manifest.published).toBe(null);
    expect(manifest.snapshots.at(-1).gate.findings[0]).toMatch(/^calibration\(clicked\)/);
  });

  it.each([
    ['another model block', { ...MODEL, batch: 64 }, /the model block changed/],
    ['another program', MODEL, /the program changed/],
  ])('refuses to go on with %s', async (name, model, message) => {
    const of = { path: join(folder, 'ctr.ndjson'), set: SET, model, weighting: {}, device };
    const planDigest = name === 'another program' ? 'e' : 'd';
    const opening = DeepTraining.open({ ...of, planDigest, folder: join(folder, 'learns') }, true);
    await expect(opening).rejects.toThrow(message);
  });

  it('a damaged snapshot is a fault that names the file', async () => {
    const { name } = await lastFile('cut');
    await truncate(join(folder, 'cut', name), 5_000);
    const fault: Fault = await open('cut', true).then(
      () => expect.fail('it opened'),
      (error: Fault) => error,
    );
    expect(fault.kind).toBe('snapshot_corrupt');
    expect(fault.message).toContain(name);
  });
});
