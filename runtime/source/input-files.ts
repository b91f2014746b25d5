/** What can be told of input files before a run touches its output folder: that each is there, readable, and there once. */
import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Fault } from '../fault.ts';
import { codeOf, fileFault } from '../files.ts';
import { UsageError } from '../usage-error.ts';

type InputFile = { readonly scan: number; readonly path: string };

/** `streamOf`: the stream that a scan's files are given for. A Fault for a file that cannot be read, else a UsageError. */
export function checkInputFiles(
  inputs: readonly InputFile[],
  streamOf: (scan: number) => string,
): void {
  const seen = new Map<string, string>();
  for (const { scan, path } of inputs) {
    if (path.startsWith('log:')) continue;
    const option = `--from ${streamOf(scan)}`;
    const info = path === '-' ? null : statFile(option, path);
    // Two streams may be read from one file; one stream would count each of its events twice.
    const key = info === null ? '-' : `${scan} ${info.dev} ${info.ino}`;
    const earlier = seen.get(key);
    if (info === null && earlier !== undefined) {
      throw new UsageError('standard input (-) can be one input only');
    }
    if (info?.isFile() && earlier !== undefined) {
      throw new UsageError(
        `${path} (${option}) is the same file as ${earlier}, given before: its events would count twice`,
      );
    }
    seen.set(key, path);
    if (!info?.isFile()) continue;
    // `gzip --keep` and the like leave both beside each other, and a shell's pattern gives both.
    const plain = `${scan} ${resolve(path).replace(COMPRESSED, '')}`;
    const twin = seen.get(plain);
    if (twin !== undefined && twin !== path) {
      throw new UsageError(
        `${path} (${option}) has the name of ${twin}, given before, but for its compression: its events would count twice. Give one of them (or rename one, if they differ).`,
      );
    }
    seen.set(plain, path);
  }
}

const COMPRESSED = /\.(gz|zst)$/;

function statFile(option: string, path: string): Stats {
  try {
    const info = statSync(path);
    if (info.isDirectory()) {
      throw new UsageError(
        `${path} (${option}) is a folder: give its files, with commas between them`,
      );
    }
    accessSync(path, constants.R_OK);
    return info;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    if (!['ENOENT', 'ENOTDIR'].includes(codeOf(error))) throw fileFault('read', path, error);
    const hint = /[*?]/.test(path)
      ? ': a shell does not expand * behind =, so write FILE,FILE,…'
      : '';
    throw new Fault('no_file', `${path} does not exist (${option})${hint}`, { context: { path } });
  }
}
