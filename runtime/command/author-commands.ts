/** Commands that read a program and say something of it: check, fmt, explain, diff. Each gives its exit code. */
import { realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { LogicalProgram } from '../../compiler/check/logical.ts';
import type { Compiled } from '../../compiler/compile.ts';
import { diffText } from '../../compiler/explain/diff.ts';
import { explain } from '../../compiler/explain/explain.ts';
import { explainDot } from '../../compiler/explain/explain-dot.ts';
import { explainJson } from '../../compiler/explain/explain-json.ts';
import { explainableNames } from '../../compiler/explain/explain-model.ts';
import type { Plan } from '../../compiler/plan/plan.ts';
import { diagnosticJson, hasErrors } from '../../dsl/diagnostic.ts';
import { printFile } from '../../dsl/print.ts';
import { didYouMean } from '../../dsl/suggest.ts';
import { type Console, showDiagnostics } from '../console-output.ts';
import { fileFault } from '../files.ts';
import { compileProgram, type Program, readProgram } from '../program-files.ts';
import { takeOverPreview } from '../run/take-over-text.ts';
import { UsageError } from '../usage-error.ts';

/** All diagnostics; 1 if any is an error. */
export function checkCommand(
  paths: readonly string[],
  options: { readonly json: boolean },
  out: Console,
): number {
  const program = readProgram(paths);
  const { diagnostics } = compileProgram(program);
  const failed = hasErrors(diagnostics);
  if (options.json) {
    out.print(
      JSON.stringify(
        diagnostics.map((d) => diagnosticJson(d, program.texts)),
        null,
        2,
      ),
    );
    return failed ? 1 : 0;
  }
  showDiagnostics(diagnostics, program.texts, out);
  const errors = diagnostics.filter((d) => d.severity === 'error').length;
  const warnings = diagnostics.length - errors;
  const files = count(program.files.length, 'file');
  out.print(
    diagnostics.length === 0
      ? `${files}: no problems`
      : `${files}: ${count(errors, 'error')}, ${count(warnings, 'warning')}`,
  );
  return failed ? 1 : 0;
}

/** Rewrites what is not canonical; with `check` only names it, and gives 1. A file that does not parse is left alone (1). */
export function fmtCommand(
  paths: readonly string[],
  options: { readonly check: boolean },
  out: Console,
): number {
  const program = readProgram(paths);
  const broken = new Set(
    program.diagnostics.filter((d) => d.severity === 'error').map((d) => d.span.file),
  );
  showDiagnostics(program.diagnostics, program.texts, out);
  let code = broken.size > 0 ? 1 : 0;
  for (const file of program.files) {
    if (broken.has(file.path)) continue;
    const canonical = printFile(file);
    if (canonical === file.text) continue;
    if (options.check) {
      out.print(`${file.path} is not formatted`);
      code = 1;
      continue;
    }
    replaceText(file.path, canonical);
    out.print(`${file.path} formatted`);
  }
  return code;
}

/** Written aside and renamed: a full disk must not cost an author the program. */
function replaceText(path: string, text: string): void {
  const target = realpathSync(path);
  const aside = `${target}.tmp`;
  try {
    writeFileSync(aside, text, { mode: statSync(target).mode });
    renameSync(aside, target);
  } catch (error) {
    rmSync(aside, { force: true });
    throw fileFault('write', path, error);
  }
}

/** The program, or what NAME (a last argument that is no path) of it comes to. */
export function explainCommand(
  args: readonly string[],
  form: 'text' | 'dot' | 'json',
  out: Console,
): number {
  const last = args.at(-1)!;
  const isName = args.length > 1 && statSync(last, { throwIfNoEntry: false }) === undefined;
  const program = readProgram(isName ? args.slice(0, -1) : args);
  const checked = compiledProgram(program, out)?.program ?? null;
  if (checked === null) return 1;
  if (form === 'dot') out.print(explainDot(checked));
  else if (form === 'json') out.print(explainJson(checked, program.texts));
  else {
    const text = explain(checked, { name: isName ? last : null, texts: program.texts });
    if (text === null) throw new UsageError(unknownName(last, explainableNames(checked)));
    out.print(text);
  }
  return 0;
}

/** What going from OLD to NEW reuses, rebuilds and drops. */
export function diffCommand(before: string, after: string, out: Console): number {
  const old = compiledProgram(readProgram([before]), out);
  const now = compiledProgram(readProgram([after]), out);
  if (old === null || now === null) return 1;
  out.print(diffText(old.program, now.program) + takeOverPreview(old.plan, now.plan));
  return 0;
}

function compiledProgram(
  program: Program,
  out: Console,
): { readonly program: LogicalProgram; readonly plan: Plan } | null {
  const compiled: Compiled = compileProgram(program);
  const { program: checked, plan } = compiled;
  if (checked !== null && plan !== null) return { program: checked, plan };
  showDiagnostics(compiled.diagnostics, program.texts, out);
  return null;
}

function unknownName(name: string, names: readonly string[]): string {
  const near = didYouMean(name, names);
  return near === null
    ? `${name} is neither a path nor a name of the program`
    : `${name} is neither a path nor a name of the program; did you mean ${near}?`;
}

function count(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`;
}
