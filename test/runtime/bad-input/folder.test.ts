/** An output folder that is another's, in use, damaged, cut off, or on a full disk: a clear error, or the same bytes. */
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  command,
  type Ended,
  ended,
  makeWorkshop,
  STACK,
  shell,
  start,
  type Workshop,
} from './command.ts';
import { clicks, impressions, PROGRAM, put } from './traffic.ts';

const N = 60_000;
/** Enough for the reader to give some of it out while the rest has not come. */
const HALF_BYTES = 2_500_000;

let workshop: Workshop;
let traffic = '';
/** Examples of a run that nobody disturbed. */
let whole = '';

beforeAll(async () => {
  workshop = makeWorkshop();
  traffic = impressions(N, (event, i) => ({ ...event, ts: Number(event.ts) + i * 80 }));
  put(workshop.folder, {
    'ads.feat': PROGRAM,
    'other.feat': PROGRAM.replace('within 10m', 'within 9m'),
    'imps.ndjson': traffic,
    'few.ndjson': impressions(400),
    'clicks.ndjson': clicks(N),
  });
  const { code } = await shell(workshop, `$millrace ${piped('whole').join(' ')} < imps.ndjson`);
  expect(code).toBe(0);
  whole = read('whole/ads_ctr.ndjson');
});
afterAll(() => rmSync(workshop.folder, { recursive: true }));

const PACE = ['--commit-every', '0', '--checkpoint-every', '0', '--quiet'];

function piped(to: string): string[] {
  const inputs = ['--from', 'impression=-', '--from', 'click=clicks.ndjson'];
  return ['run', 'ads.feat', ...inputs, '--to', to, ...PACE];
}

function small(to: string, ...more: string[]): string[] {
  const inputs = ['--from', 'impression=few.ndjson', '--from', 'click=clicks.ndjson'];
  return ['run', 'ads.feat', ...inputs, '--to', to, '--quiet', ...more];
}

const at = (name: string) => join(workshop.folder, name);
const read = (name: string) => readFileSync(at(name), 'utf8');

function expectPlain({ code, err }: Ended, wanted: number, says: RegExp): void {
  expect(err).toMatch(says);
  expect(err).not.toMatch(STACK);
  expect(code).toBe(wanted);
}

/** A run that stands in the middle of its input, with examples written. */
async function halfway(to: string) {
  const child = start(workshop, piped(to));
  child.stdin!.write(traffic.slice(0, HALF_BYTES));
  const sizeOf = () => statSync(at(`${to}/ads_ctr.ndjson`), { throwIfNoEntry: false })?.size ?? 0;
  while (sizeOf() === 0 && child.exitCode === null) await sleep(20);
  return child;
}

/** Stopped by Ctrl-C in the middle: outputs and a checkpoint. */
async function stopped(to: string): Promise<void> {
  const child = await halfway(to);
  const end = ended(child);
  child.kill('SIGINT');
  // It waits for input: the rest lets it go on to its next commit.
  await sleep(50);
  child.stdin!.on('error', () => undefined).end(traffic.slice(HALF_BYTES));
  expectPlain(await end, 130, /Stopped at a commit\. Run the same command again/);
  expect(read(`${to}/ads_ctr.ndjson`).length).toBeLessThan(whole.length);
}

const again = (to: string) => shell(workshop, `$millrace ${piped(to).join(' ')} < imps.ndjson`);

describe('a folder of another run', () => {
  const others: readonly (readonly [string, (to: string) => string[], RegExp])[] = [
    [
      'program',
      (to) => ['run', 'other.feat', ...small(to).slice(2)],
      /the program changed \(plan \w{12} then/,
    ],
    ['number of shards', (to) => small(to, '--shards', '2'), /started with --shards 1, not 2/],
    ['format', (to) => small(to, '--format', 'block'), /started with --format ndjson, not block/],
    ['end', (to) => small(to, '--complete'), /started without --complete, and this is with/],
    [
      'input',
      (to) => small(to).map((each) => each.replace('few', 'imps')),
      /read from other content \(few\.ndjson/,
    ],
    [
      'list of inputs',
      (to) => small(to).map((each) => each.replace('clicks.ndjson', '')),
      /clicks\.ndjson \(ads\.clicks\/0\) was an input/,
    ],
  ];
  it('is refused, whatever differs, and kept', async () => {
    expect((await command(workshop, ...small('mine'))).code).toBe(0);
    const examples = read('mine/ads_ctr.ndjson');
    for (const [, args, says] of others) {
      expectPlain(await command(workshop, ...args('mine')), 3, says);
    }
    expect(read('mine/ads_ctr.ndjson')).toBe(examples);
    expectPlain(await command(workshop, ...small('mine')), 0, /mine is done already/);
  });

  it('is refused when the input became another after it was killed', async () => {
    put(workshop.folder, { 'grows.ndjson': impressions(400) });
    const args = small('grown').map((each) => each.replace('few', 'grows'));
    const child = start(workshop, args);
    while (!existsSync(at('grown/.millrace/run.json')) && child.exitCode === null) await sleep(5);
    child.kill('SIGKILL');
    await ended(child);
    put(workshop.folder, { 'grows.ndjson': impressions(300) });
    expectPlain(
      await command(workshop, ...args),
      3,
      /ads\.impressions\/0 was read from other content/,
    );
  });

  it('is refused when it is nobody’s, or its papers make no sense', async () => {
    put(workshop.folder, { 'theirs/manifest.json': 'theirs' });
    expectPlain(
      await command(workshop, ...small('theirs')),
      3,
      /theirs\/manifest\.json exists and was not made by/,
    );
    expect(read('theirs/manifest.json')).toBe('theirs');
    for (const text of [
      '',
      'null',
      '7',
      '{"version":1,"planDigest":5,"sources":7}',
      '{"version":9}',
    ]) {
      put(workshop.folder, { 'papers/.millrace/run.json': text });
      expectPlain(await command(workshop, ...small('papers')), 3, /is damaged|another version/);
    }
  });

  it('never loses an input to --fresh', async () => {
    put(workshop.folder, { 'again/late.ndjson': impressions(9) });
    const args = small('again', '--fresh').map((each) => each.replace('few', 'again/late'));
    expectPlain(
      await command(workshop, ...args),
      3,
      /again\/late\.ndjson is an input, and an output/,
    );
    expect(read('again/late.ndjson')).toBe(impressions(9));
  });
});

describe('a run that is disturbed', () => {
  it('holds its folder; killed, it goes on with the same program only, to the same bytes', async () => {
    const child = await halfway('killed');
    const locked = await again('killed');
    expectPlain(locked, 3, new RegExp(`in use by process ${child.pid} `));
    child.kill('SIGKILL');
    await ended(child);
    const other = `$millrace ${piped('killed').join(' ').replace('ads.feat', 'other.feat')}`;
    expectPlain(await shell(workshop, `${other} < imps.ndjson`), 3, /the program changed/);
    expectPlain(await again('killed'), 0, /must bring the same bytes again/);
    expect(read('killed/ads_ctr.ndjson')).toBe(whole);
  });

  it('says so when its input has become shorter than what is out', async () => {
    await stopped('shorter');
    const ended = await shell(workshop, `$millrace ${piped('shorter').join(' ')} < few.ndjson`);
    expectPlain(ended, 3, /standard input ends before the place where this run goes on.*--fresh/);
  });

  it('goes on after Ctrl-C, and finds every kind of damage', async () => {
    await stopped('base');
    cpSync(at('base'), at('intact'), { recursive: true });
    expectPlain(await again('intact'), 0, /^/);
    expect(read('intact/ads_ctr.ndjson')).toBe(whole);
    for (const [file, damage, says] of DAMAGES) {
      rmSync(at('hurt'), { recursive: true, force: true });
      cpSync(at('base'), at('hurt'), { recursive: true });
      damage(at(`hurt/${filesLike('hurt', file)}`));
      const end = await again('hurt');
      expect(end.err, String(file)).not.toMatch(STACK);
      if (end.code === 0) expect(read('hurt/ads_ctr.ndjson'), String(file)).toBe(whole);
      else expect(end, String(file)).toMatchObject({ code: 3, err: expect.stringMatching(says) });
    }
  });
});

/** What is hurt, how, and what is said; a run that ends well must have the same bytes. */
const DAMAGES: readonly (readonly [RegExp, (path: string) => void, RegExp])[] = [
  [/rocksdb\/CURRENT$/, flip, /state in .* is damaged .*--fresh/],
  [/rocksdb\/MANIFEST-/, flip, /state in .* is damaged .*--fresh/],
  [/rocksdb\/MANIFEST-/, (path) => rmSync(path), /state in .* is damaged .*--fresh/],
  [/rocksdb\/.*\.(sst|log)$/, flip, /state in .* is damaged .*--fresh/],
  [/rocksdb\/.*\.(sst|log)$/, cut, /state in .* is damaged .*--fresh/],
  [/rocksdb\/pages/, flip, /state in .* is damaged .*--fresh/],
  [/rocksdb\/pages/, cut, /state in .* is damaged .*--fresh/],
  [/rocksdb\/pages/, (path) => rmSync(path), /state in .* is damaged .*--fresh/],
  [/log\/progress-0\/.*\.log$/, cut, /ahead of its progress log.*--fresh/],
  [/log\/progress-0\/.*\.log$/, flip, /(is damaged at byte|ahead of its progress log).*--fresh/],
  [/log\/progress-0\/.*\.log$/, (path) => rmSync(path), /ahead of its progress log.*--fresh/],
  [
    /log\/decisions-0\/.*\.log$/,
    (path) => writeFileSync(path, 'sixteen bytes of it'),
    /is damaged at byte 0.*--fresh/,
  ],
  [/ads_ctr\.ndjson$/, cut, /committed: somebody cut or replaced it.*--fresh/],
];

/** Path of the first file of a folder that looks so, inside the folder. */
function filesLike(folder: string, wanted: RegExp): string {
  const names = readdirSync(at(folder), { recursive: true }).map(String).sort();
  const found = names.find(
    (name) => wanted.test(name) && statSync(at(`${folder}/${name}`)).size > 0,
  );
  expect(found, String(wanted)).toBeDefined();
  return found!;
}

function flip(path: string): void {
  const bytes = readFileSync(path);
  for (let i = 0; i < bytes.length; i += Math.ceil(bytes.length / 3)) bytes[i]! ^= 0x41;
  writeFileSync(path, bytes);
}

function cut(path: string): void {
  truncateSync(path, statSync(path).size >> 1);
}

describe('a log', () => {
  const ingest = (input: string) => ['ingest', 'ads.feat', '--from', `impression=${input}`];
  const from = ['--from', 'impression=log:log', '--from', 'click=', '--to', 'from-log', '--quiet'];

  it('whose ingest was cut off, or that lost its tail, is no shorter input', async () => {
    const child = start(workshop, [...ingest('-'), '--from', 'click=', '--to', 'log']);
    child.stdin!.write(traffic.slice(0, HALF_BYTES));
    while (!existsSync(at('log/ads.impressions-0')) && child.exitCode === null) await sleep(20);
    child.kill('SIGKILL');
    await ended(child);
    expectPlain(
      await command(workshop, 'run', 'ads.feat', ...from),
      3,
      /not whole: its ingest was cut off/,
    );
    rmSync(at('log'), { recursive: true });
    const { code } = await command(
      workshop,
      ...ingest('imps.ndjson'),
      '--from',
      'click=',
      '--to',
      'log',
    );
    expect(code).toBe(0);
    cut(at(`log/${filesLike('log', /\.log$/)}`));
    expectPlain(await command(workshop, 'run', 'ads.feat', ...from), 3, /its end was lost/);
  });
});

describe('a full disk', () => {
  it('ends the run with what was committed whole; with more space it goes on to the same bytes', async () => {
    // A small disk of our own needs a user namespace; where there are none, /dev/full is the disk of one file.
    const canMount = (await shell(workshop, 'unshare -rm true')).code === 0;
    const run = `$millrace ${piped('disk/out').join(' ')} < imps.ndjson`;
    const script = canMount
      ? `mkdir disk; unshare -rm sh -c 'mount -t tmpfs -o size=6m none disk; ${run}; echo $? > full.code; mount -o remount,size=500m disk; ${run}; echo $? > more.code; cp disk/out/ads_ctr.ndjson disk.ndjson'`
      : `mkdir -p disk/out/.millrace; ln -s /dev/full disk/out/.millrace/spill; ${run}; echo $? > full.code; rm disk/out/.millrace/spill; ${run}; echo $? > more.code; cp disk/out/ads_ctr.ndjson disk.ndjson`;
    const { err } = await shell(workshop, script);
    expect(err).not.toMatch(STACK);
    if (canMount) {
      expect(err).toMatch(/no space left on the disk that holds .*free some space/);
      expect(read('full.code')).toBe('3\n');
    }
    expect(read('more.code')).toBe('0\n');
    expect(read('disk.ndjson')).toBe(whole);
  });
});
