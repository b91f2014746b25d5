import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../fault.ts';
import { fileFault } from '../files.ts';

/** The block files that a path means: itself, or those of a folder, by name. A Fault where there are none. */
export async function blockFiles(from: string): Promise<string[]> {
  try {
    if (!(await stat(from)).isDirectory()) return [from];
    const names = (await readdir(from)).filter((name) => name.endsWith('.block')).sort();
    if (names.length > 0) return names.map((name) => join(from, name));
  } catch (error) {
    throw fileFault('read', from, error);
  }
  throw new Fault(
    'no_blocks',
    `${from} holds no .block files: \`millrace run … --format block\` writes them`,
    { context: { path: from } },
  );
}
