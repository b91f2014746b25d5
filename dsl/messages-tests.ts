/** What the author is told about test blocks. */
import type { Name, Span } from './ast.ts';
import type { Diagnostic } from './diagnostic.ts';
import { error, suggest } from './messages-names.ts';

export function derivedRow(name: Name, base: string): Diagnostic {
  return error(
    'row-of-derived',
    name.span,
    `\`${name.text}\` is derived: its rows arrive as \`${base}\``,
    `write \`${base} { … }\` with values that its \`where\` lets pass`,
  );
}

export function enrichedCell(name: Name, stream: string): Diagnostic {
  return error(
    'enriched-cell',
    name.span,
    `\`${name.text}\` does not arrive with \`${stream}\`: an enrichment fills it in`,
    'give the source a row that carries it',
  );
}

export function cellTwice(name: Name): Diagnostic {
  return error('cell-twice', name.span, `\`${name.text}\` is set twice`, null);
}

export function cellType(span: Span, field: string, got: string, needed: string): Diagnostic {
  return error('cell-type', span, `\`${field}\` is ${needed}, but this is ${got}`, null);
}

export function rowWithoutTime(name: Name, time: string): Diagnostic {
  return error(
    'row-without-time',
    name.span,
    `this row of \`${name.text}\` has no time`,
    `write \`${time}: 0s\`; times count from 0`,
  );
}

export function unknownAnchor(
  at: { readonly text: string; readonly span: Span },
  stream: string | null,
  ids: readonly string[],
): Diagnostic {
  const what = stream === null ? 'no row of this test' : `no \`${stream}\` row of this test`;
  return error('unknown-anchor', at.span, `${what} has the id "${at.text}"`, suggest(at.text, ids));
}

export function valueCount(span: Span, values: number, anchors: number): Diagnostic {
  return error(
    'value-count',
    span,
    `${values} ${values === 1 ? 'value is' : 'values are'} expected at ${anchors} ${anchors === 1 ? 'anchor' : 'anchors'}`,
    'write one value for each anchor',
  );
}

export function expectFamily(span: Span, family: string, windows: readonly string[]): Diagnostic {
  return error(
    'expect-family',
    span,
    `\`${family}\` is a family: which window is expected?`,
    `write \`${family}[${windows[0] ?? '1h'}]\``,
  );
}

export function expectType(span: Span, item: string, got: string, needed: string): Diagnostic {
  return error('expect-type', span, `\`${item}\` is ${needed}, but this is ${got}`, null);
}

export function unknownEmission(name: Name, kinds: readonly string[]): Diagnostic {
  return error(
    'unknown-emission',
    name.span,
    `there is no emission kind \`${name.text}\``,
    suggest(name.text, kinds),
  );
}

export function emissionValue(span: Span, label: string, isFraction: boolean): Diagnostic {
  const values = isFraction ? 'between 0 and 1, or null' : '0, 1 or null';
  return error('emission-value', span, `the value of \`${label}\` is ${values}`, null);
}
