import { type Diagnostic, renderDiagnostic } from '../dsl/diagnostic.ts';
import type { ProgressOutput } from './progress-view.ts';

/** Where a command speaks: results to standard output, everything else to standard error. Tests collect both. */
export type Console = {
  /** A result; a newline is added. */
  print(text: string): void;
  /** A remark, a diagnostic, an error; a newline is added. */
  error(text: string): void;
  readonly progress: ProgressOutput;
};

export const processConsole: Console = {
  print: (text) => process.stdout.write(`${text}\n`),
  error: (text) => process.stderr.write(`${text}\n`),
  progress: process.stderr,
};

/** Diagnostics as an author reads them, with a blank line between. */
export function showDiagnostics(
  diagnostics: readonly Diagnostic[],
  texts: ReadonlyMap<string, string>,
  out: Console,
): void {
  for (const diagnostic of diagnostics) out.error(`${renderDiagnostic(diagnostic, texts)}\n`);
}
