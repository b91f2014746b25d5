/**
 * The checks of a unit's example sets, between what it emits and what it commits (operators/checks/gate.ts). While
 * replaying, rows go through them for what they leave behind, and nowhere else.
 *
 * Rows are judged together only where one unit has all rows of a set: of several each would cut buckets of its own, and the
 * verdicts would depend on how many there are.
 */
import type { ExamplePlan, Plan } from '../../compiler/plan/plan.ts';
import type { BucketBounds } from '../../operators/checks/buckets.ts';
import { Gate, type Settled } from '../../operators/checks/gate.ts';
import { bucketChecks } from '../../operators/checks/summary.ts';
import type { EmissionBatch } from '../../operators/emission/emission-batch.ts';
import type { SlabSet } from '../../operators/state/slab.ts';
import { KeptLines } from '../sink/kept-lines.ts';
import type { UnitDecision } from './unit-decisions.ts';
import type { UnitOutputs } from './unit-outputs.ts';

export class UnitGates {
  readonly #sets: readonly ExamplePlan[];
  readonly #gates: readonly Gate[];
  readonly #lines: readonly KeptLines[];
  readonly #outputs: UnitOutputs;
  readonly #now: () => number;
  /** By set and bucket, of earlier lives. */
  readonly #verdicts = new Map<string, readonly string[]>();

  constructor(of: {
    readonly plan: Plan;
    readonly units: number;
    readonly slabs: SlabSet;
    readonly decisions: readonly UnitDecision[];
    readonly outputs: UnitOutputs;
    readonly now: () => number;
    readonly bounds?: BucketBounds | undefined;
  }) {
    const { plan, units, slabs, decisions, outputs, now, bounds } = of;
    this.#outputs = outputs;
    this.#now = now;
    for (const decision of decisions) {
      if (decision.kind !== 'verdict') continue;
      this.#verdicts.set(`${decision.set} ${decision.bucket}`, decision.failed);
    }
    this.#sets = plan.examples.map((set) => (units === 1 ? set : judgedByRow(set)));
    this.#lines = this.#sets.map((set) => new KeptLines(set));
    this.#gates = this.#sets.map((set, i) => {
      return new Gate(set, slabs.open(`checks/${set.name}`), {
        rowBytes: (batch, row) => this.#lines[i]!.rowBytes(batch, row),
        decided: (bucket) => this.#verdicts.get(`${set.name} ${bucket}`) ?? null,
        ...(bounds === undefined ? {} : { bounds }),
      });
    });
  }

  /** By set: when the first row was emitted that waits for its verdict, or a bit before; null: none does. */
  get waiting(): (number | null)[] {
    return this.#gates.map((gate) => gate.waitingFrom);
  }

  /** Takes the set's next rows, in their final order. `isOut`: what is settled by them was committed by an earlier life. */
  async take(set: number, batch: EmissionBatch, isOut: boolean): Promise<void> {
    for (const settled of this.#gates[set]!.accept(batch)) await this.#settle(set, settled, isOut);
  }

  /** Everything emitted before `k` has been taken. */
  async reach(k: number, isOut: boolean): Promise<void> {
    for (const [set, gate] of this.#gates.entries()) {
      for (const settled of gate.reach(k)) await this.#settle(set, settled, isOut);
    }
  }

  async #settle(set: number, settled: Settled, isOut: boolean): Promise<void> {
    if (isOut) return;
    const { batch, skip, aside, verdict } = settled;
    const { name } = this.#sets[set]!;
    if (verdict !== null && !this.#verdicts.has(`${name} ${verdict.number}`)) {
      const { number: bucket, from, to, rows, failed } = verdict;
      const decision = { kind: 'verdict', set: name, bucket, from, to, rows, failed } as const;
      await this.#outputs.decide(decision, this.#now());
    }
    await this.#outputs.examples(set, batch, skip);
    for (const each of aside) {
      await this.#outputs.dead({
        ...{ kind: 'quarantined', reason: each.reason, key: null },
        value: this.#lines[set]!.line(batch, each),
        place: { 'millrace.set': name, 'millrace.lot': each.lot },
        headers: {},
      });
    }
  }
}

/** Whether the unit's rows wait for one another. */
export function judgesTogether(plan: Plan, units: number): boolean {
  return units === 1 && plan.examples.some((set) => bucketChecks(set).length > 0);
}

/** The set with those checks alone that judge a row by itself. */
function judgedByRow(set: ExamplePlan): ExamplePlan {
  const together = new Set<string>(bucketChecks(set).map(({ kind }) => kind));
  return { ...set, checks: set.checks.filter(({ kind }) => !together.has(kind)) };
}
