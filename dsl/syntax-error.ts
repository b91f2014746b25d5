/** A failed match to a message: what stands there, what could have stood there, and what was likely meant. */
import type { Span } from './ast.ts';
import type { Diagnostic } from './diagnostic.ts';
import { DECLARATION_WORDS } from './layout.ts';
import { unexpected, unknownDeclaration, unknownUnit } from './messages-syntax.ts';
import { didYouMean } from './suggest.ts';

export type Failure = {
  readonly file: string;
  readonly text: string;
  /** Where the declaration starts and ends, and the furthest place that the match reached. */
  readonly start: number;
  readonly end: number;
  readonly at: number;
  /** What the grammar could have gone on with at that place, as it names it: quoted text or a phrase. */
  readonly expected: readonly string[];
};

/** The diagnostic of a declaration that does not match the grammar. */
export function syntaxError(failure: Failure): Diagnostic {
  const { file, text, end } = failure;
  const found = tokenAt(text, failure.at, end);
  const span = { file, start: found.start, end: found.start + found.text.length };
  if (isFirst(failure, found.start)) return wrongStart(span, found.text);
  const unit = /^\d[\d.]*[A-Za-z]\w*$/.test(found.text) ? wrongUnit(span, found.text) : null;
  if (unit !== null) return unit;
  const words = failure.expected.filter((e) => e.startsWith('"')).map((e) => e.slice(1, -1));
  const hint = misspelt(found.text, words, failure.expected) ?? slipHint(found.text, words);
  const what = found.text === '' ? 'the end of the declaration' : `\`${found.text}\``;
  return unexpected(span, { found: what, expected: phrases(failure.expected), hint });
}

type Token = { readonly text: string; readonly start: number };

/** The token at or after a place; empty, just after the last token, at the end of the declaration. */
function tokenAt(text: string, at: number, end: number): Token {
  const token =
    /(?:[\s\uFEFF]|\/\/[^\n]*)*(\d[\w.]*|\w+|"(?:[^"\\\n]|\\.)*"|[=!<>]=|&&|\|\||\.\.|[^\s])?/y;
  token.lastIndex = at;
  const match = token.exec(text.slice(0, end));
  const found = match?.[1];
  if (found !== undefined) return { text: found, start: at + match![0].length - found.length };
  const written = text.slice(0, at).trimEnd();
  return { text: '', start: written.length };
}

function isFirst(failure: Failure, at: number): boolean {
  const before = failure.text.slice(failure.start, at).replace(/\/\/[^\n]*/g, '');
  return before.trim() === '';
}

function wrongStart(span: Span, word: string): Diagnostic {
  const suggestion = didYouMean(word, DECLARATION_WORDS);
  return unknownDeclaration(span, { word: `\`${word}\``, suggestion });
}

const UNIT_NAMES: Readonly<Record<string, string>> = {
  sec: 's',
  secs: 's',
  second: 's',
  seconds: 's',
  min: 'm',
  mins: 'm',
  minute: 'm',
  minutes: 'm',
  hr: 'h',
  hrs: 'h',
  hour: 'h',
  hours: 'h',
  day: 'd',
  days: 'd',
  week: 'w',
  weeks: 'w',
  msec: 'ms',
  millis: 'ms',
};

/** `5min`, `1.5h`, `3x`; null where the token is a well-formed duration in the wrong place. */
function wrongUnit(span: Span, text: string): Diagnostic | null {
  if (/^(?:\d+(?:ms|[smhdw]))+$/.test(text) || /^\d+(?:\.\d+)?[eE]\d+$/.test(text)) return null;
  const parts = /^(\d+)([A-Za-z]+)$/.exec(text);
  const unit =
    parts === null ? undefined : (UNIT_NAMES[parts[2]!.toLowerCase()] ?? lowerUnit(parts[2]!));
  return unknownUnit(span, { text, suggestion: unit === undefined ? null : `${parts![1]}${unit}` });
}

function lowerUnit(unit: string): string | undefined {
  const lower = unit.toLowerCase();
  return ['ms', 's', 'm', 'h', 'd', 'w'].includes(lower) ? lower : undefined;
}

const TYPES = new Set(['string', 'bool', 'int', 'float', 'money', 'timestamp', 'duration']);

/** Slips that people who know other languages make. */
function slipHint(found: string, words: readonly string[]): string | null {
  if (found === '=' && words.includes('==')) return 'to compare, write `==`';
  if (found === '&&' || found === '||') return `write \`${found === '&&' ? 'and' : 'or'}\``;
  if (found === '!') return 'write `not`';
  if (found === "'") return 'strings are in double quotes';
  if (found === '{' && words.includes('from')) {
    return 'a stream is read from a topic: `stream click from "clicks" {` (over files any name will do)';
  }
  if (found === '*' && words.includes(')'))
    return 'events are counted by their stream: `count(click)`';
  if (found === 'group' || found === 'GROUP')
    return 'write `by`: `count(click) by user_id over 24h`';
  if (/^\d+$/.test(found) && words.length === 0) return 'durations have a unit: `5m`, `24h`, `7d`';
  if (found === 'between') return 'write `in 0 .. 100`';
  if (found === '#' || found === '/')
    return words.includes('/') ? null : 'comments begin with `//`';
  if (found === 'where' && words.includes('by')) {
    return 'an aggregate takes `where` inside its parentheses: `count(click where pos == 1) by …`';
  }
  if ((found === 'over' || found === 'head') && words.includes('by')) {
    return 'say by which key to aggregate: `by user_id over 24h`';
  }
  if (words.includes('over')) return 'say over which window to aggregate: `over 24h`';
  if (TYPES.has(found) && words.includes(':')) return `a field is written \`name : ${found}\``;
  if (found === 'not' && words.includes('in')) return 'write `not x in [..]`';
  return null;
}

function misspelt(
  found: string,
  words: readonly string[],
  expected: readonly string[],
): string | null {
  if (!/^[A-Za-z_]\w*$/.test(found)) return null;
  const all = expected.includes("a field's role") ? [...words, 'id', 'time', 'key'] : words;
  const near = didYouMean(
    found,
    all.filter((w) => /^\w{2,}$/.test(w)),
  );
  return near === null ? null : `did you mean \`${near}\`?`;
}

const OPERATORS = new Set([
  '==',
  '!=',
  '<=',
  '>=',
  '<',
  '>',
  '+',
  '-',
  '*',
  '/',
  '%',
  'and',
  'or',
  'is',
  'in',
]);
const VALUES = new Set(['a name', 'a number', 'a duration', 'a percentage', 'a string']);
const VALUE_WORDS = new Set(['true', 'false', 'null', 'not', 'if', '-', '(', '[']);

const RESOLUTIONS = ['ms', 's', 'us', 'iso'];

/** The grammar's expectations in words: a start of an expression is "a value", any operator "an operator". */
function phrases(expected: readonly string[]): string[] {
  const isValue = expected.includes('"if"');
  const isOperator = expected.includes('"=="');
  const shown: string[] = [];
  const add = (phrase: string) => {
    if (!shown.includes(phrase)) shown.push(phrase);
  };
  if (isValue) add('a value');
  for (const each of expected.toReversed()) {
    const word = each.startsWith('"') ? each.slice(1, -1).replace(/\\"/g, '"') : null;
    if (isValue && (word === null ? VALUES.has(each) : VALUE_WORDS.has(word))) continue;
    if (isOperator && word !== null && OPERATORS.has(word)) continue;
    if (isOperator && !isValue && (word === '(' || word === '[')) continue;
    if (each === 'a space' || (word !== null && /^(?:[.; ]|\/\/|\\.+)$/.test(word))) continue;
    if (each === 'an aggregate' || each === 'end of input') continue;
    if (each === 'a resolution') for (const unit of RESOLUTIONS) add(`\`${unit}\``);
    else add(word === null ? each : `\`${word}\``);
  }
  if (isOperator) add('an operator');
  if (expected.includes('end of input')) add('the end of the declaration');
  return shown;
}
