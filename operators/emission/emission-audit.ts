/** The audit row of an anchor: what its labels came to, once nothing can change them. */
import { LABEL_WORDS, RECORD_WORDS } from './emission-anchors.ts';
import { LABEL_AUDIT, LABEL_UNKNOWN } from './emission-batch.ts';
import { auditDue } from './emission-deadlines.ts';
import { AT_WAIT, AUDIT_HELD, AUDIT_PENDING, EVER, FINAL, SHARE_BIT } from './emission-flags.ts';
import type { EmissionRows } from './emission-rows.ts';
import { auditHeldUntil, type Reading } from './emission-schedule.ts';

/**
 * Whether the audit row is to be written at `at`: its deadline has passed, and its labels are complete or were held
 * long enough. Keeps the final values as they are at the deadline.
 */
export function takeAudit(reading: Reading, record: number, at: number): boolean {
  const { rules, step, slab } = reading;
  const { f64, i32 } = slab;
  const flags = i32[record * 2 + 7];
  if ((flags & AUDIT_PENDING) !== 0) {
    const due = auditDue(rules, slab, record, step.deadlines);
    if (due > at) return false;
    f64[record + 8] = due;
    i32[record * 2 + 7] = (flags & ~AUDIT_PENDING) | AUDIT_HELD;
    for (let l = 0; l < rules.emitted; l++) {
      const word = record + RECORD_WORDS + l * LABEL_WORDS;
      if (i32[word * 2] > 0) i32[word * 2 + 1] |= FINAL;
    }
  } else if ((flags & AUDIT_HELD) === 0) {
    return false;
  }
  const due = f64[record + 8];
  if (at < auditHeldUntil(reading, due)) return false;
  i32[record * 2 + 7] &= ~AUDIT_HELD;
  return true;
}

/** Fills in the labels of an audit row; those that are not complete are unknown. */
export function writeAudit(
  reading: Reading,
  record: number,
  row: number,
  into: EmissionRows,
): void {
  const { rules, step, slab } = reading;
  for (let l = 0; l < rules.emitted; l++) {
    const flags = slab.i32[(record + RECORD_WORDS + l * LABEL_WORDS) * 2 + 1];
    const deadline = step.deadlines[l];
    if (!step.isComplete(l, slab.f64[record + 8])) {
      into.label(row, l, { value: 2, kind: LABEL_UNKNOWN, deadline });
      continue;
    }
    const isFinal = (flags & FINAL) !== 0;
    into.label(row, l, { value: isFinal ? 1 : 0, kind: LABEL_AUDIT, deadline });
    into.credit(row, l, isFinal ? flags >>> SHARE_BIT : 0);
    into.audit(row, l, (flags & AT_WAIT) !== 0 ? 1 : 0, (flags & EVER) !== 0 ? 1 : 0);
  }
}
