/** Programs from text, for the compiler's tests: anything the author would be told about fails the test. */
import { readFileSync } from 'node:fs';
import { check } from '../../compiler/check/check.ts';
import type { LogicalProgram } from '../../compiler/check/logical.ts';
import { compile } from '../../compiler/compile.ts';
import type { Plan } from '../../compiler/plan/plan.ts';
import { hasErrors, renderDiagnostic } from '../../dsl/diagnostic.ts';
import { parseFile } from '../../dsl/parse.ts';

/** The checked program of some files' texts, in the order given. */
export function programOf(...texts: readonly string[]): LogicalProgram {
  const files = texts.map((text, i) => ({ path: `${i}.feat`, text }));
  const parsed = files.map(({ path, text }) => parseFile(path, text));
  const { program, diagnostics } = check(parsed.map(({ file }) => file));
  const all = [...parsed.flatMap((one) => one.diagnostics), ...diagnostics];
  if (program === null || hasErrors(all)) {
    const texts = new Map(files.map(({ path, text }) => [path, text]));
    throw new Error(all.map((one) => renderDiagnostic(one, texts)).join('\n'));
  }
  return program;
}

export function planOf(text: string): Plan {
  const { file } = parseFile('0.feat', text);
  const { plan } = compile([file]);
  if (plan === null) throw new Error('the program has mistakes');
  return plan;
}

export function goldenText(name: string): string {
  return readFileSync(new URL(`golden/${name}`, import.meta.url), 'utf8');
}
