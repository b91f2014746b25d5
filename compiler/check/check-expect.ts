/** `expect user_clicks[5m] at "i1" = 0`: the feature or label, its anchors, and values it can have. */
import type { Expr, FeatureItem, TestStep } from '../../dsl/ast.ts';
import { dividesCredit } from '../../dsl/credit.ts';
import * as sayExpr from '../../dsl/messages-expressions.ts';
import * as sayNames from '../../dsl/messages-names.ts';
import * as say from '../../dsl/messages-tests.ts';
import { type ListType, scalar, showType, type Type } from '../../dsl/types.ts';
import type { TestRows } from './check-rows.ts';
import { checkAnchor, type TestContext } from './check-tests.ts';
import { fits } from './features.ts';
import { itemColumns } from './items.ts';
import { namesOf } from './symbols.ts';
import { literal } from './type-expression.ts';

type Expect = Extract<TestStep, { kind: 'expect' }>;

/** Reports every mistake of an expectation. */
export function checkExpect(step: Expect, rows: TestRows, context: TestContext): void {
  const { item, at, values } = step;
  const target = expected(item, context);
  for (const anchor of at) checkAnchor(anchor, target?.stream ?? null, rows, context);
  if (values.length !== at.length) {
    context.report.add(say.valueCount(step.span, values.length, at.length));
  }
  if (target === null) return;
  for (const value of values) checkValue(value, target.type, showItem(item), context);
}

type Target = {
  readonly type: Type;
  /** The base stream its anchors must be of; null: they may be of every stream. */
  readonly stream: string | null;
};

function expected(item: FeatureItem, context: TestContext): Target | null {
  const { symbols, labels, features, streams, report } = context;
  const name = item.path[0]!;
  const decl = item.path.length === 1 ? symbols.values.get(name.text) : undefined;
  if (decl?.kind === 'label') {
    if (item.index !== null) report.add(sayExpr.indexNotHere(item.index.span, name.text));
    const label = labels.counted(name);
    return label === null
      ? null
      : {
          type: scalar(dividesCredit(label.credit) ? 'float' : 'bool'),
          stream: label.anchor.stream,
        };
  }
  if (item.path.length === 1 && decl === undefined && !isRole(item, context)) {
    const known = namesOf(symbols, 'feature', 'label');
    report.add(sayNames.unknownName(name, 'feature or label', known));
    return null;
  }
  if (decl === undefined && item.path.length === 1) return null;
  const feature = item.path.length === 1 ? features.get(name.text) : undefined;
  if (feature?.family && item.index === null) {
    const windows = feature.columns.map(({ member }) => member!.text);
    report.add(say.expectFamily(item.span, feature.name, windows));
    return null;
  }
  const column = itemColumns(item, null, context)[0];
  if (column === undefined) return null;
  const base = column.tie === null ? null : (streams.views.get(column.tie.name)?.base ?? null);
  return { type: column.value.type, stream: base };
}

/** A column that an example set makes with `at … as`. */
function isRole(item: FeatureItem, { roles }: TestContext): boolean {
  return roles.has(showItem(item));
}

function checkValue(value: Expr, type: Type, item: string, { report }: TestContext): void {
  if (type.kind === 'error' || value.kind === 'null') return;
  if (value.kind === 'list') {
    if (type.kind === 'list') checkEntries(value.items, type, item, { report });
    else report.add(say.expectType(value.span, item, 'a list', showType(type)));
    return;
  }
  const known = literal(value);
  if (known === undefined) report.add(sayExpr.notConstant(value.span, 'an expected value'));
  else if (!expectable(known.type, type)) {
    report.add(say.expectType(value.span, item, showType(known.type), showType(type)));
  }
}

function checkEntries(
  items: readonly Expr[],
  type: ListType,
  item: string,
  { report }: Pick<TestContext, 'report'>,
): void {
  for (const entry of items) {
    const known = literal(entry);
    if (known === undefined) report.add(sayExpr.notConstant(entry.span, 'an expected value'));
    else if (!expectable(known.type, scalar(type.of))) {
      report.add(say.expectType(entry.span, item, showType(known.type), showType(type)));
    }
  }
}

/** Times and durations may be expected as either; a number for any number. */
function expectable(got: Type, needed: Type): boolean {
  if (got.kind === 'scalar' && needed.kind === 'scalar') {
    const times = ['timestamp', 'duration', 'int'];
    if (times.includes(got.name) && (needed.name === 'timestamp' || needed.name === 'duration')) {
      return true;
    }
  }
  return fits(got, needed);
}

function showItem(item: FeatureItem): string {
  const path = item.path.map((n) => n.text).join('.');
  return item.index === null ? path : `${path}[${item.index.text}]`;
}
