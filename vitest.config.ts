import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// Much of the suite waits for brokers, children and disks: vitest's own bound of one less than the cores leaves one of two idle.
const workers = Math.max(2, availableParallelism() - 1);

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    minWorkers: 1,
    maxWorkers: workers,
  },
});
