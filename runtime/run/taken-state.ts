import type { Plan } from '../../compiler/plan/plan.ts';
import { aheadColumns } from '../../operators/scan/ahead-rows.ts';
import type { ScanState } from '../../operators/scan/partition-scan.ts';
import { statesOf } from '../../operators/take-over/state-names.ts';
import type { SourceSnapshot, StateTaken } from '../store/checkpoint.ts';

/**
 * Of the plan before: what of a checkpoint of it the plan goes on with; null: there was none. `rereads`: whether the inputs are there from
 * their beginnings.
 */
export function stateTaken(plan: Plan, rereads: boolean): StateTaken | null {
  const { takenOver } = plan;
  if (takenOver === undefined) return null;
  const { from, k } = takenOver;
  const sources = (saved: readonly SourceSnapshot[]) =>
    saved.flatMap((source) => sourceTaken(plan, source, rereads));
  return { from, k, takes: statesOf(plan), sources };
}

/** Scans go by the order of their topic's streams, which is another where one came or went. */
function sourceTaken(plan: Plan, source: SourceSnapshot, rereads: boolean): SourceSnapshot[] {
  const scan = plan.scans.find(({ topic }) => topic === source.topic);
  const before = plan.takenOver?.scans.find(({ topic }) => topic === source.topic)?.streams;
  if (scan === undefined || before === undefined) return [];
  const scans = scan.streams.map((index) => {
    const at = before.indexOf(plan.streams[index]!.name);
    return at < 0 ? null : source.scans[at];
  });
  // A stream that is new on its topic has its scan begin with the topic.
  if (scans.includes(null)) return [];
  // Rows that were kept back under other columns cannot be read. What a topic had at its beginning is mostly gone: there the
  // events of clocks that are wrong, which is what they are but for the moment behind a gap, are given up.
  const readable = scan.streams.map((stream, i): ScanState => {
    const { ahead, ...rest } = scans[i] as ScanState;
    const isSame = ahead?.columns === aheadColumns(plan, stream);
    return ahead !== undefined && isSame ? { ...rest, ahead } : rest;
  });
  const isWhole = readable.every(({ ahead }, i) => ahead === (scans[i] as ScanState).ahead);
  return isWhole || !rereads ? [{ ...source, scans: readable }] : [];
}
