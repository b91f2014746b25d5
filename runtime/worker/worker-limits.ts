import type { Plan } from '../../compiler/plan/plan.ts';
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
    if (kinds.length > 0 && units > 1) {
      return [
        `${set.name}: check ${kinds.join(', ')} is not judged by one of ${units} units, only range and size: run with --shards 1 to have them judged`,
      ];
    }
    if (!kinds.includes('drift')) return [];
    return [
      `${set.name}: check drift compares with rows that landed, and on Kafka no lot can be released: after a change that stays, what differs is kept aside until another --app begins`,
    ];
  });
}
