/** What the author is told about names: unknown, declared twice, in a circle. */
import type { Name, Span } from './ast.ts';
import type { Diagnostic } from './diagnostic.ts';
import { didYouMean } from './suggest.ts';

/** An error; for the message files only. */
export function error(
  code: string,
  span: Span,
  message: string,
  hint: string | null = null,
): Diagnostic {
  return { code, severity: 'error', span, message, hint };
}

/** A warning; for the message files only. */
export function warning(
  code: string,
  span: Span,
  message: string,
  hint: string | null = null,
): Diagnostic {
  return { code, severity: 'warning', span, message, hint };
}

/** `did you mean X?`, else the names there are (at most eight), else null. */
export function suggest(name: string, candidates: readonly string[]): string | null {
  const near = didYouMean(name, candidates);
  if (near !== null) return `did you mean \`${near}\`?`;
  if (candidates.length === 0 || candidates.length > 8) return null;
  return `there ${candidates.length === 1 ? 'is' : 'are'} ${candidates.map((c) => `\`${c}\``).join(', ')}`;
}

export type NameKind =
  | 'stream'
  | 'table'
  | 'feature'
  | 'set'
  | 'label'
  | 'examples'
  | 'model'
  | 'derived';

const SHOWN: Record<NameKind, string> = {
  stream: 'stream',
  derived: 'stream',
  table: 'table',
  feature: 'feature',
  set: 'set',
  label: 'label',
  examples: 'example set',
  model: 'model',
};

/** The word for a kind of declaration, as messages say it. */
export function shownKind(kind: string): string {
  return SHOWN[kind as NameKind] ?? kind;
}

/** `a stream`, `an example set`. */
export function withArticle(what: string): string {
  return `${/^[aeiou]/.test(what) ? 'an' : 'a'} ${what}`;
}

export function reservedName(name: Name): Diagnostic {
  return error(
    'reserved-name',
    name.span,
    `\`${name.text}\` names the anchor of an example set and cannot be declared`,
    'choose another name',
  );
}

export function duplicateName(
  name: Name,
  kind: string,
  firstKind: string,
  firstPlace: string,
): Diagnostic {
  return error(
    'duplicate-name',
    name.span,
    `${shownKind(kind)} \`${name.text}\` is declared already as ${article(shownKind(firstKind))} at ${firstPlace}`,
    'rename one of them',
  );
}

/** A name that is not declared at all, where a `what` was expected. */
export function unknownName(name: Name, what: string, candidates: readonly string[]): Diagnostic {
  return error(
    // `stream or label`: the code names the first of them.
    `unknown-${what.split(' or ')[0]!.replaceAll(' ', '-')}`,
    name.span,
    `there is no ${what} \`${name.text}\``,
    suggest(name.text, candidates),
  );
}

/** A name that is declared, but as something else than was expected. */
export function wrongKind(
  name: Name,
  expected: string,
  kind: string,
  hint: string | null,
): Diagnostic {
  return error(
    'wrong-kind',
    name.span,
    `\`${name.text}\` is ${withArticle(shownKind(kind))}, but ${withArticle(expected)} is needed here`,
    hint,
  );
}

/** The members of a cycle, in order; the first is named again at the end. */
export function cycle(what: string, span: Span, members: readonly string[]): Diagnostic {
  const path = [...members, members[0]].map((m) => `\`${m}\``).join(' -> ');
  return error(
    'cycle',
    span,
    `${what} in a circle: ${path}`,
    'one of them must not depend on the next',
  );
}

function article(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;
}
