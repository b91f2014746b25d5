/**
 * Decisions taken after a run was done: what they let go is written behind what is out, once. The progress record says
 * which decisions are in the outputs, so a crash anywhere makes the same bytes again.
 */
import { join } from 'node:path';
import { SlabSet } from '../../operators/state/slab.ts';
import { disk } from '../files.ts';
import type { DecisionLog } from '../log/decisions.ts';
import type { LogPartition } from '../log/log.ts';
import { type Progress, writeProgress } from '../log/progress.ts';
import { type OutputsOf, openOutputs } from '../sink/open-outputs.ts';
import { setCounts } from '../sink/set-counts.ts';
import { GATE_SLABS } from '../store/checkpoint.ts';
import { type Manifest, withSetCounts } from './manifest.ts';

/** Does nothing where every decision is in the outputs already. The folder is locked by the caller. */
export async function settleDone(
  request: OutputsOf,
  of: {
    readonly decisions: DecisionLog;
    readonly progress: Progress;
    readonly log: LogPartition;
  },
): Promise<void> {
  const { decisions, progress, log } = of;
  const { lots } = decisions;
  if (lots.length <= progress.decided) return;
  const closing: (() => Promise<void>)[] = [];
  try {
    // Nothing is judged any more: the checks need no state.
    const slabs = new Map([[GATE_SLABS, new SlabSet()]]);
    const { landings, side } = await openOutputs(request, { progress, slabs, decisions }, closing);
    for (const decision of lots.slice(progress.decided)) {
      const landing = landings.find(({ plan }) => plan.name === decision.set);
      await landing?.write(decision);
    }
    const outputs = await side.commit();
    for (const landing of landings)
      Object.assign(outputs, Object.fromEntries(await landing.commit()));
    for (const { sink } of landings) await sink.finish();
    const files = request.files ?? disk;
    const path = join(request.folder, 'manifest.json');
    const bytes = await files.read(path);
    if (bytes !== null) {
      const manifest: Manifest = JSON.parse(Buffer.from(bytes).toString());
      const now = withSetCounts(manifest, await setCounts(landings, decisions));
      await files.replace(path, Buffer.from(`${JSON.stringify(now, null, 2)}\n`));
    }
    await writeProgress(log, { ...progress, outputs, decided: lots.length });
  } finally {
    for (const close of closing.reverse()) await close().catch(() => undefined);
  }
}
