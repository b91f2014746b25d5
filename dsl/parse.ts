/**
 * Text to syntax tree or diagnostics. The outline (layout.ts) cuts the text into declarations, and each is
 * matched on its own: one broken declaration does not hide the others, and the parser's memory is bounded by
 * the longest declaration. Time is linear in the text.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { ActionDict, Grammar, Semantics } from 'ohm-js';
import type { Declaration, File } from './ast.ts';
import { buildActions } from './build.ts';
import { EXPRESSION_DEPTH_MAX, type Site } from './build-expr.ts';
import { type Diagnostic, sortDiagnostics } from './diagnostic.ts';
import { GRAMMAR_RECIPE } from './grammar-recipe.ts';
import { type Chunk, layout } from './layout.ts';
import { fileTooLarge, tooDeep } from './messages-syntax.ts';
import { syntaxError } from './syntax-error.ts';

/** By its one-file build: importing its 46 modules takes every command 5 % longer to begin. */
const ohm: typeof import('ohm-js') = createRequire(import.meta.url)('ohm-js');

/** A longer file is not parsed: it gets one diagnostic. */
export const FILE_CHARACTERS_MAX = 1_000_000;

/** What a file parsed to; declarations with an error are left out of `file`. */
export type Parsed = {
  readonly file: File;
  readonly diagnostics: readonly Diagnostic[];
  /** What was declared by the declarations that are left out: whoever uses these names makes no mistake of his own. */
  readonly leftOut: readonly string[];
};

/** Parses one file. Never throws on account of the text; `path` is only what spans will say. */
export function parseFile(path: string, text: string): Parsed {
  if (text.length > FILE_CHARACTERS_MAX) return refuse(path, text);
  const { comments, chunks, diagnostics } = layout(path, text);
  const parser = theParser();
  parser.site.file = path;
  parser.site.diagnostics = [...diagnostics];
  const declarations: Declaration[] = [];
  const leftOut: string[] = [];
  for (const chunk of chunks) {
    const declaration = chunk.broken ? null : parseChunk(parser, text, chunk);
    if (declaration !== null) declarations.push(declaration);
    else leftOut.push(...namesIn(text.slice(chunk.start, chunk.end)));
  }
  const file = { path, text, declarations, comments };
  return { file, diagnostics: sortDiagnostics(parser.site.diagnostics), leftOut };
}

/** Every word behind a declaration's keyword: a broken declaration may have swallowed others. */
function namesIn(chunk: string): string[] {
  const code = chunk.replace(/\/\/[^\n]*/g, '');
  const declared = /\b(?:stream|table|feature|set|label|examples|model)\s+([A-Za-z_]\w*)/g;
  return [...code.matchAll(declared)].map((match) => match[1]!);
}

type Parser = { readonly site: Site; readonly grammar: Grammar; readonly semantics: Semantics };

function refuse(path: string, text: string): Parsed {
  const size = { characters: text.length, charactersMax: FILE_CHARACTERS_MAX };
  return {
    file: { path, text, declarations: [], comments: [] },
    diagnostics: [fileTooLarge({ file: path, start: 0, end: 0 }, size)],
    leftOut: [],
  };
}

let made: Parser | null = null;

/** One parser serves every file in turn: it is slow to make, and parsing is synchronous. */
function theParser(): Parser {
  if (made !== null) return made;
  const site: Site = { file: '', base: 0, diagnostics: [], heights: new WeakMap() };
  const grammar = readGrammar();
  // The library types a node's operations as `any` by index; SyntaxNode names the one there is.
  const actions = buildActions(site) as unknown as ActionDict<unknown>;
  const semantics = grammar.createSemantics().addOperation<unknown>('ast', actions);
  made = { site, grammar, semantics };
  return made;
}

function parseChunk(parser: Parser, text: string, chunk: Chunk): Declaration | null {
  const { site } = parser;
  site.base = chunk.start;
  const found = site.diagnostics.length;
  try {
    const match = parser.grammar.match(text.slice(chunk.start, chunk.end));
    if (match.failed()) {
      const at = chunk.start + match.getRightmostFailurePosition();
      const expected = expectations(match);
      site.diagnostics.push(syntaxError({ file: site.file, text, ...chunk, at, expected }));
      return null;
    }
    const declaration = parser.semantics(match).ast() as Declaration;
    return site.diagnostics.length === found ? declaration : null;
  } catch (error) {
    // Brackets are bounded by the outline; a long run of `not` or nested `if` ends here instead.
    if (!(error instanceof RangeError)) throw error;
    const span = { file: site.file, start: chunk.start, end: chunk.end };
    site.diagnostics.push(tooDeep(span, EXPRESSION_DEPTH_MAX));
    return null;
  }
}

/**
 * Everything that could have stood at the furthest place. The library's own text leaves out what was optional
 * there, such as a misspelt clause; its untyped list of failures has it.
 */
function expectations(match: object): string[] {
  const { getRightmostFailures } = match as { getRightmostFailures: () => readonly object[] };
  return getRightmostFailures.call(match).map(String);
}

/**
 * The grammar, from what was made of its text beforehand. The text is beside this file, or in the sources when this file is
 * the built one; where it is another by now, it counts.
 */
function readGrammar(): Grammar {
  const beside = new URL('./grammar.ohm', import.meta.url);
  const fromBuilt = new URL('../../dsl/grammar.ohm', import.meta.url);
  const text = readFileSync(existsSync(beside) ? beside : fromBuilt, 'utf8');
  const recipe: readonly [string, { readonly source: string }] = JSON.parse(GRAMMAR_RECIPE);
  // The recipe has the text without the comment before it.
  if (!text.includes(recipe[1].source)) return ohm.grammar(text);
  // The library has this function, but its types do not.
  const { makeRecipe } = ohm as unknown as { makeRecipe: (recipe: readonly unknown[]) => Grammar };
  return makeRecipe(recipe);
}
