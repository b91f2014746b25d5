/** Expressions and the small parts of declarations as canonical text; the fewest parentheses that keep the tree. */
import type {
  BinaryOp,
  Expr,
  FeatureItem,
  KeyNode,
  NamedArg,
  TypeNode,
  WindowNode,
} from './ast.ts';
import {
  COMPARISON_PRECEDENCE,
  MINUS_PRECEDENCE,
  NOT_PRECEDENCE,
  PRECEDENCE,
} from './precedence.ts';
import { commaList, SOFT } from './print-line.ts';

/** The text of an expression. */
export function printExpr(expr: Expr): string {
  switch (expr.kind) {
    case 'number':
    case 'percent':
    case 'duration':
      return expr.text;
    case 'string':
      return JSON.stringify(expr.value);
    case 'bool':
      return String(expr.value);
    case 'null':
      return 'null';
    case 'ref':
      return printPath(expr);
    case 'unary':
      return expr.op === '-'
        ? `-${operand(expr.operand, MINUS_PRECEDENCE)}`
        : `not ${operand(expr.operand, NOT_PRECEDENCE)}`;
    case 'binary':
      return printBinary(expr.op, expr.left, expr.right);
    case 'is_null':
      return `${operand(expr.operand, COMPARISON_PRECEDENCE + 1)} is ${expr.negated ? 'not ' : ''}null`;
    case 'in':
      return `${operand(expr.operand, COMPARISON_PRECEDENCE + 1)} in ${printList(expr.items)}`;
    case 'if':
      return `if ${printExpr(expr.test)}${SOFT}then ${printExpr(expr.then)}${SOFT}else ${printExpr(expr.else)}`;
    case 'list':
      return printList(expr.items);
    case 'call':
      return `${expr.fn.text}(${printArgs(expr.args, expr.named)})`;
  }
}

/** Positional arguments, then named ones. */
export function printArgs(args: readonly Expr[], named: readonly NamedArg[]): string {
  const shown = named.map((n) => `${n.name.text}: ${printExpr(n.value)}`);
  return commaList([...args.map(printExpr), ...shown]);
}

/** `a.b[5m] at owner_id as x`. */
export function printItem(item: FeatureItem): string {
  const names = item.at.map((n) => n.text);
  const at =
    names.length === 0 ? '' : ` at ${names.length === 1 ? names[0] : `(${names.join(', ')})`}`;
  return `${printPath(item)}${at}${item.as === null ? '' : ` as ${item.as.text}`}`;
}

/** `a, b as c`: the keys of `on`; `by` puts parentheses around more than one. */
export function printKeys(keys: readonly KeyNode[]): string {
  return keys
    .map((k) => (k.as === null ? k.field.text : `${k.field.text} as ${k.as.text}`))
    .join(', ');
}

/** The window, without the word `over`. */
export function printWindow(window: WindowNode): string {
  switch (window.kind) {
    case 'rows':
      return `last ${printRows(window.rows)}`;
    case 'session':
      return `session ${window.gap.text}`;
    case 'all':
      return 'all';
    case 'time': {
      const texts = window.durations.map((d) => d.text);
      const durations = window.family ? `[${texts.join(', ')}]` : texts[0]!;
      const hop =
        window.hop === null ? '' : window.hop === 'exact' ? ' exact' : ` hop ${window.hop.text}`;
      const most = window.atMostRows === null ? '' : ` at most ${printRows(window.atMostRows)}`;
      return durations + hop + most;
    }
  }
}

function printRows(rows: number): string {
  return rows === 1 ? '1 row' : `${rows} rows`;
}

/** `timestamp(s)`, `string[]?`. */
export function printType(type: TypeNode): string {
  const format = type.timeFormat === null ? '' : `(${type.timeFormat})`;
  return `${type.name}${format}${type.list ? '[]' : ''}${type.nullable ? '?' : ''}`;
}

/** A share as a percentage that parses back to the same number: 0.001 is `0.1%`. */
export function printPercent(share: number): string {
  const [mantissa, power] = Math.abs(share).toExponential().split('e');
  const digits = mantissa!.replace('.', '');
  const point = Number(power) + 1 + 2;
  const padded = point <= 0 ? '0'.repeat(1 - point) + digits : digits.padEnd(point, '0');
  const at = Math.max(point, 1);
  const fraction = padded.slice(at);
  return `${share < 0 ? '-' : ''}${padded.slice(0, at)}${fraction === '' ? '' : `.${fraction}`}%`;
}

function printPath(ref: Pick<FeatureItem, 'path' | 'index'>): string {
  const path = ref.path.map((n) => n.text).join('.');
  return ref.index === null ? path : `${path}[${ref.index.text}]`;
}

function printList(items: readonly Expr[]): string {
  return `[${commaList(items.map(printExpr))}]`;
}

/** Comparisons do not chain, so both of their sides must bind more tightly; the others lean left. */
function printBinary(op: BinaryOp, left: Expr, right: Expr): string {
  const strength = PRECEDENCE[op];
  const leftLeast = strength === COMPARISON_PRECEDENCE ? strength + 1 : strength;
  return `${operand(left, leftLeast)}${SOFT}${op} ${operand(right, strength + 1)}`;
}

function operand(expr: Expr, least: number): string {
  const text = printExpr(expr);
  return strengthOf(expr) < least ? `(${text})` : text;
}

function strengthOf(expr: Expr): number {
  switch (expr.kind) {
    case 'if':
      return 0;
    case 'binary':
      return PRECEDENCE[expr.op];
    case 'is_null':
    case 'in':
      return COMPARISON_PRECEDENCE;
    case 'unary':
      return expr.op === '-' ? MINUS_PRECEDENCE : NOT_PRECEDENCE;
    default:
      return Number.POSITIVE_INFINITY;
  }
}
