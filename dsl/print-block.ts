/** The declarations with braces: each gives its opening line and the lines of its body, in canonical order. */
import type {
  CheckNode,
  ExamplesDecl,
  FieldNode,
  ModelDecl,
  PolicyNode,
  Span,
  StreamDecl,
  StreamOption,
  TableDecl,
  TestDecl,
  TestStep,
} from './ast.ts';
import { printExpr, printItem, printPercent, printType } from './print-expr.ts';
import { COLUMNS_MAX, commaList, flat, HANG, SOFT } from './print-line.ts';

export type BlockDecl = StreamDecl | TableDecl | ExamplesDecl | ModelDecl | TestDecl;

/** One line of a body, and the nodes that it prints (their comments come with it). */
export type BodyLine = { readonly text: string; readonly spans: readonly Span[] };

export type Block = { readonly opening: string; readonly lines: readonly BodyLine[] };

/** A declaration's parts as text, unindented and not yet broken into lines. */
export function printBlock(declaration: BlockDecl): Block {
  switch (declaration.kind) {
    case 'stream':
      return { opening: `stream ${fromTopic(declaration)}`, lines: printItems(declaration) };
    case 'table': {
      const word = declaration.isStatic ? 'static table' : 'table';
      return { opening: `${word} ${fromTopic(declaration)}`, lines: printItems(declaration) };
    }
    case 'examples': {
      const to = declaration.topic === null ? '' : ` to ${JSON.stringify(declaration.topic.text)}`;
      const opening = `examples ${declaration.name.text} for ${declaration.anchor.text}${to}`;
      return { opening, lines: printClauses(declaration) };
    }
    case 'model':
      return {
        opening: `model ${declaration.name.text} from ${declaration.from.text}`,
        lines: declaration.clauses.map(({ text, span }) => ({ text, spans: [span] })),
      };
    case 'test':
      return {
        opening: `test ${JSON.stringify(declaration.title.text)}`,
        lines: printSteps(declaration.steps),
      };
  }
}

function fromTopic(declaration: StreamDecl | TableDecl): string {
  return `${declaration.name.text} from ${JSON.stringify(declaration.topic.text)}`;
}

function printItems(declaration: StreamDecl | TableDecl): BodyLine[] {
  const lines = groups(declaration.fields, alignsWith).flatMap(printFields);
  const { options } = declaration;
  if (options.length === 0) return lines;
  return [
    ...lines,
    { text: commaList(options.map(printOption)), spans: options.map((o) => o.span) },
  ];
}

/** Fields of one name each align at `:`, those with a role among themselves. */
function alignsWith(a: FieldNode, b: FieldNode): boolean {
  const alone = a.names.length === 1 && b.names.length === 1;
  return alone && (a.role === 'field') === (b.role === 'field');
}

function printFields(fields: readonly FieldNode[]): BodyLine[] {
  const names = fields.map((f) => commaList(f.names.map((n) => n.text)));
  const nameWidth = Math.max(...names.map((n) => n.length));
  const roleWidth = Math.max(...fields.map((f) => f.role.length));
  return fields.map((field, i) => {
    const role = field.role === 'field' ? '' : `${field.role.padEnd(roleWidth)} `;
    return {
      text: `${role}${names[i]!.padEnd(nameWidth)} : ${printType(field.type)}${field.pii ? ' pii' : ''}`,
      spans: [field.span],
    };
  });
}

function printOption(option: StreamOption): string {
  if (option.duration !== null) return `${option.name.text} ${option.duration.text}`;
  if (option.word !== null) return `${option.name.text} ${option.word.text}`;
  return `${option.name.text} <= ${printPercent(option.number ?? 0)}`;
}

function printClauses(examples: ExamplesDecl): BodyLine[] {
  const { features, labels, checks, sampleNegatives, audit } = examples;
  const width = Math.max(0, ...labels.map((l) => l.label.text.length));
  const lines: BodyLine[] = [];
  if (features.length > 0) {
    const text = `features ${HANG}${commaList(features.map(printItem))}`;
    lines.push({ text, spans: features.map((f) => f.span) });
  }
  for (const { label, policy, span } of labels) {
    lines.push({ text: `label ${label.text.padEnd(width)} ${printPolicy(policy)}`, spans: [span] });
  }
  if (sampleNegatives !== null) {
    const text = `sample negatives ${printPercent(sampleNegatives.value)}`;
    lines.push({ text, spans: [sampleNegatives.span] });
  }
  if (audit !== null)
    lines.push({ text: `audit ${printPercent(audit.value)}`, spans: [audit.span] });
  for (const check of checks) lines.push({ text: printCheck(check), spans: [check.span] });
  return lines;
}

function printPolicy(policy: PolicyNode): string {
  switch (policy.kind) {
    case 'wait':
      return `wait ${policy.wait.text}`;
    case 'wait_horizon':
      return 'wait horizon';
    case 'now_then_late':
      return 'now then late positives';
    case 'wait_then_late':
      return `wait ${policy.wait.text} then late positives`;
    case 'wait_then_everything':
      return `wait ${policy.wait.text} then everything`;
  }
}

/** Shares of rows read as percentages; other bounds are in the unit of what is checked. */
const SHARE_CHECKS: ReadonlySet<string> = new Set(['rate', 'missing', 'duplicates']);

function printCheck(check: CheckNode): string {
  const { min, max } = check;
  const show = SHARE_CHECKS.has(check.fn.text) ? printPercent : String;
  const of = check.of === null ? '' : `(${printItem(check.of)})`;
  const head = `check ${check.fn.text}${of}`;
  if (check.within !== null) return `${head} <= ${check.within.text}`;
  if (min !== null && max !== null) return `${head} in ${show(min)} .. ${show(max)}`;
  return max !== null ? `${head} <= ${show(max)}` : `${head} >= ${show(min ?? 0)}`;
}

function printSteps(steps: readonly TestStep[]): BodyLine[] {
  return groups(steps, (a, b) => a.kind === b.kind && a.kind !== 'emissions').flatMap((group) => {
    const width = Math.max(...group.map((step) => subject(step).length));
    return group.map((step) => ({ text: printStep(step, width), spans: [step.span] }));
  });
}

function subject(step: TestStep): string {
  if (step.kind === 'row') return step.stream.text;
  return step.kind === 'expect' ? printItem(step.item) : '';
}

function printStep(step: TestStep, width: number): string {
  switch (step.kind) {
    case 'row': {
      const cells = step.values.map((v) => `${v.field.text}: ${printExpr(v.value)}`);
      const body = cells.length === 0 ? '{}' : `{ ${HANG}${commaList(cells)} }`;
      return `${subject(step).padEnd(width)} ${body}`;
    }
    case 'expect': {
      const at = commaList(step.at.map((a) => JSON.stringify(a.text)));
      const values = commaList(step.values.map(printExpr));
      return `expect ${subject(step).padEnd(width)} at ${HANG}${at} =${SOFT}${values}`;
    }
    case 'emissions':
      return printEmissions(step);
  }
}

type Emissions = Extract<TestStep, { kind: 'emissions' }>;

/** Where the rows do not fill behind the `=`, they start on a line of their own. */
function printEmissions(step: Emissions): string {
  const head = `expect emissions of ${step.set.text} at ${JSON.stringify(step.at.text)} =`;
  const rows = step.rows.length === 0 ? 'none' : commaList(step.rows.map(printEmissionRow));
  const one = `${head} ${rows}`;
  return flat(one).length + 2 <= COLUMNS_MAX ? one : `${head}\n  ${rows}`;
}

function printEmissionRow(row: Emissions['rows'][number]): string {
  const labels = row.labels.map(({ label, value, emission }) => {
    return `${label.text}: ${value === null ? '' : `${value} `}${emission.text}`;
  });
  return `${row.emitted.text} ${labels.length === 0 ? '{}' : `{ ${labels.join(', ')} }`}`;
}

/** Neighbours that belong together. */
function groups<T>(items: readonly T[], together: (a: T, b: T) => boolean): T[][] {
  const made: T[][] = [];
  for (const item of items) {
    const group = made[made.length - 1];
    const last = group?.[group.length - 1];
    if (group !== undefined && last !== undefined && together(last, item)) group.push(item);
    else made.push([item]);
  }
  return made;
}
