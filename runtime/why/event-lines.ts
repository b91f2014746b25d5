/** Lines about events, for people: when, how far from the anchor, who, where. */
import type { NearMiss, Place } from './near-misses.ts';
import { awayText, timeText } from './time-text.ts';

export function nearLines<R extends string>(
  { text, count, events }: NearMiss<R>,
  t: number,
  what = 'counted',
): string[] {
  const shown = count > events.length ? `, the last ${events.length} of them` : '';
  const cells = events.map((event) => [...placeCells(event, t), event.note ?? '']);
  return [`${count} not ${what}, ${text}${shown}:`, ...indented(table(cells))];
}

export function placeCells(
  event: { readonly time: number | null; readonly id: string | null; readonly place: Place },
  t: number,
): string[] {
  const { time, id, place } = event;
  const when = time === null ? ['no time', ''] : [timeText(time), awayText(time, t)];
  return [...when, id ?? '', placeText(place)];
}

export function placeText({ file, stream, partition, offset }: Place): string {
  return file === undefined
    ? `${stream} partition ${partition} offset ${offset}`
    : `${file} offset ${offset}`;
}

/** Cells to the left, columns as wide as their widest; empty columns are left out. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]))
      .filter((_, i) => widths[i] > 0)
      .join('  ')
      .trimEnd(),
  );
}

export function indented(lines: readonly string[]): string[] {
  return lines.map((line) => (line === '' ? '' : `  ${line}`));
}
