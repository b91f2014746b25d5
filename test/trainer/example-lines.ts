import type { ExampleRow } from '../../runtime/block/example-row.ts';
import { SET } from './deep-world.ts';

/** A row of the small set as a run writes it to NDJSON. */
export function lineOf({
  id,
  time,
  emitted,
  kind,
  labels,
  features,
  sampleRate,
}: ExampleRow): string {
  const named = Object.fromEntries(SET.features.map(({ name }, i) => [name, features[i]]));
  const sample_rate = sampleRate;
  return JSON.stringify({ id, time, emitted, kind, labels, features: named, sample_rate });
}
