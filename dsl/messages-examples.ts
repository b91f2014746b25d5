/** What the author is told about example sets: anchors, columns, policies, checks; and about models. */
import type { Name, Span } from './ast.ts';
import type { Diagnostic } from './diagnostic.ts';
import { error, suggest, warning } from './messages-names.ts';

export function anchorWithoutId(name: Name): Diagnostic {
  return error(
    'anchor-without-id',
    name.span,
    `\`${name.text}\` has no id field, so its events cannot be anchors`,
    'write `id` before the field that names an event',
  );
}

/** An anchor that has not the field by which a feature is looked up. */
export function anchorLacksKey(
  span: Span,
  of: { readonly anchor: string; readonly field: string; readonly feature: string },
  isTable: boolean,
): Diagnostic {
  const other = isTable ? '' : `, or count \`by ${of.field} as\` the name it has there`;
  return error(
    'anchor-lacks-key',
    span,
    `anchor \`${of.anchor}\` has no field \`${of.field}\`, which \`${of.feature}\` is looked up by`,
    `\`enrich ${of.anchor} from …\` to carry it there${other}`,
  );
}

export function anchorKeyType(
  span: Span,
  of: { readonly anchor: string; readonly field: string; readonly feature: string },
  types: { readonly got: string; readonly needed: string },
): Diagnostic {
  return error(
    'key-type',
    span,
    `\`${of.anchor}.${of.field}\` is ${types.got}, but \`${of.feature}\` is looked up by ${types.needed}`,
    null,
  );
}

export function anchorLacksField(
  span: Span,
  of: { readonly anchor: string; readonly field: string; readonly feature: string },
): Diagnostic {
  return error(
    'anchor-lacks-field',
    span,
    `anchor \`${of.anchor}\` has no field \`${of.field}\`, which \`${of.feature}\` reads`,
    `\`enrich ${of.anchor} from …\` to carry it`,
  );
}

/** A tagged field that shows through, and whether an aggregate over its events shows it. */
export type ShownPii = { readonly field: string; readonly isAggregated: boolean };

export function piiInExamples(
  span: Span,
  of: { readonly column: string; readonly set: string } & ShownPii,
  bucketsMax: number,
): Diagnostic {
  const name = of.field.slice(of.field.lastIndexOf('.') + 1);
  const bucket = of.isAggregated
    ? `aggregate \`hash(${name}, buckets: 65536)\` instead`
    : `write \`feature ${name}_bucket = hash(${of.field}, buckets: 65536)\``;
  return error(
    'pii-in-examples',
    span,
    `column \`${of.column}\` would show \`${of.field}\`, which is tagged \`pii\`, in every row of \`${of.set}\``,
    `${bucket}: a bucket that many share, of at most ${bucketsMax}`,
  );
}

/** An anchor whose id names a person. */
export function piiId(name: Name, field: string): Diagnostic {
  return error(
    'pii-in-examples',
    name.span,
    `the rows' id would be \`${field}\`, which is tagged \`pii\``,
    'declare as `id` a field that names the event and nobody else, or take its tag away',
  );
}

/** Two columns whose name and type hash to one protobuf field number: one in hundreds of millions. */
export function fieldNumberClash(span: Span, [a, b]: readonly [string, string]): Diagnostic {
  return error(
    'field-number-clash',
    span,
    `columns \`${a}\` and \`${b}\` would have the same field number in example blocks, by chance of their names`,
    'rename one of them with `as`',
  );
}

/** A feature of anchors of one stream, in an example set for another. */
export function otherAnchors(span: Span, feature: string, tie: string, anchor: string): Diagnostic {
  return error(
    'other-anchors',
    span,
    `\`${feature}\` reads fields of \`${tie}\`, but the anchors here are \`${anchor}\``,
    `\`enrich ${anchor} from ${tie} on …\` to carry them, or write \`anchor.field\``,
  );
}

/** The same, where the other stream's events come after the anchor: they make its labels. */
export function readsFuture(
  span: Span,
  of: { readonly feature: string; readonly stream: string; readonly label: string },
): Diagnostic {
  return error(
    'reads-future',
    span,
    `\`${of.feature}\` reads \`${of.stream}\`, whose events come after the anchor and decide label \`${of.label}\``,
    'a feature knows only what was there at the anchor: aggregate over earlier events',
  );
}

export function labelTwice(name: Name, firstPlace: string): Diagnostic {
  return error(
    'label-twice',
    name.span,
    `label \`${name.text}\` has a policy already at ${firstPlace}`,
    'keep one of them',
  );
}

export function waitBelowHorizon(
  span: Span,
  of: { readonly label: string; readonly wait: string; readonly horizon: string },
): Diagnostic {
  return warning(
    'wait-below-horizon',
    span,
    `\`${of.label}\` may still turn 1 for ${of.horizon}, but is emitted for good after ${of.wait}`,
    '`wait horizon`, or add `then late positives`',
  );
}

export function waitBeyondHorizon(
  span: Span,
  of: { readonly label: string; readonly wait: string; readonly horizon: string },
): Diagnostic {
  return warning(
    'wait-beyond-horizon',
    span,
    `\`${of.label}\` is final after ${of.horizon}: waiting for ${of.wait} only delays it`,
    'write `wait horizon`',
  );
}

export function nothingAfterWait(
  span: Span,
  of: { readonly label: string; readonly wait: string; readonly horizon: string },
): Diagnostic {
  return error(
    'nothing-after-wait',
    span,
    `\`${of.label}\` is final after ${of.horizon}, so nothing can follow a wait of ${of.wait}`,
    'wait for less, or write `wait horizon`',
  );
}

export function shareRange(span: Span, what: string): Diagnostic {
  return error('share-range', span, `${what} is a share above 0% and up to 100%`, null);
}

export function unknownCheck(name: Name, known: readonly string[]): Diagnostic {
  return error(
    'unknown-check',
    name.span,
    `there is no check \`${name.text}\``,
    suggest(name.text, known),
  );
}

export function checkForm(span: Span, usage: string): Diagnostic {
  return error('check-form', span, `this check is written \`${usage}\``, null);
}

export function checkUnknownColumn(
  span: Span,
  column: string,
  columns: readonly string[],
): Diagnostic {
  return error(
    'unknown-column',
    span,
    `the example set has no column \`${column}\``,
    suggest(column, columns),
  );
}

export function checkNever(span: Span, reason: string): Diagnostic {
  return error('check-never-holds', span, reason, null);
}

export function checkType(span: Span, check: string, column: string, type: string): Diagnostic {
  return error(
    'check-type',
    span,
    `\`${check}\` compares numbers, but column \`${column}\` is ${type}`,
    null,
  );
}
