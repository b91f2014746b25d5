import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Diagnostic } from '../../dsl/diagnostic.ts';
import { parseFile } from '../../dsl/parse.ts';
import { printFile } from '../../dsl/print.ts';
import { positionAt } from '../../dsl/span.ts';
import { parseCases, runCases } from '../cases.ts';
import { rng } from '../random.ts';
import { stripSpans } from './same-ast.ts';
import { recipeModule } from './write-grammar-recipe.ts';

const folder = new URL('./cases/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.txt'));
const sample = readFileSync(new URL('../../features/ads.feat', import.meta.url), 'utf8');

/** The canonical text, or a line `//! CODE line:col message [hint]` for each diagnostic. */
function printed(source: string): string {
  const { file, diagnostics } = parseFile('case.feat', source);
  return diagnostics.length === 0
    ? printFile(file)
    : diagnostics.map((d) => showDiagnostic(d, source)).join('\n');
}

function showDiagnostic(diagnostic: Diagnostic, source: string): string {
  const { line, column } = positionAt(source, diagnostic.span.start);
  const hint = diagnostic.hint === null ? '' : ` [${diagnostic.hint}]`;
  return `//! ${diagnostic.code} ${line}:${column} ${diagnostic.message}${hint}`;
}

it('starts from a recipe of the grammar as it is', () => {
  const found = readFileSync(new URL('../../dsl/grammar-recipe.ts', import.meta.url), 'utf8');
  const says = 'write it again: npx vite-node test/dsl/write-grammar-recipe.ts';
  expect(found === recipeModule(), says).toBe(true);
});

for (const name of files) runCases(new URL(name, folder), printed);

const programs = [
  sample,
  ...files.flatMap((name) => {
    const cases = parseCases(readFileSync(new URL(name, folder), 'utf8'));
    return cases
      .map((c) => c.input)
      .filter((input) => parseFile('p', input).diagnostics.length === 0);
  }),
];

describe('the printer', () => {
  it('keeps the tree: parse of print is the identity', () => {
    for (const source of programs) {
      const { file } = parseFile('a.feat', source);
      const again = parseFile('a.feat', printFile(file));
      expect(again.diagnostics, printFile(file)).toEqual([]);
      expect(stripSpans(again.file), source).toEqual(stripSpans(file));
    }
  });

  it('is idempotent', () => {
    for (const source of programs) {
      const once = printFile(parseFile('a.feat', source).file);
      expect(printFile(parseFile('a.feat', once).file)).toBe(once);
    }
  });

  it('keeps lines within 100 columns where they can break', () => {
    const lines = printFile(parseFile('a.feat', sample).file).split('\n');
    const code = lines.map((line) => line.replace(/\s*\/\/.*/, ''));
    expect(code.filter((line) => line.length > 100)).toEqual([]);
  });
});

describe('the parser', () => {
  it('reads the program of the language definition', () => {
    const { file, diagnostics } = parseFile('ads.feat', sample);
    expect(diagnostics).toEqual([]);
    expect(file.declarations.map((d) => d.kind).join(' ')).toBe(
      `${'stream '.repeat(3)}derived derived ${'feature '.repeat(12)}set label label examples model test`,
    );
  });

  it('gives every declaration the span of its text', () => {
    const { file } = parseFile('ads.feat', sample);
    for (const { span, kind } of file.declarations) {
      const text = sample.slice(span.start, span.end);
      const word = kind === 'derived' ? 'stream' : kind;
      expect(text.startsWith(`${word} `), text).toBe(true);
      expect(text, text).not.toMatch(/\s$/);
      expect(parseFile('part', text).diagnostics, text).toEqual([]);
    }
  });

  it('refuses a file over the limit and brackets over the limit', () => {
    const long = parseFile('a', `// ${'x'.repeat(1_000_000)}`);
    expect(long.diagnostics.map((d) => d.code)).toEqual(['file-too-large']);
    for (const [open, close] of ['()', '[]'].map((pair) => pair.split(''))) {
      const nested = (n: number) => `feature x = ${open!.repeat(n)}1${close!.repeat(n)}`;
      expect(parseFile('a', nested(100)).diagnostics).toEqual([]);
      expect(parseFile('a', nested(101)).diagnostics.map((d) => d.code)).toEqual(['too-deep']);
      expect(parseFile('a', nested(50_000)).diagnostics.map((d) => d.code)).toEqual(['too-deep']);
    }
  });

  it('refuses expressions over the limit that have no brackets', () => {
    const parts = ['not ', '- ', 'if a then b else ', 'a + ', 'a and '];
    for (const part of parts) {
      expect(parseFile('a', `feature x = ${part.repeat(80)}c`).diagnostics, part).toEqual([]);
      for (const n of [300, 5_000]) {
        const { diagnostics } = parseFile('a', `feature x = ${part.repeat(n)}c`);
        expect(
          diagnostics.map((d) => d.code),
          `${part} ${n}`,
        ).toContain('too-deep');
      }
    }
  });
});

/** Wall-clock bound of one parse of a mutated program, the last of several tries counting. */
const PARSE_MS_MAX = 200;

describe('mutations', () => {
  const seed = 20_240_611;
  it(`of valid programs neither throw nor take long (seed ${seed})`, () => {
    const random = rng(seed);
    for (let i = 0; i < 3_000; i++) {
      const source = mutate(random.pick(programs), random);
      let elapsed = PARSE_MS_MAX;
      for (let tries = 0; tries < 3 && elapsed >= PARSE_MS_MAX; tries++) {
        const start = performance.now();
        const { file, diagnostics } = parseFile('m.feat', source);
        elapsed = performance.now() - start;
        if (diagnostics.length === 0) checkPrint(file, `seed ${seed}, mutation ${i}:\n${source}`);
        for (const { span } of diagnostics) {
          expect(span.start >= 0 && span.end <= source.length && span.start <= span.end).toBe(true);
        }
      }
      expect(elapsed, `seed ${seed}, mutation ${i}:\n${source}`).toBeLessThan(PARSE_MS_MAX);
    }
  });

  it('of a large file take time in proportion to its length', () => {
    const copies = (n: number) =>
      Array.from({ length: n }, (_, i) =>
        sample.replace(/\b(ads|user|ad|click)_/g, `$1${i}_`),
      ).join('\n');
    const large = copies(Math.ceil(100_000 / sample.length));
    const start = performance.now();
    expect(parseFile('l', large).diagnostics).toEqual([]);
    parseFile('l', large.replaceAll('"', ''));
    parseFile('l', large.replaceAll('}', ''));
    parseFile('l', `stream x from "t" {\n${'  a : int\n'.repeat(10_000)}  b\n}`);
    parseFile('l', `feature x = f(${'a + '.repeat(50)}${'[1, 2], '.repeat(10_000)} 5min`);
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});

function checkPrint(file: Parameters<typeof printFile>[0], context: string): void {
  const text = printFile(file);
  const again = parseFile('m.feat', text);
  expect(again.diagnostics, `${context}\nprints\n${text}`).toEqual([]);
  expect(stripSpans(again.file), `${context}\nprints\n${text}`).toEqual(stripSpans(file));
  expect(printFile(again.file), context).toBe(text);
}

type Rng = ReturnType<typeof rng>;

/** One to four edits of tokens: delete, duplicate, swap, insert one from elsewhere, or random characters. */
function mutate(source: string, random: Rng): string {
  const tokens = source.match(/\s+|\w+|"[^"\n]*"|[^\s\w]/g) ?? [''];
  const edits = 1 + random.below(4);
  for (let i = 0; i < edits; i++) {
    const at = random.below(tokens.length);
    const other = random.below(tokens.length);
    const edit = random.below(6);
    if (edit === 0) tokens.splice(at, 1);
    else if (edit === 1) tokens.splice(at, 0, tokens[at] ?? '');
    else if (edit === 2) [tokens[at], tokens[other]] = [tokens[other] ?? '', tokens[at] ?? ''];
    else if (edit === 3) tokens.splice(at, 0, tokens[other] ?? '');
    else if (edit === 4) tokens.splice(at, random.below(8), noise(random));
    else tokens.splice(at, 0, random.pick(SIGNS));
  }
  return tokens.join('');
}

const SIGNS = [
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  '"',
  ';',
  ',',
  '\n',
  '//',
  ':',
  '=',
  '==',
  '%',
  '.',
  '-',
  '5min',
  'not',
];

function noise(random: Rng): string {
  const length = 1 + random.below(6);
  return String.fromCharCode(
    ...Array.from({ length }, () => random.below(random.chance(0.8) ? 256 : 65_536)),
  );
}
