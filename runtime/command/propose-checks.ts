/**
 * Checks that a sample of an example set passes with room to spare: three times the rate either way, twice the missing share,
 * ten times the values. They are a start: an author knows better what must never happen.
 */

import type { ExamplePlan, Plan } from '../../compiler/plan/plan.ts';
import { showDuration } from '../../compiler/show-duration.ts';
import {
  addToShare,
  emptyShare,
  type Share,
  shareInterval,
} from '../../operators/checks/interval.ts';

/** A line of a set's NDJSON output. */
export type SampleRow = {
  readonly id: string;
  readonly emitted: number;
  readonly kind?: string;
  readonly labels: Readonly<
    Record<string, { readonly value: number | null; readonly kind: string }>
  >;
  readonly features: Readonly<Record<string, unknown>>;
  readonly sample_rate: number;
};

/** A check as it is written, and what the sample says. */
export type ProposedCheck = { readonly text: string; readonly seen: string };

type ColumnSample = { readonly missing: Share; min: number; max: number };

/** Siddiqi (2006): above 0.25 a population has shifted. */
const DRIFT_BOUND = 0.25;
const FRESHNESS_MIN_MS = 60_000;

export class SampleSummary {
  rows = 0;
  readonly #plan: ExamplePlan;
  /** Whether a column is a field of the anchor, and not computed: its range and distribution are the source's own. */
  readonly #isField: readonly boolean[];
  readonly #rates: readonly Share[];
  readonly #columns: readonly ColumnSample[];
  readonly #said = new Set<string>();
  #copies = 0;
  #bytes = 0;
  #last: number | null = null;
  #gap = 0;

  constructor(plan: Plan, set: ExamplePlan) {
    const { slots } = plan.anchors[set.anchor]!;
    this.#plan = set;
    this.#isField = set.features.map(({ slot }) => slots[slot]!.op.kind === 'stream');
    this.#rates = set.labels.map(emptyShare);
    this.#columns = set.features.map(() => ({
      missing: emptyShare(),
      min: Number.POSITIVE_INFINITY,
      max: Number.NEGATIVE_INFINITY,
    }));
  }

  /** The next row of the output; `bytes` of its line. */
  add(row: SampleRow, bytes: number): void {
    this.rows++;
    this.#bytes = Math.max(this.#bytes, bytes);
    if (this.#last !== null) this.#gap = Math.max(this.#gap, row.emitted - this.#last);
    this.#last = row.emitted;
    const said = JSON.stringify([row.id, row.kind, Object.entries(row.labels).map(kindOf)]);
    if (this.#said.has(said)) this.#copies++;
    this.#said.add(said);
    if (row.kind !== undefined) return;
    const weight = 1 / row.sample_rate;
    this.#plan.labels.forEach(({ name }, i) => {
      const label = row.labels[name];
      if (label === undefined || label.value === null) return;
      if (label.kind === 'observed' || label.kind === 'late_positive')
        addToShare(this.#rates[i]!, weight, label.value > 0);
    });
    this.#plan.features.forEach(({ name }, i) => {
      const value = row.features[name];
      const column = this.#columns[i]!;
      addToShare(column.missing, weight, value === null);
      if (typeof value !== 'number') return;
      column.min = Math.min(column.min, value);
      column.max = Math.max(column.max, value);
    });
  }

  /** In the order in which checks are written; none for a set without rows. */
  proposals(): ProposedCheck[] {
    if (this.rows === 0) return [];
    const { labels, features } = this.#plan;
    const copies = this.#copies / this.rows;
    return [
      ...labels.flatMap(({ name }, i) => rateCheck(name, this.#rates[i]!)),
      ...features.flatMap((_, i) => this.#columnChecks(i)),
      {
        text: `duplicates <= ${percent(up(Math.max(0.001, copies * 2)))}`,
        seen: `${this.#copies} of ${this.rows} rows`,
      },
      { text: `size <= ${up(this.#bytes * 4)}`, seen: `at most ${this.#bytes} bytes` },
      {
        text: `freshness <= ${showDuration(longer(this.#gap * 3))}`,
        seen: `at most ${showDuration(this.#gap)} without a row`,
      },
    ];
  }

  #columnChecks(index: number): ProposedCheck[] {
    const { name, type, input } = this.#plan.features[index]!;
    const { missing, min, max } = this.#columns[index]!;
    const found: ProposedCheck[] = [];
    const share = shareInterval(missing)?.p ?? 0;
    if (type.kind !== 'error' && type.nullable && share < 0.5) {
      const bound = up(Math.max(0.01, share * 2));
      found.push({ text: `missing(${name}) <= ${percent(bound)}`, seen: `${percent(share)} null` });
    }
    if (!this.#isField[index]) return found;
    if (input === 'dense' && min <= max) {
      const low = min >= 0 ? 0 : -up(-min * 10);
      const high = max <= 0 ? 0 : up(max * 10);
      const isTime = type.kind === 'scalar' && type.name === 'timestamp';
      if (!isTime && low < high)
        found.push({ text: `range(${name}) in ${low} .. ${high}`, seen: `${min} .. ${max}` });
    }
    if (input === 'dense' && min < max)
      found.push({ text: `drift(${name}) <= ${DRIFT_BOUND}`, seen: 'against what landed before' });
    return found;
  }
}

function kindOf([name, { kind }]: [string, { readonly kind: string }]): string {
  return `${name} ${kind}`;
}

function rateCheck(name: string, share: Share): ProposedCheck[] {
  const found = shareInterval(share);
  if (found === null || found.p === 0) return [];
  const high = Math.min(1, up(Math.max(found.p * 3, found.high)));
  const low = down(Math.min(found.p / 3, found.low));
  const seen = `${percent(found.p)} of ${share.rows} rows`;
  return [{ text: `rate(${name}) in ${percent(low)} .. ${percent(high)}`, seen }];
}

/** At least a minute, in whole minutes. */
function longer(ms: number): number {
  return Math.max(FRESHNESS_MIN_MS, Math.ceil(ms / 60_000) * 60_000);
}

/** The next number up with one digit. */
function up(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(value));
  return Number((Math.ceil(value / unit - 1e-9) * unit).toPrecision(1));
}

function down(value: number): number {
  if (value <= 0) return 0;
  const unit = 10 ** Math.floor(Math.log10(value));
  return Number((Math.floor(value / unit) * unit).toPrecision(1));
}

/** A share as an author writes it. */
function percent(share: number): string {
  return `${Number((Math.min(1, share) * 100).toPrecision(3))}%`;
}
