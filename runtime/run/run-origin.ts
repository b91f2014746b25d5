/**
 * Where a run read its inputs, kept in its output folder: whoever asks later why a number is what it is reads them again
 * without being told where they are. The identity says whether they are still the same.
 */
import { resolve } from 'node:path';

export type RunOrigin = {
  readonly version: typeof ORIGIN_VERSION;
  /** The folder that relative paths start from. */
  readonly cwd: string;
  /** As `--from` and `--schema` took them. */
  readonly from: readonly string[];
  readonly schema: readonly string[];
};

const ORIGIN_VERSION = 1;

/** Of a run that begins here and now. */
export function originOf(from: readonly string[], schema: readonly string[] = []): RunOrigin {
  return { version: ORIGIN_VERSION, cwd: process.cwd(), from, schema };
}

/** One that was saved as JSON; null for anything else. */
export function parseOrigin(text: string): RunOrigin | null {
  try {
    const saved: Partial<RunOrigin> | null = JSON.parse(text);
    return saved?.version === ORIGIN_VERSION ? (saved as RunOrigin) : null;
  } catch {
    return null;
  }
}

/** The `--from` options with every path made absolute. Standard input stays what it was: gone. */
export function absoluteFroms({ from, cwd }: RunOrigin): string[] {
  return from.map((text) => {
    const at = text.indexOf('=');
    const files = text
      .slice(at + 1)
      .split(',')
      .filter((file) => file !== '');
    return `${text.slice(0, at)}=${files.map((file) => absolute(file, cwd)).join(',')}`;
  });
}

/** The `--schema` options likewise: STREAM=FILE or STREAM=FILE.proto:package.Message. */
export function absoluteSchemas({ schema, cwd }: RunOrigin): string[] {
  return schema.map((text) => {
    const at = text.indexOf('=');
    return `${text.slice(0, at)}=${absolute(text.slice(at + 1), cwd)}`;
  });
}

function absolute(file: string, cwd: string): string {
  if (file === '-') return file;
  return file.startsWith(LOG)
    ? `${LOG}${resolve(cwd, file.slice(LOG.length))}`
    : resolve(cwd, file);
}

const LOG = 'log:';
