/** The program of a command line: `.feat` files and folders, read, parsed and compiled as one. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Compiled, compile } from '../compiler/compile.ts';
import type { File } from '../dsl/ast.ts';
import { type Diagnostic, hasErrors, sortDiagnostics } from '../dsl/diagnostic.ts';
import { parseFile } from '../dsl/parse.ts';
import { fileFault } from './files.ts';
import { UsageError } from './usage-error.ts';

export type Program = {
  readonly files: readonly File[];
  /** Texts by path, for diagnostics. */
  readonly texts: ReadonlyMap<string, string>;
  /** Of parsing only. */
  readonly diagnostics: readonly Diagnostic[];
};

/** Reads and parses; a path that is missing or a folder without a `.feat` file is a UsageError. */
export function readProgram(paths: readonly string[]): Program {
  const texts = new Map<string, string>();
  for (const path of paths.flatMap(featFiles)) {
    try {
      texts.set(path, readFileSync(path, 'utf8'));
    } catch (error) {
      throw fileFault('read', path, error);
    }
  }
  const parsed = [...texts].map(([path, text]) => parseFile(path, text));
  return {
    files: parsed.map(({ file }) => file),
    texts,
    diagnostics: parsed.flatMap(({ diagnostics }) => diagnostics),
  };
}

/** Compiles a parsed program; its diagnostics are those of parsing and checking, in reading order. */
export function compileProgram(
  program: Program,
  options: { readonly tests?: boolean } = {},
): Compiled {
  const compiled = compile(program.files, options);
  const diagnostics = sortDiagnostics([...program.diagnostics, ...compiled.diagnostics]);
  // A declaration that did not parse is missing from the tree: the rest must not run without it.
  const plan = hasErrors(program.diagnostics) ? null : compiled.plan;
  return { ...compiled, plan, diagnostics };
}

function featFiles(path: string): string[] {
  const info = statSync(path, { throwIfNoEntry: false });
  if (info === undefined) throw new UsageError(`${path} does not exist`);
  if (!info.isDirectory()) return [path];
  const names = readdirSync(path).filter((name) => name.endsWith('.feat'));
  if (names.length === 0) throw new UsageError(`${path} holds no .feat file`);
  return names.sort().map((name) => join(path, name));
}
