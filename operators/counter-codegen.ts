/**
 * One function for all counters of a keyspace. For a keyspace with one chain it reads like this:
 *
 *   for (let i = from; i < to; i++) {
 *     const q = records[i], r = row[i];
 *     switch (participant[i]) {
 *       case 0: {                                            // a feed
 *         if (q <= 0) break;
 *         const s = t0[r], x0 = v0[r];
 *         const late0 = s >= f64[q + 5] || s < f64[q + 4] ? push0(q, s) : false;
 *         f64[q + 12] += 1;
 *         if (x0 === x0) { … }
 *         if (late0) logs0.settle(q);
 *         break;
 *       }
 *       case 1: {                                            // a look-up
 *         if (q > 0) { if (t1[r] >= f64[q + 6]) expire0(q, t1[r]); o0[a0 + r] = f64[q + 12] - f64[q + 16]; }
 *         else if (q === 0) o0[a0 + r] = 0;
 *         break;
 *       }
 *
 * push0 and expire0 are those of the chain's log (counter-log.ts) written out, see counter-codegen-slices.ts.
 * Only numbers of the layout and names made here go into the text.
 */
import type { KeyspacePlan } from '../compiler/plan.ts';
import { sliceFunctions, touchFunction } from './counter-codegen-slices.ts';
import {
  bitsOf,
  type CounterBatch,
  type CounterKernel,
  numbersAt,
  numbersOf,
  timesOf,
} from './counter-kernel.ts';
import {
  type Chain,
  type ChainColumn,
  type CounterLayout,
  type CounterView,
  NEWEST_END,
  NEWEST_START,
  NEXT_EXPIRY,
} from './counter-layout.ts';
import type { CounterLog } from './counter-log.ts';
import type { Slab } from './slab.ts';
import { addWide, LIMB } from './wide-sum.ts';

type Generated = {
  readonly touch: (from: number, to: number, records: Int32Array, slab: Slab) => number;
  readonly run: (
    from: number,
    to: number,
    participant: Int32Array,
    row: Int32Array,
    records: Int32Array,
    slab: Slab,
    times: readonly Float64Array[],
    masks: readonly Uint8Array[],
    values: readonly Float64Array[],
    outputs: readonly Float64Array[],
    offsets: readonly number[],
  ) => void;
};

/** The kernel of a layout as generated code. */
export function counterCodegen(
  keyspace: KeyspacePlan,
  layout: CounterLayout,
  logs: readonly CounterLog[],
  slabs: { readonly records: Slab; readonly logs: Slab },
): CounterKernel {
  return new GeneratedKernel(keyspace, layout, logs, slabs);
}

type Maker = (logs: readonly CounterLog[], slices: Slab, add: typeof addWide) => Generated;

/** By text: keyspaces of one shape (and the shards of each) share a kernel, and its compilation. */
const makers = new Map<string, Maker>();
/** Texts kept; beyond them all are forgotten. */
const MAKERS_MAX = 1024;

function makerOf(source: string): Maker {
  let maker = makers.get(source);
  if (maker === undefined) {
    if (makers.size >= MAKERS_MAX) makers.clear();
    maker = new Function('logs', 'slices', 'addWide', source) as Maker;
    makers.set(source, maker);
  }
  return maker;
}

class GeneratedKernel implements CounterKernel {
  readonly #code: Generated;
  readonly #layout: CounterLayout;
  readonly #inputs: Inputs;
  readonly #slab: Slab;
  #batch: CounterBatch | null = null;
  #times: readonly Float64Array[] = [];
  #masks: readonly Uint8Array[] = [];
  #values: readonly Float64Array[] = [];
  #outputs: readonly Float64Array[] = [];
  #offsets: readonly number[] = [];
  /** What `touch` read: kept so that its reads cannot be optimised away. */
  touched = 0;

  constructor(
    keyspace: KeyspacePlan,
    layout: CounterLayout,
    logs: readonly CounterLog[],
    slabs: { readonly records: Slab; readonly logs: Slab },
  ) {
    this.#code = makerOf(counterSource(keyspace, layout))(logs, slabs.logs, addWide);
    this.#layout = layout;
    this.#inputs = inputsOf(layout);
    this.#slab = slabs.records;
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
    this.touched = this.#code.touch(from, to, this.#batch!.records, this.#slab);
  }

  run(from: number, to: number): void {
    const { steps, records } = this.#batch!;
    this.#code.run(
      from,
      to,
      steps.participant,
      steps.row,
      records,
      this.#slab,
      this.#times,
      this.#masks,
      this.#values,
      this.#outputs,
      this.#offsets,
    );
  }
}

/** The body of a function of (logs, slices, addWide) that answers the kernel. */
function counterSource(keyspace: KeyspacePlan, layout: CounterLayout): string {
  const inputs = inputsOf(layout);
  const feeds = keyspace.feeds.length;
  const participants = feeds + keyspace.probes.length;
  const offsets = layout.views.reduce((sum, views) => sum + views.length, 0);
  const cases: string[] = [];
  for (let feed = 0; feed < feeds; feed++) cases.push(...feedCase(layout, feed, inputs));
  let firstOutput = 0;
  for (let probe = 0; probe < keyspace.probes.length; probe++) {
    cases.push(...probeCase(layout, probe, feeds, firstOutput));
    firstOutput += layout.views[probe]!.length;
  }
  return [
    ...list('logs', layout.chains.length, 'logs'),
    'let F, I, D;',
    ...layout.chains.flatMap((chain, index) => sliceFunctions(chain, index)),
    ...touchFunction(layout),
    'function run(from, to, participant, row, records, slab, times, masks, values, outputs, offsets) {',
    'const f64 = F = slab.f64;',
    'I = slab.i32;',
    'D = slab.dirty;',
    ...list('t', participants, 'times'),
    ...list('m', inputs.masks.length, 'masks'),
    ...list('v', inputs.values.length, 'values'),
    ...list('o', keyspace.probes.length, 'outputs'),
    ...list('a', offsets, 'offsets'),
    'for (let i = from; i < to; i++) {',
    'const q = records[i], r = row[i];',
    'switch (participant[i]) {',
    ...cases,
    '}}}',
    'return { touch, run };',
  ].join('\n');
}

type Input = { readonly feed: number; readonly slot: number };
type Inputs = { readonly masks: readonly Input[]; readonly values: readonly Input[] };

/** The mask and value slots that some column reads, each once. */
function inputsOf(layout: CounterLayout): Inputs {
  const masks: Input[] = [];
  const values: Input[] = [];
  const add = (inputs: Input[], feed: number, slot: number | null) => {
    if (slot !== null && find(inputs, feed, slot) < 0) inputs.push({ feed, slot });
  };
  for (const { plan } of layout.chains.flatMap((chain) => chain.columns)) {
    add(masks, plan.feed, plan.mask);
    add(values, plan.feed, plan.value);
  }
  return { masks, values };
}

function find(inputs: readonly Input[], feed: number, slot: number): number {
  return inputs.findIndex((input) => input.feed === feed && input.slot === slot);
}

function list(name: string, count: number, from: string): string[] {
  return Array.from({ length: count }, (_, i) => `const ${name}${i} = ${from}[${i}];`);
}

function feedCase(layout: CounterLayout, feed: number, inputs: Inputs): string[] {
  const own = layout.chains.flatMap((chain) =>
    chain.columns.filter(({ plan }) => plan.feed === feed),
  );
  if (own.length === 0) return [];
  const lines = [`case ${feed}: {`, 'if (q <= 0) break;', `const s = t${feed}[r];`];
  inputs.values.forEach((input, i) => {
    if (input.feed === feed) lines.push(`const x${i} = v${i}[r];`);
  });
  inputs.masks.forEach((input, i) => {
    if (input.feed === feed) lines.push(`const k${i} = m${i}[r] === 1;`);
  });
  layout.chains.forEach((chain, index) => {
    const columns = chain.columns.filter(({ plan }) => plan.feed === feed);
    if (columns.length > 0) lines.push(...feedChain(chain, index, columns, inputs));
  });
  return [...lines, 'break;', '}'];
}

function feedChain(
  chain: Chain,
  index: number,
  columns: readonly ChainColumn[],
  inputs: Inputs,
): string[] {
  const conditions = columns.map((column) => condition(column, inputs));
  const adds = columns.flatMap((column, i) => addColumn(chain, column, conditions[i]!, inputs));
  const any = conditions.includes('') ? '' : `if (${[...new Set(conditions)].join(' || ')}) `;
  if (chain.windows.length === 0) return adds;
  return [
    `${any}{`,
    `const late${index} = s >= f64[q + ${chain.at + NEWEST_END}] || s < f64[q + ${chain.at + NEWEST_START}] ? push${index}(q, s) : false;`,
    ...adds,
    `if (late${index}) logs${index}.settle(q);`,
    '}',
  ];
}

/** When a column takes the event; empty: always. */
function condition({ plan }: ChainColumn, inputs: Inputs): string {
  const parts: string[] = [];
  if (plan.mask !== null) parts.push(`k${find(inputs.masks, plan.feed, plan.mask)}`);
  if (plan.value !== null) {
    const value = `x${find(inputs.values, plan.feed, plan.value)}`;
    parts.push(`${value} === ${value}`);
  }
  return parts.length > 1 ? `(${parts.join(' && ')})` : parts.join('');
}

function addColumn(chain: Chain, column: ChainColumn, when: string, inputs: Inputs): string[] {
  const { plan, lane } = column;
  const word = `q + ${chain.totals + lane}`;
  const guard = when === '' ? '' : `if (${when}) `;
  if (plan.value === null) return [`${guard}f64[${word}] += 1;`];
  const x = `x${find(inputs.values, plan.feed, plan.value)}`;
  const scaled = `${plan.square ? `${x} * ${x}` : x}${` * ${plan.scale}`}`;
  return [
    `${guard}{`,
    `const a = Math.round(${scaled}), l = f64[${word}] + a;`,
    `if (a < ${LIMB} && a > -${LIMB} && l < ${LIMB} && l > -${LIMB}) f64[${word}] = l;`,
    `else addWide(f64, ${word}, a);`,
    '}',
  ];
}

function probeCase(
  layout: CounterLayout,
  probe: number,
  feeds: number,
  firstOutput: number,
): string[] {
  const views = layout.views[probe]!;
  if (views.length === 0) return [];
  const time = `t${feeds + probe}[r]`;
  const answer = (i: number) => `o${probe}[a${firstOutput + i} + r]`;
  const expiries = layout.chains.flatMap((chain, index) =>
    chain.windows.length === 0 || !views.some((view) => view.chain === index)
      ? []
      : [`if (t >= f64[q + ${chain.at + NEXT_EXPIRY}]) expire${index}(q, t);`],
  );
  return [
    `case ${feeds + probe}: {`,
    'if (q > 0) {',
    ...(expiries.length === 0 ? [] : [`const t = ${time};`]),
    ...expiries,
    ...views.map((view, i) => `${answer(i)} = ${readView(view)};`),
    '} else if (q === 0) {',
    ...views.map((_, i) => `${answer(i)} = 0;`),
    '}',
    'break;',
    '}',
  ];
}

function readView(view: CounterView): string {
  const limb = (k: number) =>
    view.before < 0
      ? `f64[q + ${view.total + k}]`
      : `f64[q + ${view.total + k}] - f64[q + ${view.before + k}]`;
  const sum = view.wide ? `${limb(0)} + (${limb(1)}) * ${LIMB}` : limb(0);
  if (view.scale === 1) return sum;
  const inverse = 1 / view.scale;
  return Number.isInteger(Math.log2(view.scale))
    ? `(${sum}) * ${inverse}`
    : `(${sum}) / ${view.scale}`;
}
