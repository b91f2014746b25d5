/**
 * What `millrace why` prints, in text (cases): a piece of a program over the streams of test/case-rows.ts, then `rows` and what
 * arrives, then `why` and its arguments, a line a question.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { ownCommand } from '../../../runtime/own-command.ts';
import { readRows, STREAMS } from '../../case-rows.ts';
import { runCases } from '../../cases.ts';
import { runFolder } from './run-folder.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-why-'));
});
afterAll(() => rm(folder, { recursive: true }));

const cases = join(import.meta.dirname, 'cases');
for (const file of await readdir(cases)) {
  runCases(join(cases, file), (text, name) => answers(text, `${file} ${name}`));
}

async function answers(text: string, name: string): Promise<string> {
  const [program, rest] = text.split(/^rows(?: of streams that go on)?$/m);
  const flags = /^rows of streams that go on$/m.test(text) ? [] : ['--complete'];
  const lines = rest.split('\n');
  const questions = lines.filter((line) => line.startsWith('why '));
  const rows = readRows(lines.filter((line) => !line.startsWith('why ')).join('\n'));
  const run = await runFolder(
    join(folder, name.replaceAll(/\W+/g, '-')),
    STREAMS + program,
    rows,
    flags,
  );
  const said: string[] = [];
  for (const question of questions) {
    const { out, err } = await run.why(...question.split(' ').slice(1));
    said.push(
      [out, err]
        .filter((each) => each !== '')
        .join('\n')
        .replaceAll(`${run.folder}/`, '')
        .replaceAll(ownCommand(), 'millrace'),
    );
  }
  return said.join('\n\n');
}
