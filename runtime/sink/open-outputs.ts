/** Everything that a run writes for its users, opened where the last commit left it. */

import type { Plan } from '../../compiler/plan/plan.ts';
import type { BucketBounds } from '../../operators/checks/buckets.ts';
import { BLOCK_OPTIONS, type BlockOptions } from '../block/block-writer.ts';
import { disk, type Files } from '../files.ts';
import type { DecisionLog } from '../log/decisions.ts';
import type { Progress } from '../log/progress.ts';
import { GATE_SLABS, type SlabSets } from '../store/checkpoint.ts';
import { Landing } from './landing.ts';
import { openSink } from './open-sink.ts';
import { Quarantine } from './quarantine.ts';
import { SideRecords } from './side-records.ts';
import { type OutputFormat, sinkName } from './sink.ts';

export type OutputsOf = {
  readonly plan: Plan;
  readonly folder: string;
  readonly format: OutputFormat;
  readonly block?: BlockOptions | undefined;
  readonly files?: Files;
  readonly bucketBounds?: BucketBounds;
};

/** What is opened is put into `closing`. */
export async function openOutputs(
  request: OutputsOf,
  from: {
    readonly progress: Progress | null;
    readonly slabs: SlabSets;
    readonly decisions: DecisionLog;
  },
  closing: (() => Promise<void>)[],
): Promise<{ landings: Landing[]; side: SideRecords }> {
  const { plan, folder, format, block = BLOCK_OPTIONS, bucketBounds: bounds } = request;
  const files = request.files ?? disk;
  const committed = from.progress?.outputs ?? {};
  const slabs = from.slabs.get(GATE_SLABS)!;
  const landings: Landing[] = [];
  for (const example of plan.examples) {
    const at = committed[sinkName(example.name, format)] ?? null;
    const more = { files, plan: example, planDigest: plan.digest, at, origins: plan, block };
    const sink = await openSink(folder, format, more);
    closing.push(() => sink.close());
    const quarantine = await Quarantine.open(folder, example, { files, committed });
    closing.push(() => quarantine.close());
    const { decisions } = from;
    landings.push(new Landing(example, { sink, quarantine, decisions, slabs, bounds }));
  }
  const side = await SideRecords.open(folder, files, committed);
  closing.push(() => side.close());
  return { landings, side };
}
