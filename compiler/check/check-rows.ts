/** Rows of a test: the stream, its fields, and values that they can hold. */
import type { Expr, TestStep } from '../../dsl/ast.ts';
import * as sayExpr from '../../dsl/messages-expressions.ts';
import * as sayNames from '../../dsl/messages-names.ts';
import * as say from '../../dsl/messages-tests.ts';
import { type ScalarName, showType, type Type } from '../../dsl/types.ts';
import type { ItemContext } from './items.ts';
import { namesOf } from './symbols.ts';
import { literal } from './type-expression.ts';

/** The rows of a test that can be anchors: base stream and id as text, null where it is generated. */
export type TestRows = { readonly stream: string; readonly id: string | null }[];

type Row = Extract<TestStep, { kind: 'row' }>;

/** Reports the mistakes of a row, and adds it to `rows` if its stream is known. */
export function checkRow(row: Row, rows: TestRows, context: ItemContext): void {
  const { streams, symbols, report } = context;
  const base = streams.bases.get(row.stream.text);
  if (base === undefined) {
    const view = streams.views.get(row.stream.text);
    const decl = symbols.values.get(row.stream.text);
    if (view !== undefined && !view.broken) report.add(say.derivedRow(row.stream, view.base));
    else if (decl === undefined) {
      report.add(sayNames.unknownName(row.stream, 'stream', namesOf(symbols, 'stream', 'table')));
    } else if (view === undefined) {
      report.add(sayNames.wrongKind(row.stream, 'stream', decl.kind, null));
    }
    return;
  }
  const set = new Set<string>();
  let id: string | null = null;
  for (const { field, value } of row.values) {
    if (set.has(field.text)) report.add(say.cellTwice(field));
    set.add(field.text);
    const entry = base.fields.get(field.text);
    if (entry === undefined) {
      const candidates = [...base.own.fields.keys()];
      report.add(sayExpr.unknownField(field, `\`${row.stream.text}\``, { candidates }));
    } else if (entry.field.enriched !== null) report.add(say.enrichedCell(field, row.stream.text));
    else checkCell(field.text, value, entry.field.type, context);
    if (field.text === base.own.id) id = idText(value);
  }
  const { time } = base.own;
  if (time !== null && !set.has(time)) report.add(say.rowWithoutTime(row.stream, time));
  rows.push({ stream: row.stream.text, id });
}

function checkCell(field: string, value: Expr, type: Type, { report }: ItemContext): void {
  if (type.kind === 'error' || value.kind === 'null') return;
  if (type.kind === 'list' && value.kind === 'list') {
    for (const item of value.items) checkScalar(`${field}[]`, item, type.of, { report });
  } else if (type.kind === 'list') {
    report.add(say.cellType(value.span, field, 'a single value', showType(type)));
  } else checkScalar(field, value, type.name, { report });
}

/** A value that a field of the type takes: times are durations from 0, or text and numbers as a log has them. */
function checkScalar(
  field: string,
  value: Expr,
  name: ScalarName,
  { report }: Pick<ItemContext, 'report'>,
): void {
  const known = literal(value);
  if (known === undefined) {
    report.add(
      value.kind === 'list'
        ? say.cellType(value.span, field, 'a list', name)
        : sayExpr.notConstant(value.span, 'a value'),
    );
    return;
  }
  if (known.type.kind !== 'scalar') return;
  const takes: Readonly<Record<ScalarName, readonly ScalarName[]>> = {
    string: ['string', 'int'],
    bool: ['bool'],
    int: ['int'],
    float: ['int', 'float'],
    money: ['int'],
    timestamp: ['duration', 'int', 'string'],
    duration: ['duration', 'int'],
  };
  if (!takes[name].includes(known.type.name)) {
    report.add(say.cellType(value.span, field, showType(known.type), name));
  }
}

function idText(value: Expr): string | null {
  const known = literal(value);
  return known === undefined || known.value === null ? null : String(known.value);
}
