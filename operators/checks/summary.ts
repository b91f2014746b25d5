/**
 * What a bucket's checks need to know of its rows, gathered as the rows come: a few sums for each check, and bins for a
 * drift. Rates and shares weigh a row by 1 / sample rate, so that sampling moves none of them. `shown` and `audit` rows say
 * again what others say, and are not counted.
 */
import type { CheckPlan, ExamplePlan } from '../../compiler/plan/plan.ts';
import { BOOL_NULL, type Column } from '../column/column.ts';
import {
  type EmissionBatch,
  LABEL_LATE_POSITIVE,
  LABEL_OBSERVED,
  ROW_EXAMPLE,
} from '../emission/emission-batch.ts';
import { combine, hashBytes, lanes } from '../hash.ts';
import { BINS, binOf } from './bins.ts';
import type { BinWeights } from './drift-reference.ts';
import { addToShare, emptyShare, type Share } from './interval.ts';

/** A check of rows together; the others look at one row by itself. */
export type BucketCheck = Extract<CheckPlan, { kind: 'rate' | 'missing' | 'drift' | 'duplicates' }>;

export type CheckSummary =
  | { readonly kind: 'share'; readonly share: Share }
  | { readonly kind: 'bins'; readonly weights: BinWeights };

export function bucketChecks(plan: ExamplePlan): readonly BucketCheck[] {
  return plan.checks.filter(
    (check): check is BucketCheck =>
      check.kind === 'rate' ||
      check.kind === 'missing' ||
      check.kind === 'drift' ||
      check.kind === 'duplicates',
  );
}

type Binned = { bins: Float64Array; weight: number; squares: number };

export class Summary {
  readonly #plan: ExamplePlan;
  readonly #checks: readonly BucketCheck[];
  /** By check; the other kind's place is unused. */
  #shares: Share[] = [];
  #bins: Binned[] = [];
  /** 53 bits of the hash of each row's id and what it says: of 65,536 rows two are alike by chance once in four million buckets. */
  readonly #seen = new Set<number>();

  constructor(plan: ExamplePlan, checks: readonly BucketCheck[]) {
    this.#plan = plan;
    this.#checks = checks;
    this.clear();
  }

  clear(): void {
    this.#seen.clear();
    this.#shares = this.#checks.map(emptyShare);
    this.#bins = this.#checks.map(({ kind }) => ({
      bins: new Float64Array(kind === 'drift' ? BINS : 0),
      weight: 0,
      squares: 0,
    }));
  }

  add(batch: EmissionBatch, row: number): void {
    const isExample = batch.kind[row] === ROW_EXAMPLE;
    const weight = 1 / batch.sampleRate[row];
    this.#checks.forEach((check, i) => {
      if (check.kind === 'duplicates') {
        addToShare(this.#shares[i], 1, this.#isCopy(batch, row));
      } else if (isExample) {
        if (check.kind === 'rate') this.#addRate(i, check.label, { batch, row, weight });
        else if (check.kind === 'missing')
          addToShare(this.#shares[i], weight, isNull(batch.features.at(check.column)!, row));
        else this.#addBin(i, check.column, { batch, row, weight });
      }
    });
  }

  /** By check. Views: gone with the next `clear`. */
  figures(): readonly CheckSummary[] {
    return this.#checks.map(({ kind }, i) =>
      kind === 'drift'
        ? { kind: 'bins', weights: this.#bins[i] }
        : { kind: 'share', share: this.#shares[i] },
    );
  }

  /** The first word of a label counts: what `matured` and `cancelled` rows say was said, or its opposite was. */
  #addRate(check: number, label: number, { batch, row, weight }: At): void {
    const { kind, value } = batch.labels[label];
    if (kind[row] !== LABEL_OBSERVED && kind[row] !== LABEL_LATE_POSITIVE) return;
    if (value[row] !== BOOL_NULL) addToShare(this.#shares[check], weight, value[row] === 1);
  }

  #addBin(check: number, column: number, { batch, row, weight }: At): void {
    const into = this.#bins[check];
    const bin = binOf(batch.features.at(column)!, row, this.#plan.features[column].input);
    into.bins[bin] += weight;
    into.weight += weight;
    into.squares += weight * weight;
  }

  /** An earlier row of the bucket has the same id and says the same about the same labels. */
  #isCopy(batch: EmissionBatch, row: number): boolean {
    const { bytes, start, end } = batch.id;
    hashBytes(bytes, start[row], end[row]);
    let lo = lanes[0];
    let hi = lanes[1];
    combine(lo, hi, batch.kind[row], 0);
    for (const { kind } of batch.labels) {
      lo = lanes[0];
      hi = lanes[1];
      combine(lo, hi, kind[row], 0);
    }
    const key = (lanes[0] >>> 0) + (lanes[1] & 0x1fffff) * 2 ** 32;
    if (this.#seen.has(key)) return true;
    this.#seen.add(key);
    return false;
  }
}

type At = { readonly batch: EmissionBatch; readonly row: number; readonly weight: number };

function isNull(column: Column, row: number): boolean {
  switch (column.kind) {
    case 'f64':
      return Number.isNaN(column.data[row]);
    case 'bool':
      return column.data[row] === BOOL_NULL;
    case 'text':
      return column.start[row] < 0;
    case 'hash':
      return column.lo[row] === 0 && column.hi[row] === 0;
    case 'list_f64':
    case 'list_text':
      return column.isNull !== null && column.isNull[row] === 1;
  }
}
