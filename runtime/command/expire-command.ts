/**
 * `millrace quarantine expire DIR`: rows that are kept aside are given up, and made unreadable, once their anchors are older
 * than the stream keeps them (`retain`).
 */
import type { Plan } from '../../compiler/plan/plan.ts';
import type { Console } from '../console-output.ts';
import { disk } from '../files.ts';
import { type DecidedFolder, type Lot, withDecidedFolder } from '../run/decided-folder.ts';
import { UsageError } from '../usage-error.ts';

/** `now`: ms, by which ages are told. Gives the exit code; throws UsageError, Fault. */
export async function expireLots(folder: string, now: number, out: Console): Promise<number> {
  return withDecidedFolder(folder, async (of) => {
    const bounds = boundsOf(of.plan, now);
    if (bounds.size === 0) {
      throw new UsageError(
        'no example set is about a stream that says `retain`: what is kept aside is kept until it is decided on',
      );
    }
    for (const [set, bound] of bounds) {
      const old = await lotsBefore(of, set, bound);
      const kept = old.filter(({ state }) => state === 'kept');
      if (kept.length > 0) await of.decide('drop', kept);
      // A release that is not out yet reads its rows: where the run goes on they are still needed.
      const gone = old.filter(({ state }) => of.isDone || state !== 'released');
      await of.quarantines.get(set)!.blank(new Set(gone.map(({ lot }) => lot)), disk);
      const rows = gone.reduce((sum, lot) => sum + lot.rows, 0);
      const names = gone.map(({ lot }) => lot).join(', ');
      const before = new Date(bound).toISOString();
      out.print(
        rows === 0
          ? `${set}: nothing is of anchors before ${before}`
          : `${set}: ${rows} rows of anchors before ${before} are gone (lot ${names})`,
      );
    }
    return 0;
  });
}

/** By example set, the anchor time below which rows are not kept. */
function boundsOf({ examples, anchors, streams }: Plan, now: number): Map<string, number> {
  return new Map(
    examples.flatMap(({ name, anchor }): [string, number][] => {
      const { retainMs } = streams[anchors[anchor]!.stream]!;
      return retainMs === undefined ? [] : [[name, now - retainMs]];
    }),
  );
}

/** Lots that are still readable and have a row of an anchor before `bound`: a lot goes as one. */
async function lotsBefore(of: DecidedFolder, set: string, bound: number): Promise<Lot[]> {
  const old = new Set<string>();
  for await (const { lot, row } of of.quarantines.get(set)!.lines()) {
    if (row.time < bound) old.add(lot);
  }
  return of.lots.filter((each) => each.set === set && old.has(each.lot));
}
