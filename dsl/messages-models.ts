/** What the author is told about model blocks. */
import type { Name, Span } from './ast.ts';
import type { Diagnostic } from './diagnostic.ts';
import { error, suggest } from './messages-names.ts';

export function unknownClause(word: Name, known: readonly string[]): Diagnostic {
  const hint = suggest(word.text, known) ?? `a model has ${known.join(', ')}`;
  return error('unknown-clause', word.span, `a model has no clause \`${word.text}\``, hint);
}

export function clauseTwice(word: Name): Diagnostic {
  return error('clause-twice', word.span, `\`${word.text}\` is said twice`, 'keep one of them');
}

export function clauseForm(span: Span, expected: string, found: string): Diagnostic {
  const got = found === '' ? 'the clause ends' : `found \`${found}\``;
  return error('clause-form', span, `${expected} must stand here, but ${got}`);
}

export function unknownChoice(name: Name, what: string, known: readonly string[]): Diagnostic {
  const message = `there is no ${what} \`${name.text}\``;
  return error(`unknown-${what}`, name.span, message, suggest(name.text, known));
}

export function amountRange(span: Span, what: string, range: string): Diagnostic {
  return error('amount-range', span, `${what} is ${range}`);
}

export function unknownArgument(span: Span, of: string, name: string, usage: string): Diagnostic {
  return error('unknown-argument', span, `\`${of}\` takes no \`${name}\``, `write \`${usage}\``);
}

export function embedDense(name: Name, type: string): Diagnostic {
  return error(
    'embed-dense',
    name.span,
    `\`${name.text}\` is ${type}: numbers enter a model as they are, only categories and lists are embedded`,
    'leave it out, or make it a category with `bucketize` or `hash`',
  );
}

export function embedTwice(name: Name): Diagnostic {
  return error('embed-twice', name.span, `\`${name.text}\` is embedded twice`, 'keep one of them');
}

export function sharedTypes(name: Name, type: string, first: string): Diagnostic {
  return error(
    'shared-types',
    name.span,
    `\`${name.text}\` holds ${type}, the first column ${first}: they have no value in common to share a row`,
  );
}

export function poolWithoutList(span: Span): Diagnostic {
  return error(
    'pool-without-list',
    span,
    'none of these columns is a list, so there is nothing to pool',
    'leave `pool` out',
  );
}

export function attentionTarget(span: Span, columns: readonly string[]): Diagnostic {
  return error(
    'attention-target',
    span,
    'attention compares a list with a single value of the same, shared rows',
    columns.length === 0
      ? 'embed the list and the value it is compared with together: `embed ad_id, recent_ads shared pool attention(ad_id)`'
      : `write \`attention(${columns[0]})\``,
  );
}

export function headsForm(span: Span, usage: string): Diagnostic {
  return error('heads-form', span, `these heads are written \`${usage}\``);
}

export function notChained(name: Name, parent: string): Diagnostic {
  return error(
    'not-chained',
    name.span,
    `label \`${name.text}\` does not come of \`${parent}\`, so its rate is no product of both`,
    `declare it \`of ${parent}\`, or use \`shared(${parent}, ${name.text})\``,
  );
}

export function gateForm(span: Span, usage: string): Diagnostic {
  return error('gate-form', span, `this gate is written \`${usage}\``);
}

export function headlessLabel(name: Name, known: readonly string[]): Diagnostic {
  return error(
    'label-without-head',
    name.span,
    `no head of this model predicts \`${name.text}\``,
    suggest(name.text, known),
  );
}
