/** The program of a command line: `.feat` files and folders, read, parsed and compiled as one. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { type Compiled, compile } from '../compiler/compile.ts';
import type { File } from '../dsl/ast.ts';
import { type Diagnostic, hasErrors, sortDiagnostics } from '../dsl/diagnostic.ts';
import { parseFile } from '../dsl/parse.ts';
import { codeOf, fileFault } from './files.ts';
import { UsageError } from './usage-error.ts';

export type Program = {
  readonly files: readonly File[];
  /** Texts by path, for diagnostics. */
  readonly texts: ReadonlyMap<string, string>;
  /** Of parsing only. */
  readonly diagnostics: readonly Diagnostic[];
  /** Names of declarations that did not parse. */
  readonly leftOut: ReadonlySet<string>;
};

/** Reads and parses; a path that is missing or a folder without a `.feat` file is a UsageError. */
export function readProgram(paths: readonly string[]): Program {
  const texts = new Map<string, string>();
  const unreadable: Diagnostic[] = [];
  for (const path of paths.flatMap(featFiles)) {
    const text = decodeText(path, readBytes(path));
    if (typeof text !== 'string') unreadable.push(text);
    texts.set(path, typeof text === 'string' ? text : '');
  }
  const parsed = [...texts].map(([path, text]) => parseFile(path, text));
  return {
    files: parsed.map(({ file }) => file),
    texts,
    diagnostics: [...unreadable, ...parsed.flatMap(({ diagnostics }) => diagnostics)],
    leftOut: new Set(parsed.flatMap(({ leftOut }) => leftOut)),
  };
}

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw fileFault('read', path, error);
  }
}

/** Compiles a parsed program; its diagnostics are those of parsing and checking, in reading order. */
export function compileProgram(
  program: Program,
  options: { readonly tests?: boolean } = {},
): Compiled {
  const compiled = compile(program.files, options);
  const own = compiled.diagnostics.filter((each) => !isEcho(each, program));
  const diagnostics = sortDiagnostics([...program.diagnostics, ...own]);
  // A declaration that did not parse is missing from the tree: the rest must not run without it.
  const plan = hasErrors(program.diagnostics) ? null : compiled.plan;
  return { ...compiled, plan, diagnostics };
}

/** That a name is unknown says nothing new where its declaration did not parse: that is told already. */
function isEcho({ code, span }: Diagnostic, { leftOut, texts }: Program): boolean {
  if (leftOut.size === 0 || !code.startsWith('unknown-')) return false;
  const named = texts.get(span.file)?.slice(span.start, span.end) ?? '';
  return leftOut.has(/^\w+/.exec(named)?.[0] ?? '');
}

function featFiles(path: string): string[] {
  let names: string[];
  try {
    if (!statSync(path).isDirectory()) return [featFile(path)];
    names = readdirSync(path).filter((name) => name.endsWith('.feat'));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) {
      throw new UsageError(`${path} does not exist`);
    }
    throw fileFault('read', path, error);
  }
  if (names.length === 0) throw new UsageError(`${path} holds no .feat file`);
  return names.sort().map((name) => join(path, name));
}

/** `--from a=x.csv y.csv` makes a program of y.csv: better said here than by the parser. */
function featFile(path: string): string {
  const ending = extname(path).toLowerCase();
  if (!DATA_ENDINGS.has(ending)) return path;
  throw new UsageError(
    `${path} is data, not a .feat file; the files of one stream are given together: --from STREAM=FILE,FILE`,
  );
}

const DATA_ENDINGS = new Set(['.ndjson', '.jsonl', '.json', '.csv', '.parquet', '.gz', '.zst']);

/** The text, or the diagnostic that it is none: bytes that are no UTF-8 would silently become other ones. */
function decodeText(path: string, bytes: Uint8Array): string | Diagnostic {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return {
      code: 'not-utf8',
      severity: 'error',
      span: { file: path, start: 0, end: 0 },
      message: 'the file is not text in UTF-8',
      hint: 'save it as UTF-8',
    };
  }
}
