/** Checks from the command line: proposed from samples, judged by a run, and what people decide about what was kept. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../runtime/command/cli.ts';
import { rng } from '../random.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-quarantine-'));
  await writeFile(join(folder, 'good.ndjson'), impressions(false));
  await writeFile(join(folder, 'bad.ndjson'), impressions(true));
  await writeFile(join(folder, 'checked.feat'), program('check missing(bid) <= 20%'));
});
afterAll(() => rm(folder, { recursive: true }));

function program(checks: string): string {
  return `stream impression from "imps" {
  id   impression_id : string
  time ts            : timestamp
  user_id : string
  bid     : float?
}
feature imps = count(impression) by user_id over 1h
set of_user  = imps
examples ctr for impression {
  features of_user, impression.bid
  ${checks}
}
`;
}

/** 12,000 impressions in four minutes; in bad ones the third minute has half of its bids missing, and one bid is wild. */
function impressions(bad: boolean): string {
  const random = rng(7);
  const lines = Array.from({ length: 12_000 }, (_, i) => {
    const isMissing = bad && i >= 6_000 && i < 9_000 ? random.chance(0.5) : random.chance(0.05);
    const bid = isMissing ? null : bad && i === 100 ? 1e6 : 1 + random.next();
    const ts = 1_730_000_000_000 + i * 20;
    return JSON.stringify({ impression_id: `i${i}`, ts, user_id: `u${random.below(50)}`, bid });
  });
  return `${lines.join('\n')}\n`;
}

async function command(...args: string[]): Promise<{ code: number; text: string; errors: string }> {
  const texts: string[] = [];
  const errors: string[] = [];
  const code = await main(
    args,
    {
      print: (text) => texts.push(text),
      error: (text) => errors.push(text),
      progress: { isTTY: false, columns: 80, write: () => true },
    },
    '0',
  );
  return { code, text: texts.join('\n'), errors: errors.join('\n') };
}

function at(name: string): string {
  return join(folder, name);
}

describe('millrace check --from', () => {
  it('proposes checks that the sample passes and that bad data does not', async () => {
    await writeFile(at('plain.feat'), program(''));
    const from = ['--from', `impression=${at('good.ndjson')}`];
    const { code, text } = await command('check', at('plain.feat'), ...from);
    expect(code).toBe(0);
    const proposed = text.split('\n').filter((line) => line.startsWith('  check '));
    expect(proposed.map((line) => line.trim().split(/ <=| in/)[0])).toEqual([
      'check missing(bid)',
      'check range(bid)',
      'check drift(bid)',
      'check duplicates',
      'check size',
      'check freshness',
    ]);
    expect(text).toMatch(/^\d+ records read \(0 late, 0 duplicate, 0 malformed\)$/m);
    await writeFile(at('broken.ndjson'), '{"half"\n');
    const broken = `impression=${at('good.ndjson')},${at('broken.ndjson')}`;
    const said = await command('check', at('plain.feat'), '--from', broken);
    expect(said.text).toMatch(/^\d+ records read \(0 late, 0 duplicate, 1 malformed\)$/m);
    await writeFile(at('proposed.feat'), program(proposed.join('\n')));
    const quarantined = async (data: string, to: string) => {
      const run = ['run', at('proposed.feat'), '--from', `impression=${at(data)}`, '--quiet'];
      expect(await command(...run, '--to', at(to))).toMatchObject({ code: 0 });
      return JSON.parse(await readFile(join(at(to), 'manifest.json'), 'utf8')).quarantined;
    };
    expect(await quarantined('good.ndjson', 'good')).toBe(0);
    expect(await quarantined('bad.ndjson', 'bad')).toBeGreaterThan(2500);
  });
});

describe('millrace quarantine', () => {
  it('lists, shows, releases once, and a rerun that obeys writes the same bytes', async () => {
    const run = ['run', at('checked.feat'), '--from', `impression=${at('bad.ndjson')}`, '--quiet'];
    const first = await command(...run, '--to', at('out'));
    expect(first.text).toMatch(/kept aside by checks: .*quarantine list/);
    const listed = await command('quarantine', 'list', at('out'), '--json');
    const lots = listed.text.split('\n').map((line) => JSON.parse(line));
    expect(lots.length).toBeGreaterThan(0);
    expect(lots[0]).toMatchObject({ set: 'ctr', state: 'kept' });
    expect(lots[0].reason).toMatch(/^missing\(bid\): [\d.]+ % of \d+ rows \(99.9 % interval/);

    const { lot, rows } = lots[0];
    const shown = await command('quarantine', 'show', at('out'), 'ctr', lot);
    expect(shown.text.split('\n').length).toBe(rows);
    const before = (await readFile(join(at('out'), 'ctr.ndjson'), 'utf8')).split('\n').length;
    expect((await command('quarantine', 'release', at('out'), 'ctr', lot)).code).toBe(0);
    const again = await command('quarantine', 'release', at('out'), 'ctr', lot);
    expect(again.errors).toMatch(/nothing to do/);
    const after = (await readFile(join(at('out'), 'ctr.ndjson'), 'utf8')).split('\n').length;
    expect(after - before).toBe(rows);
    expect((await command('quarantine', 'drop', at('out'), 'ctr', '--all')).code).toBe(0);

    const rerun = await command(...run, '--to', at('again'), '--decisions', at('out'));
    expect(rerun.code).toBe(0);
    for (const name of ['ctr.ndjson', 'manifest.json', 'quarantine/ctr.ndjson']) {
      const [a, b] = await Promise.all(
        ['out', 'again'].map((dir) => readFile(join(at(dir), name))),
      );
      expect(Buffer.compare(a!, b!), name).toBe(0);
    }
  });

  it('gives up what is older than its stream keeps it, and leaves nothing of it to read', async () => {
    const kept = program('check missing(bid) <= 20%').replace('float?', 'float?\n  retain 1d');
    await writeFile(at('kept.feat'), kept);
    const from = ['--from', `impression=${at('bad.ndjson')}`];
    const run = await command('run', at('kept.feat'), ...from, '--to', at('kept'), '--quiet');
    expect(run.code).toBe(0);
    const lots = async (): Promise<{ lot: string; rows: number; from: number }[]> => {
      const { text } = await command('quarantine', 'list', at('kept'), '--json');
      return text.split('\n').map((line) => JSON.parse(line));
    };
    const [old, young] = await lots();
    const shown = await command('quarantine', 'show', at('kept'), 'ctr', young!.lot);
    const names = ['quarantine/ctr.ndjson', '.millrace/quarantine/ctr.rows'];
    const files = () =>
      Promise.all(names.map((name) => readFile(join(at('kept'), name), 'latin1')));
    const before = await files();
    const { row } = JSON.parse(before[0]!.split('\n')[0]!);
    expect(before.every((text) => text.includes(row.id))).toBe(true);

    const expire = async (ms: number) => {
      const asOf = new Date(ms + 86_400_000).toISOString();
      return command('quarantine', 'expire', at('kept'), '--as-of', asOf);
    };
    expect((await expire(old!.from)).text).toMatch(/^ctr: nothing is of anchors before/);
    expect(await files()).toEqual(before);
    const said = await expire(old!.from + 1);
    expect(said.text).toContain(`ctr: ${old!.rows} rows of anchors before`);
    const after = await files();
    expect(after.map(({ length }) => length)).toEqual(before.map(({ length }) => length));
    expect(after.some((text) => text.includes(row.id))).toBe(false);
    expect((await lots()).map(({ lot }) => lot)).not.toContain(old!.lot);
    expect(await command('quarantine', 'show', at('kept'), 'ctr', young!.lot)).toEqual(shown);

    // The others are as they were, and the counts still add up.
    expect((await command('quarantine', 'release', at('kept'), 'ctr', young!.lot)).code).toBe(0);
    const manifest = JSON.parse(await readFile(join(at('kept'), 'manifest.json'), 'utf8'));
    expect(manifest).toMatchObject({ dropped: old!.rows, released: young!.rows });
  });

  it('says what is wrong with what was asked', async () => {
    const cases: [string[], RegExp][] = [
      [['list', at('nowhere')], /nowhere is not the output folder of a run/],
      [['release', at('out'), 'ctr', '99'], /ctr has no lot 99 \(lots: /],
      [
        ['release', at('out'), 'other', '1'],
        /no example set other in this folder \(there is ctr\)/,
      ],
      [['drop', at('out'), 'ctr'], /name the lots to drop, or say --all/],
      [['show', at('out'), 'ctr', 'x'], /no lot x/],
      [['expire', at('out')], /no example set is about a stream that says `retain`/],
      [['expire', at('out'), '--as-of', 'soon'], /--as-of soon: write a time/],
    ];
    for (const [args, message] of cases) {
      const { code, errors } = await command('quarantine', ...args);
      expect(code, args.join(' ')).toBeGreaterThan(1);
      expect(errors).toMatch(message);
    }
  });
});
