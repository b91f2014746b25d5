/** Nothing that a command prints, and no file but the state, says who a person is. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { main } from '../../runtime/command/cli.ts';

const PROGRAM = `
stream impression from "imps" {
  id   impression_id : string
  time ts            : timestamp
  user_id : string pii
  ad_id   : string
  bid     : float
  late 5s
}
stream view from "imps" {
  time ts    : timestamp
  ad_id : string
}
stream visit from "visits" {
  id   visit_id : string pii
  time ts       : timestamp
  user_id       : string
  retain 1d
}
feature imps   = count(impression) by user_id over 1h
feature users  = last(impression.user_id, 3) by ad_id over 1h
feature seen   = size(users) + count_of(users, "x")
feature views  = count(view) by ad_id over 1h
feature visits = count(visit) by user_id over 1h
label visited  = visit on user_id within 1h of impression
examples ctr for impression {
  features imps, seen, views, visits, impression.ad_id
  label visited wait horizon
  check range(imps) in 0 .. 3
}
`;
/** In every value that is somebody's. */
const WHO = 'canary';
const START = 1_730_000_000_000;

let folder = '';
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-pii-'));
  await writeFile(at('ads.feat'), PROGRAM);
  const row = (i: number, more: object = {}) =>
    JSON.stringify({
      ...{ impression_id: `i${i}`, ts: START + i * 1000, user_id: `${WHO}${i % 2}` },
      ...{ ad_id: 'a', bid: 0.5, ...more },
    });
  const rows = Array.from({ length: 12 }, (_, i) => row(i));
  const bad = [row(12, { bid: 'high' }), row(13, { ts: START - 60_000 }), row(14).slice(0, -1)];
  await writeFile(at('i.ndjson'), [...rows, ...bad, row(15)].join('\n'));
  const visit = { visit_id: `${WHO}-visit`, ts: START, user_id: `${WHO}1` };
  const next = { ...visit, visit_id: `${WHO}-next`, ts: START + 20_000 };
  const old = { ...visit, ts: START - 60_000, user_id: 'u' };
  await writeFile(
    at('v.ndjson'),
    [visit, visit, visit, { ...visit, ts: 'soon' }, old, next]
      .map((each) => JSON.stringify(each))
      .join('\n'),
  );
});
afterAll(() => rm(folder, { recursive: true }));

async function said(...args: string[]): Promise<string> {
  const texts: string[] = [];
  const out = {
    print: (text: string) => texts.push(text),
    error: (text: string) => texts.push(text),
    progress: { isTTY: false, columns: 80, write: (text: string) => texts.push(text) > 0 },
  };
  const code = await main(args, out, '0');
  expect(code, texts.join('\n')).toBe(0);
  return texts.join('\n');
}

it('is so of run, check, quarantine, why and what they write', async () => {
  const from = ['--from', `imps=${at('i.ndjson')}`, '--from', `visit=${at('v.ndjson')}`];
  const texts = [
    await said('run', at('ads.feat'), ...from, '--to', at('out'), '--complete'),
    await said('check', at('ads.feat'), ...from),
    await said('quarantine', 'list', at('out')),
  ];
  const lot = /ctr\s+(\w+)/.exec(texts[2]!)![1]!;
  texts.push(await said('quarantine', 'show', at('out'), 'ctr', lot));
  for (const asked of [['seen'], ['visits', '--json'], ['visited'], ['visited', '--json']]) {
    const why = await said('why', at('out'), 'i5', ...asked);
    expect(why).toContain('(pii)');
    texts.push(why);
  }
  const names = (await readdir(at('out'))).filter((name) => name.endsWith('.ndjson'));
  const files = ['manifest.json', 'quarantine/ctr.ndjson', ...names];
  for (const name of files) texts.push(await readFile(join(at('out'), name), 'utf8'));
  expect(files).toEqual(expect.arrayContaining(['ctr.ndjson', 'late.ndjson', 'malformed.ndjson']));
  expect(texts.filter((text) => text.includes(WHO))).toEqual([]);

  // Tags change what is told, and nothing of what is made.
  await writeFile(at('untagged.feat'), PROGRAM.replaceAll(' pii', ''));
  await said('run', at('untagged.feat'), ...from, '--to', at('untagged'), '--complete', '--quiet');
  const [tagged, untagged] = ['out', 'untagged'].map((dir) => join(at(dir), 'ctr.ndjson'));
  expect(await readFile(untagged!, 'utf8')).toBe(await readFile(tagged!, 'utf8'));
  expect(await readFile(join(at('untagged'), 'malformed.ndjson'), 'utf8')).toContain(WHO);

  // What was set aside is told of all the same.
  const late = (await readFile(join(at('out'), 'late.ndjson'), 'utf8')).trimEnd().split('\n');
  const lines = late.map((line) => JSON.parse(line));
  expect(lines.map(({ stream, offset, raw }) => [stream, offset, raw])).toEqual(
    expect.arrayContaining([['impression', 13, null]]),
  );
});
