/**
 * What a finished run found odd about its inputs: nothing that stops it, but where a wrong declaration gives empty or
 * wrong answers without a word. One sentence each, with the fix where it can be told.
 */
import type { ScanField, StreamPlan } from '../../compiler/plan/plan.ts';
import type { TimeFormat } from '../../dsl/types.ts';
import { REASON, reasonText } from '../../operators/decode/decode-reasons.ts';
import type { SideRecord } from '../sink/side-records.ts';
import type { StreamCounts } from './engine.ts';

/** One input of a stream, at its end. */
export type InputFacts = {
  readonly file: string;
  readonly records: number;
  /** The greatest event time that is believed, ms; null before three events, and for static tables. */
  readonly newest: number | null;
  /** The first malformed record of the stream in this file. */
  readonly malformed: SideRecord | null;
};

/** Above so large a share of a stream's records, it is not the odd record that is wrong. */
const MALFORMED_SHARE = 0.5;
const DUPLICATE_SHARE = 0.5;
const LATE_SHARE = 0.1;

/** Event times are expected between these, ms: ad traffic is neither older nor of the next century. */
const PLAUSIBLE_FROM = Date.UTC(2000, 0, 1);
const PLAUSIBLE_TO = Date.UTC(2100, 0, 1);

/** One unit of each numeric format, in ms. */
const UNIT_MS: Readonly<Record<Exclude<TimeFormat, 'iso'>, number>> = { s: 1000, ms: 1, us: 1e-3 };

/** The warnings of one stream, most telling first. `fields`: those of its scan. */
export function inputWarnings(
  stream: StreamPlan,
  fields: readonly ScanField[],
  counts: StreamCounts,
  inputs: readonly InputFacts[],
): string[] {
  const time = fields[stream.timeField] ?? null;
  const id = fields[stream.idField] ?? null;
  const share = (count: number) => `${count} of ${counts.read} records`;
  const warnings = inputs.flatMap((input) => timeWarning(stream.name, time, input));
  for (const { file, records } of inputs) {
    if (records === 0) warnings.push(`${stream.name}: ${file} has no records`);
  }
  if (counts.malformed > counts.read * MALFORMED_SHARE) {
    const first = firstMalformed(time, inputs);
    warnings.push(`${stream.name}: ${share(counts.malformed)} are malformed${first}`);
  }
  if (id !== null && counts.duplicate > counts.read * DUPLICATE_SHARE) {
    warnings.push(
      `${stream.name}: ${share(counts.duplicate)} are dropped as duplicates: is ${id.name} different for every event?`,
    );
  }
  if (time !== null && counts.late > counts.read * LATE_SHARE) {
    warnings.push(
      `${stream.name}: ${share(counts.late)} are dropped as late, more than ${stream.lateMs / 1000} s behind others before them: sort the files by ${time.name}, or raise \`late\``,
    );
  }
  return warnings;
}

function timeWarning(stream: string, time: ScanField | null, { file, newest }: InputFacts) {
  if (time === null || newest === null) return [];
  if (newest >= PLAUSIBLE_FROM && newest < PLAUSIBLE_TO) return [];
  const format = time.timeFormat ?? 'ms';
  const raw = format === 'iso' ? null : newest / UNIT_MS[format];
  const fix = raw === null ? '' : unitFix(time, raw);
  return [`${stream}: the times of ${file} end in the year ${yearOf(newest)}${fix}`];
}

/** With what `time ts : timestamp(…)` the number would be a plausible time. */
function unitFix({ name, timeFormat }: ScanField, raw: number): string {
  const formats = ['s', 'ms', 'us'] as const;
  const right = formats.find((format) => isPlausible(raw * UNIT_MS[format]));
  if (right === undefined || right === (timeFormat ?? 'ms')) {
    return `: is ${name} in the unit that the stream declares (${timeFormat ?? 'ms'})?`;
  }
  const year = yearOf(raw * UNIT_MS[right]);
  const type = right === 'ms' ? 'timestamp' : `timestamp(${right})`;
  return `; declared as \`${name} : ${type}\` it would be ${year}`;
}

/** `; the first: record 0 of a.ndjson, field ts: …`, with the fix where it is the unit of the time. */
function firstMalformed(time: ScanField | null, inputs: readonly InputFacts[]): string {
  const input = inputs.find(({ malformed }) => malformed !== null);
  if (input === undefined) return '';
  const { offset, reason, raw } = input.malformed!;
  const first = `; the first: record ${offset} of ${input.file}, ${reason}`;
  if (time === null || reason !== reasonText(REASON.timeRange, time.name)) return first;
  const value = numberIn(raw, time.name);
  return value === null ? first : `${first}${unitFix(time, value)}`;
}

/** The number of a field in a JSON record; null where the text is something else. */
function numberIn(raw: string | null, field: string): number | null {
  try {
    const record: Readonly<Record<string, unknown>> | null = JSON.parse(raw ?? 'null');
    const value = record?.[field];
    return typeof value === 'number' ? value : null;
  } catch {
    return null;
  }
}

function isPlausible(ms: number): boolean {
  return ms >= PLAUSIBLE_FROM && ms < PLAUSIBLE_TO;
}

function yearOf(ms: number): number {
  return new Date(ms).getUTCFullYear();
}
