/** What steps of the counters' kernel (counter-codegen.ts) do: an update by a feed, a look-up by a probe. */

import { PAGE_SHIFT } from '../state/slab.ts';
import { quietLookUp } from './counter-codegen-quiet.ts';
import {
  type Chain,
  type ChainColumn,
  type CounterLayout,
  type CounterView,
  NEWEST_END,
  NEWEST_START,
  NEXT_EXPIRY,
  QUIET_COUNT,
  QUIET_SUM,
} from './counter-layout.ts';
import { LIMB } from './wide-sum.ts';

export type Input = { readonly feed: number; readonly slot: number };
export type Inputs = { readonly masks: readonly Input[]; readonly values: readonly Input[] };

/** The mask and value slots that some column reads, each once. */
export function inputsOf(layout: CounterLayout): Inputs {
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

/** Source lines of an update by `feed`; none when it adds to nothing. */
export function updateLines(layout: CounterLayout, feed: number, inputs: Inputs): string[] {
  const own = layout.chains.flatMap((chain) =>
    chain.columns.filter(({ plan }) => plan.feed === feed),
  );
  if (own.length === 0) return [];
  const lines = ['if (q > 0) {', `const s = t${feed}[j];`];
  inputs.values.forEach((input, i) => {
    if (input.feed === feed) lines.push(`const x${i} = v${i}[j];`);
  });
  inputs.masks.forEach((input, i) => {
    if (input.feed === feed) lines.push(`const k${i} = m${i}[j] === 1;`);
  });
  layout.chains.forEach((chain, index) => {
    const columns = chain.columns
      .filter(({ plan }) => plan.feed === feed)
      .map((column) => ({ ...column, when: condition(column, inputs) }));
    if (columns.length > 0) lines.push(...feedChain(chain, index, columns, inputs));
  });
  return [...lines, '}'];
}

/** A column that the step may add to; `when` it does: an expression, empty: always. */
type Adding = ChainColumn & { readonly when: string };

function feedChain(
  chain: Chain,
  index: number,
  columns: readonly Adding[],
  inputs: Inputs,
): string[] {
  const conditions = columns.map(({ when }) => when);
  const any = conditions.includes('') ? '' : `if (${[...new Set(conditions)].join(' || ')}) `;
  const sums = columns.flatMap((column) =>
    column.plan.value === null ? [] : [`const a${column.lane} = ${quantised(column, inputs)};`],
  );
  if (chain.windows.length === 0) {
    return [`${any}{`, ...sums, ...columns.flatMap((each) => addTotal(chain, each, 'r', 'q')), '}'];
  }
  const next = columns.map((column) => afterQuiet(chain, column, `p${index}`));
  const fits = columns.map(({ lane, plan }) =>
    plan.value === null
      ? `l${lane} < ${QUIET_COUNT}`
      : `l${lane} < ${QUIET_SUM} && l${lane} > ${-QUIET_SUM}`,
  );
  const e = `e${index}`;
  return [
    `${any}{`,
    `let ${e} = n[(q + ${chain.section}) << 1];`,
    `const p${index} = ${e} === 0 ? quiet${index}(q, s) : 0;`,
    ...sums,
    ...next,
    `if (p${index} !== 0 && ${fits.join(' && ')}) {`,
    ...columns.map((column) => `${quietWord(chain, column, `p${index}`)} = l${column.lane};`),
    '} else {',
    `if (${e} === 0) { ${e} = quiets${index}.promote(q); lookAgain(); f = F; }`,
    `const late = s >= f[${e} + ${NEWEST_END}] || s < f[${e} + ${NEWEST_START}] ? push${index}(${e}, s) : false;`,
    ...columns.flatMap((column) => addTotal(chain, column, 'f', e)),
    `D[${e} >> ${PAGE_SHIFT}] = 1;`,
    `if (late) logs${index}.settle(${e});`,
    '}',
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

/** What the event adds to a sum; 0 when it takes no part. */
function quantised({ plan, when }: Adding, inputs: Inputs): string {
  const x = `x${find(inputs.values, plan.feed, plan.value!)}`;
  return `${when} ? Math.round(${plan.square ? `${x} * ${x}` : x} * ${plan.scale}) : 0`;
}

function quietWord({ quiet }: Chain, { plan, lane }: ChainColumn, slice: string): string {
  return plan.value === null
    ? `n[(${slice} << 1) + ${quiet.lanes[lane]}]`
    : `r[${slice} + ${quiet.lanes[lane]}]`;
}

/** What a quiet slice would hold after the event; of slice 0, nothing that means anything. */
function afterQuiet(chain: Chain, column: Adding, slice: string): string {
  const { plan, lane, when } = column;
  const one = when === '' ? '1' : `(${when} ? 1 : 0)`;
  const added = plan.value === null ? one : `a${lane}`;
  return `const l${lane} = ${quietWord(chain, column, slice)} + ${added};`;
}

/** Adds to a column's total: in the array and after the word of those names. */
function addTotal(chain: Chain, column: Adding, array: string, at: string): string[] {
  const { plan, lane, when } = column;
  const word = `${at} + ${chain.totals + lane}`;
  const guard = when === '' ? '' : `if (${when}) `;
  if (plan.value === null) return [`${guard}${array}[${word}] += 1;`];
  return [
    `${guard}{`,
    `const l = ${array}[${word}] + a${lane};`,
    `if (a${lane} < ${LIMB} && a${lane} > -${LIMB} && l < ${LIMB} && l > -${LIMB}) ${array}[${word}] = l;`,
    `else addWide(${array}, ${word}, a${lane});`,
    '}',
  ];
}

/** Source lines of a look-up by `probe`; its own times are t<times>. */
export function lookUpLines(layout: CounterLayout, probe: number, times: number): string[] {
  const views = layout.views[probe]!;
  if (views.length === 0) return [];
  const firstOutput = layout.views.slice(0, probe).reduce((sum, { length }) => sum + length, 0);
  const answer = (view: CounterView) => `o${probe}[a${firstOutput + views.indexOf(view)} + j]`;
  const chains = layout.chains.flatMap((chain, index) => {
    const own = views.filter((view) => view.chain === index);
    return own.length === 0 ? [] : ['{', ...lookUpChain(chain, index, own, answer), '}'];
  });
  return [
    'if (q > 0) {',
    `const t = t${times}[j];`,
    ...chains,
    '} else if (q === 0) {',
    ...views.map((view) => `${answer(view)} = 0;`),
    '}',
  ];
}

function lookUpChain(
  chain: Chain,
  index: number,
  views: readonly CounterView[],
  answer: (view: CounterView) => string,
): string[] {
  if (chain.windows.length === 0) {
    return views.map((view) => `${answer(view)} = ${scaled(view, busySum(view, 'r', 'q'))};`);
  }
  const e = `e${index}`;
  return [
    `const ${e} = n[(q + ${chain.section}) << 1];`,
    `if (${e} === 0) {`,
    ...quietLookUp(chain, index, views),
    ...views.map((view) => `${answer(view)} = ${scaled(view, `y${view.view}`)};`),
    '} else {',
    `const isDue = t >= f[${e} + ${NEXT_EXPIRY}];`,
    `if (isDue) expire${index}(${e}, t);`,
    ...views.map((view) => `${answer(view)} = ${scaled(view, busySum(view, 'f', e))};`),
    `if (isDue) quiets${index}.demoteIfEmpty(q);`,
    '}',
  ];
}

function busySum(view: CounterView, array: string, at: string): string {
  const limb = (k: number) =>
    view.before < 0
      ? `${array}[${at} + ${view.total + k}]`
      : `${array}[${at} + ${view.total + k}] - ${array}[${at} + ${view.before + k}]`;
  return view.wide ? `${limb(0)} + (${limb(1)}) * ${LIMB}` : limb(0);
}

function scaled({ scale }: CounterView, sum: string): string {
  if (scale === 1) return sum;
  return Number.isInteger(Math.log2(scale)) ? `(${sum}) * ${1 / scale}` : `(${sum}) / ${scale}`;
}
