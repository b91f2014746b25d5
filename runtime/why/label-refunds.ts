/** Refunds of the events that a label credited: which took one back, and which came near. */
import type { Plan } from '../../compiler/plan/plan.ts';
import type { HashColumn } from '../../operators/column/column.ts';
import { maskOf } from '../../operators/enrich.ts';
import type { AppliedBatch } from '../../operators/pipeline.ts';
import type { EventRef, LabelEvent } from './label-events.ts';
import { isKey } from './row-values.ts';
import type { Sources } from './sources.ts';

export type Refund = EventRef & {
  readonly step: number;
  /** The event whose key it has. */
  readonly of: LabelEvent;
  /** When it takes the event back, ms; null: it lies outside of the window. */
  readonly takesBack: number | null;
};

/** Refunds kept. */
const KEPT_MAX = 10_000;

export class LabelRefunds {
  readonly found: Refund[] = [];
  readonly #plan: Plan;
  readonly #label: number;
  readonly #events: readonly LabelEvent[];
  readonly #sources: Sources;

  /** `events`: those credited to the anchor. */
  constructor(
    at: { readonly plan: Plan; readonly sources: Sources },
    label: number,
    events: readonly LabelEvent[],
  ) {
    this.#plan = at.plan;
    this.#sources = at.sources;
    this.#label = label;
    this.#events = events;
  }

  applied({ frames, column }: AppliedBatch): void {
    const { unless } = this.#plan.labels[this.#label];
    const frame = unless === null ? null : frames[unless.stream];
    if (unless === null || frame === null) return;
    const passes = maskOf(frame, unless.stream, unless.mask, column);
    const keys = column(unless.stream, frame, unless.refundKey) as HashColumn;
    for (let row = 0; row < frame.n; row++) {
      if (passes !== null && passes[row] !== 1) continue;
      for (const of of this.#events) {
        if (!isKey(keys, row, of.refundKey) || this.found.length >= KEPT_MAX) continue;
        const time = frame.time[row];
        const step = frame.step[row];
        const isInWindow = of.time <= time && time <= of.time + unless.withinMs;
        this.found.push({
          ...{ time, step, of, partition: frame.partition[row], offset: frame.offset[row] },
          id: this.#sources.idAt(unless.stream, frame, row, column),
          takesBack: isInWindow ? Math.max(step, of.step) : null,
        });
      }
    }
  }
}
