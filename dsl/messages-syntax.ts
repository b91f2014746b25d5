/** Every diagnostic of reading a text: one function a code, so that a message cannot lack what it speaks of. */
import type { Span } from './ast.ts';
import type { Diagnostic } from './diagnostic.ts';

function error(code: string, span: Span, message: string, hint: string | null = null): Diagnostic {
  return { code, severity: 'error', span, message, hint };
}

/** Anything that has no message of its own. `expected` holds phrases: "a name", "`by`". */
export function unexpected(
  span: Span,
  at: {
    readonly found: string;
    readonly expected: readonly string[];
    readonly hint: string | null;
  },
): Diagnostic {
  const wanted = at.expected.length === 0 ? '' : `, expected ${orList(at.expected)}`;
  return error('syntax', span, `found ${at.found}${wanted}`, at.hint);
}

export function unknownDeclaration(
  span: Span,
  of: { readonly word: string; readonly suggestion: string | null },
): Diagnostic {
  return error(
    'unknown-declaration',
    span,
    `found ${of.word} where a declaration must begin`,
    of.suggestion === null
      ? 'a declaration begins with stream, table, static table, enrich, feature, set, label, examples, model or test'
      : `did you mean \`${of.suggestion}\`?`,
  );
}

export function unclosedString(span: Span): Diagnostic {
  return error('unclosed-string', span, 'this string does not end on its line', 'close it with "');
}

export function unclosedBracket(
  span: Span,
  of: { readonly open: string; readonly close: string },
): Diagnostic {
  return error(
    'unclosed-bracket',
    span,
    `this \`${of.open}\` is never closed`,
    `add the missing \`${of.close}\` before the next declaration`,
  );
}

export function strayBracket(span: Span, found: string): Diagnostic {
  return error('stray-bracket', span, `this \`${found}\` closes nothing`, 'remove it');
}

export function unknownUnit(
  span: Span,
  of: { readonly text: string; readonly suggestion: string | null },
): Diagnostic {
  return error(
    'unknown-unit',
    span,
    `\`${of.text}\` is not a number or a duration`,
    of.suggestion === null
      ? 'durations are whole numbers of ms, s, m, h, d or w, as in `5m` or `1h30m`'
      : `did you mean \`${of.suggestion}\`? The units are ms, s, m, h, d and w`,
  );
}

export function missingSeparator(span: Span, found: string): Diagnostic {
  return error(
    'missing-separator',
    span,
    `found ${found} on the line of the one before`,
    'put it on its own line, or a `;` before it',
  );
}

export function duplicateClause(span: Span, clause: 'sample' | 'audit' | 'where'): Diagnostic {
  return error('duplicate-clause', span, `a second \`${clause}\``, 'keep one of them');
}

export function chainedComparison(span: Span, operator: string): Diagnostic {
  return error(
    'chained-comparison',
    span,
    `\`${operator}\` compares two values, not three`,
    'write `a < b and b < c`, or set parentheses',
  );
}

export function durationTooLong(span: Span, text: string): Diagnostic {
  return error(
    'duration-too-long',
    span,
    `\`${text}\` is longer than the language can count`,
    null,
  );
}

export function numberTooLarge(span: Span, text: string): Diagnostic {
  return error('number-too-large', span, `\`${text}\` is too large for a number`, null);
}

export function tooDeep(span: Span, levelsMax: number): Diagnostic {
  return error(
    'too-deep',
    span,
    `more than ${levelsMax} levels inside one another`,
    'name a part of it as a feature of its own',
  );
}

export function fileTooLarge(
  span: Span,
  of: { readonly characters: number; readonly charactersMax: number },
): Diagnostic {
  return error(
    'file-too-large',
    span,
    `the file has ${of.characters} characters, the limit is ${of.charactersMax}`,
    'split it: all files given together are one program',
  );
}

/** More than this many phrases read as noise; the last one stands for the rest. */
const EXPECTED_MAX = 6;

function orList(phrases: readonly string[]): string {
  if (phrases.length > EXPECTED_MAX) return `${phrases.slice(0, EXPECTED_MAX).join(', ')}, …`;
  if (phrases.length === 1) return phrases[0]!;
  return `${phrases.slice(0, -1).join(', ')} or ${phrases[phrases.length - 1]}`;
}
