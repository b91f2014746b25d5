/** What the author is told about labels. */
import type { Name, Span } from './ast.ts';
import type { Diagnostic } from './diagnostic.ts';
import { error, suggest, warning } from './messages-names.ts';

export function noHorizon(span: Span, label: string): Diagnostic {
  return error(
    'no-horizon',
    span,
    `label \`${label}\` has no horizon, so its absence would never be known`,
    'write `within 30m`',
  );
}

export function labelStream(name: Name): Diagnostic {
  return error(
    'label-of-label',
    name.span,
    `\`${name.text}\` is a label, but a label is made from events of a stream`,
    `name the stream, and chain it: \`within 7d of ${name.text}\``,
  );
}

export function unknownCredit(name: Name, known: readonly string[]): Diagnostic {
  return error(
    'unknown-credit',
    name.span,
    `there is no credit rule \`${name.text}\``,
    suggest(name.text, known),
  );
}

/** What is wrong with the arguments of a credit rule; `hint` shows how it is written. */
export function creditArguments(span: Span, message: string, hint: string | null): Diagnostic {
  return error('credit-arguments', span, message, hint);
}

export function labelKeyMissing(
  name: Name,
  of: { readonly label: string; readonly target: string; readonly stream: string },
): Diagnostic {
  return error(
    'label-key-missing',
    name.span,
    `label \`${of.label}\` is matched on \`${name.text}\`, which ${of.target}`,
    `\`enrich ${of.stream} from …\` to carry it there, or \`on ${name.text} as\` the field's name there`,
  );
}

export function labelKeyType(
  span: Span,
  label: string,
  sides: { readonly event: string; readonly target: string },
): Diagnostic {
  return error(
    'key-type',
    span,
    `label \`${label}\` can never match: ${sides.event}, but ${sides.target}`,
    null,
  );
}

export function otherAnchor(span: Span, label: string, of: string, anchor: string): Diagnostic {
  return error(
    'label-of-other-anchor',
    span,
    `label \`${label}\` is a label of \`${of}\`, but the anchors here are \`${anchor}\``,
    'leave `of` out, and the label is one of whatever anchors use it',
  );
}

export function anchorUnknown(
  span: Span,
  label: string,
  candidates: readonly string[],
): Diagnostic {
  const hint =
    candidates.length === 0
      ? 'write `of` and the stream of its anchors after the horizon'
      : `write \`of ${candidates[0]}\` after the horizon (it could be ${candidates.map((c) => `\`${c}\``).join(', ')})`;
  return error(
    'label-anchor-unknown',
    span,
    `nothing says which anchors label \`${label}\` is about`,
    hint,
  );
}

export function selfLabel(span: Span, label: string, stream: string): Diagnostic {
  return warning(
    'label-of-itself',
    span,
    `every anchor of \`${stream}\` is its own event of label \`${label}\`, so it is always 1`,
    'derive a stream for the anchors, or add a `where`',
  );
}

/** A label that is expected or checked, but that the example set does not list. */
export function labelNotInSet(span: Span, label: string, known: readonly string[]): Diagnostic {
  return error(
    'label-not-in-set',
    span,
    `the example set has no label \`${label}\``,
    suggest(label, known),
  );
}
