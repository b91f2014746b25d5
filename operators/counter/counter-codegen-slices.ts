/**
 * `push` and `expire` of counter-log.ts written out for one chain, for the cases that happen all the time: a slice
 * appended where there is room, windows moved on. Whatever else goes to the log itself. Both take a busy section.
 */

import { PAGE_SHIFT } from '../state/slab.ts';
import {
  BLOCK,
  CAPACITY,
  type Chain,
  type ChainWindow,
  type CounterLayout,
  HEAD,
  NEWEST_END,
  NEWEST_START,
  NEXT_EXPIRY,
  SIZE,
} from './counter-layout.ts';

/** The two functions of chain `index` as source lines; none for a chain without windows. */
export function sliceFunctions(chain: Chain, index: number): string[] {
  if (chain.windows.length === 0) return [];
  return [...pushFunction(chain, index), ...expireFunction(chain, index)];
}

function pushFunction(chain: Chain, index: number): string[] {
  const width = 1 + chain.lanes;
  const at = (word: number) => `q + ${word}`;
  return [
    `function push${index}(q, s) {`,
    `const h = q << 1, z = I[h + ${SIZE}], c = I[h + ${CAPACITY}];`,
    `if (z === c || s < F[${at(NEWEST_START)}]) return logs${index}.push(q, s);`,
    `const b = Math.floor(s / ${chain.hopMs}) * ${chain.hopMs};`,
    `const p = I[h + ${HEAD}], w = I[h + ${BLOCK}] + p * ${width}, g = slices.f64;`,
    'g[w] = b;',
    ...lanes(chain).map((lane) => `g[w + ${1 + lane}] = F[q + ${chain.totals + lane}];`),
    `slices.dirty[w >> ${PAGE_SHIFT}] = 1;`,
    `slices.dirty[(w + ${width - 1}) >> ${PAGE_SHIFT}] = 1;`,
    `I[h + ${HEAD}] = p + 1 === c ? 0 : p + 1;`,
    `I[h + ${SIZE}] = z + 1;`,
    `F[${at(NEWEST_START)}] = b;`,
    `F[${at(NEWEST_END)}] = b + ${chain.hopMs};`,
    `let m = F[${at(NEXT_EXPIRY)}], x;`,
    ...chain.windows.flatMap((window) => [
      `if (F[q + ${window.expiry}] === Infinity) {`,
      `F[q + ${window.expiry}] = x = ${expiry(chain, window, 'b')};`,
      `I[(q << 1) + ${window.tail}] = p;`,
      'if (x < m) m = x;',
      '}',
    ]),
    `F[${at(NEXT_EXPIRY)}] = m;`,
    'return false;',
    '}',
  ];
}

function expireFunction(chain: Chain, index: number): string[] {
  const last = chain.windows.length - 1;
  return [
    `function expire${index}(q, t) {`,
    `const h = q << 1, k = I[h + ${BLOCK}], c = I[h + ${CAPACITY}], e = I[h + ${HEAD}], g = slices.f64;`,
    'let m = Infinity, x, p, o, w;',
    ...chain.windows.flatMap((window, w) => expireWindow(chain, window, w === last)),
    `F[q + ${NEXT_EXPIRY}] = m;`,
    `D[q >> ${PAGE_SHIFT}] = 1;`,
    '}',
  ];
}

function expireWindow(chain: Chain, window: ChainWindow, isLast: boolean): string[] {
  const width = 1 + chain.lanes;
  const tail = `I[(q << 1) + ${window.tail}]`;
  const totals = window.lanes.map(
    (lane, i) => `F[q + ${window.before[i]!}] = F[q + ${chain.totals + lane}];`,
  );
  const slice = window.lanes.map((lane, i) => `F[q + ${window.before[i]!}] = g[w + ${1 + lane}];`);
  return [
    `x = F[q + ${window.expiry}];`,
    'if (t >= x) {',
    `p = o = ${tail};`,
    'do {',
    'if (++p === c) p = 0;',
    'if (p === e) { x = Infinity; break; }',
    `w = k + p * ${width};`,
    `x = ${expiry(chain, window, 'g[w]')};`,
    '} while (t >= x);',
    `F[q + ${window.expiry}] = x;`,
    'if (x === Infinity) {',
    ...totals,
    `F[q + ${NEWEST_END}] = F[q + ${NEWEST_START}];`,
    ...(isLast ? [`I[h + ${SIZE}] = 0;`] : []),
    '} else {',
    ...slice,
    `${tail} = p;`,
    ...(isLast ? [`I[h + ${SIZE}] -= p > o ? p - o : p - o + c;`] : []),
    '}',
    '}',
    'if (x < m) m = x;',
  ];
}

/** Reads, of every busy record of steps [from, to), its section, and then the slices that a step may read or write. */
export function touchFunction(layout: CounterLayout): string[] {
  const timed = layout.chains.filter((chain) => chain.windows.length > 0);
  const sections = timed.flatMap((chain) => [
    `k = N[(q + ${chain.section}) << 1];`,
    'if (k !== 0) {',
    ...Array.from(
      { length: Math.ceil(chain.busyWords / 8) },
      (_, line) => `n += F[k + ${line * 8}];`,
    ),
    '}',
  ]);
  const slices = timed.flatMap((chain) => {
    const slice = (index: string) => `n += g[k + ${index} * ${1 + chain.lanes}];`;
    return [
      `h = N[(q + ${chain.section}) << 1];`,
      'if (h !== 0) {',
      'h <<= 1;',
      `k = I[h + ${BLOCK}];`,
      slice(`I[h + ${HEAD}]`),
      ...chain.windows.map((window) => slice(`I[h + ${window.tail}]`)),
      '}',
    ];
  });
  const pass = (body: string[]) => [
    'for (let i = from; i < to; i++) {',
    'const q = records[i];',
    'if (q <= 0 || q === l) continue;',
    'l = q;',
    ...body,
    '}',
  ];
  return [
    'function touch(chains, from, to, records) {',
    'look(chains);',
    'const g = slices.f64;',
    'let n = 0, h = 0, k = 0, l = 0;',
    ...pass(sections),
    'l = 0;',
    ...pass(slices),
    'return n;',
    '}',
  ];
}

function lanes(chain: Chain): number[] {
  return Array.from({ length: chain.lanes }, (_, lane) => lane);
}

/** When a window loses a slice that starts at `start`; slices of the finest hop start on multiples of it already. */
function expiry(chain: Chain, window: ChainWindow, start: string): string {
  const { hopMs, ms } = window;
  if (hopMs === chain.hopMs) return `${start} + ${hopMs + ms}`;
  return `Math.floor(${start} / ${hopMs}) * ${hopMs} + ${hopMs + ms}`;
}
