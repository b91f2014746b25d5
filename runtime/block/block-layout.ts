/**
 * Where things lie in an ExampleBlock (block-proto.ts says what they mean), and what the plan tells the writer about a
 * set's columns: which are answered together, and which follow from others.
 */
import { fieldNumber } from '../../compiler/plan/field-number.ts';
import type { ExamplePlan, Expr, Plan, SlotPlan } from '../../compiler/plan/plan.ts';
import { type Physical, physical, showType, type Type } from '../../dsl/types.ts';

/** Fields of ExampleBlock. */
export const BLOCK = { header: 1, checksum: 2, codec: 3, bodyBytes: 4, body: 5 } as const;
/** Fields of BlockHeader. */
export const HEADER = {
  set: 1,
  planDigest: 2,
  rows: 3,
  firstRow: 4,
  firstEmitted: 5,
  lastEmitted: 6,
  watermark: 7,
  columns: 8,
} as const;
/** Fields of ColumnList and of its ColumnInfo. */
export const INFO = { columns: 1, name: 1, type: 2, field: 3, isLabel: 4, error: 5 } as const;
/** Fields of ExampleColumns that every set has. */
export const BODY = {
  time: 1,
  emitted: 2,
  kind: 3,
  id: 4,
  sampleRate: 5,
  refs: 6,
  presence: 7,
} as const;
export const INTS = {
  base: 1,
  step: 2,
  width: 3,
  bits: 4,
  exceptionCount: 5,
  exceptions: 6,
  high: 7,
} as const;
export const NUMBER = {
  refs: 1,
  presence: 2,
  bit: 3,
  fill: 4,
  ints: 5,
  divisor: 6,
  dictionary: 7,
  floats: 8,
  doubles: 9,
  bf16: 10,
  ratio: 11,
  spaced: 12,
} as const;
export const SPACED = { unit: 1, ints: 2 } as const;
export const RATIO = {
  numerator: 1,
  denominator: 2,
  addNumerator: 3,
  addDenominator: 4,
  fill: 5,
} as const;
export const TEXT = { refs: 1, index: 2, entries: 3, shared: 4, length: 5, data: 6 } as const;
export const LIST = {
  refs: 1,
  length: 2,
  numbers: 3,
  texts: 4,
  runs: 5,
  first: 6,
  run: 7,
} as const;
export const LABEL = {
  value: 1,
  kind: 2,
  deadline: 3,
  elapsed: 4,
  atWait: 5,
  ever: 6,
  credit: 7,
} as const;
export const REFS = { count: 1, index: 2 } as const;
export const PRESENCE = { columns: 1, patterns: 2, index: 3 } as const;

/** (numerator + addNumerator) / (denominator + addDenominator), of columns of the set; `fill` where that is not finite. */
export type Ratio = {
  readonly numerator: number;
  readonly denominator: number;
  readonly addNumerator: number;
  readonly addDenominator: number;
  /** NaN: null. */
  readonly fill: number;
};

export type BlockColumn = {
  readonly name: string;
  readonly physical: Physical;
  /** The type as authors write it. */
  readonly type: string;
  readonly field: number;
  /** Whether its type says that it may be null. */
  readonly nullable: boolean;
  /** Whether a sink may keep it with less precision. */
  readonly isFloat: boolean;
  /** Columns of one group (0 and up) are answered by one key, so rows that share it share them all; -1: the row's own. */
  readonly group: number;
  /** What its formula says it is. */
  readonly ratio: Ratio | null;
  /** That it is so to the last bit; else a writer must check it, for a rounding may differ, or the sign of a zero. */
  readonly isCertain: boolean;
};

/** What of a plan says where an example's columns come from. */
export type Origins = Pick<Plan, 'anchors' | 'keyspaces'>;

const NO_ORIGINS: Origins = { anchors: [], keyspaces: [] };

export type BlockLayout = {
  readonly set: string;
  readonly columns: readonly BlockColumn[];
  readonly labels: readonly { readonly name: string; readonly field: number }[];
};

/** The layout of an example set. `plan`: the whole one; without it no column says where it is from. */
export function blockLayout(set: ExamplePlan, plan: Origins = NO_ORIGINS): BlockLayout {
  const slots = plan.anchors[set.anchor]?.slots ?? [];
  const groups = new Map<string, number>();
  const at = new Map(set.features.map((feature, i) => [feature.slot, i]));
  const columns = set.features.map(({ name, slot, type }): BlockColumn => {
    const source = sourceOf(slot, slots);
    if (source !== null && !groups.has(source)) groups.set(source, groups.size);
    return {
      name,
      physical: physical(type),
      type: showType(type),
      field: fieldNumber(name, type),
      nullable: type.kind !== 'error' && type.nullable,
      isFloat: isFloat(type),
      group: source === null ? -1 : groups.get(source)!,
      ratio: ratioOf(slots[slot], at),
      isCertain: isOfCounters(slots[slot], plan, slots),
    };
  });
  const labels = set.labels.map(({ name }) => ({ name, field: fieldNumber(name, 'label') }));
  return { set: set.name, columns: columns.map((column) => rooted(column, columns)), labels };
}

/** A ratio of ratios is written out: readers need no order in which columns follow from each other. */
function rooted(column: BlockColumn, all: readonly BlockColumn[]): BlockColumn {
  const { ratio } = column;
  if (ratio === null) return column;
  const isRoot = (i: number) => all[i]!.ratio === null && all[i]!.physical === 'f64';
  return isRoot(ratio.numerator) && isRoot(ratio.denominator) ? column : { ...column, ratio: null };
}

function isFloat(type: Type): boolean {
  return type.kind === 'scalar' && type.name === 'float';
}

/** The one look-up that a slot's value comes from; null where there are several, or where the event says it itself. */
function sourceOf(slot: number, slots: readonly SlotPlan[]): string | null {
  const found = new Set<string>();
  const visit = (index: number) => {
    const op = slots[index]?.op;
    if (op === undefined) return;
    if (op.kind === 'view') found.add(`${op.keyspace}/${op.probe}`);
    else if (op.kind === 'expr') slotsOf(op.expr).forEach(visit);
    else found.add('event');
  };
  visit(slot);
  const [source] = found;
  return found.size === 1 && source !== 'event' ? source! : null;
}

function slotsOf(expr: Expr): number[] {
  if (expr.op === 'slot') return [expr.slot];
  return expr.op === 'call' ? expr.args.flatMap(slotsOf) : [];
}

/** Where a slot divides one column of the set by another: `a / b`, `coalesce(a / b, c)`, `smooth(a, b, prior, weight)`. */
function ratioOf(slot: SlotPlan | undefined, at: ReadonlyMap<number, number>): Ratio | null {
  if (slot?.op.kind !== 'expr') return null;
  let expr = slot.op.expr;
  let fill = Number.NaN;
  if (expr.op === 'call' && expr.fn === 'coalesce' && expr.args.length === 2) {
    const other = constant(expr.args[1]!);
    if (other === null) return null;
    fill = other;
    expr = expr.args[0]!;
  }
  if (expr.op !== 'call' || (expr.fn !== 'div' && expr.fn !== 'smooth')) return null;
  const [a, b, prior, weight] = expr.args;
  const numerator = a?.op === 'slot' ? at.get(a.slot) : undefined;
  const denominator = b?.op === 'slot' ? at.get(b.slot) : undefined;
  if (numerator === undefined || denominator === undefined) return null;
  if (expr.fn === 'div') {
    return { numerator, denominator, addNumerator: 0, addDenominator: 0, fill };
  }
  const p = constant(prior!);
  const w = constant(weight!);
  if (p === null || w === null) return null;
  return { numerator, denominator, addNumerator: p * w, addDenominator: w, fill };
}

/** Whether it divides, and nothing more, counts and sums: never null, and no zero of theirs has a sign. */
function isOfCounters(
  slot: SlotPlan | undefined,
  { keyspaces }: Origins,
  slots: readonly SlotPlan[],
): boolean {
  if (slot?.op.kind !== 'expr') return false;
  const { expr } = slot.op;
  const inner = expr.op === 'call' && expr.fn === 'coalesce' ? expr.args[0] : expr;
  return (
    inner?.op === 'call' &&
    inner.fn === 'div' &&
    inner.args.every((arg) => {
      const op = arg.op === 'slot' ? slots[arg.slot]?.op : undefined;
      if (op?.kind !== 'view') return false;
      return keyspaces[op.keyspace]?.probes[op.probe]?.views[op.view]?.kind === 'counter';
    })
  );
}

function constant(expr: Expr): number | null {
  return expr.op === 'const' && typeof expr.value === 'number' ? expr.value : null;
}
