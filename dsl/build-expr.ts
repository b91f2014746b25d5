/**
 * Matched text to expressions. The grammar matches operands and operators flat; here they are climbed by
 * precedence, loosest first: or, and, not, comparison / in / is null, + -, * / %, unary minus.
 */
import type { BinaryOp, DurationNode, Expr, Name, NamedArg, Span } from './ast.ts';
import type { Diagnostic } from './diagnostic.ts';
import { chainedComparison, durationTooLong, numberTooLarge, tooDeep } from './messages-syntax.ts';
import {
  COMPARISON_PRECEDENCE,
  MINUS_PRECEDENCE,
  NOT_PRECEDENCE,
  PRECEDENCE,
} from './precedence.ts';
import { cover } from './span.ts';

/** What we use of a node of the parse tree (the parser's library stays in parse.ts). */
export type SyntaxNode = {
  readonly children: readonly SyntaxNode[];
  readonly sourceString: string;
  /** Offsets in the chunk; `sourceString` here is the text of the whole chunk. */
  readonly source: {
    readonly startIdx: number;
    readonly endIdx: number;
    readonly sourceString: string;
  };
  /** The value that the actions below made of this node. */
  readonly ast: () => unknown;
};

export type Action = (...nodes: SyntaxNode[]) => unknown;

/** Where the chunk at hand stands in its file, and what was wrong with it beyond its grammar. */
export type Site = {
  file: string;
  base: number;
  diagnostics: Diagnostic[];
  /** Height of every expression made so far. */
  readonly heights: WeakMap<Expr, number>;
};

/** Expressions inside one another; every pass over them recurses. */
export const EXPRESSION_DEPTH_MAX = 200;

type Prefix = { readonly op: '-' | 'not'; readonly span: Span };
type Operand = { readonly prefixes: readonly Prefix[]; readonly primary: Expr };
type Tail =
  | { readonly kind: 'binary'; readonly op: BinaryOp; readonly operand: Operand }
  | { readonly kind: 'is_null'; readonly negated: boolean; readonly span: Span }
  | { readonly kind: 'in'; readonly items: readonly Expr[]; readonly span: Span };

/** Actions for the expression rules of the grammar. */
export function expressionActions(site: Site): Record<string, Action> {
  return { ...operatorActions(site), ...literalActions(site), ...compoundActions(site) };
}

export function spanOf(site: Site, node: SyntaxNode): Span {
  const { startIdx, endIdx } = node.source;
  return { file: site.file, start: site.base + startIdx, end: site.base + endIdx };
}

/** The values of an iteration's children. */
export function all<T>(node: SyntaxNode): T[] {
  return node.children.map((child) => child.ast() as T);
}

/** The value of an optional node. */
export function maybe<T>(node: SyntaxNode): T | null {
  const child = node.children[0];
  return child === undefined ? null : (child.ast() as T);
}

export function the<T>(node: SyntaxNode): T {
  return node.ast() as T;
}

function operatorActions(site: Site): Record<string, Action> {
  return {
    Expr: (operand, tails) => climb(site, the<Operand>(operand), all<Tail>(tails)),
    Tail_binary: (operator, operand): Tail => ({
      kind: 'binary',
      op: operator.sourceString as BinaryOp,
      operand: the(operand),
    }),
    Tail_isNull: (is, not, word): Tail => ({
      kind: 'is_null',
      negated: not.children.length > 0,
      span: cover(spanOf(site, is), spanOf(site, word)),
    }),
    Tail_in: (word, list): Tail => ({
      kind: 'in',
      items: the<Expr & { kind: 'list' }>(list).items,
      span: cover(spanOf(site, word), spanOf(site, list)),
    }),
    Operand: (prefixes, primary): Operand => ({ prefixes: all(prefixes), primary: the(primary) }),
    prefix: (sign): Prefix => ({
      op: sign.sourceString === '-' ? '-' : 'not',
      span: spanOf(site, sign),
    }),
  };
}

function literalActions(site: Site): Record<string, Action> {
  return {
    Primary_duration: (node) => keep(site, { kind: 'duration', ...the<DurationNode>(node) }),
    Primary_percent: (node) =>
      keep(site, { kind: 'percent', value: the<number>(node), ...written(site, node) }),
    Primary_number: (node) =>
      keep(site, { kind: 'number', value: the<number>(node), ...written(site, node) }),
    Primary_string: (node) =>
      keep(site, { kind: 'string', value: the<string>(node), span: spanOf(site, node) }),
    Primary_true: (node) => keep(site, { kind: 'bool', value: true, span: spanOf(site, node) }),
    Primary_false: (node) => keep(site, { kind: 'bool', value: false, span: spanOf(site, node) }),
    Primary_null: (node) => keep(site, { kind: 'null', span: spanOf(site, node) }),
    duration: (parts) => durationOf(site, parts),
    number: (whole, point, fraction, e, sign, power) =>
      numberOf(site, [whole, point, fraction, e, sign, power]),
    integer: (digits) => integerOf(site, digits),
    // Shifting the point in the text keeps 0.1% exactly 0.001.
    percent: (whole, point, fraction, _sign) => Number(`${textOf([whole, point, fraction])}e-2`),
    string: (_open, body, _close) => unquote(body.sourceString),
    name: (first, rest) => nameOf(site, first, rest),
    exprName: (first, rest) => nameOf(site, first, rest),
  };
}

function compoundActions(site: Site): Record<string, Action> {
  return {
    Primary_if: (word, test, _then, yes, _else, no) =>
      keep(site, {
        kind: 'if',
        test: the(test),
        // biome-ignore lint/suspicious/noThenProperty: the syntax tree is never awaited
        then: the(yes),
        else: the(no),
        span: cover(spanOf(site, word), spanOf(site, no)),
      }),
    Primary_group: (_open, inner, _close) => inner.ast(),
    Primary_list: (list) => list.ast(),
    Primary_call: (fn, _open, args, _comma, close) =>
      keep(site, {
        kind: 'call',
        fn: the<Name>(fn),
        ...splitArgs(the(args)),
        span: cover(spanOf(site, fn), spanOf(site, close)),
      }),
    Primary_ref: (head, rest, index) => {
      const path = [the<Name>(head), ...all<Name>(rest)];
      const end = index.children.length > 0 ? spanOf(site, index) : path[path.length - 1]!.span;
      return keep(site, {
        kind: 'ref',
        path,
        index: maybe(index),
        span: cover(path[0]!.span, end),
      });
    },
    PathRest: (_dot, name) => name.ast(),
    Index: (_open, duration, _close) => duration.ast(),
    List: (open, items, _comma, close) =>
      keep(site, {
        kind: 'list',
        items: the(items),
        span: cover(spanOf(site, open), spanOf(site, close)),
      }),
    Arg_named: (name, _colon, value): NamedArg => ({
      name: the(name),
      value: the(value),
      span: cover(spanOf(site, name), spanOf(site, value)),
    }),
    Arg_plain: (value) => value.ast(),
  };
}

/** Positional and named arguments apart, each in the order written. */
export function splitArgs(args: readonly (Expr | NamedArg)[]): {
  readonly args: Expr[];
  readonly named: NamedArg[];
} {
  const positional: Expr[] = [];
  const named: NamedArg[] = [];
  for (const arg of args) {
    if ('kind' in arg) positional.push(arg);
    else named.push(arg);
  }
  return { args: positional, named };
}

/** Precedence climbing over the flat match; `not` and `-` bind by their own strength. */
function climb(site: Site, first: Operand, tails: readonly Tail[]): Expr {
  let next = 0;
  const operand = (from: Operand, prefixAt: number): Expr => {
    const prefix = from.prefixes[prefixAt];
    if (prefix === undefined) return from.primary;
    const strength = prefix.op === '-' ? MINUS_PRECEDENCE : NOT_PRECEDENCE;
    const inner = infix(operand(from, prefixAt + 1), strength);
    const span = cover(prefix.span, inner.span);
    return keep(site, { kind: 'unary', op: prefix.op, operand: inner, span });
  };
  const infix = (start: Expr, weakest: number): Expr => {
    let left = start;
    let compared = false;
    for (let tail = tails[next]; tail !== undefined; tail = tails[next]) {
      const strength = tail.kind === 'binary' ? PRECEDENCE[tail.op] : COMPARISON_PRECEDENCE;
      if (strength < weakest) break;
      next++;
      const comparison = strength === COMPARISON_PRECEDENCE;
      const right = tail.kind === 'binary' ? infix(operand(tail.operand, 0), strength + 1) : null;
      const whole = joinTail(left, tail, right);
      if (comparison && compared) {
        const sign = tail.kind === 'binary' ? tail.op : tail.kind === 'in' ? 'in' : 'is null';
        site.diagnostics.push(chainedComparison(whole.span, sign));
      }
      compared = comparison;
      left = keep(site, whole);
    }
    return left;
  };
  return infix(operand(first, 0), 0);
}

function joinTail(left: Expr, tail: Tail, right: Expr | null): Expr {
  if (tail.kind === 'binary') {
    const span = cover(left.span, right!.span);
    return { kind: 'binary', op: tail.op, left, right: right!, span };
  }
  const span = cover(left.span, tail.span);
  if (tail.kind === 'in') return { kind: 'in', operand: left, items: tail.items, span };
  return { kind: 'is_null', operand: left, negated: tail.negated, span };
}

/** Notes an expression's height; the first one that is too high gets the diagnostic. */
function keep(site: Site, expr: Expr): Expr {
  let below = 0;
  for (const child of childrenOf(expr)) below = Math.max(below, site.heights.get(child) ?? 0);
  site.heights.set(expr, below + 1);
  if (below === EXPRESSION_DEPTH_MAX) {
    site.diagnostics.push(tooDeep(expr.span, EXPRESSION_DEPTH_MAX));
  }
  return expr;
}

/** The expressions directly inside one. */
function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'number':
    case 'percent':
    case 'string':
    case 'bool':
    case 'null':
    case 'duration':
    case 'ref':
      return [];
    case 'unary':
    case 'is_null':
      return [expr.operand];
    case 'binary':
      return [expr.left, expr.right];
    case 'in':
      return [expr.operand, ...expr.items];
    case 'if':
      return [expr.test, expr.then, expr.else];
    case 'list':
      return expr.items;
    case 'call':
      return [...expr.args, ...expr.named.map((n) => n.value)];
  }
}

function written(site: Site, node: SyntaxNode): { readonly text: string; readonly span: Span } {
  return { text: node.sourceString, span: spanOf(site, node) };
}

function nameOf(site: Site, first: SyntaxNode, rest: SyntaxNode): Name {
  return {
    text: first.sourceString + rest.sourceString,
    span: cover(spanOf(site, first), spanOf(site, rest)),
  };
}

function numberOf(site: Site, nodes: readonly SyntaxNode[]): number {
  const text = textOf(nodes);
  const value = Number(text);
  if (!Number.isFinite(value)) {
    const { start } = spanOf(site, nodes[0]!);
    const span = { file: site.file, start, end: start + text.length };
    site.diagnostics.push(numberTooLarge(span, text));
  }
  return value;
}

function integerOf(site: Site, digits: SyntaxNode): number {
  const value = Number(digits.sourceString);
  if (value <= Number.MAX_SAFE_INTEGER) return value;
  site.diagnostics.push(numberTooLarge(spanOf(site, digits), digits.sourceString));
  return Number.MAX_SAFE_INTEGER;
}

/** The text from the first node to the last; nodes of an optional part share its source. */
function textOf(nodes: readonly SyntaxNode[]): string {
  const { startIdx, sourceString } = nodes[0]!.source;
  return sourceString.slice(startIdx, Math.max(...nodes.map((n) => n.source.endIdx)));
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

function durationOf(site: Site, node: SyntaxNode): DurationNode {
  const text = node.sourceString;
  const span = spanOf(site, node);
  let ms = 0;
  for (const part of text.matchAll(/(\d+)(ms|[smhdw])/g))
    ms += Number(part[1]) * UNIT_MS[part[2]!]!;
  if (ms > Number.MAX_SAFE_INTEGER) {
    site.diagnostics.push(durationTooLong(span, text));
    ms = Number.MAX_SAFE_INTEGER;
  }
  return { ms, text, span };
}

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

function unquote(body: string): string {
  return body.replace(
    /\\(?:u([0-9a-fA-F]{4})|(.))/g,
    (_all, hex: string | undefined, letter: string) =>
      hex !== undefined
        ? String.fromCharCode(Number.parseInt(hex, 16))
        : (ESCAPES[letter] ?? letter),
  );
}
