/** State of an anchor and of each of its labels, as bits. */

/** Label: its first emission is still to come. */
export const WAIT_PENDING = 1;
/** Label: that emission was due while a stream was silent. */
export const WAIT_HELD = 2;
/** Label: its emission at the deadline (`everything`) is still to come. */
export const DEADLINE_PENDING = 4;
/** Label: that emission was due while a stream was silent. */
export const DEADLINE_HELD = 8;
/** Label: its value at the wait was 1. */
export const AT_WAIT = 16;
/** Label: its value was 1 at some time. */
export const EVER = 32;
/** Label: a 1 was emitted. */
export const POSITIVE = 64;
/** Label: that 1 was a late positive. */
export const LATE = 128;
/** Label: a 0 was emitted after the 1; nothing follows. */
export const CLOSED = 256;
/** Label: an event was credited at the step's time. */
export const CREDITED = 512;
/** Label: its value was 1 at the audit's deadline. */
export const FINAL = 1024;
/** Label: its value was positive after the last step. */
export const STANDS = 2048;
/** Label: from this bit on, the value in millionths, of the event that turned it positive. Whole credit fits in 20 bits. */
export const SHARE_BIT = 12;

/** Anchor: its `shown` row is still to come. */
export const SHOWN_PENDING = 1;
/** Anchor: its audit row's deadline is still to come. */
export const AUDIT_PENDING = 2;
/** Anchor: the deadline has passed, the row has not gone out. */
export const AUDIT_HELD = 4;
/** Anchor: a positive of any label was emitted. */
export const ANY_POSITIVE = 8;
/** Anchor: in this step's list already. */
export const TOUCHED = 16;
