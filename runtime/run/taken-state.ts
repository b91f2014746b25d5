import type { Plan } from '../../compiler/plan/plan.ts';
import { aheadColumns } from '../../operators/scan/ahead-rows.ts';
import type { ScanState } from '../../operators/scan/partition-scan.ts';
import { statesOf } from '../../operators/take-over/state-names.ts';
import type { SourceSnapshot, StateTaken } from '../store/checkpoint.ts';

/** Of the plan before: what of a checkpoint of it the plan goes on with; null: there was none. */
export function stateTaken(plan: Plan): StateTaken | null {
  const { takenOver } = plan;
  if (takenOver === undefined) return null;
  const { from, k } = takenOver;
  const sources = (saved: readonly SourceSnapshot[]) =>
    saved.flatMap((source) => sourceTaken(plan, source));
  return { from, k, takes: statesOf(plan), sources };
}

/** Scans go by the order of their topic's streams, which is another where one came or went. */
function sourceTaken(plan: Plan, source: SourceSnapshot): SourceSnapshot[] {
  const scan = plan.scans.find(({ topic }) => topic === source.topic);
  const before = plan.takenOver?.scans.find(({ topic }) => topic === source.topic)?.streams;
  if (scan === undefined || before === undefined) return [];
  const scans = scan.streams.map((index) => {
    const at = before.indexOf(plan.streams[index]!.name);
    return at < 0 ? null : source.scans[at];
  });
  // Rows that were kept back under other columns cannot be read: then the topic is read from its beginning.
  const isReadable = scan.streams.every((stream, i) => {
    const ahead = (scans[i] as ScanState | null)?.ahead;
    return ahead === undefined || ahead.columns === aheadColumns(plan, stream);
  });
  if (!isReadable) return [];
  // A stream that is new on its topic has its scan begin with the topic.
  return scans.includes(null) ? [] : [{ ...source, scans }];
}
