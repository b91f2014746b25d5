/**
 * The emissions of one example set: anchors with their features on one side, what attribution found on the other, rows
 * at the times that the labels' policies say (the emission table of the design). All rows of a batch are emitted below its
 * frontier and not below the one before, so batches one after another are in order.
 *
 * A label event never comes before its anchor: both wait in the reorder buffer until the frontier has passed them, and
 * an event is applied at or after its anchor's time. So there is no store of early events.
 */
import type { ExamplePlan, Plan } from '../../compiler/plan/plan.ts';
import { assert } from '../assert.ts';
import type { Column } from '../column/column.ts';
import { ColumnsOnDemand } from '../column/columns-on-demand.ts';
import type { Frame } from '../column/frame.ts';
import { hashOf } from '../enrich.ts';
import type { Outcomes } from '../label/attribute-outcomes.ts';
import { RowCodec } from '../state/row-codec.ts';
import type { SlabSet } from '../state/slab.ts';
import type { EmissionBatch } from './emission-batch.ts';
import { sortEmissions, takeEmissions } from './emission-order.ts';
import { EmissionRows } from './emission-rows.ts';
import { type EmissionRules, emissionRules } from './emission-rules.ts';
import { EmissionShard } from './emission-shard.ts';
import type { Frontiers } from './emission-step.ts';
import { Sample } from './sample.ts';

export class Emission {
  readonly #example: ExamplePlan;
  readonly #rules: EmissionRules;
  readonly #codec: RowCodec;
  readonly #divides: readonly boolean[];
  readonly #sample: Sample;
  /** Empty where nothing is ever waited for: without labels there is nothing to audit either. */
  readonly #shards: readonly EmissionShard[];

  /** The example set `plan.examples[index]`. `slabs`: one set a shard; an anchor is on the shard of its id's hash. */
  constructor(plan: Plan, index: number, slabs: readonly SlabSet[]) {
    const example = plan.examples[index];
    const { slots } = plan.anchors[example.anchor];
    const columns = [example.id, ...example.features.map((feature) => feature.slot)];
    const rules = emissionRules(plan, example);
    const codec = new RowCodec(columns.map((slot) => slots[slot].physical));
    this.#example = example;
    this.#rules = rules;
    this.#codec = codec;
    this.#divides = rules.labels.slice(0, rules.emitted).map(({ divides }) => divides);
    this.#sample = new Sample(example.set ?? example.name, example.sampleNegatives);
    this.#shards = (rules.emitted === 0 ? [] : slabs).map((set, s) => {
      const shard = { index: s, of: slabs.length };
      return new EmissionShard(plan, example, { rules, codec, slabs: set, shard });
    });
  }

  /**
   * One batch: the anchors with times below the frontier, `column` for the slots of their frame, and the outcomes that
   * attribution found in it, by index of plan.labels. What comes back may share memory with the frame's columns.
   */
  accept(
    frame: Frame | null,
    column: (slot: number) => Column,
    outcomes: readonly Outcomes[],
    frontiers: Frontiers,
  ): EmissionBatch {
    if (this.#shards.length === 0 && frame !== null) return this.#pass(frame, column);
    const audited = this.#example.audit > 0;
    const into = new EmissionRows(this.#codec.physical, this.#divides, audited);
    const fresh = frame === null ? null : this.#fresh(frame, column);
    const followed = this.#rules.labels.map(({ label }) => outcomes[label]);
    for (const shard of this.#shards) shard.accept(fresh, followed, frontiers, into);
    return into.finish();
  }

  /** Anchors that are not settled yet. */
  get live(): number {
    return this.#shards.reduce((sum, shard) => sum + shard.live, 0);
  }

  /** Anchors ever taken in, and rows that sampling left out; a set that waits for nothing counts neither. */
  get counters(): { readonly anchors: number; readonly sampledOut: number } {
    let anchors = 0;
    let sampledOut = 0;
    for (const { counters } of this.#shards) {
      anchors += counters.anchors;
      sampledOut += counters.sampledOut;
    }
    return { anchors, sampledOut };
  }

  /** Anchors by label of the set with an emission of it still due, and those with an audit row. Reads every live anchor. */
  pending(): {
    readonly labels: readonly { readonly name: string; readonly anchors: number }[];
    readonly audit: number;
  } {
    const counts = this.#shards.map((shard) => shard.pending());
    const sum = (l: number) => counts.reduce((total, of) => total + of[l], 0);
    const labels = this.#example.labels.map(({ name }, l) => ({ name, anchors: sum(l) }));
    return { labels, audit: counts.length === 0 ? 0 : sum(labels.length) };
  }

  #fresh(frame: Frame, column: (slot: number) => Column) {
    const { n, time, partition, offset } = frame;
    const { lo, hi } = hashOf(column(this.#example.idHash));
    const slots = [this.#example.id, ...this.#example.features.map((feature) => feature.slot)];
    return {
      n,
      anchors: { lo, hi, time, partition, offset },
      skip: frame.labelOnly,
      columns: slots.map(column),
    };
  }

  /** Nothing to wait for: the rows are the anchors, their columns as they are. */
  #pass(frame: Frame, column: (slot: number) => Column): EmissionBatch {
    const { n } = frame;
    const id = column(this.#example.id);
    assert(id.kind === 'text', 'an id is a text');
    const kept = this.#kept(frame, column);
    const batch = {
      n,
      emitted: frame.time,
      time: frame.time,
      id,
      kind: new Uint8Array(n),
      labels: [],
      sampleRate: new Float64Array(n).fill(this.#sample.share),
      features: new ColumnsOnDemand(this.#example.features.length, (i) =>
        column(this.#example.features[i].slot),
      ),
    };
    return sortEmissions(kept === null ? batch : takeEmissions(batch, kept));
  }

  /** Rows that have an id and are in the sample; null: all. */
  #kept(frame: Frame, column: (slot: number) => Column): Int32Array | null {
    const { lo, hi } = hashOf(column(this.#example.idHash));
    const rows = new Int32Array(frame.n);
    let n = 0;
    for (let i = 0; i < frame.n; i++) {
      const skipped = (lo[i] === 0 && hi[i] === 0) || frame.labelOnly?.[i] === 1;
      if (!skipped && this.#sample.has(lo[i], hi[i])) rows[n++] = i;
    }
    return n === frame.n ? null : rows.subarray(0, n);
  }
}
