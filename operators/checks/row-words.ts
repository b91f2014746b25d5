/** Emitted rows as words: how rows that wait for a verdict, or are kept aside, lie in slabs and files. */
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import { type Physical, physical as physicalOf } from '../../dsl/types.ts';
import { assert } from '../assert.ts';
import type { BoolColumn, Column, F64Column } from '../column/column.ts';
import { RowBuilder } from '../column/row-builder.ts';
import { type EmissionBatch, LABEL_ABSENT } from '../emission/emission-batch.ts';
import { RowCodec } from '../state/row-codec.ts';
import type { Slab } from '../state/slab.ts';

/** emitted, time, id, kind, sample rate; then the labels, then the features. */
const HEAD: readonly Physical[] = ['f64', 'f64', 'text', 'bool', 'f64'];
/** value, kind, deadline, at the wait, ever, credit. Flags and codes are bytes, as bool columns are. */
const LABEL: readonly Physical[] = ['bool', 'bool', 'f64', 'bool', 'bool', 'f64'];

export class RowWords {
  /** By label, whether it is a fraction. */
  readonly #labels: readonly boolean[];
  readonly #audited: boolean;
  readonly #codec: RowCodec;

  constructor(plan: ExamplePlan) {
    this.#labels = plan.labels.map(({ isFraction }) => isFraction === true);
    this.#audited = plan.audit > 0;
    this.#codec = new RowCodec([
      ...HEAD,
      ...plan.labels.flatMap(() => LABEL),
      ...plan.features.map(({ type }) => physicalOf(type)),
    ]);
  }

  /** The batch as columns of the codec; they share its memory. */
  columns(batch: EmissionBatch): readonly Column[] {
    const labels = batch.labels.flatMap(({ value, kind, deadline, audit, credit }): Column[] => [
      { kind: 'bool', data: value },
      { kind: 'bool', data: kind },
      { kind: 'f64', data: deadline },
      { kind: 'bool', data: audit?.atWait ?? value },
      { kind: 'bool', data: audit?.ever ?? value },
      { kind: 'f64', data: credit === null ? deadline : Float64Array.from(credit) },
    ]);
    return [
      { kind: 'f64', data: batch.emitted },
      { kind: 'f64', data: batch.time },
      batch.id,
      { kind: 'bool', data: batch.kind },
      { kind: 'f64', data: batch.sampleRate },
      ...labels,
      ...Array.from({ length: batch.features.length }, (_, i) => batch.features.at(i)!),
    ];
  }

  measure(columns: readonly Column[], row: number): number {
    return this.#codec.measure(columns, row);
  }

  /** Into `measure` words at word `at`; whoever allocates them marks their pages. */
  write(slab: Slab, at: number, columns: readonly Column[], row: number): void {
    this.#codec.write(slab, at, columns, row);
  }

  /** The rows at the words `places`, in that order, in memory of their own. */
  batch(slab: Slab, places: readonly number[]): EmissionBatch {
    const n = places.length;
    const builders = this.#codec.physical.map((physical) => new RowBuilder(physical, n));
    places.forEach((at, row) => {
      this.#codec.read(slab, at, builders, row);
    });
    const columns = builders.map((builder) => builder.finish(n));
    const [emitted, time, id, kind, rate] = columns;
    assert(id.kind === 'text', 'an id is a text');
    const at = numbersOf(emitted);
    const times = numbersOf(time);
    const labels = this.#labels.map((isFraction, l) => {
      const of = columns.slice(HEAD.length + l * LABEL.length);
      const kinds = bytesOf(of[1]);
      return {
        value: bytesOf(of[0]),
        kind: kinds,
        deadline: numbersOf(of[2]),
        elapsed: at.map((when, i) => (kinds[i] === LABEL_ABSENT ? Number.NaN : when - times[i])),
        credit: isFraction ? Int32Array.from(numbersOf(of[5])) : null,
        audit: this.#audited ? { atWait: bytesOf(of[3]), ever: bytesOf(of[4]) } : null,
      };
    });
    return {
      ...{ n, emitted: at, time: times, id, kind: bytesOf(kind), labels },
      sampleRate: numbersOf(rate),
      features: columns.slice(HEAD.length + this.#labels.length * LABEL.length),
    };
  }
}

function numbersOf(column: Column): Float64Array {
  return (column as F64Column).data;
}

function bytesOf(column: Column): Uint8Array {
  return (column as BoolColumn).data;
}
