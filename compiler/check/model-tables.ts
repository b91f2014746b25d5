/** The embedding tables of a model: which columns share rows, how wide these are, how lists are pooled. */
import type { Name } from '../../dsl/ast.ts';
import * as say from '../../dsl/messages-models.ts';
import { showType, type Type } from '../../dsl/types.ts';
import { inputOf } from '../plan/place-examples.ts';
import type { LogicalExamples } from './logical.ts';
import type { PoolPlan, TablePlan } from './model-plan.ts';
import type { EmbedClause } from './read-model.ts';
import type { Report } from './report.ts';

const DIM_DEFAULT = 8;
const DIM_MAX = 512;
const POOLS = ['mean', 'sum', 'attention'] as const;

/** Tables in the order written; categories and lists that no clause names get one of their own, 8 wide. */
export function modelTables(
  embeds: readonly EmbedClause[],
  set: LogicalExamples,
  report: Report,
): TablePlan[] {
  const taken = new Set<string>();
  const tables = embeds.flatMap((clause) => clauseTables(clause, { set, taken, report }));
  const rest = set.features.filter(({ as, type }) => inputOf(type) !== 'dense' && !taken.has(as));
  return [
    ...tables,
    ...rest.map(({ as, type }): TablePlan => {
      const pool: PoolPlan = { kind: type.kind === 'list' ? 'mean' : 'one' };
      return { dim: DIM_DEFAULT, columns: [{ name: as, pool }] };
    }),
  ];
}

type At = {
  readonly set: LogicalExamples;
  readonly taken: Set<string>;
  readonly report: Report;
};

type Found = { readonly name: Name; readonly type: Type };

function clauseTables(clause: EmbedClause, at: At): TablePlan[] {
  const columns = clause.columns.flatMap((name) => embeddable(name, at) ?? []);
  const lists = columns.filter(({ type }) => type.kind === 'list');
  if (clause.shared) checkShared(columns, at.report);
  if (clause.pool !== null && lists.length === 0) at.report.add(say.poolWithoutList(clause.span));
  const pool = listPool(clause, columns, at.report);
  const dim = dimOf(clause, at.report);
  const planned = columns.map(({ name, type }) => ({
    name: name.text,
    pool: type.kind === 'list' ? pool : ({ kind: 'one' } as const),
  }));
  if (clause.shared) return planned.length === 0 ? [] : [{ dim, columns: planned }];
  return planned.map((column) => ({ dim, columns: [column] }));
}

/** The column of that name; reported and null where there is none, or where it is a plain number. */
function embeddable(name: Name, { set, taken, report }: At): Found | null {
  const column = set.features.find(({ as }) => as === name.text);
  if (column === undefined) {
    const known = set.features.filter(({ type }) => inputOf(type) !== 'dense').map(({ as }) => as);
    report.add(say.unknownChoice(name, 'column', known));
    return null;
  }
  const { type } = column;
  if (type.kind === 'error') return null;
  if (inputOf(type) === 'dense') {
    report.add(say.embedDense(name, showType(type)));
    return null;
  }
  if (taken.has(name.text)) {
    report.add(say.embedTwice(name));
    return null;
  }
  taken.add(name.text);
  return { name, type };
}

function checkShared(columns: readonly Found[], report: Report): void {
  const first = columns[0];
  for (const { name, type } of columns) {
    if (first === undefined || itemName(type) === itemName(first.type)) continue;
    report.add(say.sharedTypes(name, itemName(type), itemName(first.type)));
  }
}

function itemName(type: Type): string {
  if (type.kind === 'error') return '?';
  return type.kind === 'list' ? type.of : type.name;
}

function listPool(clause: EmbedClause, columns: readonly Found[], report: Report): PoolPlan {
  if (clause.pool === null) return { kind: 'mean' };
  const { kind, target } = clause.pool;
  const known = POOLS.find((name) => name === kind.text);
  if (known === undefined) report.add(say.unknownChoice(kind, 'pool', POOLS));
  if (known !== 'attention') return { kind: known ?? 'mean' };
  const singles = columns.filter(({ type }) => type.kind !== 'list').map(({ name }) => name.text);
  const named = target?.text ?? (singles.length === 1 ? singles[0]! : '');
  if (clause.shared && singles.includes(named)) return { kind: 'attention', target: named };
  report.add(say.attentionTarget((target ?? kind).span, clause.shared ? singles : []));
  return { kind: 'mean' };
}

function dimOf({ dim }: EmbedClause, report: Report): number {
  if (dim === null) return DIM_DEFAULT;
  if (Number.isInteger(dim.value) && dim.value >= 1 && dim.value <= DIM_MAX) return dim.value;
  report.add(say.amountRange(dim.span, '`dim`', `a whole number from 1 to ${DIM_MAX}`));
  return DIM_DEFAULT;
}
