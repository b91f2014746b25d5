/** All events of all streams, with what enrichments add to them (S7), and tables as of a time (S12). */
import type { LogicalEnrichment, LogicalProgram } from '../../compiler/check/logical.ts';
import { type Counts, type InputPartition, type StreamEvent, scanStream } from './events.ts';
import { passes, type Scope } from './expression.ts';
import { sameKey, type Value } from './value.ts';

/** By stream that a run reads: the fields that it reads. */
export type Reads = ReadonlyMap<string, ReadonlySet<string>>;

export type History = {
  readonly program: LogicalProgram;
  /** By stream, in step order. */
  readonly events: ReadonlyMap<string, readonly StreamEvent[]>;
  readonly counts: Readonly<Record<string, Counts>>;
  /** By stream: its greatest watermark at the end, ms. */
  readonly reached: ReadonlyMap<string, number>;
};

/** `reads`: the streams that the run reads, and which of their fields. */
export function readHistory(
  program: LogicalProgram,
  input: readonly InputPartition[],
  reads: Reads,
): History {
  const events = new Map<string, readonly StreamEvent[]>();
  const counts: Record<string, Counts> = {};
  const reached = new Map<string, number>();
  for (const stream of program.streams) {
    const fields = reads.get(stream.name);
    const rows = fields === undefined ? [] : input;
    const scanned = scanStream(stream, rows, fields ?? new Set());
    events.set(stream.name, scanned.events);
    if (rows.some((each) => each.stream === stream.name)) {
      counts[stream.name] = scanned.counts;
    }
    if (!stream.isStatic) reached.set(stream.name, scanned.reached);
  }
  for (const enrichment of program.enrichments) enrich(enrichment, events);
  return { program, events, counts, reached };
}

/** An event's own fields as a scope. */
export function eventScope(event: StreamEvent): Scope {
  return { now: event.time, field: (name) => event.fields.get(name) ?? null };
}

function enrich(
  { stream, where, source, on, withinMs, fields }: LogicalEnrichment,
  events: ReadonlyMap<string, readonly StreamEvent[]>,
): void {
  if (source.kind !== 'stream') throw new Error('events are enriched from streams');
  const rows = (events.get(source.stream) ?? []).filter(
    (row) => !row.labelOnly && passes(source.where, eventScope(row)),
  );
  for (const event of events.get(stream) ?? []) {
    const key = on.map((pair) => event.fields.get(pair.event) ?? null);
    const found = passes(where, eventScope(event))
      ? rows.findLast(
          (row) =>
            row.time <= event.time &&
            row.time >= event.time - withinMs &&
            sameKey(
              key,
              on.map((pair) => row.fields.get(pair.source) ?? null),
            ),
        )
      : undefined;
    for (const field of fields) event.fields.set(field, found?.fields.get(field) ?? null);
  }
}

/** A table's column as of `time`: the newest row of the key before it. */
export function tableValue(
  history: History,
  row: {
    readonly table: string;
    readonly column: string;
    readonly key: Value;
    readonly time: number;
  },
): Value {
  const table = history.program.streams.find(({ name }) => name === row.table);
  const keyField = table?.keyField ?? '';
  const newest = (history.events.get(row.table) ?? []).findLast(
    (each) => each.time < row.time && sameKey([row.key], [each.fields.get(keyField) ?? null]),
  );
  return newest?.fields.get(row.column) ?? null;
}
