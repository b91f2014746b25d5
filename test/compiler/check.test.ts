import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { check } from '../../compiler/check/check.ts';
import type { File } from '../../dsl/ast.ts';
import type { Diagnostic } from '../../dsl/diagnostic.ts';
import { parseFile } from '../../dsl/parse.ts';
import { positionAt } from '../../dsl/span.ts';
import { parseCases, runCases } from '../cases.ts';

const folder = new URL('./cases/', import.meta.url);
const caseFiles = readdirSync(folder).filter((name) => /^check-.*\.txt$/.test(name));

/** What a case may use without declaring it, unless its first line is `// alone`. */
const WORLD = `
stream impression from "ads.impressions" {
  id   impression_id : string
  time ts            : timestamp
  user_id, ad_id, placement : string
  slot : int
  bid  : float
}
stream click from "ads.clicks" {
  id   click_id : string
  time ts       : timestamp
  impression_id, user_id, ad_id : string
  position : int
}
stream pixel from "pixel.events" {
  id   event_id : string
  time ts       : timestamp
  user_id, kind : string
  order_id : string?
  value    : float?
  cost     : money?
  retain 30d
}
stream buy    = pixel where kind == "purchase"
stream refund = pixel where kind == "refund"
table product from "product.changes" {
  key  sku_id : string
  time ts     : timestamp
  brand       : string
}
feature imps   = count(impression) by user_id over [5m, 1h]
feature clicks = count(click)      by user_id over [5m, 1h]
feature spend  = sum(buy.value)    by user_id over 30d
label clicked   = click on impression_id within 30m
label purchased = buy on user_id within 7d of clicked
`;

function parsed(path: string, text: string): File {
  const { file, diagnostics } = parseFile(path, text);
  if (diagnostics.length > 0) throw new Error(`does not parse: ${diagnostics[0]!.message}`);
  return file;
}

function diagnose(source: string): { diagnostics: Diagnostic[]; texts: Map<string, string> } {
  const sources: [string, string][] = [['case.feat', source]];
  if (!source.startsWith('// alone')) sources.push(['world.feat', WORLD]);
  const files = sources.map(([path, text]) => parsed(path, text));
  return { diagnostics: check(files).diagnostics, texts: new Map(sources) };
}

/** `ok`, or a line `//! CODE line:col message [hint]` for each diagnostic. */
function judged(source: string): string {
  const { diagnostics, texts } = diagnose(source);
  if (diagnostics.length === 0) return 'ok';
  return diagnostics
    .map((d) => {
      const { line, column } = positionAt(texts.get(d.span.file)!, d.span.start);
      const file = d.span.file === 'case.feat' ? '' : `${d.span.file}:`;
      const code = d.severity === 'warning' ? `warning ${d.code}` : d.code;
      const hint = d.hint === null ? '' : ` [${d.hint}]`;
      return `//! ${code} ${file}${line}:${column} ${d.message}${hint}`;
    })
    .join('\n');
}

for (const name of caseFiles) runCases(new URL(name, folder), judged);

describe('the checker', () => {
  it('has a case for every code', () => {
    const dsl = new URL('../../dsl/', import.meta.url);
    const messages = readdirSync(dsl).filter((n) => /^messages-(?!syntax)/.test(n));
    const declared = messages.flatMap((name) => {
      const text = readFileSync(new URL(name, dsl), 'utf8');
      return [...text.matchAll(/(?:error|warning)\(\s*'([a-z-]+)'/g)].map((m) => m[1]!);
    });
    const expected = caseFiles
      .map((name) => readFileSync(new URL(name, folder), 'utf8'))
      .join('\n');
    const missing = declared.filter(
      (code) => !new RegExp(`^//! (warning )?${code} `, 'm').test(expected),
    );
    expect(declared.length).toBeGreaterThan(60);
    expect(missing).toEqual([]);
  });

  it('looks into a feature once, however many ways lead to it', () => {
    const steps = Array.from({ length: 40 }, (_, i) => `feature f${i + 1} = f${i} + f${i}`);
    const source = `feature f0 = anchor.bid * 2
${steps.join('\n')}
examples e for impression {
  features f40
}
`;
    expect(diagnose(source).diagnostics).toEqual([]);
  });

  it('says the same whatever the order of declarations and files', () => {
    const cases = caseFiles.flatMap((name) =>
      parseCases(readFileSync(new URL(name, folder), 'utf8')),
    );
    const shown = (diagnostics: readonly Diagnostic[]) =>
      diagnostics.map((d) => `${d.span.file} ${d.span.start} ${d.code}`).sort();
    for (const { input, name } of cases) {
      // Which of two equal names is the duplicate does depend on the order in the text.
      if (/\b(already|twice)\b/.test(judged(input))) continue;
      const files = [parsed('case.feat', input)];
      if (!input.startsWith('// alone')) files.push(parsed('world.feat', WORLD));
      const forward = check(files);
      const turned = files
        .map((file) => ({ ...file, declarations: [...file.declarations].reverse() }))
        .reverse();
      const backward = check(turned);
      expect(shown(backward.diagnostics), name).toEqual(shown(forward.diagnostics));
      const unordered = (program: unknown) => JSON.stringify({ ...(program as object), tests: [] });
      expect(unordered(backward.program), name).toBe(unordered(forward.program));
    }
  });

  it('gives a program iff there is no error', () => {
    const cases = caseFiles.flatMap((name) =>
      parseCases(readFileSync(new URL(name, folder), 'utf8')),
    );
    for (const { input, name } of cases) {
      const { diagnostics, program } = check([
        parsed('case.feat', input),
        ...(input.startsWith('// alone') ? [] : [parsed('world.feat', WORLD)]),
      ]);
      expect(program === null, name).toBe(diagnostics.some((d) => d.severity === 'error'));
    }
  });
});
