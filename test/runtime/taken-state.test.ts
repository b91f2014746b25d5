import { expect, it } from 'vitest';
import type { Plan } from '../../compiler/plan/plan.ts';
import { aheadColumns } from '../../operators/scan/ahead-rows.ts';
import type { ScanState } from '../../operators/scan/partition-scan.ts';
import { stateTaken } from '../../runtime/run/taken-state.ts';
import { planOf } from '../run-in-memory.ts';

const plan: Plan = planOf(`
stream imp from "imps" { id i : string; time ts : timestamp; user : string }
feature n = count(imp) by user over 1h
examples s for imp { features n }
`);
const takenOver = { from: 'before', k: 5, scans: [{ topic: 'imps', streams: ['imp'] }] };

it.each([
  ['under the same columns are taken over', aheadColumns(plan, 0), true, 1],
  ['under the same columns are taken over from a topic', aheadColumns(plan, 0), false, 1],
  ['under others: the files are read again', 'user:text', true, null],
  ['under others: what a topic no longer has is given up', 'user:text', false, 0],
])('rows that were kept back %s', (_, columns, rereads, kept) => {
  const rows = [{ offset: 3, time: 9, bytes: '' }];
  const scan = { next: 7, ahead: { columns, rows } } as unknown as ScanState;
  const saved = [{ topic: 'imps', partition: 0, rows: 7, bytes: 70, scans: [scan] }];
  const taken = stateTaken({ ...plan, takenOver } as unknown as Plan, rereads)!.sources(saved);
  if (kept === null) {
    expect(taken).toEqual([]);
    return;
  }
  expect(taken).toMatchObject([{ rows: 7, bytes: 70, scans: [{ next: 7 }] }]);
  const { ahead } = taken[0]!.scans[0] as ScanState;
  expect(ahead?.rows.length ?? 0).toBe(kept);
});
