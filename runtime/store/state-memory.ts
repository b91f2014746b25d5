/** How much memory state may take, and what a run says of it. */
import { totalmem } from 'node:os';
import type { StateSizes } from '../../operators/state/state-budget.ts';
import { grouped } from '../text-table.ts';

/** Share of the machine's memory (or of what this process may use of it) for state, when the command does not say. */
export const STATE_MEMORY_SHARE = 0.5;

/** Bytes of state to hold in memory when the command does not say. */
export function stateBytesDefault(): number {
  // 0 or absurdly large where nothing constrains the process.
  const constrained = process.constrainedMemory();
  const memory = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  return Math.floor(memory * STATE_MEMORY_SHARE);
}

/** One line of what is where; null while every key is in memory. */
export function stateText(sizes: StateSizes): string | null {
  const { keys, coldKeys, evictions, loads, heldBytes, budgetBytes, isExceeded } = sizes;
  if (coldKeys === 0 && !isExceeded) return null;
  const of = Number.isFinite(budgetBytes) ? ` of ${mebibytes(budgetBytes)}` : '';
  const tight = isExceeded ? '; what cannot go to disk leaves too little for keys' : '';
  return (
    `${grouped(keys)} keys in memory (${mebibytes(heldBytes)}${of} MiB), ${grouped(coldKeys)} on disk; ` +
    `${grouped(evictions)} went out, ${grouped(loads)} came back${tight}`
  );
}

function mebibytes(bytes: number): string {
  return grouped(Math.round(bytes / 1_048_576));
}
