/** The anchor that is asked about: found among the replayed events, or found to have been set aside. */
import type { ExamplePlan, Plan } from '../../compiler/plan/plan.ts';
import {
  type BoolColumn,
  type HashColumn,
  type Value,
  valueAt,
} from '../../operators/column/column.ts';
import { hashText, lanes } from '../../operators/hash.ts';
import type { AppliedBatch } from '../../operators/pipeline.ts';
import type { Place } from './near-misses.ts';
import type { DecidedBatch, Watcher } from './replay.ts';
import { isKey } from './row-values.ts';
import { SetAsideRows } from './set-aside-rows.ts';
import type { Sources } from './sources.ts';
import { timeText } from './time-text.ts';
import type { Looker } from './window-events.ts';

export type AnchorRow = Looker & {
  readonly id: string;
  readonly place: Place;
  /** By slot of its stream; hashes as 16 hex digits. */
  readonly values: readonly Value[];
};

/** Why an event of the id is no anchor, one sentence each; at most ASIDE_MAX are kept. */
const ASIDE_MAX = 5;

export class AnchorSearch implements Watcher {
  anchor: AnchorRow | null = null;
  /** Whether another anchor has the same id and time (in another partition): rows do not tell which of them they are of. */
  hasTwin = false;
  readonly aside: string[] = [];
  readonly #id: string;
  readonly #stream: number;
  readonly #mask: number | null;
  readonly #idSlot: number;
  /** Null: the first one of the id. */
  readonly #time: number | null;
  readonly #sources: Sources;
  readonly #setAside: SetAsideRows;

  /** `plan`: the run's; `replayed`: as it is replayed. `time`: of the emitted rows, if there are any. */
  constructor(
    at: { readonly plan: Plan; readonly replayed: Plan; readonly sources: Sources },
    of: { readonly set: ExamplePlan; readonly id: string; readonly time: number | null },
  ) {
    const anchor = at.plan.anchors[of.set.anchor];
    const { op } = anchor.slots[of.set.idHash];
    if (op.kind !== 'stream') throw new Error("an anchor's id is a field of its stream");
    this.#id = of.id;
    this.#stream = anchor.stream;
    this.#mask = anchor.mask;
    this.#idSlot = op.slot;
    this.#time = of.time;
    this.#sources = at.sources;
    this.#setAside = new SetAsideRows(at.replayed);
  }

  isDone(): boolean {
    return this.anchor !== null;
  }

  decided(batch: DecidedBatch): void {
    if (batch.stream !== this.#stream) return;
    for (const row of this.#setAside.of(batch)) {
      if (row.id !== this.#id) continue;
      const note = row.note === '' ? '' : ` (${row.note})`;
      this.#say(row, `was set aside as ${row.reason}${note}`);
    }
  }

  applied({ frames, column }: AppliedBatch): void {
    const frame = frames[this.#stream];
    if (frame === null) return;
    hashText(this.#id);
    const key = { lo: lanes[0], hi: lanes[1] };
    const ids = column(this.#stream, frame, this.#idSlot) as HashColumn;
    for (let row = 0; row < frame.n; row++) {
      if (!isKey(ids, row, key)) continue;
      const at = { partition: frame.partition[row], offset: frame.offset[row] };
      const time = frame.time[row];
      const passes =
        this.#mask === null ? 1 : (column(this.#stream, frame, this.#mask) as BoolColumn).data[row];
      if (frame.labelOnly?.[row] === 1) this.#say(at, 'was late: labels see it, it is no anchor');
      else if (passes !== 1) this.#say(at, 'is no anchor: the filter of the set leaves it out');
      else if (this.#time !== null && time !== this.#time) {
        this.#say(at, `is another event of the same id, at ${timeText(time)}`);
      } else if (this.anchor !== null) {
        this.hasTwin ||= time === this.anchor.time;
      } else {
        const { length } = this.#sources.slotsOf(this.#stream);
        this.anchor = {
          ...{ stream: this.#stream, ...at, time, id: this.#id },
          place: this.#sources.place(this.#stream, at.partition, at.offset),
          values: Array.from({ length }, (_, slot) =>
            valueAt(column(this.#stream, frame, slot), row),
          ),
        };
      }
    }
  }

  #say(at: { readonly partition: number; readonly offset: number }, text: string): void {
    if (this.aside.length >= ASIDE_MAX) return;
    const { file, offset } = this.#sources.place(this.#stream, at.partition, at.offset);
    this.aside.push(`the record at offset ${offset} of ${file ?? 'its input'} ${text}`);
  }
}
