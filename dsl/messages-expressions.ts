/** What the author is told about expressions: what they name, and of which type it is. */
import type { Name, Span } from './ast.ts';
import type { Diagnostic } from './diagnostic.ts';
import { error, shownKind, suggest, withArticle } from './messages-names.ts';

/** The rule of a function or operator that its operands break, in the words of its signature. */
export function typeMismatch(span: Span, reason: string, hint: string | null = null): Diagnostic {
  return error('type-mismatch', span, reason, hint);
}

export function unknownFunction(name: Name, functions: readonly string[]): Diagnostic {
  return error(
    'unknown-function',
    name.span,
    `there is no function \`${name.text}\``,
    suggest(name.text, functions),
  );
}

export function unknownArgument(name: Name, fn: string, known: readonly string[]): Diagnostic {
  return error(
    'unknown-argument',
    name.span,
    `\`${fn}\` has no argument \`${name.text}\``,
    suggest(name.text, known),
  );
}

export function duplicateArgument(name: Name): Diagnostic {
  return error('duplicate-argument', name.span, `\`${name.text}\` is given twice`, null);
}

export function aggregateInside(name: Name): Diagnostic {
  return error(
    'aggregate-inside',
    name.span,
    `\`${name.text}\` is an aggregate: it stands alone as a feature, not inside an expression`,
    `give it a name: \`feature x = ${name.text}(…) by … over …\`, and use \`x\` here`,
  );
}

export function unknownField(
  name: Name,
  owner: string,
  more: { candidates: readonly string[]; hint?: string | null },
): Diagnostic {
  return error(
    'unknown-field',
    name.span,
    `${owner} has no field \`${name.text}\``,
    more.hint ?? suggest(name.text, more.candidates),
  );
}

export function ambiguousField(name: Name, owner: string, sources: readonly string[]): Diagnostic {
  return error(
    'ambiguous-field',
    name.span,
    `${owner} gains \`${name.text}\` from both ${sources.map((s) => `\`${s}\``).join(' and ')}`,
    'keep one of them, or declare the field on the stream itself',
  );
}

export function labelAsValue(span: Span, label: string): Diagnostic {
  return error(
    'label-as-value',
    span,
    `label \`${label}\` has no value yet when a feature is read: whether it stays absent is known only at its deadline`,
    `count its events instead: \`count(${label}) by … over …\``,
  );
}

export function notAValue(span: Span, name: string, kind: string, hint: string): Diagnostic {
  return error(
    'not-a-value',
    span,
    `\`${name}\` is ${withArticle(shownKind(kind))}, not a value`,
    hint,
  );
}

export function featureInEvent(span: Span, name: string): Diagnostic {
  return error(
    'feature-in-event',
    span,
    `\`${name}\` is a feature: it exists at an anchor, not on the events that are counted`,
    'use it in a feature of its own, outside the aggregate',
  );
}

export function tableInEvent(span: Span, table: string): Diagnostic {
  return error(
    'table-in-event',
    span,
    `table \`${table}\` is read at an anchor, not on the events that are counted`,
    'put the column on the event before it is logged, or use it outside the aggregate',
  );
}

export function otherStream(name: Name, here: string): Diagnostic {
  return error(
    'other-stream',
    name.span,
    `this reads events of ${here}, not of \`${name.text}\``,
    `\`enrich\` carries fields of one stream to another`,
  );
}

export function anchorInEvent(span: Span): Diagnostic {
  return error(
    'anchor-in-event',
    span,
    'the anchor is not known where events are counted',
    'count by a key of the event, and compare with the anchor in a feature of features',
  );
}

export function pathTooLong(span: Span): Diagnostic {
  return error('path-too-long', span, 'a name has at most one dot: `stream.field`', null);
}

export function indexNotHere(span: Span, name: string): Diagnostic {
  return error(
    'index-not-here',
    span,
    `\`${name}\` is not a family of windows, so it has no \`[…]\``,
    'leave the brackets out',
  );
}

export function nullLiteral(span: Span): Diagnostic {
  return error(
    'null-literal',
    span,
    'null has no type here, and an operation on it is always null',
    'write `is null` or `is not null`, `coalesce(x, …)` or `default …`',
  );
}

export function notBool(span: Span, what: string, got: string): Diagnostic {
  return error('not-bool', span, `${what} must be a bool, but this is ${got}`, null);
}

export function notConstant(span: Span, what: string): Diagnostic {
  return error('not-constant', span, `${what} must be written out as a constant`, null);
}

export function mixedList(span: Span, types: readonly string[]): Diagnostic {
  return error(
    'mixed-list',
    span,
    `a list has one type, but this one holds ${types.join(' and ')}`,
  );
}

export function argumentCount(span: Span, fn: string, usage: string): Diagnostic {
  return error('argument-count', span, `\`${fn}\` is written \`${usage}\``, null);
}

export function missingArgument(
  span: Span,
  of: { readonly fn: string; readonly argument: string; readonly usage: string },
): Diagnostic {
  return error(
    'missing-argument',
    span,
    `\`${of.fn}\` needs its \`${of.argument}\``,
    `write \`${of.usage}\``,
  );
}

export function constantRange(span: Span, reason: string): Diagnostic {
  return error('constant-range', span, reason, null);
}
