import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { compileProgram, readProgram } from '../../runtime/program-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-program-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('one mistake is told once: who uses what did not parse has made none', () => {
  const path = join(folder, 'one.feat');
  writeFileSync(
    path,
    `stream view from "v" { id i : string; time ts : timestamp; user : string }
feature few  = count(view) by user over 5min
feature more = few + 1
label seen = view on i within 15
examples e for view {
  features few, more, fewer
  label seen wait horizon
}
`,
  );
  const { diagnostics, plan } = compileProgram(readProgram([path]));
  expect(plan).toBeNull();
  expect(diagnostics.map(({ code, message }) => `${code}: ${message}`)).toEqual([
    'unknown-unit: `5min` is not a number or a duration',
    'syntax: found `15`, expected a duration',
    'unknown-feature: there is no feature or set `fewer`',
  ]);
});
