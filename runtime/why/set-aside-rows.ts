/** Records that did not become events, with as much of them as can still be read: their time, id and keys. */
import type { Plan } from '../../compiler/plan/plan.ts';
import { type Column, type HashColumn, valueAt } from '../../operators/column/column.ts';
import { Frame } from '../../operators/column/frame.ts';
import { Slots } from '../../operators/column/slots.ts';
import { reasonText } from '../../operators/decode/decode-reasons.ts';
import type { DecidedBatch } from './replay.ts';
import { isNullKey, type KeyHash } from './row-values.ts';
import { timeText } from './time-text.ts';

export type SetAsideRow = {
  readonly stream: number;
  readonly partition: number;
  readonly offset: number;
  readonly reason: 'late' | 'duplicate' | 'malformed';
  readonly note: string;
  /** Null: unreadable. */
  readonly time: number | null;
  readonly id: string | null;
  /** A key of it; unknown where the key is one that an enrichment would have filled in. */
  readonly hash: (slot: number) => KeyHash | 'unknown';
};

export class SetAsideRows {
  readonly #plan: Plan;
  readonly #slots: readonly Slots[];

  /** `plan`: as it is replayed. */
  constructor(plan: Plan) {
    this.#plan = plan;
    this.#slots = plan.streams.map((stream) => new Slots(stream.slots, false));
  }

  /** Those of a batch, in its order. */
  of(decided: DecidedBatch): SetAsideRow[] {
    const { stream, partition, batch } = decided;
    const found = asideOf(this.#plan, decided);
    if (found.length === 0) return [];
    const frame = this.#frame(decided);
    const { timeField } = this.#plan.streams[stream];
    return found.map(({ row, reason, note }) => {
      const time = timeField < 0 ? null : valueAt(batch.columns[timeField].value!, row);
      return {
        ...{ stream, partition, offset: batch.firstOffset + row, reason, note },
        time: typeof time === 'number' ? time : null,
        id: this.#id(decided, row),
        hash: (slot) => this.#hash(stream, frame, slot, row),
      };
    });
  }

  #id({ stream, batch }: DecidedBatch, row: number): string | null {
    const { idField } = this.#plan.streams[stream];
    const id = idField < 0 ? null : valueAt(batch.columns[idField].value!, row);
    return id === null ? null : String(id);
  }

  #hash(stream: number, frame: Frame, slot: number, row: number): KeyHash | 'unknown' {
    if (!this.#isDecoded(stream, slot)) return 'unknown';
    const column = this.#slots[stream].column(frame, slot) as HashColumn;
    return isNullKey(column, row) ? null : { lo: column.lo[row], hi: column.hi[row] };
  }

  /** Whether a slot can be made of decoded fields alone. */
  #isDecoded(stream: number, slot: number): boolean {
    const { op } = this.#plan.streams[stream].slots[slot];
    switch (op.kind) {
      case 'field':
        return true;
      case 'combine':
        return op.slots.every((part) => this.#isDecoded(stream, part));
      case 'hash_of':
        return this.#isDecoded(stream, op.slot);
      default:
        return false;
    }
  }

  #frame({ stream, partition, batch }: DecidedBatch): Frame {
    const { slots } = this.#plan.streams[stream];
    const columns = slots.map(({ op, physical }): Column | undefined => {
      if (op.kind !== 'field') return undefined;
      const decoded = batch.columns[op.field];
      return physical === 'hash' ? decoded.hash : decoded.value;
    });
    const { n } = batch;
    const zeros = new Float64Array(n);
    return new Frame({
      ...{ n, time: zeros, step: zeros, labelOnly: null, offset: zeros, columns },
      partition: new Int32Array(n).fill(partition),
    });
  }
}

type Aside = Pick<SetAsideRow, 'reason' | 'note'> & { readonly row: number };

/** What is neither applied nor late nor malformed is a duplicate: scans only count those. */
function asideOf(plan: Plan, { stream, batch, rows }: DecidedBatch): Aside[] {
  if (rows.all) return [];
  const found: (Aside | 'applied' | undefined)[] = new Array(batch.n);
  for (let i = 0; i < rows.n; i++) found[rows.rows[i]] = 'applied';
  // They will be.
  for (const row of rows.keptBack) found[row] = 'applied';
  const { fields } = plan.scans[plan.streams[stream].scan];
  for (const { row, field, reason } of rows.malformed) {
    const note = reasonText(reason, field < 0 ? null : fields[field].name);
    found[row] = { row, reason: 'malformed', note };
  }
  for (const { row, bound, isAhead } of rows.late) {
    const note = isAhead
      ? `ahead: it is beyond ${timeText(bound)}, with too many others`
      : `the watermark was ${timeText(bound)}`;
    found[row] = { row, reason: 'late', note };
  }
  const aside: Aside[] = [];
  for (let row = 0; row < batch.n; row++) {
    const of = found[row] ?? { row, reason: 'duplicate', note: '' };
    // Of the erased nothing is known.
    if (of !== 'applied' && (batch.erased?.[row] ?? 0) === 0) aside.push(of);
  }
  return aside;
}
