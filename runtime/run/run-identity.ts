/**
 * What an output folder was started with. A rerun goes on only when all of it is the same: otherwise the two halves of an
 * output would answer different questions.
 */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { Fault } from '../fault.ts';
import { fileFault } from '../files.ts';

export const IDENTITY_VERSION = 1;

export type SourceIdentity = {
  /** `topic/partition`. */
  readonly partition: string;
  /** The file's name, for people. */
  readonly file: string;
  /** Its size and the digest of its ends; null where they cannot be told (standard input, logs). */
  readonly size: number | null;
  readonly digest: string | null;
  /** Digest of the schema it is decoded by; absent where the format needs none. */
  readonly schema?: string | undefined;
};

export type RunIdentity = {
  readonly version: number;
  readonly planDigest: string;
  readonly shards: number;
  readonly format: string;
  readonly complete: boolean;
  /** Only events before it are read, ms; absent: all are. */
  readonly until?: number | undefined;
  readonly sources: readonly SourceIdentity[];
};

const END_BYTES = 65_536;

/** An identity that was saved as JSON; null for anything else. One of another version has but the version. */
export function parseIdentity(text: string): RunIdentity | null {
  let saved: Partial<RunIdentity> | null;
  try {
    saved = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof saved?.version !== 'number') return null;
  if (saved.version !== IDENTITY_VERSION) return saved as RunIdentity;
  const { planDigest, sources } = saved;
  const isWhole = typeof planDigest === 'string' && Array.isArray(sources);
  return isWhole && sources.every((each) => typeof each?.partition === 'string')
    ? (saved as RunIdentity)
    : null;
}

/** Name, size and a digest of the first and last 64 KiB: cheap, and tells nearly every other file apart. */
export async function identifyFile(partition: string, path: string): Promise<SourceIdentity> {
  const file = basename(path);
  if (path === '-' || path.startsWith('log:')) return { partition, file, size: null, digest: null };
  try {
    const handle = await open(path, 'r');
    try {
      const info = await handle.stat();
      // A pipe has no ends to look at.
      if (!info.isFile()) return { partition, file, size: null, digest: null };
      const { size } = info;
      const hash = createHash('sha256');
      for (const position of [0, Math.max(0, size - END_BYTES)]) {
        const bytes = new Uint8Array(Math.min(END_BYTES, size));
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, position);
        hash.update(bytes.subarray(0, bytesRead));
      }
      return { partition, file, size, digest: hash.digest('hex').slice(0, 16) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileFault('read', path, error);
  }
}

/** A Fault that says what differs and what to do, unless both are the same. */
export function checkIdentity(folder: string, saved: RunIdentity, wanted: RunIdentity): void {
  const differences = differencesOf(saved, wanted);
  if (differences.length === 0) return;
  const isProgram = differences.length === 1 && saved.planDigest !== wanted.planDigest;
  throw new Fault(
    'folder_of_other_run',
    [
      `${folder} holds the output of another run:`,
      ...differences.map((line) => `  - ${line}`),
      `Give another folder with --to, ${isProgram ? 'take over what it holds with --upgrade, ' : ''}or start over with --fresh (it deletes what this one holds).`,
    ].join('\n'),
    { context: { path: folder } },
  );
}

/**
 * What keeps another program from going on in the folder, a line each. Topics of one program alone may come and go: `before`
 * and `now` are those of each.
 */
export function upgradeDifferences(
  saved: RunIdentity,
  wanted: RunIdentity,
  topics: { readonly before: ReadonlySet<string>; readonly now: ReadonlySet<string> },
): string[] {
  const isIn = (of: ReadonlySet<string>) => (source: SourceIdentity) =>
    of.has(source.partition.slice(0, source.partition.lastIndexOf('/')));
  return differencesOf(
    { ...saved, planDigest: '', sources: saved.sources.filter(isIn(topics.now)) },
    { ...wanted, planDigest: '', sources: wanted.sources.filter(isIn(topics.before)) },
  );
}

/** What of the one is not so in the other, a sentence each. */
export function differencesOf(saved: RunIdentity, wanted: RunIdentity): string[] {
  if (saved.version !== wanted.version) return ['it was written by another version of millrace'];
  const lines: string[] = [];
  if (saved.planDigest !== wanted.planDigest) {
    lines.push(
      `the program changed (plan ${saved.planDigest.slice(0, 12)} then, ${wanted.planDigest.slice(0, 12)} now)`,
    );
  }
  if (saved.shards !== wanted.shards) {
    lines.push(`it was started with --shards ${saved.shards}, not ${wanted.shards}`);
  }
  if (saved.format !== wanted.format) {
    lines.push(`it was started with --format ${saved.format}, not ${wanted.format}`);
  }
  if (saved.complete !== wanted.complete) {
    lines.push(
      `it was started ${saved.complete ? 'with' : 'without'} --complete, and this is ${wanted.complete ? 'with' : 'without'}`,
    );
  }
  if (saved.until !== wanted.until) {
    lines.push(`it was started ${untilText(saved.until)}, and this is ${untilText(wanted.until)}`);
  }
  const before = new Map(saved.sources.map((source) => [source.partition, source]));
  for (const source of wanted.sources) {
    const was = before.get(source.partition);
    before.delete(source.partition);
    if (was === undefined) lines.push(`${source.file} (${source.partition}) was not an input`);
    else if (was.size !== source.size || was.digest !== source.digest) {
      lines.push(
        `${source.partition} was read from other content (${was.file}, ${was.size ?? 'unknown'} bytes; ${source.file} has ${source.size ?? 'unknown'})`,
      );
    } else if (was.schema !== source.schema) {
      lines.push(`${source.partition} was decoded by another --schema`);
    }
  }
  for (const gone of before.values()) lines.push(`${gone.file} (${gone.partition}) was an input`);
  return lines;
}

function untilText(until: number | undefined): string {
  return until === undefined ? 'without --until' : `with --until ${new Date(until).toISOString()}`;
}
