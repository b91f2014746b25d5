/** What the author is told about streams, tables and enrichments. */
import type { Name, Span, StreamOption } from './ast.ts';
import type { Diagnostic } from './diagnostic.ts';
import { error, suggest, warning } from './messages-names.ts';

export function unknownType(span: Span, type: string, types: readonly string[]): Diagnostic {
  return error('unknown-type', span, `there is no type \`${type}\``, suggest(type, types));
}

export function duplicateField(name: Name, firstPlace: string): Diagnostic {
  return error(
    'duplicate-field',
    name.span,
    `field \`${name.text}\` is declared already at ${firstPlace}`,
    'rename or remove one of them',
  );
}

export function duplicateRole(name: Name, role: string, owner: string, first: string): Diagnostic {
  return error(
    'duplicate-role',
    name.span,
    `\`${owner}\` has the ${role} field \`${first}\` already`,
    `a second one is an ordinary field: leave out the word \`${role}\``,
  );
}

export function missingTime(name: Name, kind: string): Diagnostic {
  return error(
    'missing-time',
    name.span,
    `${kind} \`${name.text}\` has no time field`,
    kind === 'table'
      ? 'write `time ts : timestamp`, or `static table` if its rows never change'
      : 'write `time ts : timestamp`',
  );
}

export function staticTime(name: Name, table: string): Diagnostic {
  return error(
    'static-table-time',
    name.span,
    `static table \`${table}\` has a time field, \`${name.text}\``,
    'leave out `static`, or make it an ordinary field',
  );
}

export function missingKey(name: Name): Diagnostic {
  return error(
    'missing-key',
    name.span,
    `table \`${name.text}\` has no key field`,
    'write `key sku_id : string`: the latest row of each key is what is read',
  );
}

export function keyInStream(name: Name, stream: string): Diagnostic {
  return error(
    'key-in-stream',
    name.span,
    `\`${stream}\` is a stream and has no key, but \`${name.text}\` is declared as one`,
    'leave out `key`, or declare a `table`',
  );
}

export function roleType(name: Name, role: string, needed: string, got: string): Diagnostic {
  return error(
    'role-type',
    name.span,
    `the ${role} field \`${name.text}\` is ${got}, but must be ${needed}`,
    null,
  );
}

export function timeFormatMisplaced(span: Span, type: string): Diagnostic {
  return error(
    'time-format',
    span,
    `\`${type}\` takes no time format`,
    'only `timestamp` does: `timestamp(s)`',
  );
}

export function unknownOption(option: StreamOption, known: readonly string[]): Diagnostic {
  return error(
    'unknown-option',
    option.name.span,
    `there is no option \`${option.name.text}\``,
    suggest(option.name.text, known),
  );
}

export function duplicateOption(option: StreamOption): Diagnostic {
  return error(
    'duplicate-option',
    option.span,
    `option \`${option.name.text}\` is given twice`,
    'keep one of them',
  );
}

export function optionForm(option: StreamOption, form: string): Diagnostic {
  return error(
    'option-form',
    option.span,
    `option \`${option.name.text}\` is written \`${form}\``,
    null,
  );
}

export function optionRange(option: StreamOption, reason: string): Diagnostic {
  return error('option-range', option.span, reason, null);
}

export function optionNotHere(option: StreamOption, owner: string): Diagnostic {
  return error(
    'option-not-here',
    option.span,
    `option \`${option.name.text}\` means nothing for ${owner}`,
    'remove it',
  );
}

export function labelsBelowLate(option: StreamOption): Diagnostic {
  return warning(
    'labels-below-late',
    option.span,
    '`labels` is not longer than `late`: label events get no more time than features',
    'make it longer, or leave it out',
  );
}

export function topicTypeConflict(
  name: Name,
  topic: string,
  types: { type: string; other: string; otherPlace: string },
): Diagnostic {
  return error(
    'topic-type-conflict',
    name.span,
    `field \`${name.text}\` of topic "${topic}" is ${types.type} here, but ${types.other} at ${types.otherPlace}`,
    'one topic has one type for a field: make them equal',
  );
}

export function enrichKeyType(span: Span, event: string, source: string): Diagnostic {
  return error('key-type', span, `${event}, but ${source}: they can never be equal`, null);
}

export function enrichGainsNothing(span: Span, stream: string, source: string): Diagnostic {
  return warning(
    'enrich-gains-nothing',
    span,
    `\`${stream}\` gains no field from \`${source}\`: it has them all itself`,
    'an own field is never replaced; remove the enrichment',
  );
}

export function notPositive(span: Span, what: string): Diagnostic {
  return error('not-positive', span, `${what} must be longer than 0`, null);
}

/** `retain 30d` of a stream. */
export type Retain = { readonly stream: string; readonly text: string; readonly ms: number };

export function longerThanRetain(span: Span, what: string, retain: Retain): Diagnostic {
  return error(
    'longer-than-retain',
    span,
    `${what} is longer than ${keeps(retain)}`,
    'a run from the beginning could not fill it: shorten it, or raise `retain`',
  );
}

export function endlessWindow(span: Span, retain: Retain): Diagnostic {
  return error(
    'longer-than-retain',
    span,
    `a window without an end reaches further back than ${keeps(retain)}`,
    `a run from the beginning could not fill it: end it in time, as in \`over ${retain.text}\` or \`over ${retain.text} at most 10 rows\``,
  );
}

function keeps({ stream, text }: Retain): string {
  return `\`${stream}\` keeps its events (\`retain ${text}\`)`;
}
