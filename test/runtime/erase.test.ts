/** A person is erased: the folder is as if their events had never been written, whoever makes it and however often it is cut off. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { erasedKey } from '../../operators/scan/erasure.ts';
import { main } from '../../runtime/command/cli.ts';
import { fromJsonTime } from '../../runtime/json-time.ts';
import type { Decision, EraseDecision } from '../../runtime/log/decisions.ts';
import { compileProgram, readProgram } from '../../runtime/program-files.ts';
import { decisionsOf, withDecidedFolder } from '../../runtime/run/decided-folder.ts';
import type { ErasureReceipt } from '../../runtime/run/erasure-receipt.ts';
import { PipelineEngine } from '../../runtime/run/pipeline-engine.ts';
import { type RunRequest, type RunResult, run } from '../../runtime/run/run.ts';
import { parseInputs } from '../../runtime/source/inputs.ts';
import { MemoryStore } from '../../runtime/store/memory-store.ts';
import type { StateStore } from '../../runtime/store/state-store.ts';
import { rng } from '../random.ts';
import { Crash, SimulatedDisk } from './simulated-disk.ts';

const PROGRAM = `
stream impression from "imps" {
  id   impression_id : string
  time ts            : timestamp
  user_id : string pii
  ad_id   : string
  bid     : float?
  late 5s
}
stream click from "clicks" {
  id   click_id : string
  time ts       : timestamp
  impression_id : string
  uid           : string? pii
}
enrich click from impression on impression_id within 1h
feature imps    = count(impression) by user_id over [1m, 1h]
feature pair    = count(impression) by (user_id, ad_id) over 1h
feature clicks  = count(click) by user_id over 1h
feature ad_imps = count(impression) by ad_id over 1h
feature reach   = distinct(impression.user_id) by ad_id over 1h
feature last_user = last(impression.user_id, 3) by ad_id over 1h
feature seen    = size(last_user)
label clicked   = click on impression_id within 10m
examples ctr for impression {
  features imps, pair, clicks, ad_imps, reach, seen, impression.ad_id, impression.bid
  label clicked wait horizon
  audit 20%
  check missing(imps) <= 50%
  check range(bid) in 0 .. 0.9
}
`;
const WHO = 'Zoë-u17';
/** The same person, as another log names them. */
const UID = 'zz9987';
const SECOND = 1000;
const START = 1_730_000_000_000;

type Row = Record<string, unknown>;

/** Impressions and clicks of twenty people in ten minutes, some late, some malformed. */
function history(): { impressions: string[]; clicks: string[] } {
  const random = rng(11);
  const impressions: string[] = [];
  const clicks: string[] = [];
  for (let i = 0; i < 900; i++) {
    const user = random.below(20);
    const user_id = user === 17 ? WHO : `u${user}`;
    const isLate = random.chance(0.02);
    const ts = START + i * 400 - (isLate ? 60 * SECOND : random.below(3) * SECOND);
    const row: Row = { impression_id: `i${i}`, ts, user_id, ad_id: `a${random.below(5)}` };
    const line = JSON.stringify({ ...row, bid: random.chance(0.01) ? 'high' : random.next() });
    impressions.push(random.chance(0.003) ? `${line.slice(0, -1)},` : line);
    if (i > 450 || !random.chance(0.3)) continue;
    const uid = user === 17 ? UID : random.chance(0.1) ? null : `x${user}`;
    const click = { click_id: `c${i}`, ts: ts + 5 * SECOND, impression_id: `i${i}`, uid };
    clicks.push(JSON.stringify(click));
  }
  return { impressions, clicks };
}

const isWhole = (line: string) => line.endsWith('}');
const isTheirs = (line: string) => line.includes(WHO) || line.includes(UID);

let folder = '';
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-erase-'));
  const { impressions, clicks } = history();
  await writeFile(at('ads.feat'), PROGRAM);
  const others = (lines: string[]) => lines.filter((line) => !isTheirs(line));
  await writeFile(at('i.ndjson'), impressions.join('\n'));
  await writeFile(at('c.ndjson'), clicks.join('\n'));
  await writeFile(at('i-others.ndjson'), others(impressions).join('\n'));
  await writeFile(at('c-others.ndjson'), others(clicks).join('\n'));
  const fewer = others(impressions).filter((line) => !line.includes('"u3"'));
  await writeFile(at('i-fewer.ndjson'), fewer.join('\n'));
  await writeFile(at('c-fewer.ndjson'), others(clicks).join('\n'));
});
afterAll(() => rm(folder, { recursive: true }));

async function command(...args: string[]): Promise<{ code: number; text: string; errors: string }> {
  const texts: string[] = [];
  const errors: string[] = [];
  const out = {
    print: (text: string) => texts.push(text),
    error: (text: string) => errors.push(text),
    progress: { isTTY: false, columns: 80, write: () => true },
  };
  const code = await main(args, out, '0');
  return { code, text: texts.join('\n'), errors: errors.join('\n') };
}

async function runOver(to: string, more: string[] = [], from = ''): Promise<void> {
  const inputs = [`impression=${at(`i${from}.ndjson`)}`, `click=${at(`c${from}.ndjson`)}`];
  const made = await command(
    ...['run', at('ads.feat'), '--to', at(to), '--complete', '--quiet'],
    ...inputs.flatMap((input) => ['--from', input]),
    ...more,
  );
  expect(made, made.errors).toMatchObject({ code: 0 });
}

async function bytesBelow(dir: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(at(dir), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const read = files.map(async ({ parentPath, name }): Promise<[string, Buffer]> => {
    const path = join(parentPath, name);
    return [path.slice(at(dir).length + 1), await readFile(path)];
  });
  return new Map(await Promise.all(read));
}

const OUTPUTS = ['ctr.ndjson', 'late.ndjson', 'malformed.ndjson', 'quarantine/ctr.ndjson'];

it('makes the folder as if the events had never been there, and so does a rerun that obeys', async () => {
  await runOver('out');
  await runOver('others', [], '-others');
  // What is to go is there, in outputs or state.
  const found = [...(await bytesBelow('out'))].filter(([, bytes]) => bytes.includes(WHO));
  expect(found.length).toBeGreaterThan(0);
  const erase = ['erase', at('out'), '--key', `user_id=${WHO}`, '--key', `uid=${UID}`, '--quiet'];
  const erased = await command(...erase);
  expect(erased, erased.errors).toMatchObject({ code: 0 });

  const files = await bytesBelow('out');
  const theirs = [...files].filter(([, bytes]) => isTheirs(bytes.toString('latin1')));
  expect(theirs.map(([name]) => name)).toEqual([]);
  for (const key of [WHO, UID]) {
    const left = [...files].filter(([, bytes]) => bytes.includes(key));
    expect(left.map(([name]) => name)).toEqual([]);
  }
  const examples = (dir: string) => readFile(join(at(dir), 'ctr.ndjson'), 'utf8');
  expect(await examples('out')).toBe(await examples('others'));
  expect((await examples('out')).length).toBeGreaterThan(10_000);

  await runOver('again', ['--decisions', at('out')]);
  const again = await bytesBelow('again');
  for (const name of [...OUTPUTS, 'manifest.json']) {
    expect(again.get(name)?.toString(), name).toBe(files.get(name)?.toString());
  }
  // A question passes over them as well: else what it finds would not be what was emitted.
  const last = (await examples('out')).trimEnd().split('\n').at(-1)!;
  const { id } = JSON.parse(last);
  for (const column of ['reach', 'ad_imps']) {
    const why = await command('why', at('out'), id, column);
    expect(why, why.errors).toMatchObject({ code: 0 });
  }
  const receipt: ErasureReceipt = JSON.parse(files.get('erasures/1.json')!.toString());
  const { impressions, clicks } = history();
  const count = (lines: string[]) => lines.filter((line) => isTheirs(line) && isWhole(line));
  expect(receipt).toMatchObject({ state: 'done', before: 'end' });
  expect(receipt.removed.events).toEqual({
    impression: count(impressions).length,
    click: count(clicks).length,
  });
  expect(receipt.removed.rows['ctr.ndjson']!.after).toBeLessThan(
    receipt.removed.rows['ctr.ndjson']!.before,
  );

  // Once is once.
  await command(...erase);
  expect((await decisionsOf(at('out'))).filter(isErasure)).toHaveLength(1);

  // A second one is of whom it names, and obeys the first.
  const model = ['train', '--from', at('out'), '--to', at('ctr.model')];
  expect((await command(...model)).code).toBe(0);
  const second = await command('erase', at('out'), '--key', 'user_id=u3', '--quiet');
  expect(second).toMatchObject({ code: 0, text: expect.stringContaining('receipt: ') });
  await runOver('fewer', [], '-fewer');
  expect(await examples('out')).toBe(await examples('fewer'));
  const fewer: ErasureReceipt = JSON.parse(await readFile(at('out/erasures/2.json'), 'utf8'));
  const u3 = history().impressions.filter((line) => isWhole(line) && line.includes('"u3"'));
  expect(fewer.removed.events).toEqual({ impression: u3.length });

  // What has learnt from the rows that are gone is not gone on with.
  const resumed = await command(...model, '--resume');
  expect(resumed).toMatchObject({ code: 3, errors: expect.stringContaining('were erased') });
  expect((await command(...model, '--fresh')).code).toBe(0);
  expect((await command(...model, '--resume')).code).toBe(0);

  // Whom nothing is known of changes nothing; and starting over is no way back.
  const nobody = await command('erase', at('out'), '--key', 'uid=nobody', '--quiet');
  expect(nobody).toMatchObject({ code: 0, text: expect.stringContaining('erased nothing') });
  await runOver('out', ['--fresh']);
  expect(await examples('out')).toBe(await examples('fewer'));
});

it('says what it cannot do, and does nothing then', async () => {
  await runOver('kept');
  const digests = async () =>
    [...(await bytesBelow('kept'))].map(([name, bytes]) => `${name} ${digest(bytes)}`).sort();
  const before = await digests();
  const said = async (...args: string[]) => {
    const { code, errors } = await command('erase', ...args, '--quiet');
    return `${code} ${errors}`;
  };
  expect(await said(at('kept'), '--key', 'bid=0.5')).toMatch(/^2 .*no event can be found by `bid`/);
  expect(await said(at('kept'), '--key', 'user_id=')).toMatch(/^2 .*FIELD=VALUE/);
  expect(await said(folder, '--key', `user_id=${WHO}`)).toMatch(/^3 .*not the output folder/);
  expect(await said('--key', `user_id=${WHO}`, '--app', 'ads')).toMatch(/^2 .*ads is of.*on Kafka/);
  await mkdir(at('state/ads/unit-0'), { recursive: true });
  expect(await said(at('state'), '--key', 'user_id=u')).toMatch(/^2 .*--state-dir/s);
  await rename(at('c.ndjson'), at('c-away.ndjson'));
  expect(await said(at('kept'), '--key', 'user_id=u1')).toMatch(
    /^3 .*nothing is erased.*c\.ndjson/,
  );
  await rename(at('c-away.ndjson'), at('c.ndjson'));
  expect(await digests()).toEqual(before);
});

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function isErasure({ kind }: Decision): boolean {
  return kind === 'erase';
}

const KEYS = [erasedKey('user_id', WHO), erasedKey('uid', UID)];

/** Outputs, state and log of one folder, that lose power together. */
class World {
  readonly disk: SimulatedDisk;
  readonly #plan = compileProgram(readProgram([at('ads.feat')])).plan!;
  readonly #name: string;
  #store = new MemoryStore();

  constructor(name: string, seed: number) {
    this.#name = at(name);
    this.disk = new SimulatedDisk(rng(seed));
  }

  async run(from: string, more: Partial<RunRequest> = {}): Promise<RunResult> {
    const inputs = [`impression=${at(`i${from}.ndjson`)}`, `click=${at(`c${from}.ndjson`)}`];
    let clock = 0;
    return run({
      ...{ plan: this.#plan, inputs: await parseInputs(this.#plan, inputs), folder: this.#name },
      ...{ format: 'ndjson', complete: true, shards: 1, fresh: false, state: 'rocksdb' },
      ...{ commitEveryMs: 1, checkpointEveryMs: 2, stop: { requested: false } },
      makeEngine: (plan, slabs) =>
        new PipelineEngine(plan, {
          ...{ slabs: [slabs.get('shard-0')!], scanSlabs: slabs.get('scan')! },
          ...{ codegen: false, spill: null, bufferBytesMax: 2 ** 30 },
        }),
      ...{ say: () => undefined, onBatch: () => undefined, now: () => clock++ },
      ...{ files: this.disk, openStore: async (own) => this.#openStore(own) },
      ...more,
    });
  }

  outputs(): Record<string, string> {
    const names = ['ctr.ndjson', 'late.ndjson', 'malformed.ndjson', 'quarantine/ctr.ndjson'];
    return Object.fromEntries(names.map((n) => [n, this.disk.content(join(this.#name, n))]));
  }

  /** The store lies in a file of the folder: when that is deleted, so is the store. */
  async #openStore(own: string): Promise<StateStore> {
    const mark = join(own, 'state');
    if ((await this.disk.read(mark)) === null) this.#store = new MemoryStore();
    await this.disk.replace(mark, Uint8Array.of(1));
    return this.#store;
  }
}

/** Stands still half way, where the clicks end: what comes later is not erased. */
async function standStill(world: World): Promise<void> {
  const stop = { requested: false };
  let batches = 0;
  const onBatch = () => {
    stop.requested = ++batches === 2;
  };
  expect((await world.run('', { stop, onBatch })).outcome).toBe('stopped');
}

it('comes to the same however often the power goes, and leaves later events of the same person', async () => {
  const calm = new World('calm', 1);
  await standStill(calm);
  await calm.run('', { erase: KEYS });
  const expected = calm.outputs();

  const entry = (await decisionsOf(at('calm'), calm.disk)).find(isErasure) as EraseDecision;
  const before = fromJsonTime(entry.k);
  expect(before).toBeGreaterThan(START + 100 * SECOND);
  expect(before).toBeLessThan(START + 250 * SECOND);
  const isErased = (line: string) =>
    isTheirs(line) && line.endsWith('}') && JSON.parse(line).ts < before;
  const kept = (lines: string[]) => lines.filter((line) => !isErased(line));
  const { impressions, clicks } = history();
  expect(kept(impressions).some(isTheirs)).toBe(true);
  await writeFile(at('i-later.ndjson'), kept(impressions).join('\n'));
  await writeFile(at('c-later.ndjson'), kept(clicks).join('\n'));
  const later = new World('later', 1);
  await later.run('-later');
  expect(expected['ctr.ndjson']).toBe(later.outputs()['ctr.ndjson']);

  const random = rng(5);
  for (let seed = 2; seed < 3; seed++) {
    const wild = new World('wild', seed);
    await standStill(wild);
    let lives = 0;
    let isDecided = false;
    const refusals = new Set<string>();
    for (let isDone = false; !isDone; lives++) {
      // At first each life gets one act further: past the decision, then past each thing that is deleted.
      wild.disk.actsLeft = 1 + (lives < 40 ? lives : random.below(400));
      try {
        // Asked for again it would reach further, to what has come since.
        const more = isDecided ? {} : { erase: KEYS };
        isDone = (await wild.run('', more)).outcome !== 'stopped';
      } catch (error) {
        if (!(error instanceof Crash)) throw error;
      }
      wild.disk.restart();
      isDecided = (await decisionsOf(at('wild'), wild.disk)).some(isErasure);
      // Between the decision and the clean slate, what is kept aside is of nobody's run.
      const looked = withDecidedFolder(at('wild'), async ({ lots }) => lots.length, wild.disk);
      const refused = await looked.then(
        () => null,
        (error: Error) => error,
      );
      if (refused !== null) refusals.add(refused.message.replace(at('wild'), 'DIR'));
    }
    expect(lives).toBeGreaterThan(3);
    expect([...refusals].join()).toMatch(/^an erasure in DIR was cut off: run .* again[^,]*$/);
    const names = Object.keys(expected);
    expect(names.filter((name) => wild.outputs()[name] !== expected[name])).toEqual([]);
    expect((await decisionsOf(at('wild'), wild.disk)).filter(isErasure)).toHaveLength(1);
  }
});
