/**
 * One function for all counters of a keyspace. For a keyspace with one chain it reads like this:
 *
 *   for (let i = from; i < to; i++) {
 *     const q = records[i], j = row[i], who = participant[i];
 *     switch (probe[who]) {
 *       case 0: {                                            // looks up for probe 0
 *         if (q > 0) { … go through the slices, or: o0[a0 + j] = f[e0 + 12] - f[e0 + 16]; }
 *         else if (q === 0) o0[a0 + j] = 0;
 *         break;
 *       }
 *     }
 *     switch (feed[who]) {
 *       case 0: {                                            // updates from feed 0
 *         if (q <= 0) break;
 *         const s = t0[j], x0 = v0[j];
 *         let e0 = n[(q + 1) << 1], p0 = e0 === 0 ? quiet0(q, s) : 0;
 *         const a0 = x0 === x0 ? Math.round(x0 * 1048576) : 0, l0 = r[p0 + 1] + a0;
 *         if (p0 !== 0 && l0 < … ) r[p0 + 1] = l0;           // the key is quiet and stays so
 *         else { … the same in the busy section e0 … }
 *         break;
 *       }
 *     }
 *
 * counter-codegen-steps.ts writes the cases, counter-codegen-quiet.ts and counter-codegen-slices.ts the functions they
 * call. Names in scope: R, N the records' numbers and int32s; F, I, D the busy sections' numbers, int32s and dirty bits;
 * slices the slab of their logs; logs<i>, quiets<i> the chain's CounterLog and CounterQuiet.
 * Only numbers of the layout and names made here go into the text.
 */

import type { Participants } from '../keyspace/participants.ts';
import type { CounterChains } from './counter-chains.ts';
import { quietFunctions } from './counter-codegen-quiet.ts';
import { sliceFunctions, touchFunction } from './counter-codegen-slices.ts';
import { type Inputs, inputsOf, lookUpLines, updateLines } from './counter-codegen-steps.ts';
import {
  bitsOf,
  type CounterBatch,
  type CounterKernel,
  numbersAt,
  numbersOf,
  timesOf,
} from './counter-kernel.ts';
import type { CounterLayout } from './counter-layout.ts';
import { rehearsal } from './counter-rehearsal.ts';
import { addWide } from './wide-sum.ts';

type Generated = {
  readonly touch: (chains: CounterChains, from: number, to: number, records: Int32Array) => number;
  readonly run: (
    chains: CounterChains,
    from: number,
    to: number,
    feed: Int32Array,
    probe: Int32Array,
    participant: Int32Array,
    row: Int32Array,
    records: Int32Array,
    times: readonly Float64Array[],
    masks: readonly Uint8Array[],
    values: readonly Float64Array[],
    outputs: readonly Float64Array[],
    offsets: readonly number[],
  ) => void;
};

/** The kernel of a layout as generated code. */
export function counterCodegen(
  layout: CounterLayout,
  chains: CounterChains,
  participants: Participants,
): CounterKernel {
  return new GeneratedKernel(layout, chains, participants);
}

/**
 * By text: keyspaces of one shape, and the shards of each, run the very same functions, which are then compiled once and
 * always call the same others. So what they share is set at the beginning of every run (`look`).
 */
const kernels = new Map<string, Generated>();
/** Texts kept; beyond them all are forgotten. */
const KERNELS_MAX = 1024;

function generate(layout: CounterLayout, participants: Participants): Generated {
  const source = counterSource(layout, participants);
  let kernel = kernels.get(source);
  if (kernel === undefined) {
    if (kernels.size >= KERNELS_MAX) kernels.clear();
    kernel = new Function('addWide', source)(addWide) as Generated;
    kernels.set(source, kernel);
    rehearse(kernel, layout, participants);
  }
  return kernel;
}

function rehearse(kernel: Generated, layout: CounterLayout, participants: Participants): void {
  const { chains, n, participant, row, records, ...columns } = rehearsal(layout, participants);
  const inputs = inputsOf(layout);
  const times = Array.from({ length: participants.firstPair }, () => columns.time);
  const masks = inputs.masks.map(() => columns.mask);
  const values = inputs.values.map(() => columns.value);
  const outputs = layout.views.map(() => columns.output);
  const offsets = layout.views.flatMap((views) => views.map(() => 0));
  kernel.touch(chains, 0, n, records);
  kernel.run(
    chains,
    0,
    n,
    participants.feed,
    participants.probe,
    participant,
    row,
    records,
    times,
    masks,
    values,
    outputs,
    offsets,
  );
}

class GeneratedKernel implements CounterKernel {
  readonly #code: Generated;
  readonly #layout: CounterLayout;
  readonly #inputs: Inputs;
  readonly #chains: CounterChains;
  #batch: CounterBatch | null = null;
  #times: readonly Float64Array[] = [];
  #masks: readonly Uint8Array[] = [];
  #values: readonly Float64Array[] = [];
  #outputs: readonly Float64Array[] = [];
  #offsets: readonly number[] = [];
  /** What `touch` read: kept so that its reads cannot be optimised away. */
  readonly #touched = new Float64Array(1);

  constructor(layout: CounterLayout, chains: CounterChains, participants: Participants) {
    this.#code = generate(layout, participants);
    this.#layout = layout;
    this.#inputs = inputsOf(layout);
    this.#chains = chains;
  }

  open(batch: CounterBatch): void {
    const { feedFrames, probeFrames, answers } = batch;
    this.#batch = batch;
    this.#times = [...feedFrames, ...probeFrames].map(timesOf);
    this.#masks = this.#inputs.masks.map(({ feed, slot }) => bitsOf(feedFrames[feed]!, slot));
    this.#values = this.#inputs.values.map(({ feed, slot }) => numbersOf(feedFrames[feed]!, slot));
    this.#outputs = answers.numbers;
    this.#offsets = this.#layout.views.flatMap((views, probe) =>
      views.map(({ view }) => numbersAt(answers, probe, view)),
    );
  }

  touch(from: number, to: number): void {
    this.#touched[0] = this.#code.touch(this.#chains, from, to, this.#batch!.records);
  }

  run(from: number, to: number): void {
    const { steps, records, participants } = this.#batch!;
    this.#code.run(
      this.#chains,
      from,
      to,
      participants.feed,
      participants.probe,
      steps.participant,
      steps.row,
      records,
      this.#times,
      this.#masks,
      this.#values,
      this.#outputs,
      this.#offsets,
    );
  }
}

/** The body of a function of (addWide) that answers the kernel. */
function counterSource(layout: CounterLayout, { firstPair }: Participants): string {
  const inputs = inputsOf(layout);
  const probes = layout.views.length;
  const feeds = firstPair - probes;
  const offsets = layout.views.reduce((sum, views) => sum + views.length, 0);
  const cases = (lines: readonly string[], who: number) =>
    lines.length === 0 ? [] : [`case ${who}: {`, ...lines, 'break;', '}'];
  return [
    'let slices, sections, R, N, F, I, D;',
    ...layout.chains.map((_, index) => `let logs${index}, quiets${index};`),
    'function look(chains) {',
    'slices = chains.slices; sections = chains.sections; R = chains.records.f64; N = chains.records.i32;',
    ...layout.chains.map(
      (_, c) => `logs${c} = chains.logs[${c}]; quiets${c} = chains.quiet[${c}];`,
    ),
    'lookAgain();',
    '}',
    'function lookAgain() { F = sections.f64; I = sections.i32; D = sections.dirty; }',
    ...layout.chains.flatMap((chain, index) => [
      ...quietFunctions(chain, index),
      ...sliceFunctions(chain, index),
    ]),
    ...touchFunction(layout),
    'function run(chains, from, to, feed, probe, participant, row, records, times, masks, values, outputs, offsets) {',
    'look(chains);',
    'const r = R, n = N; let f = F;',
    ...list('t', firstPair, 'times'),
    ...list('m', inputs.masks.length, 'masks'),
    ...list('v', inputs.values.length, 'values'),
    ...list('o', probes, 'outputs'),
    ...list('a', offsets, 'offsets'),
    'for (let i = from; i < to; i++) {',
    'const q = records[i], j = row[i];',
    'const who = participant[i];',
    'switch (probe[who]) {',
    ...layout.views.flatMap((_, p) => cases(lookUpLines(layout, p, feeds + p), p)),
    '}',
    'switch (feed[who]) {',
    ...Array.from({ length: feeds }, (_, f) => cases(updateLines(layout, f, inputs), f)).flat(),
    '}}}',
    'return { touch, run };',
  ].join('\n');
}

function list(name: string, count: number, from: string): string[] {
  return Array.from({ length: count }, (_, i) => `const ${name}${i} = ${from}[${i}];`);
}
