/** What the author is told: a coded, located message; never thrown, always collected. */
import type { Span } from './ast.ts';
import { lineAt, positionAt } from './span.ts';

export type Severity = 'error' | 'warning';

export type Diagnostic = {
  /** Stable, kebab-case: `unknown-field`. */
  readonly code: string;
  readonly severity: Severity;
  readonly span: Span;
  readonly message: string;
  /** What to write instead, where we know. */
  readonly hint: string | null;
};

/** The texts of the files that spans point into, by path. */
export type SourceFiles = ReadonlyMap<string, string>;

/** A diagnostic for machines: lines and columns count from 1, `end` is exclusive. */
export type DiagnosticJson = {
  readonly code: string;
  readonly severity: Severity;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
  readonly message: string;
  readonly hint: string | null;
};

/**
 * `file:line:col error CODE: message`, the source line, carets under the span, and the hint, each on its
 * own line and without a final newline. A file that is not in `files` gives the first line and the hint alone.
 */
export function renderDiagnostic(diagnostic: Diagnostic, files: SourceFiles): string {
  const { span, severity, code, message, hint } = diagnostic;
  const text = files.get(span.file);
  const hints = hint === null ? [] : [`  hint: ${hint}`];
  if (text === undefined)
    return [`${span.file} ${severity} ${code}: ${message}`, ...hints].join('\n');
  const { line, column } = positionAt(text, span.start);
  const title = `${span.file}:${line}:${column} ${severity} ${code}: ${printable(message)}`;
  return [title, ...frame(text, span, column), ...hints].join('\n');
}

/** The JSON form, with lines and columns worked out. */
export function diagnosticJson(diagnostic: Diagnostic, files: SourceFiles): DiagnosticJson {
  const { span, code, severity, message, hint } = diagnostic;
  const text = files.get(span.file) ?? '';
  const start = positionAt(text, span.start);
  const end = positionAt(text, span.end);
  return {
    code,
    severity,
    file: span.file,
    line: start.line,
    column: start.column,
    endLine: end.line,
    endColumn: end.column,
    message,
    hint,
  };
}

/** Whether any of them stops the program from running. */
export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((d) => d.severity === 'error');
}

/** By file, then by place: the order in which an author reads them. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const byFile = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  return [...diagnostics].sort(
    (a, b) =>
      byFile(a.span.file, b.span.file) || a.span.start - b.span.start || a.span.end - b.span.end,
  );
}

/** A line longer than this is shown around the span only, so that one bad line cannot flood a terminal. */
const FRAME_COLUMNS_MAX = 160;

/** Control characters as dots: a file that is no text must not steer the author's terminal. */
function printable(text: string): string {
  return text.replace(/[^\P{Cc}\t]/gu, '\u00b7');
}

function frame(text: string, span: Span, column: number): string[] {
  const full = lineAt(text, span.start);
  const from =
    full.length > FRAME_COLUMNS_MAX ? Math.max(0, column - 1 - FRAME_COLUMNS_MAX / 2) : 0;
  const line = full.slice(from, from + FRAME_COLUMNS_MAX);
  const before = line.slice(0, column - 1 - from).replace(/[^\t]/g, ' ');
  const length = Math.max(1, Math.min(span.end - span.start, line.length - before.length));
  return [`  ${printable(line)}`, `  ${before}${'^'.repeat(length)}`];
}
