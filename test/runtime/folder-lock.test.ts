import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { LOCK_STALE_MS } from '../../runtime/config.ts';
import { FolderLock } from '../../runtime/run/folder-lock.ts';
import { runChild } from './child.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-lock-'));
});
beforeEach(() => rm(join(folder, 'lock'), { force: true }));
afterAll(() => rm(folder, { recursive: true }));

const hold = (holder: object) => writeFile(join(folder, 'lock'), JSON.stringify(holder));
const locked = { name: 'Fault', kind: 'folder_locked', retriable: true };

it('is held by one, then free for the next', async () => {
  const lock = await FolderLock.take(folder);
  await expect(FolderLock.take(folder)).rejects.toMatchObject(locked);
  await lock.release();
  await (await FolderLock.take(folder)).release();
});

it('is given to exactly one of many who want it at once, also when a dead one holds it', async () => {
  const { stdout } = await runChild('./children/pid-child.ts', []);
  for (let round = 0; round < 20; round++) {
    if (round % 2 === 1) await hold({ host: hostname(), pid: Number(stdout), started: '1' });
    const taken = await Promise.allSettled(
      Array.from({ length: 8 }, () => FolderLock.take(folder)),
    );
    const winners = taken.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(winners.length).toBe(1);
    await winners[0]!.release();
  }
});

it('is taken over from a process that is gone, or whose number another one got', async () => {
  const { stdout } = await runChild('./children/pid-child.ts', []);
  await hold({ host: hostname(), pid: Number(stdout), started: '1' });
  await (await FolderLock.take(folder)).release();
  await hold({ host: hostname(), pid: process.pid, started: 'long ago' });
  await (await FolderLock.take(folder)).release();
});

it('is taken over from another host only when nobody touched it for long', async () => {
  await hold({ host: 'elsewhere', pid: 1, started: '1' });
  await expect(FolderLock.take(folder)).rejects.toMatchObject(locked);
  const old = new Date(Date.now() - LOCK_STALE_MS - 1000);
  await utimes(join(folder, 'lock'), old, old);
  await (await FolderLock.take(folder)).release();
});
