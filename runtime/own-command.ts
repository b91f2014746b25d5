/** How the user would call this program again, and name its files, from the current folder. */
import { existsSync } from 'node:fs';
import { basename, isAbsolute, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert } from '../operators/assert.ts';

/** The command as it was typed, as far as that can be told: `millrace`, `npx millrace` or `node dist/runtime/main.js`. */
export function ownCommand(script: string = process.argv[1] ?? 'millrace'): string {
  const name = basename(script);
  if (name !== 'millrace') return `node ${shownPath(script)}`;
  const isLocal = shownPath(script).startsWith('node_modules') || script.includes('_npx');
  return isLocal ? 'npx millrace' : name;
}

/** A path as one would type it here: relative where that is shorter, quoted where a shell needs it. */
export function shownPath(path: string): string {
  const near = relative(process.cwd(), path) || '.';
  const shown = isAbsolute(near) || near.startsWith(join('..', '..')) ? path : near;
  return /^[\w@%+=:,./\\-]+$/.test(shown) ? shown : `'${shown.replaceAll("'", `'\\''`)}'`;
}

/** A file of the package, from the sources or from the built package, which lies one folder deeper. */
export function packageFile(name: string): string {
  const found = ['../', '../../']
    .map((up) => fileURLToPath(new URL(`${up}${name}`, import.meta.url)))
    .find((path) => existsSync(path));
  assert(found !== undefined, `the package has no ${name}`);
  return found;
}
