/**
 * Whether a model may be published: its quality over the rows trained on since the last refusal, at most some windows back,
 * held against its gates. Labels are scored before they are trained on, by model and baseline alike.
 */
import type { GatePlan } from '../../compiler/model-plan.ts';
import { keptScore, LossSums } from './label-metrics.ts';

/** A verdict takes so many rows and positives of each gated label; with fewer it waits. */
const ROWS_MIN = 2_000;
const POSITIVES_MIN = 20;
/** Publishes in a row that fail before training stops. */
export const REFUSALS_MAX = 3;

export type GateVerdict = {
  /** `waits`: too few rows to tell. */
  readonly verdict: 'passed' | 'failed' | 'waits';
  /** One line a gate. */
  readonly findings: readonly string[];
};

type Sums = { model: LossSums; baseline: LossSums };

export class ModelGates {
  readonly #gates: readonly GatePlan[];
  /** By label: sums of each window, oldest first; the last one is open. */
  #windows: Map<string, Sums>[] = [new Map()];

  constructor(gates: readonly GatePlan[]) {
    this.#gates = gates;
  }

  add(
    label: string,
    scored: { score: number; baseline: number; value: number; weight: number },
  ): void {
    const open = this.#windows[this.#windows.length - 1]!;
    let sums = open.get(label);
    if (sums === undefined) {
      sums = { model: new LossSums(), baseline: new LossSums() };
      open.set(label, sums);
    }
    sums.model.add(keptScore(scored.score), scored.value, scored.weight);
    sums.baseline.add(keptScore(scored.baseline), scored.value, scored.weight);
  }

  /** Judges, and closes the window: a failure is judged again only by new rows. */
  judge(): GateVerdict {
    const judged = this.#gates.map((gate) => judgeGate(gate, this.#merged(gate.label)));
    const findings = judged.map(({ finding }) => finding);
    const verdict = judged.some((each) => each.verdict === 'failed')
      ? 'failed'
      : judged.some((each) => each.verdict === 'waits')
        ? 'waits'
        : 'passed';
    if (verdict === 'failed') this.#windows = [new Map()];
    else this.#close();
    return { verdict, findings };
  }

  /** As plain data for a snapshot, and back. */
  toJSON(): GateState {
    return this.#windows.map((window) =>
      [...window].map(([label, { model, baseline }]) => [
        label,
        model.toArray(),
        baseline.toArray(),
      ]),
    );
  }

  restore(state: GateState): void {
    this.#windows = state.map(
      (window) =>
        new Map(
          window.map(([label, model, baseline]) => [
            label,
            { model: LossSums.from(model), baseline: LossSums.from(baseline) },
          ]),
        ),
    );
  }

  /** Starts a window; those not needed for a verdict are dropped. */
  #close(): void {
    const labels = new Set(this.#gates.map(({ label }) => label));
    while (
      this.#windows.length > 1 &&
      [...labels].every((label) => this.#enoughWithoutOldest(label))
    ) {
      this.#windows.shift();
    }
    this.#windows.push(new Map());
  }

  #enoughWithoutOldest(label: string): boolean {
    return isEnough(merge(this.#windows.slice(1), label));
  }

  #merged(label: string): Sums {
    return merge(this.#windows, label);
  }
}

export type GateState = (readonly [string, readonly number[], readonly number[]])[][];

function merge(windows: readonly Map<string, Sums>[], label: string): Sums {
  const all = { model: new LossSums(), baseline: new LossSums() };
  for (const window of windows) {
    const sums = window.get(label);
    if (sums === undefined) continue;
    all.model.merge(sums.model);
    all.baseline.merge(sums.baseline);
  }
  return all;
}

function isEnough({ model }: Sums): boolean {
  return model.rows >= ROWS_MIN && model.observed >= POSITIVES_MIN;
}

function judgeGate(
  gate: GatePlan,
  sums: Sums,
): { verdict: GateVerdict['verdict']; finding: string } {
  const { model, baseline } = sums;
  if (!isEnough(sums)) {
    const finding = `${gate.kind}(${gate.label}): too few rows yet (${model.rows}, ${Math.round(model.observed)} positives)`;
    return { verdict: 'waits', finding };
  }
  const { value, min, max } = measured(gate, model, baseline);
  const passed = value !== null && value >= min && value <= max;
  const shown = value === null ? 'nothing' : value.toFixed(4);
  const range = min === 0 ? `at most ${max.toFixed(4)}` : `${min} to ${max}`;
  const finding = `${gate.kind}(${gate.label}) is ${shown}, may be ${range}`;
  return { verdict: passed ? 'passed' : 'failed', finding };
}

function measured(gate: GatePlan, model: LossSums, baseline: LossSums) {
  if (gate.kind === 'ne') {
    const unit = gate.baseline ? (baseline.normalisedEntropy() ?? Number.NaN) : 1;
    return { value: model.normalisedEntropy(), min: 0, max: gate.max * unit };
  }
  const value = gate.kind === 'rate' ? model.observed / model.weight : model.calibration();
  return { value, min: gate.min, max: gate.max };
}
