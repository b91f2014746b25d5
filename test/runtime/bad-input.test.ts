/** Everything users and the world do wrong to the command line ends in a clear error or a counted, kept record. */
import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  command,
  type Ended,
  makeWorkshop,
  STACK,
  shell,
  type Workshop,
} from './bad-input/command.ts';
import { INPUT_CASES, type InputCase } from './bad-input/input-cases.ts';
import { clicks, impressions, noise, PROGRAM, put } from './bad-input/traffic.ts';

let workshop: Workshop;
beforeAll(() => {
  workshop = makeWorkshop();
  put(workshop.folder, {
    'ads.feat': PROGRAM,
    'imps.ndjson': impressions(400),
    'imps.ndjson.gz': 'never opened',
    'clicks.ndjson': clicks(400),
  });
});
afterAll(() => rmSync(workshop.folder, { recursive: true }));

const FROM = ['--from', 'impression=imps.ndjson', '--from', 'click=clicks.ndjson'];
const RUN = ['run', 'ads.feat', ...FROM, '--quiet'];

function read(name: string): string {
  return readFileSync(join(workshop.folder, name), 'utf8');
}

function expectPlain({ code, err }: Ended, wanted: number, says: RegExp): void {
  expect(err).toMatch(says);
  expect(err).not.toMatch(STACK);
  expect(code).toBe(wanted);
}

describe.concurrent('an input file', () => {
  it.each(INPUT_CASES.map((each) => [each.file, each] as const))('%s', async (file, of) => {
    put(workshop.folder, { [`in/${file}`]: of.content });
    const to = `out-${file}`;
    const inputs = ['--from', `impression=in/${file}`, '--from', 'click=clicks.ndjson'];
    const args = ['run', 'ads.feat', ...inputs, '--to', to, '--complete', '--quiet'];
    const ended = await command(workshop, ...args);
    expectPlain(ended, of.code, of.says ?? /^/);
    if (of.code === 0) expectCounts(of, to);
  });
});

/** The manifest, the files set aside and the examples must tell the same, and what the case says. */
function expectCounts(of: InputCase, to: string): void {
  const manifest = JSON.parse(read(`${to}/manifest.json`));
  const counts = manifest.streams.impression;
  const {
    file: _file,
    content: _content,
    code: _code,
    says: _says,
    reasons,
    emitted,
    ...wanted
  } = of;
  expect(counts).toMatchObject(wanted);
  expect(counts.accepted + counts.late + counts.duplicate + counts.malformed).toBe(counts.read);
  const rows = (name: string) => read(`${to}/${name}`).split('\n').slice(0, -1);
  const malformed = rows('malformed.ndjson').map((line) => JSON.parse(line));
  expect(malformed).toHaveLength(counts.malformed);
  expect(rows('late.ndjson')).toHaveLength(counts.late);
  expect(rows('ads_ctr.ndjson')).toHaveLength(manifest.emitted);
  if (emitted !== undefined) expect(manifest.emitted).toBe(emitted);
  for (const [offset, reason] of Object.entries(reasons ?? {})) {
    const record = malformed.find((each) => each.offset === Number(offset));
    expect(record).toMatchObject({
      stream: 'impression',
      partition: 0,
      source: `in/${of.file}`,
      reason,
    });
    expect(record.raw.length).toBeGreaterThan(0);
  }
}

describe.concurrent('a command line', () => {
  const cases: readonly (readonly [string, readonly string[], number, RegExp])[] = [
    ['no command', [], 2, /Usage: millrace/],
    [
      'an unknown command',
      ['rnu', 'ads.feat'],
      2,
      /millrace: unknown command 'rnu'\n\(Did you mean run\?\)/,
    ],
    ['an unknown option', [...RUN, '--to', 'o', '--bogus'], 2, /unknown option '--bogus'/],
    ['no --to', RUN, 2, /required option '--to/],
    ['an empty --to', [...RUN, '--to', ''], 2, /'--to <dir>' argument '' is invalid/],
    ['a file as --to', [...RUN, '--to', 'imps.ndjson'], 3, /imps\.ndjson.*a file is in the way/],
    [
      'the folder of the inputs as --to',
      [...RUN, '--to', '.'],
      3,
      /outputs would lie among inputs.*--to.*out/,
    ],
    ['no shards', [...RUN, '--to', 'o', '--shards', '0'], 2, /--shards.*whole number from 1/],
    [
      'a pace that is no number',
      [...RUN, '--to', 'o', '--commit-every', 'x'],
      2,
      /--commit-every.*seconds/,
    ],
    [
      'a negative pace',
      [...RUN, '--to', 'o', '--commit-every', '-1'],
      2,
      /--commit-every.*seconds/,
    ],
    ['no memory', [...RUN, '--to', 'o', '--memory', '0'], 2, /--memory.*megabytes/],
    [
      'an unknown format',
      [...RUN, '--to', 'o', '--format', 'csv'],
      2,
      /Allowed choices are ndjson/,
    ],
    [
      'a stream without a file',
      ['run', 'ads.feat', ...FROM.slice(0, 2), '--to', 'o'],
      2,
      /Missing:\n {2}--from click=FILE/,
    ],
    [
      'a stream that is not there',
      ['run', 'ads.feat', '--from', 'impressions=x', '--to', 'o'],
      2,
      /did you mean impression/,
    ],
    [
      'a --from without =',
      ['run', 'ads.feat', '--from', 'impression', '--to', 'o'],
      2,
      /write STREAM=FILE/,
    ],
    [
      'a missing file',
      ['run', 'ads.feat', '--from', 'impression=gone.csv', '--from', 'click=', '--to', 'o'],
      3,
      /gone\.csv does not exist \(--from impression\)/,
    ],
    [
      'a pattern',
      ['run', 'ads.feat', '--from', 'impression=*.csv', '--from', 'click=', '--to', 'o'],
      3,
      /shell does not expand/,
    ],
    [
      'a folder as FILE',
      ['run', 'ads.feat', '--from', 'impression=.', '--from', 'click=', '--to', 'o'],
      2,
      /is a folder: give its files/,
    ],
    [
      'a file twice',
      [
        'run',
        'ads.feat',
        '--from',
        'impression=imps.ndjson,./imps.ndjson',
        '--from',
        'click=',
        '--to',
        'o',
      ],
      2,
      /same file as imps\.ndjson.*count twice/,
    ],
    [
      'a file twice in two --from',
      [...RUN, '--from', 'impression=imps.ndjson', '--to', 'o'],
      2,
      /same file as imps\.ndjson/,
    ],
    [
      'a file and the same one compressed',
      [...RUN, '--from', 'impression=imps.ndjson.gz', '--to', 'o'],
      2,
      /imps\.ndjson\.gz .* has the name of imps\.ndjson.*count twice/,
    ],
    [
      'standard input twice',
      ['run', 'ads.feat', '--from', 'impression=-', '--from', 'click=-', '--to', 'o'],
      2,
      /standard input \(-\) can be one/,
    ],
    [
      'data as the program',
      ['run', 'ads.feat', 'clicks.ndjson', ...FROM, '--to', 'o'],
      2,
      /clicks\.ndjson is data, not a \.feat file/,
    ],
    ['a program that is missing', ['check', 'gone.feat'], 2, /gone\.feat does not exist/],
    ['a program below a file', ['check', 'ads.feat/x'], 2, /ads\.feat\/x does not exist/],
    [
      'a log that is none',
      ['run', 'ads.feat', '--from', 'impression=log:in', '--from', 'click=', '--to', 'o'],
      3,
      /has no topic ads\.impressions/,
    ],
    ['train on nothing', ['train', '--from', 'gone'], 3, /gone holds no finished run/],
    ['init over something', ['init', 'ads.feat'], 2, /ads\.feat exists/],
  ];
  it.each(cases)('with %s', async (_name, args, code, says) => {
    expectPlain(await command(workshop, ...args), code, says);
    // What is refused leaves nothing behind.
    expect(existsSync(join(workshop.folder, 'o'))).toBe(false);
  });
});

describe.concurrent('a program file', () => {
  const cases: readonly (readonly [string, string | Uint8Array, number, RegExp])[] = [
    ['empty.feat', '', 2, /has no examples block/],
    ['noise.feat', noise(5000), 1, /noise\.feat:1:1 error not-utf8/],
    ['utf16.feat', Buffer.from(`\ufeff${PROGRAM}`, 'utf16le'), 1, /not-utf8/],
    ['controls.feat', `${PROGRAM}\u001b[2J\u0007`, 1, /\u00b7\[2J/],
    [
      'large.feat',
      `${PROGRAM}${'# more\n'.repeat(800_000)}`,
      1,
      /large\.feat:1:1 error file-too-large/,
    ],
    ['deep.feat', `${PROGRAM}feature x = ${'('.repeat(400_000)}`, 1, /deep\.feat:\d+:\d+ error/],
    ['windows.feat', `\ufeff${PROGRAM.replaceAll('\n', '\r\n')}`, 0, /^$/],
  ];
  it.each(cases)('%s', async (name, content, code, says) => {
    put(workshop.folder, { [`programs/${name}`]: content });
    const ended = await command(
      workshop,
      'run',
      `programs/${name}`,
      ...FROM,
      '--to',
      `out-${name}`,
      '--quiet',
    );
    expectPlain(ended, code, says);
    expect(ended.err).not.toContain('\u001b');
  });

  it('a folder without any', async () => {
    put(workshop.folder, { 'bare/notes.txt': '' });
    expectPlain(await command(workshop, 'check', 'bare'), 2, /bare holds no \.feat file/);
  });
});

describe('files that this user may not touch', () => {
  // Root may touch everything: then the commands run as somebody else.
  const isRoot = process.getuid?.() === 0;
  const as = isRoot ? 'setpriv --reuid=65534 --regid=65534 --clear-groups' : '';

  it('are named, with the permission that is missing', async () => {
    const { folder } = workshop;
    put(folder, { 'closed/ads.feat': PROGRAM, 'closed/imps.ndjson': impressions(9), 'shut/x': '' });
    chmodSync(folder, 0o755);
    for (const name of ['closed/ads.feat', 'closed/imps.ndjson'])
      chmodSync(join(folder, name), 0o000);
    chmodSync(join(folder, 'shut'), 0o555);
    const inputs = '--from click=clicks.ndjson --quiet';
    const denied = [
      ['$millrace check closed/ads.feat', /cannot read closed\/ads\.feat: no permission/],
      [
        `$millrace run ads.feat --from impression=closed/imps.ndjson ${inputs} --to o`,
        /cannot read closed\/imps\.ndjson: no permission/,
      ],
      [
        `$millrace run ads.feat --from impression=imps.ndjson ${inputs} --to shut`,
        /shut\/\.millrace: no permission/,
      ],
    ] as const;
    for (const [script, says] of denied)
      expectPlain(await shell(workshop, `${as} ${script}`), 3, says);
  });
});

describe('a reader that goes away', () => {
  it('does not end the run', async () => {
    const script = `{ $millrace run ads.feat ${FROM.join(' ')} --to gone-reader; echo $? > gone-reader.code; } 2>&1 >/dev/null | true`;
    await shell(workshop, script);
    expect(read('gone-reader.code')).toBe('0\n');
    expect(existsSync(join(workshop.folder, 'gone-reader/manifest.json'))).toBe(true);
  });
});
