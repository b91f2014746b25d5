/** When an anchor has to be looked at next, and until when it must be kept. Times in ms. */

import type { Slab } from '../state/slab.ts';
import { LABEL_WORDS, RECORD_WORDS } from './emission-anchors.ts';
import { auditDue, newestCredit } from './emission-deadlines.ts';
import {
  AUDIT_HELD,
  AUDIT_PENDING,
  CLOSED,
  DEADLINE_HELD,
  DEADLINE_PENDING,
  POSITIVE,
  WAIT_HELD,
  WAIT_PENDING,
} from './emission-flags.ts';
import type { EmissionRules } from './emission-rules.ts';
import type { EmissionStep } from './emission-step.ts';

/** How a record is read: its slab, and the step that has just worked out its deadlines. */
export type Reading = {
  readonly rules: EmissionRules;
  readonly step: EmissionStep;
  readonly slab: Slab;
};

/**
 * The next time at which something is due or the record can go; at or before `now`: it can go at once. What is due
 * may move later as parents' events are accepted, never earlier.
 */
export function nextLook(reading: Reading, record: number): number {
  const due = nextDue(reading, record);
  return due === Number.POSITIVE_INFINITY ? openUntil(reading, record) : due;
}

function nextDue(reading: Reading, record: number): number {
  const { rules, step, slab } = reading;
  const { f64, i32 } = slab;
  const time = f64[record + 2];
  let due = Number.POSITIVE_INFINITY;
  for (let l = 0; l < rules.emitted; l++) {
    const word = record + RECORD_WORDS + l * LABEL_WORDS;
    const flags = i32[word * 2 + 1];
    if ((flags & WAIT_PENDING) !== 0) due = Math.min(due, step.waitDue(l, time));
    if ((flags & WAIT_HELD) !== 0) due = Math.min(due, step.heldUntil(l, f64[word + 2]));
    if ((flags & DEADLINE_PENDING) !== 0) due = Math.min(due, step.settledAt(l, time));
    if ((flags & DEADLINE_HELD) !== 0) due = Math.min(due, step.heldUntil(l, f64[word + 3]));
  }
  const flags = i32[record * 2 + 7];
  if ((flags & AUDIT_PENDING) !== 0) {
    due = Math.min(due, auditDue(rules, slab, record, step.deadlines));
  }
  if ((flags & AUDIT_HELD) !== 0) {
    due = Math.min(due, auditHeldUntil(reading, f64[record + 8]));
  }
  return due;
}

/** Until when an audit row due at `due` is held; `due` itself when every label is complete then. */
export function auditHeldUntil({ rules, step }: Reading, due: number): number {
  let until = due;
  for (let l = 0; l < rules.emitted; l++) until = Math.max(until, step.heldUntil(l, due));
  return until;
}

/** Until when an event or a refund may still be applied that changes what was emitted; -infinity: none. */
function openUntil({ rules, step, slab }: Reading, record: number): number {
  let open = Number.NEGATIVE_INFINITY;
  for (let l = 0; l < rules.emitted; l++) {
    const flags = slab.i32[(record + RECORD_WORDS + l * LABEL_WORDS) * 2 + 1];
    const { emitsLate, unlessMs, graceMs } = rules.labels[l];
    if ((flags & CLOSED) !== 0) continue;
    if ((flags & POSITIVE) === 0) {
      if (emitsLate) open = Math.max(open, step.deadlines[l] + graceMs);
    } else if (unlessMs !== null) {
      open = Math.max(open, newestCredit(slab, record, l) + unlessMs + graceMs);
    }
  }
  return open;
}

/** By label of the set: whether an emission of it is still due; last, whether the audit row is. */
export function countPending(reading: Reading, record: number, counts: number[]): void {
  const { rules, slab } = reading;
  const due = WAIT_PENDING | WAIT_HELD | DEADLINE_PENDING | DEADLINE_HELD;
  for (let l = 0; l < rules.emitted; l++) {
    const flags = slab.i32[(record + RECORD_WORDS + l * LABEL_WORDS) * 2 + 1];
    if ((flags & due) !== 0) counts[l]++;
  }
  const flags = slab.i32[record * 2 + 7];
  if ((flags & (AUDIT_PENDING | AUDIT_HELD)) !== 0) counts[rules.emitted]++;
}
