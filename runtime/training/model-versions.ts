/** `millrace model list|rollback DIR`: the snapshots of a model, and which of them is the published one. */
import { readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Console } from '../console-output.ts';
import { FolderLock } from '../run/folder-lock.ts';
import { fixed, grouped, textTable } from '../text-table.ts';
import { UsageError } from '../usage-error.ts';
import {
  type ModelManifest,
  readManifest,
  type SnapshotEntry,
  writeManifest,
} from './model-folder.ts';

type OpenedModel = { readonly folder: string; readonly manifest: ModelManifest };

export async function listVersions(
  dir: string,
  { json }: { readonly json: boolean },
  out: Console,
): Promise<number> {
  const { folder, manifest } = await openModel(dir);
  if (json) {
    for (const entry of manifest.snapshots) {
      out.print(JSON.stringify({ ...entry, published: entry.file === manifest.published }));
    }
    return 0;
  }
  const labels = Object.keys(manifest.snapshots.at(-1)?.metrics ?? {});
  const measured = labels.flatMap((label) => [`${label} NE`, 'baseline', 'calibration']);
  const head = ['version', 'parent', 'rows', 'watermark', ...measured, 'gates', 'state'];
  out.print(`${folder}: model ${manifest.model.name} of ${manifest.set}, by ${manifest.file}`);
  const rows = manifest.snapshots.map((entry) => cells(entry, labels, manifest));
  out.print(textTable([head, ...rows]).join('\n'));
  if (manifest.rolledBack !== undefined) {
    const { from, to, skipped } = manifest.rolledBack;
    out.print(
      `rolled back from ${from} to ${to}${skipped ? ', what came between is skipped' : ''}`,
    );
  }
  return 0;
}

/**
 * Makes an earlier snapshot the published one, and the one that training goes on from: what came behind it no longer counts.
 * `skip`: training does not see again what the snapshots that were taken back had seen.
 */
export async function rollBack(
  dir: string,
  { to, skip }: { readonly to: string; readonly skip: boolean },
  out: Console,
): Promise<number> {
  const { folder } = await openModel(dir);
  // Whoever trains holds it, and would write its own manifest over ours.
  const lock = await FolderLock.take(dirname(resolve(folder)));
  try {
    const { manifest } = await openModel(folder);
    const { snapshots } = manifest;
    const target = version(manifest, to);
    if (target.gate.verdict !== 'passed') {
      const how = target.gate.verdict === 'failed' ? 'failed' : 'has not passed';
      const why = target.gate.findings.join('; ');
      throw new UsageError(`${target.file} ${how} its gates (${why}): roll back to another`);
    }
    const newest = snapshots.at(-1)!;
    if (target === newest && target.file === manifest.published) {
      throw new UsageError(`${target.file} is the newest, and published already`);
    }
    const at = skip ? newest.at : target.at;
    const before = snapshots.slice(0, snapshots.indexOf(target));
    await writeManifest(folder, {
      ...manifest,
      snapshots: [...before, { ...target, at }],
      published: target.file,
      rolledBack: { from: manifest.published ?? newest.file, to: target.file, skipped: skip },
    });
    const taken = snapshots.length - before.length - 1;
    out.print(`${folder}: ${target.file} is published, ${taken} later ones are taken back`);
    out.print(
      skip
        ? 'Training goes on from it, with the examples behind those that were seen.'
        : 'Training goes on from it, and sees again what came after it (--skip: it does not).',
    );
    return 0;
  } finally {
    await lock.release();
  }
}

/** The folder of a model, or one that holds a single one. Throws UsageError. */
export async function openModel(dir: string): Promise<OpenedModel> {
  const own = await readModel(dir);
  if (own !== null) return own;
  const inside = foldersIn(dir).filter((name) => name.endsWith('.deep'));
  const [only] = inside;
  const found = only === undefined ? null : await readModel(join(dir, only));
  if (inside.length > 1) {
    throw new UsageError(
      `${dir} holds several models: name one of ${inside.map((name) => join(dir, name)).join(', ')}`,
    );
  }
  if (found !== null) return found;
  throw new UsageError(
    `${dir} holds no snapshots of a deep model: name the folder <set>.deep that millrace train made`,
  );
}

/** The snapshot of that name, or of so many rows. Throws UsageError. */
export function version({ snapshots }: ModelManifest, name: string): SnapshotEntry {
  const found = snapshots.findLast(({ file, rows }) => file === name || `${rows}` === name);
  if (found !== undefined) return found;
  const known = snapshots.map(({ file }) => file).join(', ');
  throw new UsageError(`there is no snapshot ${name}; there are ${known || 'none'}`);
}

async function readModel(folder: string): Promise<OpenedModel | null> {
  // A run's folder has a manifest too, of another kind.
  if (!folder.replace(/\/+$/, '').endsWith('.deep')) return null;
  const manifest = await readManifest(folder);
  return manifest === null ? null : { folder, manifest };
}

function foldersIn(dir: string): string[] {
  if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UsageError(`there is no folder ${dir}`);
  }
  return readdirSync(dir);
}

function cells(
  entry: SnapshotEntry,
  labels: readonly string[],
  { published, snapshots }: ModelManifest,
): string[] {
  const { file, parent, rows, watermark, metrics, gate } = entry;
  const measured = labels.flatMap((label) => {
    const { ne = null, baseline = null, calibration = null } = metrics[label] ?? {};
    return [fixed(ne), fixed(baseline?.ne), fixed(calibration)];
  });
  const time = watermark === null ? '-' : new Date(watermark).toISOString();
  const isNewer = snapshots.indexOf(entry) > snapshots.findIndex((each) => each.file === published);
  const state =
    file === published ? 'published' : isNewer && gate.verdict !== 'passed' ? 'held' : '';
  return [file, parent ?? '-', grouped(rows), time, ...measured, gate.verdict, state];
}
