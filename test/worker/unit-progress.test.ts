import { expect, it } from 'vitest';
import {
  decodeProgress,
  encodeProgress,
  outBefore,
  type UnitProgress,
} from '../../runtime/worker/unit-progress.ts';

it('a progress record promises no more of a set than what no row waits for', () => {
  const progress: UnitProgress = {
    ...{ planDigest: 'd', k: Number.POSITIVE_INFINITY, starts: {}, unapplied: {}, sideRows: {} },
    ...{ rows: [4, 9], waiting: [70, null], done: false },
  };
  const read = decodeProgress(encodeProgress(progress), { topic: 'app.progress', partition: 0 });
  expect([0, 1].map((set) => outBefore(read, set))).toEqual([70, Number.POSITIVE_INFINITY]);
  const { waiting: _, ...older } = { ...read, k: 50 };
  expect(outBefore(older, 0)).toBe(50);
});
