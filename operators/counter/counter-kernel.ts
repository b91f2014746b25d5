/** What runs the counters of a keyspace over a batch: generated code, or the interpreter of the same layout. */

import { assert } from '../assert.ts';
import type { BoolColumn, F64Column } from '../column/column.ts';
import type { Frame } from '../column/frame.ts';
import type { Answers, F64Output } from '../keyspace/answers.ts';
import type { Participants } from '../keyspace/participants.ts';
import type { Steps } from '../keyspace/steps.ts';

export interface CounterKernel {
  /** Takes up a batch. `records` need not be filled in yet. */
  open(batch: CounterBatch): void;
  /** Brings what steps [from, to) will read into cache. */
  touch(from: number, to: number): void;
  /** Applies steps [from, to) of the open batch. */
  run(from: number, to: number): void;
}

export type CounterBatch = {
  readonly steps: Steps;
  /** Per step: the key's record, 0 unknown key (look-ups only), -1 null key. */
  readonly records: Int32Array;
  readonly feedFrames: readonly (Frame | null)[];
  readonly probeFrames: readonly (Frame | null)[];
  readonly answers: Answers;
  readonly participants: Participants;
};

const NO_NUMBERS = new Float64Array(0);
const NO_BITS = new Uint8Array(0);

/** Own times of a frame's rows; an empty array for no frame. */
export function timesOf(frame: Frame | null): Float64Array {
  return frame === null ? NO_NUMBERS : frame.time;
}

export function numbersOf(frame: Frame | null, slot: number): Float64Array {
  if (frame === null) return NO_NUMBERS;
  const column = frame.columns[slot];
  assert(column?.kind === 'f64', `slot ${slot} is a column of numbers`);
  return (column as F64Column).data;
}

export function bitsOf(frame: Frame | null, slot: number): Uint8Array {
  if (frame === null) return NO_BITS;
  const column = frame.columns[slot];
  assert(column?.kind === 'bool', `slot ${slot} is a column of booleans`);
  return (column as BoolColumn).data;
}

/** Where a counter view's answers go: index of row 0 in `answers.numbers[probe]`. */
export function numbersAt(answers: Answers, probe: number, view: number): number {
  return numbersOut(answers, probe, view).byteOffset / 8;
}

/** A counter view's answers by row. */
export function numbersOut(answers: Answers, probe: number, view: number): Float64Array {
  const out = answers.outputs[probe]![view]!;
  assert(out.kind === 'f64', `view ${view} of probe ${probe} answers numbers`);
  return (out as F64Output).data;
}
