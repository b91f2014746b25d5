/** `millrace train` with a model block, as a user runs it. */
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../runtime/command/cli.ts';
import type { ModelManifest } from '../../runtime/training/model-folder.ts';
import { rng } from '../random.ts';
import { startChild } from '../runtime/child.ts';

const PROGRAM = `stream impression from "imps" {
  id   imp_id : string
  time ts : timestamp
  user_id, ad_id : string
}
stream click from "clicks" {
  id   click_id : string
  time ts       : timestamp
  imp_id, user_id, ad_id : string
}
feature user_imps  = count(impression) by user_id over [5m, 1h]
feature recent_ads = last(click.ad_id, 5) by user_id over 1h
label clicked = click on imp_id within 10m
examples ctr for impression {
  features user_imps, recent_ads, impression.ad_id
  label clicked wait 1m then late positives
  audit 10%
}
model small from ctr {
  embed ad_id, recent_ads shared dim 4 pool attention(ad_id)
  net dcn(cross: 1, deep: [16])
  publish 5m
  gate calibration(clicked) in 0.2 .. 5
}
`;

let folder = '';
const at = (...parts: string[]) => join(folder, ...parts);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-train-deep-'));
  await writeFile(at('ctr.feat'), PROGRAM);
  const random = rng(5);
  const imps: string[] = [];
  const clicks: string[] = [];
  for (let i = 0; i < 8_000; i++) {
    const ts = 1_767_571_200_000 + i * 1_000;
    const ad = random.below(30);
    const of = { user_id: `u${random.below(200)}`, ad_id: `a${ad}` };
    imps.push(JSON.stringify({ imp_id: `i${i}`, ts, ...of }));
    const clicked = random.chance(ad < 5 ? 0.5 : 0.05);
    if (clicked) clicks.push(JSON.stringify({ click_id: `c${i}`, ts, imp_id: `i${i}`, ...of }));
  }
  await writeFile(at('imps.ndjson'), `${imps.join('\n')}\n`);
  await writeFile(at('clicks.ndjson'), `${clicks.join('\n')}\n`);
  const from = [
    '--from',
    `impression=${at('imps.ndjson')}`,
    '--from',
    `click=${at('clicks.ndjson')}`,
  ];
  const more = ['--to', at('run'), '--format', 'block', '--complete', '--quiet'];
  const { code, err } = await cli('run', at('ctr.feat'), ...from, ...more);
  expect(code, err).toBe(0);
});
afterAll(() => rm(folder, { recursive: true }));

async function cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const heard = { out: '', err: '' };
  const console = {
    print: (text: string) => {
      heard.out += `${text}\n`;
    },
    error: (text: string) => {
      heard.err += `${text}\n`;
    },
    progress: { write: () => true },
  };
  const code = await main(args, console, '0.0.0');
  return { code, ...heard };
}

async function newest(run: string): Promise<{ manifest: ModelManifest; bytes: Buffer }> {
  const text = await readFile(at(run, 'ctr.deep', 'manifest.json'), 'utf8');
  const manifest: ModelManifest = JSON.parse(text);
  const { file } = manifest.snapshots.at(-1)!;
  return { manifest, bytes: await readFile(at(run, 'ctr.deep', file)) };
}

describe('train with a model block', () => {
  it('says where it trains, how good the model is by label and slice, and what was published', async () => {
    const args = ['train', '--from', at('run'), '--device', 'wasm', '--slice', 'ad_id'];
    const { code, out, err } = await cli(...args);
    expect(code, err).toBe(0);
    expect(err).toMatch(/^device wasm: WebAssembly, TensorFlow\.js 4\.22\.0$/m);
    expect(out).toMatch(/model small \(dcn, single heads\)/);
    expect(out).toMatch(/^clicked +8,\d+ /m);
    expect(out).toMatch(/^The FTRL baseline on the same rows:$/m);
    expect(out).toMatch(/^clicked +ad_id +a\d+ +\d+ /m);
    expect(out).toMatch(/^clicked +label age +to 1m +8,\d+ /m);
    expect(out).toMatch(/gates: passed/);
    const { manifest } = await newest('run');
    const last = manifest.snapshots.at(-1)!;
    expect(manifest.published).toBe(last.file);
    expect(last).toMatchObject({ kind: 'full', parent: null, gate: { verdict: 'passed' } });
    const { auc, deciles, baseline } = last.metrics.clicked!;
    expect(auc).toBeGreaterThan(0.6);
    expect(deciles.length).toBeGreaterThan(5);
    expect(baseline!.prAuc).toBeGreaterThan(0.1);
    expect(baseline!.logLoss).toBeLessThan(0.5);
    // All within one day: nothing to have moved from.
    expect(last.drift).toEqual({});
    const { bytes } = await newest('run');
    const again = await cli(...args, '--resume');
    expect(again.err).toMatch(/going on after row/);
    expect((await newest('run')).bytes.equals(bytes)).toBe(true);
    const forgot = await cli(...args);
    expect(forgot.err).toMatch(
      /ctr\.deep holds a model already: --resume goes on with it, --fresh/,
    );
    expect((await newest('run')).bytes.equals(bytes)).toBe(true);

    // As if somebody had been erased from the examples since.
    const made = at('run', 'manifest.json');
    const before = await readFile(made, 'utf8');
    await writeFile(made, JSON.stringify({ ...JSON.parse(before), erasures: 1 }));
    const refused = await cli(...args, '--resume');
    await writeFile(made, before);
    expect(refused.code).toBe(3);
    expect(refused.err).toMatch(/ctr\.deep cannot be gone on with: people were erased/);
  });

  it('killed at any moment and started again, it writes the same snapshot', async () => {
    await cp(at('run'), at('killed'), { recursive: true });
    await rm(at('killed', 'ctr.deep'), { recursive: true });
    const before = (await newest('run')).bytes;
    const args = [
      'train',
      '--device',
      'wasm',
      '--slice',
      'ad_id',
      '--resume',
      '--from',
      at('killed'),
    ];
    const random = rng(3);
    let kills = 0;
    for (let i = 0; i < 3; i++) {
      const child = startChild('../../runtime/main.ts', args);
      const closed = new Promise<void>((resolve) => child.on('close', () => resolve()));
      const isStarted = async () => (await readdir(at('killed'))).includes('ctr.deep');
      while (child.exitCode === null && !(await isStarted())) await sleep(5);
      await sleep(random.below(800));
      child.kill('SIGKILL');
      await closed;
      if (child.signalCode === 'SIGKILL') kills++;
    }
    expect(kills).toBeGreaterThan(0);
    expect((await cli(...args)).code).toBe(0);
    expect((await newest('killed')).bytes.equals(before)).toBe(true);
  });

  it('trains the baseline alone when it is told to, and says what is wrong with a device', async () => {
    const { code, out, err } = await cli('train', '--from', at('run'), '--device', 'none');
    expect(code, err).toBe(0);
    expect(out).not.toMatch(/small/);
    const cuda = await cli('train', '--from', at('run'), '--device', 'cuda');
    expect(cuda.code).toBe(3);
    expect(cuda.err).toMatch(/--device cuda cannot be used here: .+/);
    const misplaced = await cli(
      'train',
      '--from',
      at('run'),
      '--device',
      'wasm',
      '--label',
      'clicked',
    );
    expect(misplaced.code).toBe(2);
    expect(misplaced.err).toMatch(/--device wasm does not go with --label or --to/);
    const slice = await cli('train', '--from', at('run'), '--slice', 'ad');
    expect(slice.code).toBe(2);
    expect(slice.err).toMatch(/there is no column ad; /);
    expect((await cli('train', '--from', at('run'), '--device', 'gpu')).code).toBe(2);
  });
});
