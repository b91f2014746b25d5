/** `millrace test PATH…`: runs the test blocks, one line each. */
import { renderDiagnostic } from '../../dsl/diagnostic.ts';
import { type Console, showDiagnostics } from '../console-output.ts';
import { compileProgram, readProgram } from '../program-files.ts';
import { runTest } from './test-block.ts';

/** 0 when all pass, 1 when one fails or the program has an error. */
export function testCommand(paths: readonly string[], filter: string | null, out: Console): number {
  const program = readProgram(paths);
  const { plan, program: checked, diagnostics } = compileProgram(program, { tests: true });
  const errors = diagnostics.filter((d) => d.severity === 'error');
  showDiagnostics(errors, program.texts, out);
  if (plan === null || checked === null || errors.length > 0) return 1;
  const tests = checked.tests.filter((test) => filter === null || test.title.text.includes(filter));
  let failed = 0;
  for (const test of tests) {
    const failures = runTest(test, plan, checked);
    out.print(`${failures.length === 0 ? 'ok  ' : 'FAIL'}  ${test.title.text}`);
    for (const { span, message } of failures) {
      const diagnostic = { code: 'test', severity: 'error', span, message, hint: null } as const;
      out.print(renderDiagnostic(diagnostic, program.texts));
    }
    if (failures.length > 0) failed++;
  }
  if (tests.length === 0) {
    out.print(filter === null ? 'no test blocks' : `no test block whose title holds "${filter}"`);
    return 0;
  }
  out.print(`${tests.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}
