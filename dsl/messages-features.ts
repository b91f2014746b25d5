/** What the author is told about features: aggregates, windows, families and sets. */
import type { Name, Span } from './ast.ts';
import type { Diagnostic } from './diagnostic.ts';
import { error, suggest } from './messages-names.ts';

export function unknownAggregate(name: Name, aggregates: readonly string[]): Diagnostic {
  return error(
    'unknown-aggregate',
    name.span,
    `there is no aggregate \`${name.text}\``,
    hintOfSql(name.text) ?? suggest(name.text, aggregates),
  );
}

/** What SQL and others call them. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  avg: 'mean(x)',
  average: 'mean(x)',
  std: 'stddev(x)',
  stdev: 'stddev(x)',
  count_distinct: 'distinct(x)',
  uniq: 'distinct(x)',
  percentile: 'quantile(x, 0.9)',
  median: 'quantile(x, 0.5)',
};

function hintOfSql(name: string): string | null {
  const meant = OTHER_NAMES[name.toLowerCase()];
  return meant === undefined ? null : `write \`${meant}\``;
}

export function aggregateArguments(span: Span, reason: string, hint: string | null): Diagnostic {
  return error('aggregate-arguments', span, reason, hint);
}

export function aggregateType(span: Span, reason: string): Diagnostic {
  return error('aggregate-type', span, reason, null);
}

export function noSource(span: Span, example: string): Diagnostic {
  return error(
    'no-source',
    span,
    'nothing here says which events are meant',
    `write the stream before the dot: \`${example}\``,
  );
}

export function twoSources(span: Span, first: string, second: string): Diagnostic {
  return error(
    'two-sources',
    span,
    `this reads both \`${first}\` and \`${second}\`, but an aggregate reads one stream`,
    'make two features and combine them, or `enrich` one stream from the other',
  );
}

export function valueMissing(span: Span, fn: string, source: string): Diagnostic {
  return error(
    'value-missing',
    span,
    `\`${fn}\` needs a value of \`${source}\`, not its events alone`,
    `write \`${fn}(${source}.field)\``,
  );
}

export function countTakesEvents(span: Span, fn: string, source: string): Diagnostic {
  return error(
    'count-takes-events',
    span,
    `\`${fn}\` counts events and takes no value`,
    `write \`${fn}(${source})\`, with a \`where\` if only some count`,
  );
}

export function keyForm(span: Span, key: string, got: string): Diagnostic {
  return error(
    'key-form',
    span,
    `\`${key}\` is ${got} and cannot be a key`,
    'keys are strings, bools and whole numbers',
  );
}

export function duplicateKey(span: Span, key: string): Diagnostic {
  return error('duplicate-key', span, `\`${key}\` stands in the key twice`, 'remove one');
}

export function duplicateWindow(span: Span, text: string): Diagnostic {
  return error('duplicate-window', span, `the family has a window of ${text} already`, null);
}

export function hopTooLong(span: Span, hop: string, window: string): Diagnostic {
  return error(
    'hop-too-long',
    span,
    `a hop of ${hop} is longer than the window of ${window}`,
    'a hop is a part of its window',
  );
}

export function windowNeverSees(span: Span, window: string, delay: string): Diagnostic {
  return error(
    'window-never-sees',
    span,
    `a window of ${window} sees nothing: its events are visible only after ${delay}`,
    'make it longer than the `delay` of the stream',
  );
}

export function headTooLong(span: Span, head: string, window: string): Diagnostic {
  return error(
    'head-too-long',
    span,
    `a head of ${head} is longer than the window of ${window}`,
    'a head is a small part of the window: `head 1s`',
  );
}

export function rowsRange(span: Span, what: string, max: number): Diagnostic {
  return error('rows-range', span, `${what} must be a whole number from 1 to ${max}`, null);
}

export function decayWindow(span: Span, fn: string): Diagnostic {
  return error(
    'decay-window',
    span,
    `\`${fn}\` fades by its half-life and has no window`,
    'leave `over` out, or write `over all`',
  );
}

export function fallbackType(span: Span, got: string, needed: string): Diagnostic {
  return error('default-type', span, `the default is ${got}, but the feature is ${needed}`, null);
}

export function familyMismatch(
  span: Span,
  families: readonly { readonly name: string; readonly windows: string }[],
): Diagnostic {
  const shown = families.map((f) => `\`${f.name}\` has ${f.windows}`).join(', ');
  return error(
    'family-mismatch',
    span,
    `these families do not have the same windows and hops: ${shown}`,
    'give them equal windows, or pick one with `f[1h]`',
  );
}

export function notInFamily(
  span: Span,
  index: string,
  family: string,
  windows: readonly string[],
): Diagnostic {
  return error(
    'not-in-family',
    span,
    `\`${family}\` has no window of ${index}`,
    `it has ${windows.join(', ')}`,
  );
}

export function twoAnchors(span: Span, first: string, second: string): Diagnostic {
  return error(
    'two-anchors',
    span,
    `this reads anchors of both \`${first}\` and \`${second}\`, but an example has one`,
    'write `anchor.field`, or make two features',
  );
}

export function anchorFieldTypes(
  span: Span,
  field: string,
  types: readonly { readonly stream: string; readonly type: string }[],
): Diagnostic {
  const shown = types.map((t) => `${t.type} in \`${t.stream}\``).join(', ');
  return error(
    'anchor-field-types',
    span,
    `\`anchor.${field}\` has more than one type: ${shown}`,
    'name the stream instead of `anchor`',
  );
}

export function anchorFieldNowhere(name: Name, candidates: readonly string[]): Diagnostic {
  return error(
    'unknown-field',
    name.span,
    `no anchor has a field \`${name.text}\``,
    suggest(name.text, candidates),
  );
}

export function unknownValue(
  name: Name,
  fields: readonly string[],
  candidates: readonly string[],
): Diagnostic {
  const hint = fields.includes(name.text)
    ? `a field of the anchor is written \`anchor.${name.text}\``
    : suggest(name.text, candidates);
  return error('unknown-feature', name.span, `there is no feature \`${name.text}\``, hint);
}

export function asOnSet(span: Span, set: string): Diagnostic {
  return error(
    'role-of-set',
    span,
    `\`${set}\` is a set: \`at\` and \`as\` are for one feature`,
    'list the features by themselves',
  );
}

export function roleNeedsName(span: Span, feature: string): Diagnostic {
  return error(
    'role-needs-name',
    span,
    `\`${feature}\` in another role needs a name of its own`,
    `write \`${feature} at … as …\``,
  );
}

export function roleKeys(span: Span, feature: string, reason: string): Diagnostic {
  return error('role-keys', span, `\`${feature}\` cannot take this role: ${reason}`, null);
}

export function columnClash(span: Span, column: string): Diagnostic {
  return error(
    'column-clash',
    span,
    `there is a column \`${column}\` already`,
    'rename one of them with `as`',
  );
}

/** What stands before a dot, outside an aggregate. */
export function unknownHead(name: Name, candidates: readonly string[]): Diagnostic {
  return error(
    'unknown-stream',
    name.span,
    `there is no stream or table \`${name.text}\``,
    suggest(name.text, candidates),
  );
}

/** An entry of a features list that is neither a feature nor a set. */
export function unknownItem(
  name: Name,
  fields: readonly string[],
  candidates: readonly string[],
): Diagnostic {
  const hint = fields.includes(name.text)
    ? `a field of the anchor is written \`anchor.${name.text}\``
    : suggest(name.text, candidates);
  return error('unknown-feature', name.span, `there is no feature or set \`${name.text}\``, hint);
}
