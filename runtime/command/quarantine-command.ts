/** `millrace quarantine list|show|release|drop DIR …`: rows that were kept aside, and what becomes of them. */

import type { Console } from '../console-output.ts';
import { type DecidedFolder, type Lot, withDecidedFolder } from '../run/decided-folder.ts';
import { textTable } from '../text-table.ts';
import { UsageError } from '../usage-error.ts';

export async function listLots(
  folder: string,
  { json }: { readonly json: boolean },
  out: Console,
): Promise<number> {
  return withDecidedFolder(folder, async ({ lots }) => {
    if (json) {
      for (const lot of lots) out.print(JSON.stringify(lot));
    } else if (lots.length === 0) {
      out.print(`nothing is kept aside in ${folder}`);
    } else {
      const head = ['set', 'lot', 'rows', 'state', 'emitted'];
      const table = textTable([head, ...lots.map(cells)]);
      out.print(`${table[0]}  why`);
      for (const [i, lot] of lots.entries()) out.print(`${table[i + 1]}  ${lot.reason}`);
    }
    return 0;
  });
}

/** The lines of `quarantine/<set>.ndjson` that are of the lot. */
export async function showLot(
  folder: string,
  { set, lot }: { readonly set: string; readonly lot: string },
  out: Console,
): Promise<number> {
  return withDecidedFolder(folder, async (of) => {
    chosen(of, set, [lot]);
    for await (const line of of.quarantines.get(set)!.lines()) {
      if (line.lot === lot) out.print(JSON.stringify(line));
    }
    return 0;
  });
}

/** `lots` empty: every lot of the set that is still kept. */
export async function decideLots(
  folder: string,
  asked: {
    readonly kind: 'release' | 'drop';
    readonly set: string;
    readonly lots: readonly string[];
  },
  out: Console,
): Promise<number> {
  const { kind, set } = asked;
  const past = kind === 'release' ? 'released' : 'dropped';
  return withDecidedFolder(folder, async (of) => {
    const lots = chosen(of, set, asked.lots);
    const kept = lots.filter(({ state }) => state === 'kept');
    const other = lots.find(({ state }) => state !== 'kept' && state !== past);
    if (other !== undefined) {
      throw new UsageError(
        `lot ${other.lot} of ${set} is ${other.state}: a decision is not taken back. Make the output again without it (--fresh) if it was wrong.`,
      );
    }
    if (kept.length === 0) {
      out.error(`nothing to do: already ${past}, or nothing was kept`);
      return 0;
    }
    await of.decide(kind, kept);
    const rows = kept.reduce((sum, each) => sum + each.rows, 0);
    const when = of.isDone ? '' : '; it takes effect when the run goes on';
    const names = kept.map(({ lot }) => lot).join(', ');
    out.print(`${past} ${rows} rows of ${set} (lot ${names})${when}`);
    return 0;
  });
}

function chosen(
  { lots, quarantines }: DecidedFolder,
  set: string,
  wanted: readonly string[],
): readonly Lot[] {
  if (!quarantines.has(set)) {
    const known = [...quarantines.keys()].join(', ');
    throw new UsageError(`there is no example set ${set} in this folder (there is ${known})`);
  }
  const own = lots.filter((each) => each.set === set);
  if (wanted.length === 0) return own.filter(({ state }) => state === 'kept');
  return wanted.map((name) => {
    const found = own.find(({ lot }) => lot === name);
    if (found !== undefined) return found;
    const known = own.map(({ lot }) => lot).join(', ') || 'none';
    throw new UsageError(`${set} has no lot ${name} (lots: ${known})`);
  });
}

function cells({ set, lot, rows, state, from }: Lot): string[] {
  return [set, lot, String(rows), state, new Date(from).toISOString()];
}
