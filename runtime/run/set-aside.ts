import type { Plan } from '../../compiler/plan/plan.ts';
import { reasonText } from '../../operators/decode/decode-reasons.ts';
import { type DecodedBatch, rawText } from '../../operators/decode/decoder.ts';
import type { PartitionRows } from '../../operators/scan/partition-scan.ts';
import type { SetAside } from './engine.ts';

/**
 * The rows of a batch that a scan has set aside, with their reasons as text; the record itself where it may be kept: else its
 * place says where it is to be had.
 */
export function setAsideOf(
  plan: Plan,
  stream: number,
  batch: DecodedBatch,
  rows: PartitionRows,
): SetAside {
  const { scan } = plan.streams[stream]!;
  const { fields } = plan.scans[scan]!;
  const raw = (row: number) => (keepsRecords(plan, scan) ? rawText(batch, row) : null);
  return {
    late: rows.late.map(({ row, offset, time, bound, isAhead }) => ({
      offset,
      reason: isAhead
        ? `ahead: its time ${time} is beyond ${bound}, and as many records of such times as may be are kept back already`
        : `its time ${time} is before the watermark ${bound}`,
      raw: raw(row),
    })),
    malformed: rows.malformed.map(({ row, offset, field, reason }) => ({
      offset,
      reason: reasonText(reason, field < 0 ? null : fields[field]!.name),
      raw: raw(row),
    })),
  };
}

/** A record with personal fields, or one that is kept for a time only, does not lie about elsewhere. */
function keepsRecords(plan: Plan, scan: number): boolean {
  const streams = plan.scans[scan]!.streams.map((stream) => plan.streams[stream]!);
  return streams.every(({ pii, retainMs }) => pii === undefined && retainMs === undefined);
}
