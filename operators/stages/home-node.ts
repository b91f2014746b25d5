/**
 * Anchors at their home. An anchor's row says which answers will come (a key that is null is not asked for); once the
 * node's frontier has passed the anchor all of them are here, and one that is missing is an error of ours, never a null.
 * Complete anchors, and what labels were credited with, go to the emissions of the anchor's example sets.
 */
import type { AnchorPlan } from '../../compiler/plan/plan.ts';
import { assert } from '../assert.ts';
import type { Column, F64Column } from '../column/column.ts';
import { Frame } from '../column/frame.ts';
import { gatherRows } from '../column/gather-rows.ts';
import { Slots } from '../column/slots.ts';
import { Emission } from '../emission/emission.ts';
import type { Frontiers } from '../emission/emission-step.ts';
import { finish, output } from '../keyspace/answers.ts';
import { Outcomes } from '../label/attribute-outcomes.ts';
import { anchorsOf } from './anchor-columns.ts';
import type { ExchangeRows, Progress } from './exchange-rows.ts';
import {
  channelsTo,
  extraOf,
  type NodeChannel,
  type NodeInputs,
  type NodeParts,
  type StageNode,
  type StageOutput,
} from './stage-node.ts';

export class HomeNode implements StageNode {
  readonly #parts: NodeParts;
  readonly #plan: AnchorPlan;
  readonly #slots: Slots;
  readonly #emissions: readonly { readonly example: number; readonly emission: Emission }[];
  readonly #anchors: NodeChannel;
  /** In the order of the bits of an anchor's expectation. */
  readonly #answers: readonly (NodeChannel & { keyspace: number; probe: number })[];
  readonly #outcomes: readonly (NodeChannel & { label: number })[];
  readonly #clocks: readonly NodeChannel[];

  constructor(parts: NodeParts, a: number) {
    const { plan, codegen, slabs } = parts;
    const channels = channelsTo(parts);
    const anchors = channels.find((each) => each.plan.input.kind === 'anchor');
    assert(anchors?.plan.input.kind === 'anchor', 'a home has anchors');
    this.#parts = parts;
    this.#plan = plan.anchors[a];
    this.#slots = new Slots(this.#plan.slots, codegen);
    this.#emissions = plan.examples.flatMap(({ anchor }, example) =>
      anchor === a ? [{ example, emission: new Emission(plan, example, [slabs]) }] : [],
    );
    this.#anchors = anchors;
    this.#answers = anchors.plan.input.probes.map(([keyspace, probe]) => {
      const channel = channels.find(
        ({ plan: { input } }) =>
          input.kind === 'answers' && input.keyspace === keyspace && input.probe === probe,
      );
      assert(channel !== undefined, `there is no answer of keyspace ${keyspace}`);
      return { ...channel, keyspace, probe };
    });
    this.#outcomes = channels.flatMap((channel) => {
      const { input } = channel.plan;
      return input.kind === 'outcome' ? [{ ...channel, label: input.label }] : [];
    });
    this.#clocks = channels.filter((each) => each.plan.input.kind === 'clock');
  }

  run(inputs: NodeInputs, frontier: number): readonly StageOutput[] {
    const rows = inputs.rows(this.#anchors.index);
    const frame = rows === null ? null : this.#frame(rows, inputs);
    if (rows === null) {
      for (const { index, plan } of this.#answers) {
        assert(inputs.rows(index) === null, `${plan.name}: an answer without its anchor`);
      }
    }
    const outcomes = this.#parts.plan.labels.map(() => new Outcomes());
    for (const { index, label } of this.#outcomes) fill(outcomes[label], inputs.rows(index));
    const frontiers = this.#frontiers(inputs, frontier);
    const read = (slot: number) => this.#slots.column(frame!, slot);
    return this.#emissions.map(({ example, emission }) => ({
      example,
      batch: emission.accept(frame, read, outcomes, frontiers),
    }));
  }

  /** By example set: anchors for which something is still due. */
  pending(): { readonly example: number; readonly pending: ReturnType<Emission['pending']> }[] {
    return this.#emissions.map(({ example, emission }) => ({
      example,
      pending: emission.pending(),
    }));
  }

  #frame(rows: ExchangeRows, inputs: NodeInputs): Frame {
    const { n, time, step, partition, offset } = rows;
    const { slots } = this.#anchors.plan;
    const answered = new Map<string, readonly Column[]>();
    const expected = extraOf(this.#anchors.plan, rows)[0] as F64Column | undefined;
    this.#answers.forEach(({ index, plan, keyspace, probe }, p) => {
      const columns = join(rows, expected!.data, 2 ** p, { answers: inputs.rows(index), plan });
      answered.set(`${keyspace} ${probe}`, columns);
    });
    const columns = this.#plan.slots.map(({ op }): Column | undefined => {
      if (op.kind === 'view') return answered.get(`${op.keyspace} ${op.probe}`)![op.view];
      if (op.kind !== 'stream') return undefined;
      const at = slots.indexOf(op.slot);
      return at < 0 ? undefined : rows.columns[at];
    });
    return new Frame({ n, time, step, labelOnly: null, partition, offset, columns });
  }

  #frontiers(inputs: NodeInputs, frontier: number): Frontiers {
    const byStream = new Map(
      this.#clocks.map(({ index, plan }) => [plan.stream, inputs.clocks(index)]),
    );
    const all = [...byStream.values()].flat();
    const isOver = all.every((clock) => clock.ended);
    return {
      frontier,
      reached: isOver ? Math.min(frontier, latest(all)) : frontier,
      labelFrontier: (stream) => {
        const clocks = byStream.get(stream) ?? [];
        const open = clocks.filter((clock) => !clock.ended);
        if (open.length > 0) return Math.min(...open.map((clock) => clock.watermark));
        return latest(clocks);
      },
    };
  }
}

/** The answers as columns of the anchors: each anchor's own, null where none was expected. */
function join(
  anchors: ExchangeRows,
  expected: Float64Array,
  bit: number,
  { answers, plan }: { answers: ExchangeRows | null; plan: NodeChannel['plan'] },
): Column[] {
  const pieces = new Int32Array(anchors.n);
  const rows = new Int32Array(anchors.n);
  let next = 0;
  let isWhole = true;
  for (let i = 0; i < anchors.n; i++) {
    if (Math.floor(expected[i] / bit) % 2 === 0) {
      pieces[i] = 1;
      isWhole = false;
      continue;
    }
    assert(
      answers !== null &&
        next < answers.n &&
        answers.offset[next] === anchors.offset[i] &&
        answers.partition[next] === anchors.partition[i],
      `${plan.name}: the answer for ${anchors.partition[i]}/${anchors.offset[i]} is missing`,
    );
    rows[i] = next++;
  }
  assert(next === (answers?.n ?? 0), `${plan.name}: an answer that no anchor asked for`);
  if (answers !== null && isWhole) return [...answers.columns];
  return plan.physical.map((physical, c) => {
    const nothing = finish(output(physical, 1));
    return gatherRows([answers?.columns[c] ?? nothing, nothing], pieces, rows, anchors.n);
  });
}

function fill(into: Outcomes, rows: ExchangeRows | null): void {
  if (rows === null) return;
  const anchors = anchorsOf(rows.columns);
  const share = (rows.columns.at(-1) as F64Column).data;
  for (let i = 0; i < rows.n; i++) {
    into.anchors.addRow(anchors, i);
    into.set(rows.time[i], rows.step[i], share[i]);
  }
}

function latest(clocks: readonly Progress[]): number {
  return Math.max(Number.NEGATIVE_INFINITY, ...clocks.map((clock) => clock.watermark));
}
