/**
 * One process per output folder. FOLDER/lock holds {host, pid, started}; it is made whole and exclusively, and touched every few
 * seconds. It is stale when its process is gone (same host) or when nobody touched it for LOCK_STALE_MS (another host,
 * whose processes cannot be asked). A stale one is moved away by rename, so that only one of two takers gets it; who moved a fresh one by mistake puts it back.
 */
import { readFileSync } from 'node:fs';
import { link, mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { LOCK_STALE_MS, LOCK_TOUCH_MS } from '../config.ts';
import { Fault } from '../fault.ts';
import { codeOf, fileFault } from '../files.ts';

type Holder = { readonly host: string; readonly pid: number; readonly started: string };

const ATTEMPTS = 3;

export class FolderLock {
  readonly #path: string;
  readonly #timer: NodeJS.Timeout;

  private constructor(path: string) {
    this.#path = path;
    this.#timer = setInterval(() => {
      const now = new Date();
      utimes(path, now, now).catch(() => undefined);
    }, LOCK_TOUCH_MS);
    this.#timer.unref();
  }

  /** Takes the folder's lock or throws a Fault `folder_locked` that names the holder. */
  static async take(folder: string): Promise<FolderLock> {
    const path = join(folder, 'lock');
    await mkdir(folder, { recursive: true }).catch((error) => {
      throw fileFault('make', folder, error);
    });
    const me: Holder = { host: hostname(), pid: process.pid, started: startOf(process.pid) };
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await claim(path, me)) return new FolderLock(path);
      const holder = await staleHolder(path);
      if (holder !== null) throw lockedBy(folder, holder);
    }
    throw lockedBy(folder, null);
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    await rm(this.#path, { force: true });
  }
}

/** Makes the lock with its content in one act: nobody ever sees a lock whose holder is not written yet. */
async function claim(path: string, me: Holder): Promise<boolean> {
  const aside = `${path}.claim-${me.pid}-${me.started}-${claims++}`;
  try {
    await writeFile(aside, JSON.stringify(me));
    await link(aside, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw fileFault('lock', path, error);
  } finally {
    await rm(aside, { force: true });
  }
}

let claims = 0;

/** The live holder; null when the lock was stale and is moved away, or gone. */
async function staleHolder(path: string): Promise<Holder | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text === null) return null;
  const holder = parseHolder(text);
  if (holder !== null && (await isAlive(holder, path))) return holder;
  const aside = `${path}.stale-${process.pid}-${claims++}`;
  try {
    await rename(path, aside);
    // Somebody quicker may have taken over between the look and the rename: then what was moved is theirs, and goes back.
    const moved = await readFile(aside, 'utf8');
    if (moved !== text) await link(aside, path);
    await rm(aside, { force: true });
    if (moved !== text) return parseHolder(moved);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw fileFault('lock', path, error);
  }
  return null;
}

function parseHolder(text: string): Holder | null {
  try {
    return JSON.parse(text);
  } catch {
    // Torn by a crash while it was written: nobody holds it.
    return null;
  }
}

async function isAlive(holder: Holder, path: string): Promise<boolean> {
  if (holder.host !== hostname()) {
    const touched = await stat(path).catch(() => null);
    return touched !== null && Date.now() - touched.mtimeMs < LOCK_STALE_MS;
  }
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
  }
  return holder.started === '' || holder.started === startOf(holder.pid);
}

/** When a process began, in clock ticks since boot (Linux); '' where that cannot be told. Tells a reused pid apart. */
function startOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended; where nobody waits for it (a container without an init) it stays for good.
    return fields[0] === 'Z' ? 'ended' : (fields[19] ?? '');
  } catch {
    return '';
  }
}

function lockedBy(folder: string, holder: Holder | null): Fault {
  const who = holder === null ? 'another process' : `process ${holder.pid} on ${holder.host}`;
  return new Fault(
    'folder_locked',
    `${folder} is in use by ${who}. Wait for it, or stop it, then run the same command again.`,
    { retriable: true, context: { path: folder, pid: holder?.pid ?? null } },
  );
}
