/** Test blocks: the names and values in them. What they expect is the test runner's business. */
import type { TestDecl, TestStep } from '../../dsl/ast.ts';
import { dividesCredit } from '../../dsl/credit.ts';
import * as sayLabels from '../../dsl/messages-labels.ts';
import * as sayNames from '../../dsl/messages-names.ts';
import * as say from '../../dsl/messages-tests.ts';
import { checkExpect } from './check-expect.ts';
import { checkRow, type TestRows } from './check-rows.ts';
import type { ItemContext } from './items.ts';
import type { LogicalExamples } from './logical.ts';

/** How a label can come to be in a row (design: emissions); `unknown` is a silent stream's. */
export const EMISSIONS = [
  'observed',
  'late_positive',
  'matured',
  'confirmed_negative',
  'cancelled',
  'unknown',
] as const;

export type TestContext = ItemContext & { readonly examples: readonly LogicalExamples[] };

/** Reports every mistake of a test block. */
export function checkTest(test: TestDecl, context: TestContext): void {
  const rows: TestRows = [];
  for (const step of test.steps) if (step.kind === 'row') checkRow(step, rows, context);
  for (const step of test.steps) {
    if (step.kind === 'expect') checkExpect(step, rows, context);
    else if (step.kind === 'emissions') checkEmissions(step, rows, context);
  }
}

type Emissions = Extract<TestStep, { kind: 'emissions' }>;

function checkEmissions(step: Emissions, rows: TestRows, context: TestContext): void {
  const { symbols, examples, labels, report } = context;
  const decl = symbols.examples.get(step.set.text);
  if (decl === undefined) {
    report.add(sayNames.unknownName(step.set, 'example set', [...symbols.examples.keys()].sort()));
    return;
  }
  const set = examples.find((e) => e.name === step.set.text);
  if (set !== undefined) checkAnchor(step.at, set.anchor.stream, rows, context);
  const known = decl.labels.map((l) => l.label.text);
  for (const { label, value, emission } of step.rows.flatMap((row) => row.labels)) {
    if (!known.includes(label.text)) {
      report.add(sayLabels.labelNotInSet(label.span, label.text, known));
    }
    if (!EMISSIONS.some((kind) => kind === emission.text)) {
      report.add(say.unknownEmission(emission, EMISSIONS));
    }
    const of = set?.labels.find(({ as }) => as === label.text)?.label;
    const isFraction = labels.logical.some(
      ({ name, credit }) => name === of && dividesCredit(credit),
    );
    const isValue = isFraction
      ? (value ?? 0) >= 0 && (value ?? 0) <= 1
      : value === null || value === 0 || value === 1;
    if (!isValue) {
      report.add(say.emissionValue(label.span, label.text, isFraction));
    }
  }
}

/** Reports an anchor that no row of the test is; `stream` null: one of any stream. Gives its stream. */
export function checkAnchor(
  at: { readonly text: string; readonly span: Emissions['span'] },
  stream: string | null,
  rows: TestRows,
  { report }: TestContext,
): string | null {
  const fitting = rows.filter(
    (row) => row.id !== null && (stream === null || row.stream === stream),
  );
  const found = fitting.find((row) => row.id === at.text);
  if (found !== undefined) return found.stream;
  report.add(
    say.unknownAnchor(
      at,
      stream,
      fitting.map((row) => row.id!),
    ),
  );
  return null;
}
