/**
 * What `millrace why` says, twice: in text (cases: a piece of a program over the streams of test/case-rows.ts, then `rows` and
 * what arrives, then `why` and its arguments, a line a question), and as laws about random programs over random rows, in which there are
 * ties, nulls, late, repeated and broken records: what is listed makes what the engine emitted.
 */
import { appendFile, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Value } from '../../../operators/column/column.ts';
import type { EmittedLabel, ExampleRow } from '../../../runtime/block/example-row.ts';
import { ownCommand, shownPath } from '../../../runtime/own-command.ts';
import { AnchorSearch } from '../../../runtime/why/anchor-row.ts';
import { ColumnQuestion, type Explained } from '../../../runtime/why/explain-column.ts';
import { type Asked, gather, search } from '../../../runtime/why/find-anchor.ts';
import { renderLabel } from '../../../runtime/why/render-label.ts';
import { isSameValue } from '../../../runtime/why/row-values.ts';
import { whyLabel } from '../../../runtime/why/why-label.ts';
import { readRows, STREAMS } from '../../case-rows.ts';
import { runCases } from '../../cases.ts';
import { programText } from '../../generate/program-text.ts';
import { generateCase } from '../../generate/trial.ts';
import { rng } from '../../random.ts';
import { planOf, runInMemory } from '../../run-in-memory.ts';
import { command, openFiles, runFolder, writeInput } from './run-folder.ts';

const SEEDS = 8;
/** In which every kind of emission occurs; something is taken back in one of thirty only. */
const LABEL_SEEDS = [6, 29, 58, 70, 81, 94, 107, 111, 174, 281, 307, 386, 1187, 2056];
/** Rows of each example set that are asked about; about every feature of them. */
const ROWS = 2;

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
        // Named as one would type it from here: that depends on where this is.
        .replaceAll(`${shownPath(run.folder)}/`, '')
        .replaceAll(`${run.folder}/`, '')
        .replaceAll(ownCommand(), 'millrace'),
    );
  }
  return said.join('\n\n');
}

it('says where to ask about an application on Kafka, by its name or by the state of a worker', async () => {
  await mkdir(join(folder, 'state', 'ads', 'unit-0'), { recursive: true });
  const state = join(folder, 'state');
  for (const args of [
    ['--kafka', 'localhost:9092', '--app', 'ads'],
    [state, 'i1', 'clicks'],
  ]) {
    const { code, err } = await command('why', ...args);
    expect(code).toBe(2);
    expect(err).toContain('is of an application on Kafka');
  }
});

it('answers from the inputs of the run or not at all', async () => {
  const program = `${STREAMS}feature imps = count(imp) by user over 1m\nexamples e for imp { features imps }`;
  const rows = readRows('imp 1s iid=a\nimp 2s iid=b');
  const run = await runFolder(join(folder, 'inputs'), program, rows, []);
  const asked = ['b', 'imps', '--json'];
  expect(JSON.parse((await run.why(...asked)).out)).toMatchObject({ agrees: true, emitted: 1 });
  const file = join(run.folder, 'imp-0.ndjson');
  await appendFile(file, '{"iid":"c"}\n');
  const changed = await run.why(...asked);
  expect(changed).toMatchObject({ code: 3, out: '' });
  expect(changed.err).toContain('imp/0 was read from other content');
  await rm(file);
  const gone = await run.why(...asked);
  expect(gone).toMatchObject({ code: 3, out: '' });
  expect(gone.err).toContain('if they have moved, say where with --from');
});

it('a feature is what its events make, in random programs', { timeout: 60_000 }, async () => {
  let listed = 0;
  for (let seed = 0; seed < SEEDS; seed++) {
    const { at, sets, random } = await world(seed);
    const rows = sets.flatMap(({ set, lines }) =>
      Array.from({ length: ROWS }, () => {
        const row = random.pick(lines);
        return { set, row, found: new AnchorSearch(at, { set, id: row.id, time: row.time }) };
      }),
    );
    await search(
      at,
      rows.map(({ found }) => found),
    );
    const asked = rows.flatMap(({ set, row, found }) =>
      set.features.map(({ name, slot }) => {
        const of = { set, slot, anchor: found.anchor! };
        const question = new ColumnQuestion(at, of, Number.POSITIVE_INFINITY);
        return { slot, question, name: `${name} of ${row.id}`, emitted: row.features[name] };
      }),
    );
    await gather(
      at,
      asked.flatMap(({ question }) => question.questions),
    );
    for (const { question, slot, name, emitted } of asked) {
      const explained = question.explain(slot);
      const { value } = explained;
      if (value === undefined || !isSameValue(value, emitted)) {
        expect(value, `seed ${seed}: ${name}`).toEqual(emitted);
      }
      listed += eventsListed(explained);
    }
  }
  // The law is not kept by windows that are all empty.
  expect(listed).toBeGreaterThan(SEEDS * ROWS);
});

it('a label says what its events make of it, in random programs', { timeout: 60_000 }, async () => {
  const kinds = new Set<string>();
  for (const seed of LABEL_SEEDS) {
    const { at, sets, random } = await world(seed);
    for (const { set, lines } of sets) {
      const row = random.pick(telling(lines) ?? lines);
      const found = new AnchorSearch(at, { set, id: row.id, time: row.time });
      await search(at, [found]);
      const rows = lines.filter(({ id }) => id === row.id);
      const emitted = {
        set,
        rows: rows.map((each) => ({ ...each, set: set.name, features: [] })),
        aside: [],
      };
      const of = { emitted, anchor: found.anchor!, isOutUntil: Number.POSITIVE_INFINITY };
      for (const label of set.labels) {
        const why = await whyLabel(at, of, label);
        expect(
          why.agrees,
          `seed ${seed}: ${label.name} of ${row.id}\n${renderLabel(why, 20)}`,
        ).toBe(true);
        for (const { kind } of why.course) kinds.add(kind);
      }
    }
  }
  expect([...kinds].sort()).toEqual([
    'cancelled',
    'confirmed_negative',
    'late_positive',
    'matured',
    'observed',
    'unknown',
  ]);
});

/** Rows of labels that were taken back, else of those that something was credited to: there are few. */
function telling(lines: readonly Row[]): readonly Row[] | null {
  const tests = [
    ({ kind }: EmittedLabel) => kind === 'cancelled',
    ({ value }: EmittedLabel) => value !== 0,
  ];
  const found = tests.map((test) => lines.filter(({ labels }) => Object.values(labels).some(test)));
  return found.find((each) => each.length > 0) ?? null;
}

/** A random program over random rows, run in memory, and its inputs as files. */
async function world(seed: number) {
  const { program, input } = generateCase(seed);
  const plan = planOf(programText(program));
  const complete = seed % 3 !== 0;
  const { lines } = runInMemory(plan, input, { complete });
  const files = await writeInput(await mkdtemp(join(folder, 'inputs-')), plan, input);
  const at: Asked = { plan, complete, ...(await openFiles(plan, files)) };
  const sets = plan.examples
    .map((set) => ({ set, lines: lines[set.name].map((line): Row => JSON.parse(line)) }))
    .filter((each) => each.lines.length > 0);
  return { at, sets, random: rng(seed) };
}

/** A row of the output, as far as these laws read it. */
type Row = Omit<ExampleRow, 'set' | 'features'> & { readonly features: Record<string, Value> };

/** How many events stand behind a value; each that counts is listed. */
function eventsListed(of: Explained): number {
  if (of.kind === 'field') return 0;
  if (of.kind === 'expression') {
    return of.operands.reduce((sum, each) => sum + eventsListed(each), 0);
  }
  expect(of.events.events.length).toBe(of.count);
  return of.count;
}
