/**
 * `erasures/N.json`: what the N-th erasure of a folder removed, what remains of the person, and until when. It is written
 * when everything derived has been deleted, and again, with counts, when the run has been made anew.
 */
import { join } from 'node:path';
import type { Plan } from '../../compiler/plan/plan.ts';
import { showDuration } from '../../compiler/show-duration.ts';
import type { ErasedKey } from '../../operators/scan/erasure.ts';
import type { Files } from '../files.ts';
import type { JsonTime } from '../json-time.ts';
import type { DecisionLog, EraseDecision } from '../log/decisions.ts';
import type { Progress } from '../log/progress.ts';
import { folderNames, outputNames } from '../sink/open-sink.ts';
import type { Manifest } from './manifest.ts';
import { PRIVATE } from './run-folder.ts';

export type ErasureReceipt = {
  readonly version: 1;
  readonly erasure: number;
  readonly plan: string;
  /** When it was decided, by the wall clock. */
  readonly at: string;
  readonly keys: readonly { readonly field: string; readonly hash: string }[];
  /** Events with a time below it are erased, ms. */
  readonly before: JsonTime;
  /** `deleted`: what was derived is gone, and the run is not made again yet. */
  readonly state: 'deleted' | 'done';
  readonly removed: {
    /** The person's events, by stream; empty until the run is made again. */
    readonly events: Readonly<Record<string, number>>;
    /** Rows of every file, those of other people included. */
    readonly rows: Readonly<Record<string, { readonly before: number; readonly after: number }>>;
    readonly state: string;
    readonly sourceText: string;
  };
  readonly remains: readonly { readonly what: string; readonly until: string }[];
};

type Of = { readonly folder: string; readonly plan: Plan; readonly files: Files };

/** Of every erasure that what is out was not made with: what is about to be deleted. */
export async function beginReceipts(
  of: Of,
  decisions: DecisionLog,
  progress: Progress,
): Promise<void> {
  const entries = erasuresOf(decisions);
  for (let number = progress.erased + 1; number <= entries.length; number++) {
    const path = receiptPath(of.folder, number);
    // One that is there was begun before a crash, when nothing had been deleted yet.
    if ((await of.files.read(path)) !== null) continue;
    const entry = entries[number - 1]!;
    const rows = Object.entries(progress.outputs)
      .filter(([name]) => !name.startsWith(`${PRIVATE}/`))
      .map(([name, at]) => [name, { before: at.rows, after: 0 }]);
    const receipt: ErasureReceipt = {
      version: 1,
      erasure: number,
      plan: of.plan.digest,
      at: entry.at,
      keys: hashesOf(entry),
      before: entry.k,
      state: 'deleted',
      removed: {
        events: {},
        rows: Object.fromEntries(rows),
        state: 'all state was deleted; it is made again without these events',
        sourceText: 'late.ndjson and malformed.ndjson keep places and reasons, but no record',
      },
      remains: await remains(of, entry),
    };
    await save(of, path, receipt);
  }
}

/** After the run was made again. Does nothing where no erasure was begun here (a rerun of another folder's decisions). */
export async function finishReceipts(
  of: Of,
  decisions: DecisionLog,
  made: { readonly manifest: Manifest; readonly outputs: Progress['outputs'] },
): Promise<void> {
  for (const [i, entry] of erasuresOf(decisions).entries()) {
    const receipt = await receiptOf(of, entry);
    if (receipt?.state !== 'deleted') continue;
    const events: Record<string, number> = {};
    for (const [stream, { erased }] of Object.entries(made.manifest.streams)) {
      if ((erased?.[i] ?? 0) > 0) events[stream] = erased![i]!;
    }
    const rows: Record<string, { before: number; after: number }> = {};
    for (const [name, { before }] of Object.entries(receipt.removed.rows)) {
      rows[name] = { before, after: made.outputs[name]?.rows ?? 0 };
    }
    const path = receiptPath(of.folder, receipt.erasure);
    await save(of, path, {
      ...receipt,
      ...{ state: 'done', removed: { ...receipt.removed, events, rows } },
    });
  }
}

/** Whose keys these are, in this folder; null: there is none. */
export async function receiptOf(
  { folder, files }: Pick<Of, 'folder' | 'files'>,
  { keys, at }: { readonly keys: readonly ErasedKey[]; readonly at?: string },
): Promise<ErasureReceipt | null> {
  const names = await files.list(join(folder, 'erasures'));
  const numbers = names.map((name) => Number.parseInt(name, 10)).filter((n) => n > 0);
  const wanted = JSON.stringify(hashesOf({ keys }));
  for (const number of numbers.sort((a, b) => b - a)) {
    const bytes = await files.read(receiptPath(folder, number));
    if (bytes === null) continue;
    const receipt: ErasureReceipt = JSON.parse(Buffer.from(bytes).toString());
    const isSame = JSON.stringify(receipt.keys) === wanted;
    if (isSame && (at === undefined || receipt.at === at)) return receipt;
  }
  return null;
}

function erasuresOf(decisions: DecisionLog): EraseDecision[] {
  return decisions.taken.filter((each): each is EraseDecision => each.kind === 'erase');
}

function hashesOf({ keys }: Pick<EraseDecision, 'keys'>): ErasureReceipt['keys'] {
  return keys.map(({ field, text }) => ({ field, hash: text }));
}

export function receiptPath(folder: string, erasure: number): string {
  return join(folder, 'erasures', `${erasure}.json`);
}

async function save({ files }: Of, path: string, receipt: ErasureReceipt): Promise<void> {
  await files.replace(path, Buffer.from(`${JSON.stringify(receipt, null, 2)}\n`));
}

/** What an erasure does not reach. */
async function remains({ folder, plan, files }: Of, { keys, k }: EraseDecision) {
  const present = new Set(await files.list(folder));
  const outputs = new Set(outputNames(plan));
  const models = folderNames(plan).filter((name) => present.has(name) && !outputs.has(name));
  const fields = keys.map(({ field }) => field);
  const found: { what: string; until: string }[] = [];
  for (const { topic, fields: read, streams } of plan.scans) {
    const names = streams.map((stream) => plan.streams[stream]!.name).join(', ');
    const has = read.some(({ name }) => fields.includes(name));
    const retain = streams.map((stream) => plan.streams[stream]!.retainMs ?? null);
    const kept = retain.includes(null) ? null : Math.max(...retain.map((ms) => ms ?? 0));
    found.push({
      what: has
        ? `the person's records in the inputs of ${names} (${topic}): they are passed over whenever they are read`
        : `records of ${names} (${topic}): they have none of these fields, so none is known to be the person's; what they point to is gone`,
      until:
        kept === null
          ? 'their source deletes them'
          : `${showDuration(kept)} after each (\`retain\` of the stream)`,
    });
  }
  for (const name of models) {
    found.push({
      what: `${name}, a model that was trained on examples of before`,
      until: 'it is trained again from the start (train --fresh)',
    });
  }
  found.push({
    what: 'copies of what was here: exports, and whatever read the outputs before',
    until: 'whoever has them makes them again',
  });
  if (k !== 'end') {
    found.push({
      what: `events of the person with a time of ${k} (ms) or later`,
      until: 'they are erased in their turn',
    });
  }
  found.push({
    what: 'the hash of each key, in the decision log and here: whoever guesses a key can tell that it is the one',
    until: 'the folder is deleted',
  });
  return found;
}
