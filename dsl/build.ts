/** Matched text to declarations: the actions of every rule of the grammar that is not an expression. */
import type {
  AggregateNode,
  CreditNode,
  DerivedStreamDecl,
  DurationNode,
  EnrichDecl,
  Expr,
  ExpressionBody,
  FeatureDecl,
  FeatureItem,
  FieldNode,
  KeyNode,
  LabelDecl,
  Name,
  NamedArg,
  SetDecl,
  Span,
  StreamDecl,
  StreamOption,
  TableDecl,
  TypeNode,
  WindowNode,
} from './ast.ts';
import { blockActions } from './build-block.ts';
import {
  type Action,
  all,
  expressionActions,
  maybe,
  type Site,
  type SyntaxNode,
  spanOf,
  splitArgs,
  the,
} from './build-expr.ts';
import { duplicateClause, missingSeparator } from './messages-syntax.ts';
import { cover } from './span.ts';
import type { TimeFormat } from './types.ts';

type Quoted = { readonly text: string; readonly span: Span };
type Hop = DurationNode | 'exact';

/** All actions, for one file; `site` says where the text at hand stands in it. */
export function buildActions(site: Site): Record<string, Action> {
  return {
    ...expressionActions(site),
    ...streamActions(site),
    ...fieldActions(site),
    ...featureActions(site),
    ...windowActions(site),
    ...labelActions(site),
    ...itemActions(site),
    ...blockActions(site),
  };
}

/** A string with its place: topics, titles and anchors are named by one. */
export function quoted(site: Site, node: SyntaxNode): Quoted {
  return { text: the(node), span: spanOf(site, node) };
}

function streamActions(site: Site): Record<string, Action> {
  return {
    Declaration: (declaration) => declaration.ast(),
    Stream: (word, name, _from, topic, _open, items, close): StreamDecl => ({
      kind: 'stream',
      name: the(name),
      topic: quoted(site, topic),
      ...splitItems(the(items)),
      span: cover(spanOf(site, word), spanOf(site, close)),
    }),
    Table: (isStatic, word, name, _from, topic, _open, items, close): TableDecl => {
      const start = isStatic.children[0] ?? word;
      return {
        kind: 'table',
        isStatic: isStatic.children.length > 0,
        name: the(name),
        topic: quoted(site, topic),
        ...splitItems(the(items)),
        span: cover(spanOf(site, start), spanOf(site, close)),
      };
    },
    Derived: (word, name, _is, base, _where, where): DerivedStreamDecl => ({
      kind: 'derived',
      name: the(name),
      base: the(base),
      where: the(where),
      span: cover(spanOf(site, word), the<Expr>(where).span),
    }),
    Enrich: (word, stream, _from, source, _on, on, _within, within): EnrichDecl => ({
      kind: 'enrich',
      stream: the(stream),
      source: the(source),
      on: the(on),
      within: the(within),
      span: cover(spanOf(site, word), spanOf(site, within)),
    }),
    Items: (_before, items, _separators) => {
      checkSeparated(site, items.children);
      return all(items);
    },
  };
}

/** Items of a block stand on lines of their own, or have a `;` between; comments end with their line. */
function checkSeparated(site: Site, items: readonly SyntaxNode[]): void {
  for (let i = 1; i < items.length; i++) {
    const last = items[i - 1]!.source;
    const { startIdx, sourceString } = items[i]!.source;
    if (/[\n;]/.test(sourceString.slice(last.endIdx, startIdx))) continue;
    const word = /^\w+/.exec(items[i]!.sourceString)?.[0] ?? items[i]!.sourceString.slice(0, 1);
    const start = site.base + startIdx;
    const span = { file: site.file, start, end: start + word.length };
    site.diagnostics.push(missingSeparator(span, `\`${word}\``));
  }
}

function splitItems(items: readonly (FieldNode | StreamOption[])[]): {
  readonly fields: FieldNode[];
  readonly options: StreamOption[];
} {
  const fields: FieldNode[] = [];
  const options: StreamOption[] = [];
  for (const item of items) {
    if ('role' in item) fields.push(item);
    else options.push(...item);
  }
  return { fields, options };
}

function fieldActions(site: Site): Record<string, Action> {
  const option = (name: SyntaxNode, rest: SyntaxNode, value: Partial<StreamOption>) => ({
    kind: 'option' as const,
    name: the<Name>(name),
    duration: null,
    word: null,
    number: null,
    ...value,
    span: cover(spanOf(site, name), spanOf(site, rest)),
  });
  return {
    Field_role: (role, names, _colon, type, pii): FieldNode => ({
      role: role.sourceString as FieldNode['role'],
      names: the(names),
      type: the(type),
      pii: pii.children.length > 0,
      span: cover(spanOf(site, role), spanOf(site, pii.children[0] ?? type)),
    }),
    // A key without a type is a string.
    Field_key: (role, written, pii): FieldNode => {
      const name = the<Name>(written);
      const { file, end } = name.span;
      const span = { file, start: end, end };
      const type = { name: 'string', timeFormat: null, list: false, nullable: false, span };
      return {
        role: 'key',
        names: [name],
        type,
        pii: pii.children.length > 0,
        span: cover(spanOf(site, role), spanOf(site, pii.children[0] ?? written)),
      };
    },
    Field_plain: (names, _colon, type, pii): FieldNode => ({
      role: 'field',
      names: the(names),
      type: the(type),
      pii: pii.children.length > 0,
      span: cover(spanOf(site, names), spanOf(site, pii.children[0] ?? type)),
    }),
    Type: (name, format, listMark, nullMark): TypeNode => ({
      name: name.sourceString,
      timeFormat: maybe<TimeFormat>(format),
      list: listMark.children.length > 0,
      nullable: nullMark.children.length > 0,
      span: [name, format, listMark, nullMark]
        .filter((n) => n.source.endIdx > n.source.startIdx)
        .map((n) => spanOf(site, n))
        .reduce(cover),
    }),
    TimeFormat: (_open, format, _close) => format.sourceString,
    Options: (list) => list.ast(),
    Option_duration: (name, duration): StreamOption =>
      option(name, duration, { duration: the<DurationNode>(duration) }),
    Option_number: (name, _atMost, bound): StreamOption =>
      option(name, bound, { number: the<number>(bound) }),
    Option_word: (name, word): StreamOption => option(name, word, { word: the<Name>(word) }),
    Bound: (minus, bound) => (minus.children.length > 0 ? -the<number>(bound) : bound.ast()),
    Keys_plain: (list) => list.ast(),
    Keys_group: (_open, list, _comma, _close) => list.ast(),
    Key: (field, _as, as): KeyNode => {
      const name = the<Name>(field);
      const other = maybe<Name>(as);
      return {
        field: name,
        as: other,
        span: other === null ? name.span : cover(name.span, other.span),
      };
    },
    NonemptyListOf: (first, _separators, rest) => [first.ast(), ...all(rest)],
    EmptyListOf: () => [],
    ListOf: (list) => list.ast(),
  };
}

function featureActions(site: Site): Record<string, Action> {
  type Extra = readonly (Expr | NamedArg)[];
  const aggregate = (fn: SyntaxNode, last: SyntaxNode, rest: AggregateRest): AggregateNode => ({
    kind: 'aggregate',
    fn: the<Name>(fn),
    ...splitArgs(rest.more ?? []),
    of: rest.of,
    where: rest.where,
    by: rest.by,
    over: rest.over,
    head: rest.head,
    fallback: rest.fallback,
    span: cover(spanOf(site, fn), spanOf(site, last)),
  });
  return {
    Feature: (word, name, _is, body): FeatureDecl => {
      const made = the<AggregateNode | ExpressionBody>(body);
      return {
        kind: 'feature',
        name: the(name),
        body: made,
        span: cover(spanOf(site, word), made.span),
      };
    },
    Expression: (expr, fallback): ExpressionBody => {
      const made = the<Expr>(expr);
      const other = maybe<Expr>(fallback);
      const span = other === null ? made.span : cover(made.span, other.span);
      return { kind: 'expression', expr: made, fallback: other, span };
    },
    Default: (_word, expr) => expr.ast(),
    Where: (_word, expr) => expr.ast(),
    MoreArgs: (_comma, list) => list.ast(),
    Head: (_word, duration) => duration.ast(),
    Aggregate_windowed: (
      fn,
      _open,
      of,
      early,
      more,
      _comma,
      late,
      _close,
      _by,
      keys,
      over,
      head,
      otherwise,
    ) =>
      aggregate(fn, lastWritten([keys, over, head, otherwise]), {
        of: the(of),
        more: maybe<Extra>(more),
        where: oneWhere(site, early, late),
        by: the(keys),
        over: the(over),
        head: maybe(head),
        fallback: maybe(otherwise),
      }),
    Aggregate_whole: (fn, _open, of, early, more, _comma, late, _close, _by, keys, otherwise) => {
      const end = spanOf(site, keys).end;
      return aggregate(fn, lastWritten([keys, otherwise]), {
        of: the(of),
        more: maybe<Extra>(more),
        where: oneWhere(site, early, late),
        by: the(keys),
        over: { kind: 'all', span: { file: site.file, start: end, end } },
        head: null,
        fallback: maybe(otherwise),
      });
    },
    decayed: (word) => ({ text: word.sourceString, span: spanOf(site, word) }),
  };
}

function oneWhere(site: Site, early: SyntaxNode, late: SyntaxNode): Expr | null {
  const second = maybe<Expr>(late);
  if (early.children.length > 0 && second !== null) {
    site.diagnostics.push(duplicateClause(spanOf(site, late), 'where'));
  }
  return maybe<Expr>(early) ?? second;
}

type AggregateRest = Pick<AggregateNode, 'of' | 'where' | 'by' | 'over' | 'head' | 'fallback'> & {
  readonly more: readonly (Expr | NamedArg)[] | null;
};

/** The last of the nodes that took any text. */
function lastWritten(nodes: readonly SyntaxNode[]): SyntaxNode {
  return nodes.findLast((n) => n.source.endIdx > n.source.startIdx) ?? nodes[0]!;
}

function windowActions(site: Site): Record<string, Action> {
  const time = (durations: readonly DurationNode[], family: boolean, nodes: SyntaxNode[]) => ({
    kind: 'time' as const,
    durations,
    family,
    hop: maybe<Hop>(nodes[1]!),
    atMostRows: maybe<number>(nodes[2]!),
    span: cover(spanOf(site, nodes[0]!), spanOf(site, lastWritten(nodes))),
  });
  return {
    Over: (_word, window) => window.ast(),
    Window_rows: (word, rows, unit): WindowNode => ({
      kind: 'rows',
      rows: the(rows),
      span: cover(spanOf(site, word), spanOf(site, unit)),
    }),
    Window_session: (word, gap): WindowNode => ({
      kind: 'session',
      gap: the(gap),
      span: cover(spanOf(site, word), spanOf(site, gap)),
    }),
    Window_all: (word): WindowNode => ({ kind: 'all', span: spanOf(site, word) }),
    Window_family: (open, list, _comma, close, hop, atMost): WindowNode => {
      const window = time(the(list), true, [close, hop, atMost]);
      return { ...window, span: cover(spanOf(site, open), window.span) };
    },
    Window_single: (duration, hop, atMost): WindowNode =>
      time([the<DurationNode>(duration)], false, [duration, hop, atMost]),
    Hop_written: (_word, duration) => duration.ast(),
    Hop_exact: (_word) => 'exact',
    AtMost: (_at, _most, rows, _unit) => rows.ast(),
  };
}

type Route = LabelDecl['routes'][number];

function labelActions(site: Site): Record<string, Action> {
  return {
    Label: (word, name, _is, stream, where, _on, on, first, others, credit, unless): LabelDecl => ({
      kind: 'label',
      name: the(name),
      stream: the(stream),
      where: maybe(where),
      on: the(on),
      routes: [the<Route>(first), ...all<Route>(others)],
      credit: maybe(credit),
      unless: maybe(unless),
      span: cover(
        spanOf(site, word),
        spanOf(site, lastWritten([on, first, others, credit, unless])),
      ),
    }),
    FirstRoute: (within, of): Route => ({
      within: maybe(within),
      of: maybe(of),
      span: cover(spanOf(site, lastWritten([of, within])), spanOf(site, lastWritten([within, of]))),
    }),
    ElseRoute: (word, _within, within, of): Route => ({
      within: the(within),
      of: maybe(of),
      span: cover(spanOf(site, word), spanOf(site, lastWritten([within, of]))),
    }),
    Within: (_word, duration) => duration.ast(),
    Of: (_word, name) => name.ast(),
    Credit: (word, rule, args): CreditNode => ({
      rule: the(rule),
      ...splitArgs(maybe<(Expr | NamedArg)[]>(args) ?? []),
      span: cover(spanOf(site, word), spanOf(site, lastWritten([rule, args]))),
    }),
    CreditArgs: (_open, list, _comma, _close) => list.ast(),
    Unless: (word, stream, _on, on, _within, within): LabelDecl['unless'] => ({
      stream: the(stream),
      on: the(on),
      within: the(within),
      span: cover(spanOf(site, word), spanOf(site, within)),
    }),
  };
}

function itemActions(site: Site): Record<string, Action> {
  return {
    Set: (word, name, _is, items): SetDecl => ({
      kind: 'set',
      name: the(name),
      items: the(items),
      span: cover(spanOf(site, word), spanOf(site, items)),
    }),
    FeatureItem: (path, index, at, _as, as): FeatureItem => ({
      path: the(path),
      index: maybe(index),
      at: maybe<Name[]>(at) ?? [],
      as: maybe(as),
      span: cover(spanOf(site, path), spanOf(site, lastWritten([path, index, at, as]))),
    }),
    Path: (list) => list.ast(),
    Role_group: (_at, _open, names, _close) => names.ast(),
    Role_single: (_at, name) => [name.ast()],
  };
}
