/** Folders of workers on Kafka, told from output folders of runs over files. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { disk } from '../files.ts';
import { PRIVATE } from './run-folder.ts';

/** A --state-dir, or an application's folder in one. */
export async function isWorkerState(folder: string): Promise<boolean> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  if (names.includes(PRIVATE)) return false;
  const below = await Promise.all(names.map((name) => disk.list(join(folder, name))));
  return [...names, ...below.flat()].some((name) => /^unit-\d+$/.test(name));
}
