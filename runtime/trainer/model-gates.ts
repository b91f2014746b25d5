/**
 * Whether a model may be published: its quality over the rows trained on since the last refusal, at most some windows back,
 * held against its gates. Labels are scored before they are trained on, by model and baseline alike.
 */
import type { GatePlan } from '../../compiler/check/model-plan.ts';
import { shareInterval } from '../../operators/checks/interval.ts';
import { keptScore, LossSums } from './label-metrics.ts';

/**
 * A verdict takes so many rows and positives of each gated label; with fewer it waits. A rate takes rows alone: that positives
 * are missing is what it is there to find.
 */
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
    const judged = this.#gates.map((gate) =>
      gate.kind === 'rate'
        ? judgeRate(gate, this.#newest(gate.label))
        : judgeGate(gate, merge(this.#windows, gate.label)),
    );
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

  /** The newest windows that have rows enough for a rate: older ones would hide that it fell. */
  #newest(label: string): LossSums {
    const sums = new LossSums();
    for (const window of this.#windows.toReversed()) {
      if (sums.rows >= ROWS_MIN) break;
      const more = window.get(label);
      if (more !== undefined) sums.merge(more.model);
    }
    return sums;
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

/** Fails where the whole 99.9 % interval is outside, as if every anchor had been seen: of those not sampled, none was a positive. */
function judgeRate(
  gate: Exclude<GatePlan, { readonly kind: 'ne' }>,
  { rows, weight, observed }: LossSums,
): { verdict: GateVerdict['verdict']; finding: string } {
  const name = `rate(${gate.label})`;
  const seen = { rows, weight, squares: weight, yes: observed, yesSquares: observed };
  const share = rows < ROWS_MIN ? null : shareInterval(seen);
  if (share === null) return { verdict: 'waits', finding: `${name}: too few rows yet (${rows})` };
  const failed = share.high < gate.min || share.low > gate.max;
  const finding = `${name} is ${share.p.toFixed(4)}, may be ${gate.min} to ${gate.max}`;
  return { verdict: failed ? 'failed' : 'passed', finding };
}

function measured(gate: GatePlan, model: LossSums, baseline: LossSums) {
  if (gate.kind === 'ne') {
    const unit = gate.baseline ? (baseline.normalisedEntropy() ?? Number.NaN) : 1;
    return { value: model.normalisedEntropy(), min: 0, max: gate.max * unit };
  }
  return { value: model.calibration(), min: gate.min, max: gate.max };
}
