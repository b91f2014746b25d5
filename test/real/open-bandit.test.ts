import { describe, expect, test } from 'vitest';
import { planOf, runInMemory } from '../run-in-memory.ts';
import { expectCanonical, expectRows, hasData, programText, readRows } from './files.ts';
import { type Impression, openBanditExpected } from './open-bandit.oracle.ts';
import { syntheticOpenBandit } from './synthetic.ts';

const plan = planOf(programText('open_bandit.feat'));

function runObd(rows: readonly Impression[], batchRows: number, shards = 1) {
  const result = runInMemory(plan, [{ stream: 'recommendation', partition: 0, rows }], {
    complete: false,
    batchRows: () => batchRows,
    shards,
  });
  return { ...result, lines: result.lines.obd! };
}

test('open_bandit.feat is written as `fmt` writes it', () => expectCanonical('open_bandit.feat'));

describe('open_bandit.feat over synthetic rows', () => {
  test.each([1, 2, 3])('seed %i: every value of every row', (seed) => {
    const rows = syntheticOpenBandit(seed);
    expectRows(runObd(rows, 50, seed).lines, openBanditExpected(rows));
  });
});

describe.runIf(hasData('open-bandit'))('open_bandit.feat over the real file', () => {
  test('every value of every row', () => {
    const rows = readRows<Impression>('open-bandit/impressions.ndjson.gz');
    const { lines, counts } = runObd(rows, 4096);
    expect(lines.length).toBe(40_000);
    expectRows(lines, openBanditExpected(rows));
    expect(counts.recommendation).toEqual({
      late: 0,
      duplicate: 0,
      malformed: 0,
      lateForFeatures: 0,
    });
  });
});
