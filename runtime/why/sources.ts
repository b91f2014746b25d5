/** Streams, partitions and offsets of a run as people find them: the file, and the event's id. */
import type { Plan, SlotPlan } from '../../compiler/plan/plan.ts';
import { valueAt } from '../../operators/column/column.ts';
import type { Frame } from '../../operators/column/frame.ts';
import type { AppliedBatch } from '../../operators/pipeline.ts';
import type { SourceInput } from '../run/task-source.ts';
import type { Place } from './near-misses.ts';
import { fieldSlot } from './replay.ts';

/** Stands for a value that nobody may see. */
export const MASKED = '(pii)';

export class Sources {
  readonly #plan: Plan;
  readonly #files: ReadonlyMap<string, string>;
  /** By stream: the slot of the event's id as text; -1: it has none, or it is a label's stream. */
  readonly #idSlots: readonly number[];

  /** `plan`: as it is replayed. `named`: paths as the run's command gave them, in the order of the inputs. */
  constructor(plan: Plan, inputs: readonly SourceInput[], named: readonly string[]) {
    this.#plan = plan;
    this.#files = new Map(
      inputs.map(({ scan, partition }, i) => [`${scan}/${partition}`, named[i]]),
    );
    this.#idSlots = plan.streams.map((stream) =>
      stream.idField < 0 ? -1 : fieldSlot(stream, stream.idField),
    );
  }

  place(stream: number, partition: number, offset: number): Place {
    const of = this.#baseStream(stream);
    const { name, scan } = this.#plan.streams[of];
    const file = this.#files.get(`${scan}/${partition}`);
    return { stream: name, partition, ...(file === undefined ? {} : { file }), offset };
  }

  slotsOf(stream: number): readonly SlotPlan[] {
    return this.#plan.streams[stream].slots;
  }

  /** The slot that says in words what a hash slot holds; the slot itself where nothing does. */
  readable(stream: number, slot: number): number {
    const { op, physical } = this.slotsOf(stream)[slot];
    if (physical !== 'hash') return slot;
    if (op.kind === 'field') return fieldSlot(this.#plan.streams[stream], op.field);
    return op.kind === 'hash_of' ? this.readable(stream, op.slot) : slot;
  }

  /** Masked where the id is tagged `pii`. */
  idAt(stream: number, frame: Frame, row: number, column: AppliedBatch['column']): string | null {
    const slot = this.#idSlots[stream];
    const { pii, idField } = this.#plan.streams[stream];
    if (slot >= 0 && pii?.includes(idField)) return MASKED;
    return slot < 0 ? null : textOf(valueAt(column(stream, frame, slot), row));
  }

  /** The stream that a label's events are credited to. */
  anchorOf(labelStream: number): number {
    const label = this.#plan.labels.find((each) => each.labelStream === labelStream);
    return label?.anchor.stream ?? labelStream;
  }

  /** A label's rows stand where its events stand. */
  #baseStream(stream: number): number {
    const label = this.#plan.labels.find(({ labelStream }) => labelStream === stream);
    return label === undefined ? stream : this.#baseStream(label.event.stream);
  }
}

function textOf(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}
