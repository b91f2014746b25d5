/** Collects diagnostics: each mistake once, in the order of the text. */
import type { File, Span } from '../../dsl/ast.ts';
import type { Diagnostic } from '../../dsl/diagnostic.ts';
import { positionAt } from '../../dsl/span.ts';

export type Report = {
  readonly add: (diagnostic: Diagnostic) => void;
  /** `file:line:col` of the first character of a span, for messages that name a second place. */
  readonly place: (span: Span) => string;
  /** Everything reported, sorted by file (as given), place and code. */
  readonly list: () => Diagnostic[];
};

/** A report over the program's files. The same mistake found on two ways through the program is kept once. */
export function createReport(files: readonly File[]): Report {
  const seen = new Map<string, Diagnostic>();
  const order = new Map(files.map((file, index) => [file.path, index]));
  const texts = new Map(files.map((file) => [file.path, file.text]));
  return {
    add: (d) => {
      const key = `${d.span.file}\n${d.span.start}\n${d.span.end}\n${d.code}\n${d.message}`;
      if (!seen.has(key)) seen.set(key, d);
    },
    place: (span) => showPlace(span, texts.get(span.file) ?? ''),
    list: () =>
      [...seen.values()].sort(
        (a, b) =>
          (order.get(a.span.file) ?? 0) - (order.get(b.span.file) ?? 0) ||
          a.span.start - b.span.start ||
          (a.code < b.code ? -1 : a.code > b.code ? 1 : 0),
      ),
  };
}

function showPlace(span: Span, text: string): string {
  const { line, column } = positionAt(text, span.start);
  return `${span.file}:${line}:${column}`;
}
