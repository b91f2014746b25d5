/**
 * Events of a span of time: the others are somebody else's, and are passed over before anything is decided of them. So a run
 * over files and one over topics can share the events between them by their own times, whatever else both of them hold.
 *
 * A record whose time cannot be read is nobody else's, and a static table has no times.
 */
import type { Plan } from '../../compiler/plan/plan.ts';
import type { DecodedBatch } from '../decode/decoder.ts';

export class TimeSpan {
  readonly #timeFields: readonly number[];
  readonly #from: number;
  readonly #to: number;

  /** Times in [from, to), ms; either may be infinite. */
  constructor(plan: Plan, { from, to }: { readonly from: number; readonly to: number }) {
    this.#timeFields = plan.streams.map(({ timeField }) => timeField);
    this.#from = from;
    this.#to = to;
  }

  /** The batch, with the rows marked that are outside. */
  mark(stream: number, batch: DecodedBatch): DecodedBatch {
    const timeField = this.#timeFields[stream]!;
    const time = timeField < 0 ? null : batch.columns[timeField]!.value;
    if (time?.kind !== 'f64') return batch;
    const times = time.data;
    let outside: Uint8Array | null = null;
    for (let row = 0; row < batch.n; row++) {
      if (!(times[row]! < this.#from || times[row]! >= this.#to)) continue;
      outside ??= new Uint8Array(batch.n);
      outside[row] = 1;
    }
    return outside === null ? batch : { ...batch, outside };
  }
}
