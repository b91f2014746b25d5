/**
 * Example sets for test blocks. What a test expects of an anchor is read from a set of its own, `$test:<anchor>`, that
 * lists every feature and label named in an expectation, waits for each label's horizon, and drops nothing.
 */
import type { FeatureItem, TestDecl } from '../../dsl/ast.ts';
import { list, scalar, type Type } from '../../dsl/types.ts';
import type { LExpr, LogicalExamples, LogicalLabel, LogicalProgram } from './logical.ts';

export const TEST_SET_PREFIX = '$test:';

type Anchor = LogicalExamples['anchor'];

type Wanted = {
  readonly anchor: Anchor;
  readonly features: Map<string, LExpr>;
  readonly labels: Map<string, string>;
};

/**
 * The program with one set per anchor that an expectation names. A feature's anchors are the base streams whose rows
 * carry the ids after `at`; a label's anchor is its own. Columns are called what `expectedColumn` makes of the item.
 * Fields that a row leaves out are null in a test whatever their type, so every field but ids and times may be null.
 */
export function withTestExamples(program: LogicalProgram): LogicalProgram {
  const wanted = new Map<string, Wanted>();
  for (const test of program.tests) collect(program, test, wanted);
  const sets = [...wanted.values()]
    .sort((a, b) => (a.anchor.name < b.anchor.name ? -1 : 1))
    .map((one) => testSet(one, program));
  return withNullableFields({ ...program, examples: [...program.examples, ...sets] });
}

/** An item as text, which is its column's or label's name in a test set: `user_clicks[5m]`, `impression.bid`. */
export function expectedColumn(item: FeatureItem): string {
  const path = item.path.map((name) => name.text).join('.');
  return item.index === null ? path : `${path}[${item.index.text}]`;
}

function collect(program: LogicalProgram, test: TestDecl, wanted: Map<string, Wanted>): void {
  for (const step of test.steps) {
    if (step.kind !== 'expect') continue;
    const name = expectedColumn(step.item);
    const labels = program.labels.filter((label) => label.name.split('@')[0] === name);
    for (const label of labels) wantedAt(wanted, label.anchor).labels.set(name, label.name);
    if (labels.length > 0) continue;
    const anchors = anchorsOf(
      program,
      test,
      step.at.map((id) => id.text),
    );
    for (const anchor of anchors) {
      const value = expectedValue(program, step.item, anchor);
      if (value !== null) wantedAt(wanted, anchor).features.set(name, value);
    }
  }
}

function wantedAt(wanted: Map<string, Wanted>, anchor: Anchor): Wanted {
  const known = wanted.get(anchor.name);
  if (known !== undefined) return known;
  const made = { anchor, features: new Map<string, LExpr>(), labels: new Map<string, string>() };
  wanted.set(anchor.name, made);
  return made;
}

/** The base streams of the test's rows that have one of the ids. */
function anchorsOf(
  program: LogicalProgram,
  test: TestDecl,
  ids: readonly string[],
): readonly Anchor[] {
  const found = new Map<string, Anchor>();
  for (const row of test.steps) {
    if (row.kind !== 'row') continue;
    const stream = program.streams.find((one) => one.name === row.stream.text);
    const id = row.values.find((value) => value.field.text === stream?.idField)?.value;
    if (stream === undefined || id?.kind !== 'string' || !ids.includes(id.value)) continue;
    found.set(stream.name, { name: stream.name, stream: stream.name, where: null });
  }
  return [...found.values()];
}

/** A column, or a field of the anchor. Null: this anchor has no such field. */
function expectedValue(program: LogicalProgram, item: FeatureItem, anchor: Anchor): LExpr | null {
  const name = expectedColumn(item);
  const column = program.columns.find((one) => one.name === name) ?? sameWindow(program, item);
  if (column !== undefined) return { kind: 'column', name: column.name, type: column.type };
  const [owner, fieldName] = item.path.map((part) => part.text) as [string, string | undefined];
  const table = program.streams.find((one) => one.name === owner && one.kind === 'table');
  if (table !== undefined) return tableRead(table, fieldName ?? '');
  const field = program.streams
    .find((one) => one.name === anchor.stream)
    ?.fields.find((one) => one.name === fieldName);
  return field === undefined ? null : { kind: 'anchor', name: field.name, type: field.type };
}

/** `f[60m]` for the column `f[1h]`. */
function sameWindow(program: LogicalProgram, item: FeatureItem) {
  const { index } = item;
  if (index === null) return undefined;
  const prefix = `${item.path.map((name) => name.text).join('.')}[`;
  return program.columns.find(({ name, def }) => {
    if (!name.startsWith(prefix) || def.kind !== 'aggregate') return false;
    return def.window.kind === 'time' && def.window.ms === index.ms;
  });
}

function tableRead(table: LogicalProgram['streams'][number], column: string): LExpr | null {
  const field = table.fields.find((one) => one.name === column);
  if (field === undefined || table.keyField === null) return null;
  return {
    kind: 'table',
    table: table.name,
    column,
    key: table.keyField,
    type: nullable(field.type),
  };
}

function testSet({ anchor, features, labels }: Wanted, program: LogicalProgram): LogicalExamples {
  return {
    name: TEST_SET_PREFIX + anchor.name,
    anchor,
    topic: null,
    features: [...features].sort(byName).map(([as, value]) => ({ as, value, type: value.type })),
    labels: [...labels]
      .sort(byName)
      .map(([as, label]) => ({ as, label, policy: { kind: 'wait_horizon' } })),
    sampleNegatives: 1,
    audit: 0,
    checks: [],
    span: program.tests[0]!.span,
  };
}

function byName(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1;
}

function withNullableFields(program: LogicalProgram): LogicalProgram {
  const streams = program.streams.map((stream) => ({
    ...stream,
    fields: stream.fields.map((field) =>
      field.name === stream.idField || field.name === stream.timeField
        ? field
        : { ...field, type: nullable(field.type) },
    ),
  }));
  return {
    ...program,
    streams,
    enrichments: program.enrichments.map((one) => ({
      ...one,
      where: loosen(one.where),
      source: looseSource(one.source),
    })),
    columns: program.columns.map((column) => ({ ...column, def: looseDef(column.def) })),
    labels: program.labels.map(looseLabel),
    examples: program.examples.map((set) => ({
      ...set,
      anchor: { ...set.anchor, where: loosen(set.anchor.where) },
      features: set.features.map((one) => ({ ...one, value: loosened(one.value) })),
    })),
  };
}

function looseLabel(label: LogicalLabel): LogicalLabel {
  return {
    ...label,
    where: loosen(label.where),
    anchor: { ...label.anchor, where: loosen(label.anchor.where) },
    unless: label.unless && { ...label.unless, where: loosen(label.unless.where) },
  };
}

function looseSource<S extends { readonly where: LExpr | null }>(source: S): S {
  return { ...source, where: loosen(source.where) };
}

function looseDef(
  def: LogicalProgram['columns'][number]['def'],
): LogicalProgram['columns'][number]['def'] {
  if (def.kind === 'expression') return { ...def, expr: loosened(def.expr) };
  return {
    ...def,
    source: looseSource(def.source),
    value: loosen(def.value),
    where: loosen(def.where),
  };
}

function loosen(expr: LExpr | null): LExpr | null {
  return expr === null ? null : loosened(expr);
}

/** Every value that is read or computed may be null; constants stay as they are. */
function loosened(expr: LExpr): LExpr {
  if (expr.kind === 'const' || expr.kind === 'list') return expr;
  const type = nullable(expr.type);
  return expr.kind === 'call'
    ? { ...expr, type, args: expr.args.map(loosened) }
    : { ...expr, type };
}

function nullable(type: Type): Type {
  if (type.kind === 'error') return type;
  return type.kind === 'list'
    ? list(type.of, true)
    : scalar(type.name, { ...type, nullable: true });
}
