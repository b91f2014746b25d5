import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { disk } from '../../runtime/files.ts';
import { SideRecords } from '../../runtime/sink/side-records.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-side-'));
});
afterAll(() => rm(folder, { recursive: true }));

const source = (partition: number) => ({ stream: 'click', partition, file: `c${partition}` });
const record = (offset: number) => ({ offset, reason: 'late', raw: null });

async function shown(): Promise<string[]> {
  const text = await readFile(join(folder, 'late.ndjson'), 'utf8');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => `${JSON.parse(line).partition}/${JSON.parse(line).offset}`);
}

it('records are seen after each commit, in the order they came; at the end by partition', async () => {
  const first = await SideRecords.open(folder, disk, {});
  await first.write('late', source(1), [record(7)]);
  await first.commit();
  expect(await shown()).toEqual(['1/7']);
  await first.write('late', source(0), [record(3)]);
  await first.write('late', source(1), [record(9)]);
  const committed = await first.commit();
  expect((await shown()).sort()).toEqual(['0/3', '1/7', '1/9']);
  await first.write('late', source(1), [record(11)]);
  await first.close();

  // The next life begins at the commit, and shows what was committed once.
  const second = await SideRecords.open(folder, disk, committed);
  await second.write('late', source(0), [record(5)]);
  await second.commit();
  expect((await shown()).sort()).toEqual(['0/3', '0/5', '1/7', '1/9']);
  await second.finish([source(0), source(1)]);
  await second.close();
  expect(await shown()).toEqual(['0/3', '0/5', '1/7', '1/9']);
  expect(await readFile(join(folder, 'malformed.ndjson'), 'utf8')).toBe('');
});
