/** Puts emitted rows into their order: (emitted, time, id bytes). */
import type { TextColumn } from '../column/column.ts';
import { ColumnsOnDemand } from '../column/columns-on-demand.ts';
import { takeRows } from '../column/gather-rows.ts';
import type { EmissionBatch } from './emission-batch.ts';

/** The batch in its order; rows equal in all three stay as they are. The batch itself if it was in order already. */
export function sortEmissions(batch: EmissionBatch): EmissionBatch {
  let sorted = true;
  for (let i = 1; i < batch.n && sorted; i++) sorted = compareRows(batch, i - 1, i) <= 0;
  if (sorted) return batch;
  const order = Int32Array.from({ length: batch.n }, (_, i) => i);
  order.sort((a, b) => compareRows(batch, a, b) || a - b);
  return takeEmissions(batch, order);
}

/** The batch's rows `rows`, in that order. */
export function takeEmissions(batch: EmissionBatch, rows: Int32Array): EmissionBatch {
  const bytes = (from: Uint8Array) => Uint8Array.from(rows, (row) => from[row]);
  const numbers = (from: Float64Array) => Float64Array.from(rows, (row) => from[row]);
  return {
    n: rows.length,
    emitted: numbers(batch.emitted),
    time: numbers(batch.time),
    id: takeRows(batch.id, rows) as TextColumn,
    kind: bytes(batch.kind),
    labels: batch.labels.map(({ value, kind, deadline, elapsed, credit, audit }) => ({
      value: bytes(value),
      kind: bytes(kind),
      deadline: numbers(deadline),
      elapsed: numbers(elapsed),
      credit: credit === null ? null : Int32Array.from(rows, (row) => credit[row]),
      audit: audit === null ? null : { atWait: bytes(audit.atWait), ever: bytes(audit.ever) },
    })),
    sampleRate: numbers(batch.sampleRate),
    features: new ColumnsOnDemand(batch.features.length, (i) =>
      takeRows(batch.features.at(i)!, rows),
    ),
  };
}

function compareRows(batch: EmissionBatch, a: number, b: number): number {
  return (
    batch.emitted[a] - batch.emitted[b] ||
    batch.time[a] - batch.time[b] ||
    compareTexts(batch.id, a, b)
  );
}

/** UTF-8 byte order. */
function compareTexts(column: TextColumn, a: number, b: number): number {
  const { bytes, start, end } = column;
  const lengthA = end[a] - start[a];
  const lengthB = end[b] - start[b];
  const length = Math.min(lengthA, lengthB);
  for (let i = 0; i < length; i++) {
    const difference = bytes[start[a] + i] - bytes[start[b] + i];
    if (difference !== 0) return difference;
  }
  return lengthA - lengthB;
}
