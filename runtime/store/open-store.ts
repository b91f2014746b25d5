import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../fault.ts';
import type { StateStore } from './state-store.ts';

const ROCKS = 'rocksdb';
const CLASSIC = 'leveldb';

/** Whether what has this name in a folder is its state store. */
export function isStateOf(name: string): boolean {
  return name === ROCKS || name === CLASSIC;
}

/**
 * The state store of a folder: RocksDB, or LevelDB where RocksDB has no build for this machine. A folder stays with the
 * library that made it. `say` is told when it is not RocksDB.
 */
export async function openStateStore(
  folder: string,
  say: (line: string) => void,
): Promise<StateStore> {
  const rocks = join(folder, ROCKS);
  const classic = join(folder, CLASSIC);
  if (await exists(classic)) {
    say('state is kept in LevelDB (this folder was started with it)');
    return openClassic(classic);
  }
  try {
    const { openRocksStore } = await import('./rocks-store.ts');
    return await openRocksStore(rocks);
  } catch (error) {
    if (error instanceof Fault) throw error;
    if (await exists(rocks)) {
      throw new Fault(
        'state_library',
        `the state in ${folder} is RocksDB's, which cannot be loaded on this machine (${reasonOf(error)}). Run where it was started, or start over with --fresh.`,
        { cause: error, context: { path: folder } },
      );
    }
    say(`RocksDB cannot be loaded on this machine (${reasonOf(error)}); state is kept in LevelDB`);
    return openClassic(classic);
  }
}

async function openClassic(folder: string): Promise<StateStore> {
  const { openClassicStore } = await import('./classic-store.ts');
  return openClassicStore(folder);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error);
}
