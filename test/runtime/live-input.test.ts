/** Inputs that are open and silent: what they brought is committed, and whoever asks for a stop gets it. */
import { spawnSync } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { main } from '../../runtime/command/cli.ts';
import { settlesFirst } from '../../runtime/settles-first.ts';
import { openReader } from '../../runtime/source/open-reader.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-live-'));
});
afterAll(() => rm(folder, { recursive: true }));

const lines = Array.from(
  { length: 100 },
  (_, i) => `{"id":"e${i}","ts":${1_730_000_000_000 + i * 100},"user":"u${i % 3}"}\n`,
);

const quiet = { print: () => {}, error: () => {}, progress: null } as never;

const PROGRAM = `stream seen from "seen" { id id : string ; time ts : timestamp ; user : string ; late 0s }
feature n = count(seen) by user over 1h
examples s for seen { features n }
`;

it('standard input that is held open is committed at its pace, and a signal ends the run', async () => {
  const program = join(folder, 'a.feat');
  await writeFile(program, PROGRAM);
  const out = (name: string) => join(folder, name, 's.ndjson');
  const args = (to: string, from: string) => [
    'run',
    program,
    '--from',
    `seen=${from}`,
    '--to',
    join(folder, to),
    '--quiet',
  ];
  const before = new Set(process.listeners('SIGINT'));
  const input = standardInput();
  const stopped = main(args('live', '-'), quiet, '0');
  // Half of a line is nothing yet.
  input.write(lines.slice(0, 50).join('') + lines[50]!.slice(0, 20));
  for (let rows = ''; !rows.includes('"e47"'); await sleep(20)) {
    rows = await readFile(out('live'), 'utf8').catch(() => '');
  }
  for (const listener of process.listeners('SIGINT')) {
    if (!before.has(listener)) listener('SIGINT');
  }
  expect(await stopped).toBe(130);

  await writeFile(join(folder, 'all.ndjson'), lines.join(''));
  expect(await main(args('file', join(folder, 'all.ndjson')), quiet, '0')).toBe(0);
  standardInput().end(lines.join(''));
  expect(await main(args('live', '-'), quiet, '0')).toBe(0);
  expect(await readFile(out('live'), 'utf8')).toBe(await readFile(out('file'), 'utf8'));
});

/** The standard input of this process from here on. */
function standardInput(): PassThrough {
  const value = new PassThrough();
  Object.defineProperty(process, 'stdin', { value, configurable: true });
  return value;
}

it('a named pipe gives what is whole while its writer pauses, and can be closed then', async () => {
  const path = join(folder, 'pipe');
  spawnSync('mkfifo', [path]);
  const writer = createWriteStream(path);
  const field = { name: 'n', timeFormat: null, value: true, hash: false };
  const reader = await openReader(path, [
    { ...field, type: { kind: 'scalar', name: 'int', nullable: false } as never },
  ]);
  const first = reader.read(4096);
  writer.write('{"n":1}\n{"n":2}\n{"n"');
  expect((await first)?.n).toBe(2);
  const second = reader.read(4096);
  writer.write(':3}\n');
  expect((await second)?.n).toBe(1);
  const third = reader.read(4096).catch(() => null);
  expect(await settlesFirst(third, 120, () => true)).toBe(false);
  await reader.close();
  expect(await third).toBe(null);
  writer.destroy();
});
