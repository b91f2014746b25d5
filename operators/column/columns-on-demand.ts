import type { FeatureColumns } from '../emission/emission-batch.ts';
import type { Column } from './column.ts';

/** Columns that are made when they are first asked for, each once. */
export class ColumnsOnDemand implements FeatureColumns {
  readonly length: number;
  readonly #make: (index: number) => Column;
  readonly #made: (Column | null)[];

  constructor(length: number, make: (index: number) => Column) {
    this.length = length;
    this.#make = make;
    this.#made = new Array(length).fill(null);
  }

  at(index: number): Column {
    return (this.#made[index] ??= this.#make(index));
  }
}
