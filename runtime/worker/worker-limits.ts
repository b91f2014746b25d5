import type { Plan } from '../../compiler/plan.ts';
import { bucketChecks } from '../../operators/checks/summary.ts';
import { UsageError } from '../usage-error.ts';

/** What a worker cannot do of a plan: a UsageError where answers would differ, a remark where checks are not made. */
export function workerLimits(plan: Plan, units: number): readonly string[] {
  const deduped = plan.streams.filter(({ dedupSlot }) => dedupSlot !== undefined);
  if (units > 1 && deduped.length > 0) {
    const names = deduped.map(({ name }) => name).join(', ');
    throw new UsageError(
      `\`dedup global\` (${names}) needs all partitions in one place: run with --shards 1, or partition the topic by the event id and leave \`global\` out`,
    );
  }
  return plan.examples.flatMap((set) => {
    const kinds = [...new Set(bucketChecks(set).map(({ kind }) => kind))];
    return kinds.length === 0
      ? []
      : [`${set.name}: check ${kinds.join(', ')} is not judged by a worker, only range and size`];
  });
}
