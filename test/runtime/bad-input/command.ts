/** The built command line, as a user has it: a process of its own for every call. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** A command that takes longer hangs. */
const TIMEOUT_MS = 40_000;

export type Ended = {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
};

/** A folder with the built command in it, and room for a test's files. */
export type Workshop = { readonly folder: string; readonly main: string };

export function makeWorkshop(): Workshop {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bad-input-'));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  symlinkSync(join(ROOT, 'dsl'), join(folder, 'dsl'));
  copyFileSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  const tsc = join(ROOT, 'node_modules', '.bin', 'tsc');
  execFileSync(tsc, ['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', join(folder, 'dist')]);
  return { folder, main: join(folder, 'dist', 'runtime', 'main.js') };
}

export function start({ folder, main }: Workshop, args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [main, ...args], { cwd: folder, timeout: TIMEOUT_MS });
  // A child that ends early reads no more of what it is given.
  child.stdin.on('error', () => undefined);
  return child;
}

export async function ended(child: ChildProcess): Promise<Ended> {
  let out = '';
  let err = '';
  child.stdout?.on('data', (bytes) => {
    out += bytes;
  });
  child.stderr?.on('data', (bytes) => {
    err += bytes;
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, out, err };
}

/** Runs one command line to its end; paths are relative to the workshop. */
export function command(workshop: Workshop, ...args: string[]): Promise<Ended> {
  return ended(start(workshop, args));
}

/** A script of the shell, with the command line as `$millrace`. */
export function shell({ folder, main }: Workshop, script: string): Promise<Ended> {
  const env = { ...process.env, millrace: `${process.execPath} ${main}` };
  return ended(spawn('sh', ['-c', script], { cwd: folder, timeout: TIMEOUT_MS, env }));
}

/** What no user should ever see: a stack, or the word that we made a mistake. */
export const STACK = /\n\s+at .*[:(]|please report|Warning: Possible/;
