/** `check rate(clicked) in 0.1% .. 20%` …: what each check is about, and whether it can hold at all. */
import type { CheckNode, ExamplesDecl, FeatureItem } from '../../dsl/ast.ts';
import * as say from '../../dsl/messages-examples.ts';
import * as sayLabels from '../../dsl/messages-labels.ts';
import { showType } from '../../dsl/types.ts';
import type { LogicalCheck, LogicalExamples } from './logical.ts';
import type { Report } from './report.ts';

type CheckName = LogicalCheck['kind'];

/** How each check is written; also the list of those there are. */
const USAGE: Readonly<Record<CheckName, string>> = {
  rate: 'check rate(clicked) in 0.1% .. 20%',
  missing: 'check missing(spend) <= 99%',
  range: 'check range(bid) in 0 .. 100',
  drift: 'check drift(bid) <= 0.2',
  size: 'check size <= 64000',
  duplicates: 'check duplicates <= 0.1%',
  freshness: 'check freshness <= 1h',
};
const NAMES = Object.keys(USAGE) as readonly CheckName[];

type Columns = LogicalExamples['features'];

export type CheckedSet = {
  readonly decl: ExamplesDecl;
  readonly columns: Columns;
  /** Columns by the feature set that brings them along. */
  readonly bySet: ReadonlyMap<string, readonly string[]>;
  /** Names in its list that have no column because of another mistake. */
  readonly broken: ReadonlySet<string>;
  readonly report: Report;
};

/** The checks of a set; one on a family is one on each of its columns. Those with mistakes are left out. */
export function checkChecks(set: CheckedSet): LogicalCheck[] {
  return set.decl.checks.flatMap((node) => {
    const name = NAMES.find((n) => n === node.fn.text);
    if (name !== undefined) return checkOne(name, node, set);
    set.report.add(say.unknownCheck(node.fn, NAMES));
    return [];
  });
}

function checkOne(name: CheckName, node: CheckNode, context: CheckedSet): LogicalCheck[] {
  const { report } = context;
  if (!hasForm(name, node)) {
    report.add(say.checkForm(node.span, USAGE[name]));
    return [];
  }
  const sound = boundsHold(name, node, report);
  if (name === 'size') return sound ? [{ kind: 'size', maxBytes: node.max! }] : [];
  if (name === 'duplicates') return sound ? [{ kind: 'duplicates', max: node.max! }] : [];
  if (name === 'freshness') return sound ? [{ kind: 'freshness', maxMs: node.within!.ms }] : [];
  if (name === 'rate') {
    const label = labelOf(node.of!, context);
    if (label === null || !sound) return [];
    return [{ kind: 'rate', label, min: node.min ?? 0, max: node.max ?? 1 }];
  }
  const columns = columnsOf(node.of!, context);
  return columns.flatMap(({ as, type }) => {
    if (name === 'range' && !isNumeric(type)) {
      report.add(say.checkType(node.of!.span, name, as, showType(type)));
      return [];
    }
    return sound ? [columnCheck(name, as, node)] : [];
  });
}

function columnCheck(
  name: 'missing' | 'range' | 'drift',
  column: string,
  node: CheckNode,
): LogicalCheck {
  if (name === 'drift') return { kind: name, column, max: node.max! };
  // JSON has no infinity: the largest number stands for no bound.
  const [low, high] = name === 'missing' ? [0, 1] : [-Number.MAX_VALUE, Number.MAX_VALUE];
  return { kind: name, column, min: node.min ?? low, max: node.max ?? high };
}

function hasForm(name: CheckName, node: CheckNode): boolean {
  if (name === 'freshness') return node.of === null && node.within !== null;
  if (node.within !== null) return false;
  if (name === 'size' || name === 'duplicates')
    return node.of === null && node.min === null && node.max !== null;
  if (node.of === null) return false;
  return name !== 'drift' || (node.min === null && node.max !== null);
}

function boundsHold(name: CheckName, node: CheckNode, report: Report): boolean {
  const { min, max } = node;
  const never = (reason: string) => {
    report.add(say.checkNever(node.span, reason));
    return false;
  };
  if (min !== null && max !== null && min > max) {
    return never('this can never hold: the lower bound is above the upper one');
  }
  if (name === 'rate' || name === 'missing' || name === 'duplicates') {
    const outside = [min, max].some((bound) => bound !== null && (bound < 0 || bound > 1));
    if (outside) return never('a share is between 0% and 100%');
  }
  if (name === 'size' && max! <= 0) return never('no example is that small');
  if (name === 'freshness' && node.within!.ms <= 0) return never('no example is that fresh');
  if (name === 'drift' && max! < 0) return never('a drift is never below 0');
  return true;
}

function labelOf(item: FeatureItem, { decl, report }: CheckedSet): string | null {
  const name = item.path[0]!;
  const known = decl.labels.map((l) => l.label.text);
  if (item.path.length === 1 && item.index === null && known.includes(name.text)) return name.text;
  report.add(sayLabels.labelNotInSet(item.span, showItem(item), known));
  return null;
}

/** The output columns that an item names: by their name in the output, a family's by the family's, a feature set's by the set's. */
function columnsOf(item: FeatureItem, { columns, bySet, broken, report }: CheckedSet): Columns {
  const base = item.path[item.path.length - 1]!.text;
  const wanted = item.index === null ? base : `${base}[${item.index.text}]`;
  const exact = columns.filter((c) => c.as === wanted);
  if (exact.length > 0) return exact;
  const members = item.path.length === 1 && item.index === null ? bySet.get(base) : undefined;
  if (members !== undefined) return columns.filter((c) => members.includes(c.as));
  const family = item.index === null ? columns.filter((c) => c.as.startsWith(`${base}[`)) : [];
  if (family.length === 0 && !broken.has(base)) {
    const names = [...new Set(columns.map((c) => c.as))];
    report.add(say.checkUnknownColumn(item.span, showItem(item), names));
  }
  return family;
}

function showItem(item: FeatureItem): string {
  const path = item.path.map((n) => n.text).join('.');
  return item.index === null ? path : `${path}[${item.index.text}]`;
}

function isNumeric(type: Columns[number]['type']): boolean {
  if (type.kind === 'error') return true;
  return type.kind === 'scalar' && type.name !== 'string' && type.name !== 'bool';
}
