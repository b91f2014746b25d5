/** Matched text to the block declarations that come after features: examples, models and tests. */
import type {
  CheckNode,
  DurationNode,
  ExamplesDecl,
  Expr,
  FeatureItem,
  ModelDecl,
  Name,
  PolicyNode,
  Span,
  TestDecl,
  TestStep,
} from './ast.ts';
import { type Action, all, maybe, type Site, type SyntaxNode, spanOf, the } from './build-expr.ts';
import { duplicateClause } from './messages-syntax.ts';
import { cover } from './span.ts';

type Share = { readonly value: number; readonly span: Span };
type Clause =
  | { readonly kind: 'features'; readonly items: readonly FeatureItem[] }
  | { readonly kind: 'label'; readonly label: ExamplesDecl['labels'][number] }
  | { readonly kind: 'sample' | 'audit'; readonly share: Share }
  | { readonly kind: 'check'; readonly check: CheckNode };
type Range = Pick<CheckNode, 'min' | 'max' | 'within'>;
type Cell = { readonly field: Name; readonly value: Expr; readonly span: Span };
type EmissionRow = Extract<TestStep, { kind: 'emissions' }>['rows'][number];
type EmittedLabel = EmissionRow['labels'][number];

export function blockActions(site: Site): Record<string, Action> {
  return {
    ...examplesActions(site),
    ...policyActions(site),
    ...checkActions(site),
    ...modelActions(site),
    ...testActions(site),
    ...emissionActions(site),
  };
}

function examplesActions(site: Site): Record<string, Action> {
  return {
    Examples: (word, name, _for, anchor, topic, _open, clauses, close): ExamplesDecl => ({
      kind: 'examples',
      name: the(name),
      anchor: the(anchor),
      topic: maybe(topic),
      ...gatherClauses(site, the(clauses)),
      span: cover(spanOf(site, word), spanOf(site, close)),
    }),
    To: (_to, topic) => ({ text: the<string>(topic), span: spanOf(site, topic) }),
    Features: (_word, items): Clause => ({ kind: 'features', items: the(items) }),
    LabelClause: (word, label, policy): Clause => {
      const span = cover(spanOf(site, word), spanOf(site, policy));
      return { kind: 'label', label: { label: the(label), policy: the(policy), span } };
    },
    Sample: (word, _negatives, bound): Clause => ({
      kind: 'sample',
      share: share(site, word, bound),
    }),
    Audit: (word, bound): Clause => ({ kind: 'audit', share: share(site, word, bound) }),
  };
}

function share(site: Site, word: SyntaxNode, bound: SyntaxNode): Share {
  return { value: the(bound), span: cover(spanOf(site, word), spanOf(site, bound)) };
}

function gatherClauses(site: Site, clauses: readonly Clause[]) {
  const features: FeatureItem[] = [];
  const labels: ExamplesDecl['labels'][number][] = [];
  const checks: CheckNode[] = [];
  const shares: { sample: Share | null; audit: Share | null } = { sample: null, audit: null };
  for (const clause of clauses) {
    if (clause.kind === 'features') features.push(...clause.items);
    else if (clause.kind === 'label') labels.push(clause.label);
    else if (clause.kind === 'check') checks.push(clause.check);
    else if (shares[clause.kind] === null) shares[clause.kind] = clause.share;
    else site.diagnostics.push(duplicateClause(clause.share.span, clause.kind));
  }
  return { features, labels, sampleNegatives: shares.sample, audit: shares.audit, checks };
}

function policyActions(site: Site): Record<string, Action> {
  const span = (first: SyntaxNode, last: SyntaxNode) =>
    cover(spanOf(site, first), spanOf(site, last));
  return {
    Policy_horizon: (word, horizon): PolicyNode => ({
      kind: 'wait_horizon',
      span: span(word, horizon),
    }),
    Policy_everything: (word, wait, _then, everything): PolicyNode => ({
      kind: 'wait_then_everything',
      wait: the<DurationNode>(wait),
      span: span(word, everything),
    }),
    Policy_late: (word, wait, _then, late): PolicyNode => ({
      kind: 'wait_then_late',
      wait: the<DurationNode>(wait),
      span: span(word, late),
    }),
    Policy_wait: (word, wait): PolicyNode => ({
      kind: 'wait',
      wait: the<DurationNode>(wait),
      span: span(word, wait),
    }),
    Policy_now: (word, _then, late): PolicyNode => ({
      kind: 'now_then_late',
      span: span(word, late),
    }),
  };
}

function checkActions(site: Site): Record<string, Action> {
  return {
    Check: (word, fn, of, range): Clause => ({
      kind: 'check',
      check: {
        fn: the(fn),
        of: maybe(of),
        ...the<Range>(range),
        span: cover(spanOf(site, word), spanOf(site, range)),
      },
    }),
    CheckArg: (_open, item, _close) => item.ast(),
    Range_both: (_in, min, _to, max): Range => ({ min: the(min), max: the(max), within: null }),
    Range_time: (_sign, within): Range => ({ min: null, max: null, within: the(within) }),
    Range_most: (_sign, max): Range => ({ min: null, max: the(max), within: null }),
    Range_least: (_sign, min): Range => ({ min: the(min), max: null, within: null }),
  };
}

function modelActions(site: Site): Record<string, Action> {
  return {
    Model: (word, name, _from, from, _open, clauses, _space, close): ModelDecl => ({
      kind: 'model',
      name: the(name),
      from: the(from),
      clauses: the(clauses),
      span: cover(spanOf(site, word), spanOf(site, close)),
    }),
    modelClauses: (_gap, clauses, _separators, last) => [...all(clauses), ...all(last)],
    modelClause: (parts): ModelDecl['clauses'][number] => {
      const { file, start } = spanOf(site, parts);
      const written = parts.sourceString.trimEnd();
      return { text: plainText(written), span: { file, start, end: start + written.length } };
    },
  };
}

/** A clause on one line: comments out, runs of space to one, none at the inside of brackets; strings untouched. */
function plainText(text: string): string {
  const pieces = text.match(/"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|[\s\uFEFF]+|[^"\s\uFEFF/]+|./g) ?? [];
  return pieces
    .map((piece) => (/^(?:\/\/|[\s\uFEFF])/.test(piece) ? ' ' : piece))
    .reduce((line, piece) => {
      if (piece === ' ' && (line === '' || /[ ([{]$/.test(line))) return line;
      return /^[)\]}]/.test(piece) ? line.trimEnd() + piece : line + piece;
    }, '')
    .trim();
}

function testActions(site: Site): Record<string, Action> {
  return {
    Test: (word, title, _open, steps, close): TestDecl => ({
      kind: 'test',
      title: { text: the(title), span: spanOf(site, title) },
      steps: the(steps),
      span: cover(spanOf(site, word), spanOf(site, close)),
    }),
    Row: (stream, _open, cells, _comma, close): TestStep => ({
      kind: 'row',
      stream: the(stream),
      values: the<Cell[]>(cells),
      span: cover(spanOf(site, stream), spanOf(site, close)),
    }),
    Cell: (field, _colon, value): Cell => ({
      field: the(field),
      value: the(value),
      span: cover(spanOf(site, field), spanOf(site, value)),
    }),
    Expect: (word, item, _at, at, _is, values): TestStep => ({
      kind: 'expect',
      item: the(item),
      at: at.children.length === 0 ? [] : quotedList(site, at),
      values: the(values),
      span: cover(spanOf(site, word), spanOf(site, values)),
    }),
  };
}

/** The strings of a list, each with its place: a list node has the first and then an iteration of the rest. */
function quotedList(
  site: Site,
  list: SyntaxNode,
): { readonly text: string; readonly span: Span }[] {
  const [first, _commas, rest] = list.children;
  return [first!, ...rest!.children].map((node) => ({
    text: the<string>(node),
    span: spanOf(site, node),
  }));
}

function emissionActions(site: Site): Record<string, Action> {
  return {
    Emissions: (word, _emissions, _of, set, _at, at, _is, rows): TestStep => ({
      kind: 'emissions',
      set: the(set),
      at: { text: the(at), span: spanOf(site, at) },
      rows: the(rows),
      span: cover(spanOf(site, word), spanOf(site, rows)),
    }),
    EmissionRows_none: (_none) => [],
    EmissionRows_some: (list) => list.ast(),
    EmissionRow: (emitted, _open, labels, _comma, close): EmissionRow => ({
      emitted: the(emitted),
      labels: the(labels),
      span: cover(spanOf(site, emitted), spanOf(site, close)),
    }),
    Emitted: (label, _colon, value, emission): EmittedLabel => ({
      label: the(label),
      value: maybe(value),
      emission: the(emission),
    }),
    EmittedValue_number: (value) => value.ast(),
    EmittedValue_null: (_word) => null,
  };
}
