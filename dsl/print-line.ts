/** One logical line of output, broken where it is too long. */

/** Lines are at most this wide where a break allows it. */
export const COLUMNS_MAX = 100;

/** A place where a line may break, else a space; no printed text holds it (strings escape it). */
export const SOFT = '\u0001';
/** The column at which broken lines go on; nothing in print. */
export const HANG = '\u0002';

/** Joins list entries so that a long list breaks after a comma. */
export function commaList(entries: readonly string[]): string {
  return entries.join(`,${SOFT}`);
}

/** The text as one line. */
export function flat(text: string): string {
  return text.replaceAll(SOFT, ' ').replaceAll(HANG, '');
}

/**
 * The text, filled: as many pieces on a line as fill, the rest hanging at HANG, or four columns in from the
 * line's own indent where there is none. A piece that is too long by itself stays whole.
 */
export function fill(text: string): string {
  const whole = flat(text);
  if (whole.length <= COLUMNS_MAX) return whole;
  const indent = /^ */.exec(text)![0].length + 4;
  const hangAt = text.indexOf(HANG);
  const hang = hangAt === -1 ? indent : flat(text.slice(0, hangAt)).length;
  const lines: string[] = [];
  let line = '';
  let filled = false;
  for (const piece of text.replaceAll(HANG, '').split(SOFT)) {
    if (filled && line.length + 1 + piece.length > COLUMNS_MAX) {
      lines.push(line);
      line = ' '.repeat(Math.min(hang, HANG_MAX)) + piece;
    } else {
      line += (filled ? ' ' : '') + piece;
    }
    filled = true;
  }
  return [...lines, line].join('\n');
}

/** A deeper hang would leave no room for what hangs. */
const HANG_MAX = 40;
