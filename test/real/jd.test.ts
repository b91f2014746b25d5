import { describe, expect, test } from 'vitest';
import { planOf, runInMemory } from '../run-in-memory.ts';
import type { Row } from './brute-force.ts';
import { expectCanonical, expectRows, hasData, programText, readRows } from './files.ts';
import { type JdRows, jdExpected, jdPositives } from './jd.oracle.ts';
import { syntheticJd } from './synthetic.ts';

const plan = planOf(programText('jd.feat'));

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function runJd(rows: JdRows, options: { complete: boolean; batchRows: number; shards?: number }) {
  const { complete, batchRows, shards } = options;
  const partitions = [
    { stream: 'request', rows: rows.requests },
    { stream: 'action', rows: rows.actions },
    { stream: 'comment', rows: rows.comments },
    { stream: 'user', rows: rows.users },
    { stream: 'product', rows: rows.products },
  ].map((each) => ({ ...each, partition: 0 }));
  const result = runInMemory(plan, partitions, {
    complete,
    batchRows: () => batchRows,
    shards: shards ?? 1,
  });
  return { ...result, lines: result.lines.jd_intent! };
}

test('jd.feat is written as `fmt` writes it', () => expectCanonical('jd.feat'));

describe('jd.feat over synthetic rows', () => {
  test.each([1, 2, 3])(
    'seed %i: every feature and label, whether the streams end or not',
    (seed) => {
      const rows = syntheticJd(seed);
      for (const complete of [true, false]) {
        const { lines } = runJd(rows, { complete, batchRows: 50, shards: seed });
        expectRows(lines, jdExpected(rows, { complete }));
      }
    },
  );

  test('the synthetic rows reach the caps, the kinds and the empty cases', () => {
    const rows = syntheticJd(1);
    const expected = jdExpected(rows, { complete: false });
    const kinds = new Set(expected.flatMap((row) => Object.values(row.labels).map((l) => l.kind)));
    expect([...kinds].sort()).toEqual(['observed', 'unknown']);
    const some = (test: (row: Row) => boolean) => expect(expected.some(test)).toBe(true);
    some(({ features }) => features.best_bad_rate_10 === null);
    some(({ features }) => features.a1 === null);
    some(({ features }) => features.age === null);
    some(({ features }) => features.user_pair_share_14d === null);
    some(({ labels }) => labels.ordered_24h?.value === 1);
    // Caps: more rows than a capped window may hold.
    const hot = rows.actions.filter((each) => each.pair_id === 'u0_p0');
    expect(hot.some((each, i) => hot[i + 101]?.ingestionTime - each.ingestionTime < 14 * DAY)).toBe(
      true,
    );
  });
});

describe.runIf(hasData('jd'))('jd.feat over the real files', () => {
  const rows: JdRows = hasData('jd')
    ? {
        requests: readRows('jd/requests.ndjson.gz'),
        actions: readRows('jd/actions.ndjson.gz'),
        comments: readRows('jd/comments.ndjson.gz'),
        users: readRows('jd/users.ndjson.gz'),
        products: readRows('jd/products.ndjson.gz'),
      }
    : syntheticJd(1);

  test('every feature and label of every row, where the streams end', () => {
    const { lines, counts } = runJd(rows, { complete: true, batchRows: 4096 });
    expect(lines.length).toBe(2 * 13_916);
    expectRows(lines, jdExpected(rows, { complete: true }));
    for (const count of Object.values(counts)) {
      expect(count).toEqual({ late: 0, duplicate: 0, malformed: 0, lateForFeatures: 0 });
    }
  });

  test('and where they may go on: what the actions cannot answer is unknown', () => {
    const { lines } = runJd(rows, { complete: false, batchRows: 4096, shards: 4 });
    const expected = jdExpected(rows, { complete: false });
    expectRows(lines, expected);
    const split2 = new Set(
      rows.requests.filter((each) => each.split_id === 2).map((each) => each.reqId),
    );
    for (const { id, labels } of expected) {
      if (!split2.has(id)) continue;
      for (const label of Object.values(labels)) expect(label.kind).toBe('unknown');
    }
  });

  test("the labels of split 1 are those of the data's own table, and the request's own instant", () => {
    const split1 = rows.requests.filter((each) => each.split_id === 1);
    const count = (type: string, withinMs: number, atOnce: boolean) =>
      jdPositives(rows, split1, { type, withinMs, atOnce });
    const strictlyAfter = [HOUR / 4, HOUR, DAY, 5 * DAY].map((withinMs) => [
      count('4', withinMs, false),
      count('2', withinMs, false),
    ]);
    expect(strictlyAfter).toEqual([
      [26, 566],
      [45, 618],
      [81, 747],
      [122, 914],
    ]);
    const withInstant = [DAY, 5 * DAY].map((withinMs) => [
      count('4', withinMs, true),
      count('2', withinMs, true),
    ]);
    expect(withInstant).toEqual([
      [83, 974],
      [124, 1127],
    ]);
  });
});
