/** `over [5m, 1h] hop 1m`, `over last 10 rows` …: the windows of an aggregate, one for each column. */
import type { AggregateNode, DurationNode, WindowNode } from '../../dsl/ast.ts';
import * as say from '../../dsl/messages-features.ts';
import * as sayStreams from '../../dsl/messages-streams.ts';
import { defaultHop } from '../plan/hop.ts';
import type { Window } from './logical.ts';
import type { Report } from './report.ts';
import type { Streams } from './streams.ts';

/** A member of a family: families combine by equal `ms` and `hopMs`; `text` is the index as written. */
export type Member = { readonly ms: number; readonly hopMs: number; readonly text: string };

export type MemberWindow = { readonly member: Member | null; readonly window: Window };

/** Rows that a window may hold by number; beyond it a time window is meant. */
export const WINDOW_ROWS_MAX = 10_000;

/** Every window of the node, `member` null where it is not a family. Windows with mistakes are left out. */
export function checkWindow(node: WindowNode, report: Report): MemberWindow[] {
  switch (node.kind) {
    case 'all':
      return [{ member: null, window: { kind: 'all' } }];
    case 'session':
      if (node.gap.ms <= 0) {
        report.add(sayStreams.notPositive(node.gap.span, 'the gap of a session'));
        return [];
      }
      return [{ member: null, window: { kind: 'session', gapMs: node.gap.ms } }];
    case 'rows':
      if (!rowsAllowed(node.rows)) {
        report.add(say.rowsRange(node.span, 'the number of rows', WINDOW_ROWS_MAX));
        return [];
      }
      return [{ member: null, window: { kind: 'rows', rows: node.rows } }];
    case 'time':
      return timeWindows(node, report);
  }
}

type Reach = { readonly what: string; readonly streams: Streams; readonly report: Report };

/** Reports a reach into the past that is longer than a base stream keeps its events. */
export function checkRetain(
  reach: DurationNode,
  base: string,
  { what, streams, report }: Reach,
): void {
  const retain = retainOf(base, streams);
  if (retain === null || reach.ms <= retain.ms) return;
  report.add(sayStreams.longerThanRetain(reach.span, `${what} of ${reach.text}`, retain));
}

/** What a base stream says of how long its events are kept; null: nothing. */
export function retainOf(base: string, streams: Streams): sayStreams.Retain | null {
  const options = streams.bases.get(base)?.decl.options ?? [];
  const said = options.find(({ name }) => name.text === 'retain')?.duration ?? null;
  return said === null ? null : { stream: base, text: said.text, ms: said.ms };
}

/** Reports windows that are longer than the stream's `retain`, or that its `delay` or the head makes empty. */
export function checkReach(
  node: AggregateNode,
  base: string,
  streams: Streams,
  report: Report,
): void {
  const stream = streams.bases.get(base);
  if (node.head !== null && node.head.ms <= 0) {
    report.add(sayStreams.notPositive(node.head.span, '`head`'));
  }
  if (node.over.kind === 'session') {
    checkRetain(node.over.gap, base, { what: 'a session gap', streams, report });
  }
  // What decays is let go of little by little.
  if (['all', 'rows'].includes(node.over.kind) && !node.fn.text.startsWith('decayed_')) {
    const retain = retainOf(base, streams);
    if (retain !== null) report.add(sayStreams.endlessWindow(node.over.span, retain));
  }
  if (stream === undefined || node.over.kind !== 'time') return;
  const { delayMs } = stream.options;
  const delay = stream.decl.options.find((o) => o.name.text === 'delay')?.duration?.text ?? '';
  for (const duration of node.over.durations) {
    checkRetain(duration, base, { what: 'a window', streams, report });
    if (duration.ms > 0 && duration.ms <= delayMs) {
      report.add(say.windowNeverSees(duration.span, duration.text, delay));
    }
    if (node.head !== null && node.head.ms > duration.ms) {
      report.add(say.headTooLong(node.head.span, node.head.text, duration.text));
    }
  }
}

function rowsAllowed(rows: number): boolean {
  return Number.isInteger(rows) && rows >= 1 && rows <= WINDOW_ROWS_MAX;
}

function timeWindows(node: Extract<WindowNode, { kind: 'time' }>, report: Report): MemberWindow[] {
  const { hop, atMostRows } = node;
  if (atMostRows !== null && !rowsAllowed(atMostRows)) {
    report.add(say.rowsRange(node.span, 'the number of rows', WINDOW_ROWS_MAX));
  }
  if (hop !== null && hop !== 'exact' && hop.ms <= 0) {
    report.add(sayStreams.notPositive(hop.span, 'a hop'));
  }
  const windows: MemberWindow[] = [];
  const seen = new Set<number>();
  for (const duration of node.durations) {
    const { ms, text } = duration;
    if (ms <= 0) report.add(sayStreams.notPositive(duration.span, 'a window'));
    else if (seen.has(ms)) report.add(say.duplicateWindow(duration.span, text));
    else if (hop !== null && hop !== 'exact' && hop.ms > ms) {
      report.add(say.hopTooLong(hop.span, hop.text, text));
    } else {
      const hopMs = hop === null ? defaultHop(ms) : hop === 'exact' ? 1 : Math.max(1, hop.ms);
      const member = node.family ? { ms, hopMs, text } : null;
      windows.push({ member, window: { kind: 'time', ms, hopMs, atMostRows } });
    }
    seen.add(ms);
  }
  return windows;
}
