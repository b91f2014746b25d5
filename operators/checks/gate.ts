/**
 * The checks of one example set, between its emissions and its output. A row that breaks a check of its own is kept aside;
 * where rows are checked together they wait until their bucket (buckets.ts) is complete, and land or are kept aside as one.
 * What becomes of a row depends on the set's rows in their order and on the decisions taken, never on batches.
 *
 * Everything is in one slab: rows that wait, the cut of the open bucket, what columns used to look like. A checkpoint
 * therefore needs nothing more, and replay up to the committed K reaches the verdicts that were reached before.
 *
 * Kept rows are in lots (lots.ts), and a lot that somebody decided on gets no more rows.
 */
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import type { EmissionBatch } from '../emission/emission-batch.ts';
import type { Slab } from '../state/slab.ts';
import {
  BUCKET_BOUNDS,
  BUCKET_ROOT_END,
  type Bucket,
  type BucketBounds,
  Buckets,
} from './buckets.ts';
import { DriftReference } from './drift-reference.ts';
import { FRESHNESS_WORDS, Freshness, type Staleness } from './freshness.ts';
import { HeldRows } from './held-rows.ts';
import { judge } from './judge.ts';
import { bucketLot, isBucketLot, RowLots } from './lots.ts';
import { type RowBytes, RowChecks } from './row-checks.ts';
import { RowWords } from './row-words.ts';
import { type BucketCheck, bucketChecks, Summary } from './summary.ts';

/** What was decided of a bucket: the reasons why it must not land; none: it may. */
export type Verdict = Bucket & { readonly failed: readonly string[] };

export type Aside = { readonly row: number; readonly lot: string; readonly reason: string };

/** Rows whose fate is known: those that are not skipped land, those set aside say why. In the order of the rows. */
export type Settled = {
  readonly batch: EmissionBatch;
  /** 1: does not land; null: all do. */
  readonly skip: Uint8Array | null;
  readonly aside: readonly Aside[];
  /** Null where rows are judged one by one. */
  readonly verdict: Verdict | null;
};

export type GateOptions = {
  readonly rowBytes: RowBytes;
  /** A verdict taken before (of a rerun, a replay): it stands, whatever the figures say. Null: there is none. */
  readonly decided: (bucket: number) => readonly string[] | null;
  readonly bounds?: BucketBounds;
};

const HELD_ROOT = BUCKET_ROOT_END;
const DECISIONS = HELD_ROOT + 2;
const POINTERS = HELD_ROOT + 3;
const FRESHNESS_ROOT = HELD_ROOT + 4;
const LOTS_ROOT = FRESHNESS_ROOT + FRESHNESS_WORDS;

export class Gate {
  readonly #slab: Slab;
  readonly #decided: GateOptions['decided'];
  readonly #plan: ExamplePlan;
  readonly #bounds: BucketBounds;
  readonly #buckets: Buckets;
  readonly #rowChecks: RowChecks;
  readonly #checks: readonly BucketCheck[];
  readonly #words: RowWords;
  readonly #held: HeldRows;
  readonly #summary: Summary;
  /** By check. */
  readonly #references: readonly (DriftReference | null)[];
  readonly #freshness: Freshness;
  readonly #rowLots: RowLots;

  /** `slab`: the gate's own; a restored one goes on where it was. */
  constructor(plan: ExamplePlan, slab: Slab, options: GateOptions) {
    this.#plan = plan;
    this.#slab = slab;
    this.#decided = options.decided;
    this.#bounds = options.bounds ?? BUCKET_BOUNDS;
    this.#buckets = new Buckets(slab, this.#bounds);
    this.#rowChecks = new RowChecks(plan, options.rowBytes);
    this.#checks = bucketChecks(plan);
    this.#words = new RowWords(plan);
    this.#held = new HeldRows(slab, HELD_ROOT, this.#words);
    this.#summary = new Summary(plan, this.#checks);
    this.#references = this.#openReferences();
    this.#freshness = new Freshness(plan, slab, FRESHNESS_ROOT);
    this.#rowLots = new RowLots(slab, LOTS_ROOT);
    this.#summariseHeld();
  }

  /** Releases and drops of this set that the state has taken in. */
  get decisions(): number {
    return this.#slab.f64[DECISIONS];
  }

  /** When the first row was emitted that waits for its bucket, or a bit before; null: none waits. */
  get waitingFrom(): number | null {
    return this.#checks.length === 0 ? null : this.#buckets.from;
  }

  get stale(): Staleness | null {
    return this.#freshness.worst;
  }

  /** Takes the next rows; gives what is settled by them. The batch must stay as it is until all of it was asked for. */
  *accept(batch: EmissionBatch): Generator<Settled> {
    if (this.#plan.checks.length === 0) {
      yield { batch, skip: null, aside: [], verdict: null };
    } else if (this.#checks.length === 0) {
      yield this.#passOn(batch);
    } else {
      yield* this.#hold(batch);
    }
  }

  /** All rows emitted before `k` have come: gives the bucket that is complete by that. */
  *reach(k: number): Generator<Settled> {
    if (this.#buckets.isEmpty || k < this.#buckets.due) return;
    if (this.#checks.length === 0) this.#buckets.close();
    else yield this.#close();
  }

  /**
   * A lot was decided on by a person; `released`: its rows, none if it was dropped. If they were judged together and are let
   * go, they are what the columns look like from now on.
   */
  decide(lot: string, released: EmissionBatch): void {
    this.#slab.f64[DECISIONS]++;
    this.#slab.dirty[0] = 1;
    this.#rowLots.close(lot);
    if (!isBucketLot(lot) || released.n === 0) return;
    const summary = new Summary(this.#plan, this.#checks);
    for (let row = 0; row < released.n; row++) summary.add(released, row);
    this.#remember(summary, released.emitted[released.n - 1]);
  }

  #passOn(batch: EmissionBatch): Settled {
    let skip: Uint8Array | null = null;
    const aside: Aside[] = [];
    for (let row = 0; row < batch.n; row++) {
      if (batch.emitted[row] >= this.#buckets.due) this.#buckets.close();
      this.#freshness.see(batch.emitted[row]);
      const reason = this.#rowChecks.reason(batch, row);
      if (reason !== null) {
        skip ??= new Uint8Array(batch.n);
        skip[row] = 1;
        aside.push({ row, lot: this.#rowLots.of(this.#buckets.number), reason });
      }
      if (this.#buckets.add(batch.emitted[row], 0)) this.#buckets.close();
    }
    return { batch, skip, aside, verdict: null };
  }

  *#hold(batch: EmissionBatch): Generator<Settled> {
    const columns = this.#words.columns(batch);
    for (let row = 0; row < batch.n; row++) {
      const emitted = batch.emitted[row];
      if (emitted >= this.#buckets.due) yield this.#close();
      this.#freshness.see(emitted);
      if (this.#rowChecks.reason(batch, row) === null) this.#summary.add(batch, row);
      const bytes = this.#held.add(columns, row);
      if (this.#buckets.add(emitted, bytes)) yield this.#close();
    }
  }

  #close(): Settled {
    const bucket = this.#buckets.close();
    const batch = this.#held.all();
    this.#held.clear();
    const references = this.#references.map((reference) => reference?.weights() ?? null);
    const failed =
      this.#decided(bucket.number) ??
      judge(
        this.#plan,
        { checks: this.#checks, figures: this.#summary.figures(), references },
        this.#bounds,
      );
    if (failed.length === 0) this.#remember(this.#summary, bucket.from);
    this.#summary.clear();
    return { ...this.#lots(batch, bucket.number, failed), verdict: { ...bucket, failed } };
  }

  #lots(batch: EmissionBatch, number: number, failed: readonly string[]) {
    const aside: Aside[] = [];
    const together = failed.join('; ');
    for (let row = 0; row < batch.n; row++) {
      const reason = this.#rowChecks.reason(batch, row);
      if (reason !== null) aside.push({ row, lot: this.#rowLots.of(number), reason });
      else if (failed.length > 0) aside.push({ row, lot: bucketLot(number), reason: together });
    }
    if (aside.length === 0) return { batch, skip: null, aside };
    const skip = new Uint8Array(batch.n);
    for (const { row } of aside) skip[row] = 1;
    return { batch, skip, aside };
  }

  #remember(summary: Summary, at: number): void {
    for (const [i, figure] of summary.figures().entries()) {
      if (figure.kind === 'bins') this.#references[i]!.add(figure.weights, at);
    }
  }

  #openReferences(): (DriftReference | null)[] {
    const slab = this.#slab;
    const count = this.#checks.length;
    if (!this.#checks.some(({ kind }) => kind === 'drift')) return this.#checks.map(() => null);
    if (slab.f64[POINTERS] === 0) {
      const block = slab.alloc(Math.ceil(Math.log2(count)));
      slab.f64[POINTERS] = block;
      slab.dirty[0] = 1;
    }
    const pointers = slab.f64[POINTERS];
    return this.#checks.map(({ kind }, i) =>
      kind === 'drift' ? new DriftReference(slab, pointers + i) : null,
    );
  }

  /** After a restart: the sums over the rows that wait, made again in the same order. */
  #summariseHeld(): void {
    if (this.#checks.length === 0 || this.#buckets.isEmpty) return;
    const batch = this.#held.all();
    for (let row = 0; row < batch.n; row++) {
      if (this.#rowChecks.reason(batch, row) === null) this.#summary.add(batch, row);
    }
  }
}
