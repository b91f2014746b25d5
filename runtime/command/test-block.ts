/**
 * One test block through the engine, in memory. Rows arrive as written, one partition a stream; unset fields are null, an
 * unset id is made up; the streams end where the rows end (`--complete`); nothing is sampled away or audited.
 */

import type { LogicalProgram } from '../../compiler/check/logical.ts';
import { expectedColumn, TEST_SET_PREFIX } from '../../compiler/check/test-examples.ts';
import { literal } from '../../compiler/check/type-expression.ts';
import type { Plan } from '../../compiler/plan/plan.ts';
import type { Expr, Span, TestDecl, TestStep } from '../../dsl/ast.ts';
import type { Value } from '../../operators/column/column.ts';
import { NdjsonDecoder } from '../../operators/decode/ndjson.ts';
import { SLACK_BYTES } from '../../operators/decode/ndjson-scanner.ts';
import { Pipeline } from '../../operators/pipeline.ts';
import { SlabSet } from '../../operators/state/slab.ts';
import { emissionRows } from '../block/emission-row.ts';
import type { ExampleRow } from '../block/example-row.ts';
import { READ_ROWS } from '../config.ts';

/** An expectation that did not hold, where it stands, and what was found instead. */
export type TestFailure = { readonly span: Span; readonly message: string };

/** Runs the block; no failure: it passed. `plan` and `program` are compiled with tests. */
export function runTest(test: TestDecl, plan: Plan, program: LogicalProgram): TestFailure[] {
  const rows = runRows(test, plan, program);
  const failures: TestFailure[] = [];
  for (const step of test.steps) {
    if (step.kind === 'expect') failures.push(...checkExpect(step, rows, plan));
    else if (step.kind === 'emissions') failures.push(...checkEmissions(step, rows));
  }
  return failures;
}

type RowStep = Extract<TestStep, { kind: 'row' }>;
type ExpectStep = Extract<TestStep, { kind: 'expect' }>;
type EmissionsStep = Extract<TestStep, { kind: 'emissions' }>;

/** Everything that all example sets emit, in order per set. */
function runRows(test: TestDecl, plan: Plan, program: LogicalProgram): ExampleRow[] {
  const unsampled: Plan = {
    ...plan,
    examples: plan.examples.map((set) => ({ ...set, sampleNegatives: 1, audit: 0 })),
  };
  const pipeline = new Pipeline(unsampled, {
    slabs: [new SlabSet()],
    scanSlabs: new SlabSet(),
    codegen: true,
    spill: null,
    bufferBytesMax: Number.POSITIVE_INFINITY,
  });
  plan.streams.forEach((stream, index) => {
    if (stream.scan < 0) return;
    pipeline.addPartition(index, 0);
    feed(pipeline, plan, { index, lines: linesOf(test, program, stream.name) });
    pipeline.end(index, 0);
  });
  pipeline.complete();
  const rows: ExampleRow[] = [];
  for (const emitted of pipeline.advance(Number.POSITIVE_INFINITY)) {
    emitted.forEach((batch, set) => {
      rows.push(...emissionRows(batch, plan.examples[set]!));
    });
  }
  return rows;
}

function feed(
  pipeline: Pipeline,
  plan: Plan,
  { index, lines }: { readonly index: number; readonly lines: readonly string[] },
): void {
  if (lines.length === 0) return;
  const text = Buffer.from(`${lines.join('\n')}\n`);
  const bytes = new Uint8Array(text.length + SLACK_BYTES);
  bytes.set(text);
  const decoder = new NdjsonDecoder(plan.scans[plan.streams[index]!.scan]!.fields);
  decoder.load(bytes, 0, text.length);
  for (let offset = 0; ; ) {
    const batch = decoder.decode(READ_ROWS, offset);
    if (batch === null) return;
    pipeline.accept(index, 0, batch);
    offset += batch.n;
  }
}

function linesOf(test: TestDecl, program: LogicalProgram, stream: string): string[] {
  const decl = program.streams.find(({ name }) => name === stream)!;
  const rows = test.steps.filter((step): step is RowStep => {
    return step.kind === 'row' && step.stream.text === stream;
  });
  return rows.map((row, ordinal) => {
    const record: Record<string, unknown> = {};
    if (decl.idField !== null) record[decl.idField] = `${stream}#${ordinal + 1}`;
    for (const { field, value } of row.values) {
      const known = decl.fields.find(({ name }) => name === field.text);
      record[field.text] = cellOf(value, known?.timeFormat ?? null);
    }
    return JSON.stringify(record);
  });
}

/** A cell as the stream's log would have it: a duration in a time field is a time from 0, in the field's format. */
function cellOf(value: Expr, timeFormat: string | null): unknown {
  const plain = plainValue(value);
  if (value.kind !== 'duration' || timeFormat === null || typeof plain !== 'number') return plain;
  if (timeFormat === 's') return plain / 1000;
  if (timeFormat === 'us') return plain * 1000;
  return timeFormat === 'iso' ? new Date(plain).toISOString() : plain;
}

function plainValue(value: Expr): Value {
  if (value.kind === 'list') return value.items.map((item) => plainValue(item) as number | string);
  const known = literal(value)?.value;
  return known === undefined ? null : (known as Value);
}

function checkExpect(step: ExpectStep, rows: readonly ExampleRow[], plan: Plan): TestFailure[] {
  const name = expectedColumn(step.item);
  return step.at.flatMap((id, i): TestFailure[] => {
    const expected = step.values[i];
    if (expected === undefined) return [];
    const found = findValue(name, id.text, { rows, plan });
    if (found === undefined) {
      return [{ span: id.span, message: `${name} at "${id.text}": there is no such anchor` }];
    }
    const wanted = plainValue(expected);
    if (isEqual(found, wanted)) return [];
    const message = `${name} at "${id.text}" is ${show(found)}, expected ${show(wanted)}`;
    return [{ span: expected.span, message }];
  });
}

/** The feature's value at the anchor, or the label's last one; undefined: no such anchor. */
function findValue(
  name: string,
  id: string,
  { rows, plan }: { readonly rows: readonly ExampleRow[]; readonly plan: Plan },
): Value | undefined {
  let found: Value | undefined;
  for (const row of rows) {
    if (row.id !== id || !row.set.startsWith(TEST_SET_PREFIX)) continue;
    const set = plan.examples.find((example) => example.name === row.set)!;
    const column = set.features.findIndex((feature) => feature.name === name);
    if (column >= 0) found = row.features[column] ?? null;
    const label = row.labels[name];
    const isFraction = set.labels.some((each) => each.name === name && each.isFraction);
    if (label !== undefined)
      found = label.value === null || isFraction ? label.value : label.value === 1;
  }
  return found;
}

function checkEmissions(step: EmissionsStep, all: readonly ExampleRow[]): TestFailure[] {
  const rows = all.filter((row) => row.set === step.set.text && row.id === step.at.text);
  const found = rows.map((row) => {
    return showEmission(
      row.emitted,
      Object.entries(row.labels).map(([label, l]) => [label, l.value, l.kind]),
    );
  });
  const wanted = step.rows.map((row) => {
    return showEmission(
      row.emitted.ms,
      row.labels.map((l) => [l.label.text, l.value, l.emission.text]),
    );
  });
  if (found.join() === wanted.join()) return [];
  const message = [
    `emissions of ${step.set.text} at "${step.at.text}" are`,
    ...(found.length === 0 ? ['    (none)'] : found.map((line) => `    ${line}`)),
    '  expected',
    ...wanted.map((line) => `    ${line}`),
  ].join('\n');
  return [{ span: step.span, message }];
}

function showEmission(
  emitted: number,
  labels: readonly (readonly [string, number | null, string])[],
): string {
  const parts = labels.map(([label, value, kind]) => {
    return value === null ? `${label}: ${kind}` : `${label}: ${value} ${kind}`;
  });
  return `${showTime(emitted)} { ${parts.sort().join(', ')} }`;
}

const UNITS: readonly (readonly [number, string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1_000, 's'],
  [1, 'ms'],
];

/** The longest unit that says it in a whole number. */
function showTime(ms: number): string {
  const [size, unit] = UNITS.find(([unitMs]) => ms % unitMs === 0) ?? [1, 'ms'];
  return ms === 0 ? '0s' : `${ms / size}${unit}`;
}

/** Numbers agree to nine digits: an author does not write out seventeen. */
function isEqual(found: Value, wanted: Value): boolean {
  if (Array.isArray(found) && Array.isArray(wanted)) {
    return found.length === wanted.length && found.every((item, i) => isEqual(item, wanted[i]!));
  }
  if (typeof found === 'number' && typeof wanted === 'number') {
    return Math.abs(found - wanted) <= 1e-9 * Math.max(Math.abs(found), Math.abs(wanted));
  }
  // Bool columns and labels: 1 is true.
  if (typeof found === 'boolean' && typeof wanted === 'number') return Number(found) === wanted;
  return found === wanted;
}

function show(value: Value): string {
  return JSON.stringify(value);
}
