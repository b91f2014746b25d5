/**
 * Rows to events: what is malformed, a duplicate or late, decided row by row (rules S2 to S5), and the order in which
 * the rest is applied (S6).
 */
import type { LogicalField, LogicalStream } from '../../compiler/check/logical.ts';
import type { ScalarName, TimeFormat } from '../../dsl/types.ts';
import type { Value } from './value.ts';

export type InputPartition = {
  readonly stream: string;
  readonly partition: number;
  /** Objects, or raw lines. */
  readonly rows: readonly unknown[];
};

export type StreamEvent = {
  readonly stream: string;
  readonly partition: number;
  readonly offset: number;
  /** Own time, ms. */
  readonly time: number;
  /** When it is applied: its own time, or the watermark it was late against. */
  readonly step: number;
  /** Late for features: labels alone see it. */
  readonly labelOnly: boolean;
  /** Enrichments fill in more. */
  readonly fields: Map<string, Value>;
};

export type Counts = {
  late: number;
  duplicate: number;
  malformed: number;
  lateForFeatures: number;
};

export type ScannedStream = {
  /** In step order. */
  readonly events: StreamEvent[];
  readonly counts: Counts;
  /** The greatest watermark that one of its partitions came to, ms; -infinity. */
  readonly reached: number;
};

/** A field's value of the wrong kind. */
const BAD = Symbol('bad');
/** Stands in a field that is not read, and so not known to be wrong: all that matters of it is that it is not null. */
const UNREAD = 'unread';
/** The last millisecond of the year 9999. */
const TIME_MAX_MS = 253402300799999;

/** `reads`: the fields that are looked at; what is wrong in others is not seen. */
export function scanStream(
  stream: LogicalStream,
  input: readonly InputPartition[],
  reads: ReadonlySet<string>,
): ScannedStream {
  const counts: Counts = { late: 0, duplicate: 0, malformed: 0, lateForFeatures: 0 };
  const events: StreamEvent[] = [];
  let reached = Number.NEGATIVE_INFINITY;
  for (const { partition, rows } of input.filter((each) => each.stream === stream.name)) {
    const scan = scanPartition(stream, { partition, rows, reads }, counts);
    events.push(...scan.events);
    reached = Math.max(reached, scan.watermark);
  }
  events.sort((a, b) => a.step - b.step || a.partition - b.partition || a.offset - b.offset);
  if (!stream.dedupGlobal || stream.idField === null) return { events, counts, reached };
  return { events: withoutCopies(stream, events, counts), counts, reached };
}

/** In step order over all partitions: of events of one id the first, as long as it can be remembered. */
function withoutCopies(
  { idField, lateMs, labelsLateMs, dedupMs }: LogicalStream,
  events: readonly StreamEvent[],
  counts: Counts,
): StreamEvent[] {
  const kept: StreamEvent[] = [];
  for (const event of events) {
    const id = event.fields.get(idField ?? '');
    const since = event.step - Math.max(lateMs, labelsLateMs ?? 0, dedupMs ?? 0);
    if (!kept.some((e) => e.fields.get(idField ?? '') === id && e.time >= since)) {
      kept.push(event);
      continue;
    }
    counts.duplicate++;
    if (event.labelOnly) counts.lateForFeatures--;
  }
  return kept;
}

type Rows = {
  readonly partition: number;
  readonly rows: readonly unknown[];
  readonly reads: ReadonlySet<string>;
};

function scanPartition(
  stream: LogicalStream,
  { partition, rows, reads }: Rows,
  counts: Counts,
): { events: StreamEvent[]; watermark: number } {
  const events: StreamEvent[] = [];
  const clock = { max: Number.NEGATIVE_INFINITY, candidates: [] as number[] };
  const { idField, timeField, lateMs, labelsLateMs, dedupMs } = stream;
  for (const [offset, row] of rows.entries()) {
    const fields = readRecord(stream, row, reads);
    if (fields === null) {
      counts.malformed++;
      continue;
    }
    const at = { stream: stream.name, partition, offset, fields };
    if (timeField === null) {
      const time = Number.NEGATIVE_INFINITY;
      events.push({ ...at, time, step: time, labelOnly: false });
      continue;
    }
    const time = fields.get(timeField) as number;
    const since = clock.max - Math.max(lateMs, labelsLateMs ?? 0, dedupMs ?? 0);
    const id = idField === null ? null : fields.get(idField);
    const isCopy = (e: StreamEvent) => e.fields.get(idField ?? '') === id && e.time >= since;
    if (id !== null && events.some(isCopy)) {
      counts.duplicate++;
      continue;
    }
    const watermark = clock.max - lateMs;
    const labelOnly = time < watermark;
    if (labelOnly && (labelsLateMs === null || time < clock.max - labelsLateMs)) {
      counts.late++;
      continue;
    }
    if (labelOnly) counts.lateForFeatures++;
    events.push({ ...at, time, step: labelOnly ? watermark : time, labelOnly });
    seeTime(clock, time, stream.aheadMs);
  }
  return { events, watermark: clock.max - lateMs };
}

/** Moves the clock: by what is near, by three in a row that are far (S2). */
function seeTime(
  clock: { max: number; candidates: number[] },
  time: number,
  aheadMs: number,
): void {
  if (time <= clock.max + aheadMs) {
    clock.max = Math.max(clock.max, time);
    clock.candidates = [];
    return;
  }
  clock.candidates.push(time);
  if (clock.candidates.length < 3) return;
  clock.candidates.sort((a, b) => a - b);
  clock.max = Math.max(clock.max, clock.candidates.shift() ?? 0);
  while (clock.candidates.length > 0 && clock.candidates[0] <= clock.max + aheadMs) {
    clock.max = Math.max(clock.max, clock.candidates.shift() ?? 0);
  }
}

/** The fields of a row; null: it is malformed. */
function readRecord(
  stream: LogicalStream,
  row: unknown,
  reads: ReadonlySet<string>,
): Map<string, Value> | null {
  const record = typeof row === 'string' ? parsed(row) : row;
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return null;
  const values = new Map(Object.entries(record));
  const fields = new Map<string, Value>();
  for (const field of stream.fields.filter(({ enriched }) => enriched === null)) {
    const value = readField(field, values.get(field.name) ?? null);
    const isRead = reads.has(field.name);
    if (value === BAD && isRead) return null;
    const needed = [stream.idField, stream.timeField].includes(field.name);
    const nullable = field.type.kind !== 'error' && field.type.nullable;
    const isMissing = value === null && (needed || !nullable);
    if (isMissing && isRead) return null;
    fields.set(field.name, value === BAD || isMissing ? UNREAD : value);
  }
  return fields;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function readField({ type, timeFormat }: LogicalField, value: unknown): Value | typeof BAD {
  if (type.kind === 'error') return BAD;
  if (value === null) return null;
  if (type.kind === 'scalar') return readScalar(type.name, timeFormat, value);
  if (!Array.isArray(value)) return BAD;
  const items = value.map((item) => readScalar(type.of, timeFormat, item));
  const good = items.filter((item) => item !== BAD && item !== null);
  return good.length === items.length ? good : BAD;
}

function readScalar(
  name: ScalarName,
  format: TimeFormat | null,
  value: unknown,
): number | boolean | string | typeof BAD {
  switch (name) {
    case 'string':
      if (typeof value === 'string') return value;
      return Number.isInteger(value) ? JSON.stringify(value) : BAD;
    case 'bool':
      return typeof value === 'boolean' ? value : BAD;
    case 'float':
      return typeof value === 'number' ? value : BAD;
    case 'timestamp':
      return readTime(format, value);
    default:
      return typeof value === 'number' && Number.isSafeInteger(value) ? value : BAD;
  }
}

function readTime(format: TimeFormat | null, value: unknown): number | typeof BAD {
  if (format === 'iso') {
    if (typeof value !== 'string' || !/(Z|[+-]\d\d:?\d\d)$/.test(value)) return BAD;
    return inRange(Math.floor(Date.parse(value)));
  }
  if (typeof value !== 'number') return BAD;
  if (format === 's') return inRange(Math.floor(Math.round(value * 1e6) / 1000));
  if (!Number.isInteger(value)) return BAD;
  return inRange(format === 'us' ? Math.floor(value / 1000) : value);
}

function inRange(ms: number): number | typeof BAD {
  return ms >= 0 && ms <= TIME_MAX_MS ? ms : BAD;
}
