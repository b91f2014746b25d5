/** What keeps a folder from being handed over, and from being made again once it was. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../runtime/command/cli.ts';
import { disk } from '../../runtime/files.ts';
import { handOver, readEndedRun } from '../../runtime/run/hand-over.ts';
import { planOf } from '../run-in-memory.ts';
import { START, smallEvents, smallPlan, smallProgram } from '../worker/small-app.ts';

const T = START + 12_000;
let folder = '';
let from: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-hand-over-'));
  await writeFile(join(folder, 'small.feat'), smallProgram());
  for (const { stream, rows } of smallEvents(3, 200, 1)) {
    const path = join(folder, `${stream}.ndjson`);
    await writeFile(
      path,
      `${rows
        .filter((row) => typeof row === 'object')
        .map((row) => JSON.stringify(row))
        .join('\n')}\n`,
    );
    from = [...from, '--from', `${stream}=${path}`];
  }
});
afterAll(() => rm(folder, { recursive: true }));

async function command(...args: string[]): Promise<{ code: number; text: string }> {
  const lines: string[] = [];
  const take = (line: string) => lines.push(line);
  const code = await main(args, { print: take, error: take, progress: process.stderr }, '0');
  return { code, text: lines.join('\n') };
}

function runTo(name: string, ...more: string[]) {
  const to = join(folder, name);
  return command('run', join(folder, 'small.feat'), ...from, '--to', to, '--quiet', ...more);
}

const KAFKA = ['--kafka', 'h:1', '--app', 'ads'];
const UNTIL = ['--until', new Date(T).toISOString()];
const program = smallPlan();

describe('a folder that is handed over', () => {
  it('is one that was ended at a time, with its state, by one shard of the program', async () => {
    const read = (name: string, app = 'ads', of = program) =>
      readEndedRun(join(folder, name), disk, { app, program: of });
    expect(await runTo('open')).toMatchObject({ code: 0 });
    await expect(read('open')).rejects.toThrow(/make it with --until TIME/);
    expect(await runTo('wide', ...UNTIL, '--shards', '2')).toMatchObject({ code: 0 });
    await expect(read('wide')).rejects.toThrow(/was made with --shards 2/);
    const made = await runTo('ended', ...UNTIL);
    expect(made.code, made.text).toBe(0);
    expect(made.text).toMatch(/shown: labels that wait still: \d+ of clicked/);
    const other = planOf(smallProgram().replace('over 1m', 'over 2m'));
    await expect(read('ended', 'ads', other)).rejects.toThrow(/made by another program/);
    expect(await read('ended')).toMatchObject({ k: T, id: null });
    expect(await runTo('ended', '--until', new Date(T + 1).toISOString())).toMatchObject({
      code: 3,
      text: expect.stringContaining(`it was started with ${UNTIL.join(' ')}, and this is with`),
    });
  });

  it.each([
    [[...KAFKA, ...UNTIL], 'go on from that with --continue-from DIR'],
    [[...KAFKA, '--continue-from', 'out', '--shards', '2'], 'an application of one shard'],
    [[...KAFKA, '--continue-from', 'out', '--state', 'memory'], 'not with --state memory'],
    [[...KAFKA, '--upgrade', '--shards', '2'], 'an application of one shard'],
    [['--continue-from', 'out'], 'is for a worker on Kafka'],
    [['--until', '2026-03-01T06:00'], 'It must be a time such as'],
  ])('is asked for as it can be: %j', async (flags, text) => {
    expect(await command('run', join(folder, 'small.feat'), ...flags)).toMatchObject({
      code: 2,
      text: expect.stringContaining(text),
    });
  });

  it('is one application’s, and is not made again', async () => {
    const to = join(folder, 'once');
    expect(await runTo('once', ...UNTIL)).toMatchObject({ code: 0 });
    const [first] = (await readFile(join(to, 'shown.ndjson'), 'utf8')).split('\n');
    const { id } = JSON.parse(first!) as { id: string };
    // The rows that were left to the application are nobody's here.
    for (const column of ['bids', 'clicked']) {
      const why = await command('why', to, id, column);
      expect(why.code, why.text).toBe(0);
    }
    const name = await handOver(to, disk, 'ads');
    expect(await handOver(to, disk, 'ads')).toBe(name);
    await expect(handOver(to, disk, 'others')).rejects.toThrow(
      /handed over to the application ads/,
    );
    const taker = { app: 'others', program };
    await expect(readEndedRun(to, disk, taker)).rejects.toThrow(/would give its examples twice/);
    expect(await runTo('once', ...UNTIL)).toMatchObject({ code: 0 });
    for (const again of [
      await runTo('once', ...UNTIL, '--fresh'),
      await command('erase', to, '--key', 'user_id=u1', '--quiet'),
    ]) {
      expect(again).toMatchObject({
        code: 3,
        text: expect.stringContaining('to the application ads'),
      });
    }
  });
});
