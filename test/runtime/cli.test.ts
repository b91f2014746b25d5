import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../runtime/command/cli.ts';
import { rng } from '../random.ts';
import { runChild, startChild } from './child.ts';

const MAIN = '../../runtime/main.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-cli-'));
  await writeFile(join(folder, 'ads.feat'), PROGRAM);
  await writeTraffic(30_000);
});
afterAll(() => rm(folder, { recursive: true }));

const PROGRAM = `stream impression from "ads.impressions" {
  id   impression_id : string
  time ts            : timestamp
  user_id, ad_id : string
  late 5s
}

stream click from "ads.clicks" {
  id   click_id : string
  time ts       : timestamp
  impression_id, user_id, ad_id : string
  late 5s
}

feature user_imps   = count(impression)    by user_id over [5m, 1h]
feature user_clicks = count(click)         by user_id over [5m, 1h]
feature recent_ads  = last(click.ad_id, 5) by user_id over 1h

label clicked = click on impression_id within 10m

examples ads_ctr for impression {
  features user_imps, user_clicks, recent_ads, impression.ad_id
  label clicked wait 1m then everything
}

test "a click counts for later impressions only" {
  impression { impression_id: "i1", user_id: "u", ts: 0s }
  click      { impression_id: "i1", user_id: "u", ad_id: "a", ts: 10s }
  impression { impression_id: "i2", user_id: "u", ts: 11s }
  expect user_clicks[5m] at "i1", "i2" = 0, 1
  expect clicked         at "i1", "i2" = true, false
}
`;

/** Two partitions of impressions and one of clicks, with late, repeated and malformed records. */
async function writeTraffic(n: number): Promise<void> {
  const random = rng(42);
  const files: Record<string, string[]> = { 'imps-0': [], 'imps-1': [], clicks: [] };
  const clicks: { ts: number; line: string }[] = [];
  for (let i = 0; i < n; i++) {
    const ts =
      1_730_000_000_000 + i * 150 - random.below(3000) - (random.chance(0.002) ? 60_000 : 0);
    const user_id = `u${random.below(300)}`;
    const ad_id = `a${random.below(50)}`;
    const part = files[`imps-${i & 1}`]!;
    const line = JSON.stringify({ impression_id: `i${i}`, ts, user_id, ad_id });
    part.push(random.chance(0.001) ? line.slice(0, -3) : line);
    if (random.chance(0.003)) part.push(line);
    if (random.chance(0.1)) {
      const at = ts + random.below(900_000);
      clicks.push({
        ts: at,
        line: JSON.stringify({ click_id: `c${i}`, ts: at, impression_id: `i${i}`, user_id, ad_id }),
      });
    }
  }
  clicks.sort((a, b) => a.ts - b.ts);
  files.clicks = clicks.map(({ line }) => line);
  for (const [name, lines] of Object.entries(files)) {
    await writeFile(join(folder, `${name}.ndjson`), `${lines.join('\n')}\n`);
  }
}

const paths = () => [join(folder, 'ads.feat')];
const inputs = () => [
  '--from',
  `impression=${join(folder, 'imps-0.ndjson')},${join(folder, 'imps-1.ndjson')}`,
  '--from',
  `click=${join(folder, 'clicks.ndjson')}`,
];
const runArgs = (to: string, ...more: string[]) => [
  'run',
  ...paths(),
  ...inputs(),
  '--to',
  join(folder, to),
  '--quiet',
  ...more,
];

async function cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await main(
    args,
    {
      print: (text) => {
        out += `${text}\n`;
      },
      error: (text) => {
        err += `${text}\n`;
      },
      progress: { write: () => true },
    },
    '0.0.0',
  );
  return { code, out, err };
}

/** Every file a user sees, by name. */
async function outputs(to: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of await readdir(join(folder, to))) {
    if (name !== '.millrace' && name !== 'quarantine')
      found[name] = await readFile(join(folder, to, name), 'utf8');
  }
  return found;
}

describe('run', () => {
  it('writes examples, late and malformed records, and a manifest', async () => {
    const { code, out } = await cli(...runArgs('plain'));
    expect(code).toBe(0);
    expect(out).toMatch(/records read/);
    const files = await outputs('plain');
    expect(Object.keys(files).sort()).toEqual([
      'ads_ctr.ndjson',
      'late.ndjson',
      'malformed.ndjson',
      'manifest.json',
    ]);
    const manifest = JSON.parse(files['manifest.json']!);
    const count = (name: string) => files[name]!.split('\n').length - 1;
    expect(manifest.late).toBe(count('late.ndjson'));
    expect(manifest.malformed).toBe(count('malformed.ndjson'));
    expect(manifest.emitted).toBe(count('ads_ctr.ndjson'));
    expect(manifest.late).toBeGreaterThan(10);
    expect(manifest.malformed).toBeGreaterThan(10);
    expect(manifest.duplicate).toBeGreaterThan(10);
    const { streams } = manifest;
    expect(manifest.read).toBe(streams.impression.read + streams.click.read);
    for (const stream of Object.values<Record<string, number>>(streams)) {
      expect(stream.accepted! + stream.late! + stream.duplicate! + stream.malformed!).toBe(
        stream.read,
      );
    }
    const rows = files['ads_ctr.ndjson']!.trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (let i = 1; i < rows.length; i++) {
      const a = rows[i - 1];
      const b = rows[i];
      const order =
        a.emitted - b.emitted ||
        a.time - b.time ||
        Buffer.compare(Buffer.from(a.id), Buffer.from(b.id));
      expect(order).toBeLessThanOrEqual(0);
    }
  });

  it('writes the same bytes whatever the shards, the pace and the memory', async () => {
    await cli(...runArgs('one', '--complete'));
    const expected = await outputs('one');
    const variants = [
      ['--shards', '5'],
      ['--commit-every', '0', '--checkpoint-every', '0'],
      ['--memory', '1'],
      ['--state', 'memory'],
    ];
    for (const [i, flags] of variants.entries()) {
      expect((await cli(...runArgs(`variant-${i}`, '--complete', ...flags))).code).toBe(0);
      expect(await outputs(`variant-${i}`), flags.join(' ')).toEqual(expected);
    }
  });

  it('reads a log of event blocks as it reads the files', async () => {
    await cli(...runArgs('files'));
    const log = join(folder, 'log');
    expect((await cli('ingest', ...paths(), ...inputs(), '--to', log)).code).toBe(0);
    const from = ['--from', `impression=log:${log}`, '--from', `click=log:${log}`];
    const { code, err } = await cli(
      'run',
      ...paths(),
      ...from,
      '--to',
      join(folder, 'from-log'),
      '--quiet',
    );
    expect(err).toBe('');
    expect(code).toBe(0);
    const [a, b] = [await outputs('files'), await outputs('from-log')];
    expect(b['ads_ctr.ndjson']).toBe(a['ads_ctr.ndjson']);
    expect(b['malformed.ndjson']!.split('\n').length).toBe(
      a['malformed.ndjson']!.split('\n').length,
    );
  });

  it('writes the same bytes after being killed again and again', async () => {
    expect((await cli(...runArgs('calm'))).code).toBe(0);
    const random = rng(7);
    const args = runArgs('killed', '--commit-every', '0', '--checkpoint-every', '0.05');
    let kills = 0;
    for (;;) {
      const child = startChild(MAIN, args);
      const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
      if (kills < 6) {
        await Promise.race([closed, sleep(400 + random.below(900))]);
        if (child.exitCode === null) kills++;
        child.kill('SIGKILL');
      }
      const code = await closed;
      if (code === 0) break;
      expect(child.signalCode).toBe('SIGKILL');
    }
    expect(kills).toBeGreaterThan(2);
    expect(await outputs('killed')).toEqual(await outputs('calm'));
  });

  it('stops at a commit on a signal, says that the same command goes on, and it does', async () => {
    await cli(...runArgs('unstopped'));
    const child = startChild(MAIN, runArgs('stopped', '--commit-every', '0'));
    let err = '';
    child.stderr.on('data', (bytes) => {
      err += bytes;
    });
    const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
    for (;;) {
      await sleep(5);
      if (
        (await readdir(join(folder, 'stopped')).catch((): string[] => [])).includes(
          'ads_ctr.ndjson',
        )
      )
        break;
    }
    child.kill('SIGINT');
    expect(await closed).toBe(130);
    expect(err).toMatch(/same command again/);
    expect((await cli(...runArgs('stopped'))).code).toBe(0);
    expect(await outputs('stopped')).toEqual(await outputs('unstopped'));
  });

  it('says that a finished run is done', async () => {
    await cli(...runArgs('twice'));
    const before = await outputs('twice');
    const { code, err } = await cli(...runArgs('twice'));
    expect(code).toBe(0);
    expect(err).toMatch(/done already/);
    expect(await outputs('twice')).toEqual(before);
  });
});

describe('exit codes', () => {
  it('2: the command line is wrong', async () => {
    for (const [args, message] of [
      [['run', ...paths(), '--to', 'x'], /--from/],
      [['run', ...paths(), '--from', 'impresion=x', '--to', 'x'], /did you mean impression/],
      [['run', ...paths(), '--from', 'impression=x', '--to', 'x'], /Missing:\n.*--from click=FILE/],
      [['run', ...paths(), ...inputs(), '--to', 'x', '--shards', '0'], /whole number/],
      [['run', ...paths(), ...inputs(), '--to', 'x', '--until-end'], /--until-end is for a worker/],
      [['run', ...paths(), '--kafka', 'h:1', '--app', 'a', '--fresh'], /another --app begins anew/],
      [
        ['run', ...paths(), '--kafka', 'h:1', '--app', 'a', '--registry', 'h:2'],
        /--registry h:2: write http/,
      ],
      [['run', ...paths(), ...inputs(), '--to', 'x', '--format', 'xml'], /ndjson/],
      [['run', join(folder, 'nothing.feat'), ...inputs(), '--to', 'x'], /does not exist/],
      [['rum'], /Did you mean run/],
      [['explain', ...paths(), 'user_impz'], /did you mean user_imps/],
    ] as const) {
      const { code, err } = await cli(...args);
      expect(err).toMatch(message);
      expect(code, args.join(' ')).toBe(2);
    }
  });

  it('1: the program is wrong', async () => {
    const path = join(folder, 'wrong.feat');
    await writeFile(path, PROGRAM.replace('by user_id over [5m, 1h]', 'by user_idd over [5m, 1h]'));
    for (const args of [
      ['check', path],
      ['test', path],
      ['explain', path],
      ['run', path, ...inputs(), '--to', join(folder, 'x')],
    ]) {
      const { code, err } = await cli(...args);
      expect(code, args[0]).toBe(1);
      expect(err).toMatch(/user_idd/);
    }
    const { code, out } = await cli('check', path, '--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)[0]).toMatchObject({ severity: 'error', file: path });
  });

  it('3: the world is wrong', async () => {
    const gone = ['--from', `impression=${join(folder, 'gone.ndjson')}`, '--from', 'click='];
    const { code, err } = await cli('run', ...paths(), ...gone, '--to', join(folder, 'gone'));
    expect(err).toMatch(/gone\.ndjson does not exist/);
    expect(code).toBe(3);
    const other = await cli(...runArgs('plain', '--shards', '2'));
    expect(other.err).toMatch(/--shards 1, not 2[\s\S]*--fresh/);
    expect(other.code).toBe(3);
  });

  it('0: help and version', async () => {
    expect(await cli('--version')).toMatchObject({ code: 0, out: '0.0.0\n' });
    expect((await cli('run', '--help')).code).toBe(0);
  });
});

describe('the other commands', () => {
  it('check, fmt and test a program', async () => {
    expect(await cli('check', ...paths())).toMatchObject({ code: 0 });
    expect(await cli('fmt', '--check', ...paths())).toMatchObject({ code: 0, out: '' });
    expect(await cli('test', ...paths())).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^ok .*\n1 passed, 0 failed/),
    });
    const untidy = join(folder, 'untidy.feat');
    await writeFile(untidy, PROGRAM.replace('late 5s', 'late    5s'));
    expect((await cli('fmt', '--check', untidy)).code).toBe(1);
    expect((await cli('fmt', untidy)).code).toBe(0);
    expect(await readFile(untidy, 'utf8')).toBe(PROGRAM);
  });

  it('show what a failing test found', async () => {
    const path = join(folder, 'failing.feat');
    await writeFile(path, PROGRAM.replace('= 0, 1', '= 0, 2'));
    const { code, out } = await cli('test', path);
    expect(code).toBe(1);
    expect(out).toMatch(/FAIL/);
    expect(out).toMatch(/user_clicks\[5m\] at "i2" is 1, expected 2/);
  });

  it('test expects fractions where credit is divided, and says so of a bool', async () => {
    const path = join(folder, 'divided.feat');
    const program = (first: string) => `
stream imp from "imp" { id iid : string; time ts : timestamp; user : string }
stream buy from "buy" { id bid : string; time ts : timestamp; user : string }
label bought = buy on user within 1h of imp credit linear
examples e for imp {
  features imp.user
  label bought wait 1m then late positives
}
test "a third each" {
  imp { iid: "a", user: "u", ts: 0s }
  imp { iid: "b", user: "u", ts: 1s }
  imp { iid: "c", user: "u", ts: 2s }
  buy { user: "u", ts: 2m }
  expect bought at "a", "b", "c" = ${first}, 0.333333, 0.333334
  expect emissions of e at "a" = 1m { bought: 0 observed }, 2m { bought: 0.333333 late_positive }
}
`;
    await writeFile(path, program('0.333333'));
    expect((await cli('test', path)).code).toBe(0);
    await writeFile(path, program('true'));
    const { code, err } = await cli('test', path);
    expect(code).toBe(1);
    expect(err).toMatch(/`bought` is float, but this is bool/);
  });

  it('init makes a project that passes its own commands', async () => {
    const dir = join(folder, 'project');
    expect((await cli('init', dir)).code).toBe(0);
    const features = join(dir, 'features');
    expect((await cli('check', features)).code).toBe(0);
    expect((await cli('fmt', '--check', features)).code).toBe(0);
    expect((await cli('test', features)).code).toBe(0);
    const from = [
      '--from',
      `impression=${join(dir, 'data/impressions.ndjson')}`,
      '--from',
      `click=${join(dir, 'data/clicks.ndjson')}`,
    ];
    expect(
      (await cli('run', features, ...from, '--to', join(dir, 'out'), '--complete', '--quiet')).code,
    ).toBe(0);
    const rows = (await readFile(join(dir, 'out/ads_ctr.ndjson'), 'utf8')).trimEnd().split('\n');
    expect(rows.length).toBe(500);
    expect((await cli('init', dir)).code).toBe(2);
  });

  it('runs as a process of its own', async () => {
    const { code, stdout } = await runChild(MAIN, ['check', ...paths()]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/1 file: no problems/);
  });
});
