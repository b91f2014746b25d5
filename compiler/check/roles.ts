/** `user_imps at owner_id as owner_imps`: a feature looked up by another field of the anchor. */
import type { FeatureItem, Name } from '../../dsl/ast.ts';
import * as say from '../../dsl/messages-features.ts';
import type { Member } from './check-window.ts';
import { columnName, type Feature, type MemberColumn } from './features.ts';
import type { FeatureColumn, LExpr } from './logical.ts';
import type { Report } from './report.ts';

/** Role columns made so far, by name; the definitions of equal names are equal. */
export type Roles = Map<string, FeatureColumn>;

type Context = {
  readonly columns: ReadonlyMap<string, FeatureColumn>;
  readonly roles: Roles;
  readonly report: Report;
};

/**
 * The columns `g` or `g[5m]` of a feature in a role. Features under an expression get columns of their own, named
 * after the fields of the role, which example sets do not list. Null, reported, where the feature has not one key.
 */
export function roleColumns(
  feature: Feature,
  item: FeatureItem,
  { columns, roles, report }: Context,
): MemberColumn[] | null {
  if (item.as === null) {
    report.add(say.roleNeedsName(item.span, feature.name));
    return null;
  }
  const keys = keyTuples(feature, columns);
  const reason = roleReason(keys, item.at);
  if (reason !== null) {
    report.add(say.roleKeys(item.span, feature.name, reason));
    return null;
  }
  const at = item.at.map((name) => name.text);
  const made: MemberColumn[] = [];
  for (const { member, column } of feature.columns) {
    const name = columnName(item.as.text, member);
    const inRole = { ...column, name, def: definition(column, at, { columns, roles, report }) };
    if (!take(name, inRole, { columns, roles })) {
      report.add(say.columnClash(item.as.span, name));
      return null;
    }
    made.push({ member, column: inRole });
  }
  return made;
}

/** The member of a family that an index picks, in its role. */
export function pickRole(made: readonly MemberColumn[], ms: number): FeatureColumn | null {
  return made.find(({ member }) => (member as Member | null)?.ms === ms)?.column ?? null;
}

function take(
  name: string,
  column: FeatureColumn,
  { columns, roles }: Omit<Context, 'report'>,
): boolean {
  if (columns.has(name)) return false;
  const before = roles.get(name);
  if (before !== undefined) return JSON.stringify(before) === JSON.stringify(column);
  roles.set(name, column);
  return true;
}

/** The distinct keys, as names at the anchor, of all aggregates in a feature. */
function keyTuples(feature: Feature, columns: ReadonlyMap<string, FeatureColumn>): string[][] {
  const found = new Map<string, string[]>();
  const walk = (e: LExpr): void => {
    if (e.kind === 'call') e.args.forEach(walk);
    else if (e.kind === 'column') visit(columns.get(e.name));
  };
  const visit = (column: FeatureColumn | undefined): void => {
    if (column?.def.kind === 'expression') walk(column.def.expr);
    else if (column?.def.kind === 'aggregate') {
      const tuple = column.def.by.map((k) => k.anchor);
      found.set(tuple.join('\n'), tuple);
    }
  };
  for (const { column } of feature.columns) visit(column);
  return [...found.values()];
}

function roleReason(keys: readonly string[][], at: readonly Name[]): string | null {
  if (keys.length === 0) return 'it is not looked up by a key';
  if (keys.length > 1) {
    const shown = keys.map((k) => `(${k.join(', ')})`).join(' and ');
    return `it is looked up by more than one key, ${shown}`;
  }
  if (keys[0]!.length === at.length) return null;
  return `its key has ${keys[0]!.length} parts, (${keys[0]!.join(', ')}), the role has ${at.length}`;
}

function definition(
  column: FeatureColumn,
  at: readonly string[],
  context: Context,
): FeatureColumn['def'] {
  const { def } = column;
  if (def.kind === 'aggregate') {
    return { ...def, by: def.by.map((key, i) => ({ ...key, anchor: at[i]! })) };
  }
  return { kind: 'expression', expr: inRole(def.expr, at, context) };
}

function inRole(expr: LExpr, at: readonly string[], context: Context): LExpr {
  if (expr.kind === 'call') return { ...expr, args: expr.args.map((a) => inRole(a, at, context)) };
  if (expr.kind !== 'column') return expr;
  const column = context.columns.get(expr.name)!;
  const name = `${expr.name} at ${at.join(', ')}`;
  if (!context.roles.has(name)) {
    context.roles.set(name, { ...column, name, def: definition(column, at, context) });
  }
  return { ...expr, name };
}
