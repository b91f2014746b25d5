/**
 * What `why` lists makes the value that the engine emitted: for features of random programs over random rows, in which there
 * are ties, nulls, late, repeated and broken records, as elsewhere (test/generate).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AnchorSearch } from '../../../runtime/why/anchor-row.ts';
import { ColumnQuestion, type Explained } from '../../../runtime/why/explain-column.ts';
import { type Asked, gather, search } from '../../../runtime/why/find-anchor.ts';
import { isSameValue } from '../../../runtime/why/row-values.ts';
import { programText } from '../../generate/program-text.ts';
import { generateCase } from '../../generate/trial.ts';
import { rng } from '../../random.ts';
import { planOf, runInMemory } from '../../run-in-memory.ts';
import { openFiles, writeInput } from './run-folder.ts';

const SEEDS = 16;
/** Rows of each example set that are asked about; about every feature of them. */
const ROWS = 2;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-why-'));
});
afterAll(() => rm(folder, { recursive: true }));

it('a feature is what its events make, in random programs', { timeout: 60_000 }, async () => {
  let listed = 0;
  for (let seed = 0; seed < SEEDS; seed++) {
    const { program, input } = generateCase(seed);
    const plan = planOf(programText(program));
    const complete = seed % 3 !== 0;
    const { lines } = runInMemory(plan, input, { complete });
    const files = await writeInput(join(folder, `${seed}`), plan, input);
    const at: Asked = { plan, complete, ...(await openFiles(plan, files)) };
    const random = rng(seed);
    const rows = plan.examples.flatMap((set) =>
      Array.from({ length: lines[set.name].length === 0 ? 0 : ROWS }, () => {
        const row = JSON.parse(random.pick(lines[set.name]));
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

/** How many events stand behind a value; each that counts is listed. */
function eventsListed(of: Explained): number {
  if (of.kind === 'field') return 0;
  if (of.kind === 'expression') {
    return of.operands.reduce((sum, each) => sum + eventsListed(each), 0);
  }
  expect(of.events.events.length).toBe(of.count);
  return of.count;
}
