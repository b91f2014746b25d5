/**
 * The quiet side of the counters' kernel (counter-codegen.ts): CounterQuiet's `slice` and `sum` written out for one chain.
 * What happens seldom goes to CounterQuiet itself.
 */
import type { Chain, CounterView } from './counter-layout.ts';

/** Functions and variables of chain `index`, as source lines; none for a chain without windows. */
export function quietFunctions(chain: Chain, index: number): string[] {
  if (chain.windows.length === 0) return [];
  return [...sliceFunction(chain, index), ...floorsFunction(chain, index)];
}

/** quiet<i>(q, s): the word of the slice for own time s; 0: no room. b, z: start and end of the slice last asked for. */
function sliceFunction({ quiet, hopMs, section }: Chain, index: number): string[] {
  const lanes = Array.from({ length: quiet.words - 1 }, (_, word) => `R[p + ${word + 1}] = 0;`);
  const [b, z] = [`b${index}`, `z${index}`];
  return [
    `let ${b} = 0, ${z} = 0;`,
    `function quiet${index}(q, s) {`,
    `if (!(s >= ${b} && s < ${z})) { ${b} = Math.floor(s / ${hopMs}) * ${hopMs}; ${z} = ${b} + ${hopMs}; }`,
    `const h = ((q + ${section}) << 1) + 1, k = N[h];`,
    `let p = q + ${quiet.at};`,
    `for (let i = 0; i < k; i++, p += ${quiet.words}) if (R[p] === ${b}) return p;`,
    `if (k === ${quiet.max}) return quiets${index}.slice(q, s);`,
    'N[h] = k + 1;',
    `R[p] = ${b};`,
    ...lanes,
    'return p;',
    '}',
  ];
}

/** floors<i>(t): sets g<i>_<w>, where window w of an anchor at t begins; true from u<i> on until w<i>. */
function floorsFunction({ windows }: Chain, index: number): string[] {
  const floors = windows.map((_, w) => `g${index}_${w}`);
  return [
    `let u${index} = 0, w${index} = 0, ${floors.join(', ')};`,
    `function floors${index}(t) {`,
    'let m = Infinity;',
    ...windows.flatMap(({ ms, hopMs }, w) => [
      `${floors[w]} = Math.floor((t - ${ms}) / ${hopMs}) * ${hopMs};`,
      `if (${floors[w]} + ${hopMs + ms} < m) m = ${floors[w]} + ${hopMs + ms};`,
    ]),
    `u${index} = t; w${index} = m;`,
    '}',
  ];
}

/** Sums of the quiet record q for an anchor at t, in y<view>. */
export function quietLookUp(chain: Chain, index: number, views: readonly CounterView[]): string[] {
  const { quiet, section, carries } = chain;
  const lanes = [...new Set(views.map((view) => view.lane))];
  const read = (lane: number) =>
    carries[lane] ? `r[p + ${quiet.lanes[lane]}]` : `n[(p << 1) + ${quiet.lanes[lane]}]`;
  return [
    `if (!(t >= u${index} && t < w${index})) floors${index}(t);`,
    `let ${views.map((view) => `y${view.view} = 0`).join(', ')};`,
    `for (let k = n[((q + ${section}) << 1) + 1], p = q + ${quiet.at}; k > 0; k--, p += ${quiet.words}) {`,
    `const b = r[p], ${lanes.map((lane) => `c${lane} = ${read(lane)}`).join(', ')};`,
    ...nested(chain, index, views),
    '}',
  ];
}

/** From the widest window to the narrowest: what a narrower one sees the wider sees too. */
function nested({ windows }: Chain, index: number, views: readonly CounterView[]): string[] {
  const lines: string[] = [];
  let open = '';
  for (let w = windows.length - 1; w >= 0; w--) {
    const own = views.filter((view) => view.window === w);
    if (own.length === 0) continue;
    lines.push(`if (b >= g${index}_${w}) {`);
    open += '}';
    for (const { view, lane } of own) lines.push(`y${view} += c${lane};`);
  }
  return [...lines, open];
}
