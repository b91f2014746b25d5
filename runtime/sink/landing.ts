/**
 * Where the rows of one example set land: its checks, its output and what is kept aside, in one. While replaying, rows go
 * through the checks for what they leave behind, and nowhere else.
 */
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import type { BucketBounds } from '../../operators/checks/buckets.ts';
import type { Staleness } from '../../operators/checks/freshness.ts';
import { Gate, type Settled } from '../../operators/checks/gate.ts';
import type { EmissionBatch } from '../../operators/emission/emission-batch.ts';
import type { SlabSet } from '../../operators/state/slab.ts';
import type { DecisionLog, LotDecision } from '../log/decisions.ts';
import type { OutputPosition } from '../log/progress.ts';
import type { Quarantine } from './quarantine.ts';
import type { Sink } from './sink.ts';

export class Landing {
  readonly plan: ExamplePlan;
  readonly sink: Sink;
  readonly quarantine: Quarantine;
  readonly #decisions: DecisionLog;
  readonly #gate: Gate;

  constructor(
    plan: ExamplePlan,
    more: {
      readonly sink: Sink;
      readonly quarantine: Quarantine;
      readonly decisions: DecisionLog;
      readonly slabs: SlabSet;
      readonly bounds?: BucketBounds | undefined;
    },
  ) {
    const { sink, quarantine, decisions, slabs, bounds } = more;
    this.plan = plan;
    this.sink = sink;
    this.quarantine = quarantine;
    this.#decisions = decisions;
    this.#gate = new Gate(plan, slabs.open(`checks/${plan.name}`), {
      rowBytes: (batch, row) => quarantine.rowBytes(batch, row),
      decided: (bucket) => decisions.verdict(plan.name, bucket)?.failed ?? null,
      ...(bounds === undefined ? {} : { bounds }),
    });
  }

  get stale(): Staleness | null {
    return this.#gate.stale;
  }

  /** Takes the next rows of the set. `isOut`: what is settled by them was written in an earlier life. */
  async take(batch: EmissionBatch, isOut: boolean): Promise<void> {
    for (const settled of this.#gate.accept(batch)) await this.#settle(settled, isOut);
  }

  /** Everything emitted before `k` has been taken. */
  async reach(k: number, isOut: boolean): Promise<void> {
    for (const settled of this.#gate.reach(k)) await this.#settle(settled, isOut);
  }

  /** Acts on the set's `count`-th release or drop: rows that are let go follow what is out already. */
  async decide(decision: LotDecision, count: number, isOut: boolean): Promise<void> {
    const isNew = this.#gate.decisions < count;
    if (!isNew && isOut) return;
    const rows = await this.#letGo(decision);
    if (isNew) this.#gate.decide(decision.lot, rows);
    if (!isOut) await this.sink.write(rows, null);
  }

  /** The same where nothing is judged any more, and so nothing need be remembered. */
  async write(decision: LotDecision): Promise<void> {
    await this.sink.write(await this.#letGo(decision), null);
  }

  /** The rows that a decision lets go; none: it gives them up. */
  async #letGo({ kind, lot }: LotDecision): Promise<EmissionBatch> {
    const rows = await this.quarantine.lot(lot);
    return kind === 'release' ? rows : { ...rows, n: 0 };
  }

  async commit(): Promise<[string, OutputPosition][]> {
    const files = await this.quarantine.commit();
    return [[this.sink.name, await this.sink.commit()], ...files];
  }

  async #settle({ batch, skip, aside, verdict }: Settled, isOut: boolean): Promise<void> {
    if (isOut) return;
    const { name } = this.plan;
    if (verdict !== null && this.#decisions.verdict(name, verdict.number) === null) {
      const { number: bucket, from, to, rows, failed } = verdict;
      this.#decisions.note({ kind: 'verdict', set: name, bucket, from, to, rows, failed });
    }
    await this.sink.write(batch, skip);
    await this.quarantine.write(batch, aside);
  }
}
