/** Places in a text: offsets are UTF-16, lines and columns count from 1. */
import type { Span } from './ast.ts';

export type Position = { readonly line: number; readonly column: number };

/** Line and column of an offset; one past the end is allowed. Linear in the offset. */
export function positionAt(text: string, offset: number): Position {
  const end = Math.min(offset, text.length);
  let line = 1;
  let lineStart = 0;
  for (let at = text.indexOf('\n'); at !== -1 && at < end; at = text.indexOf('\n', lineStart)) {
    line++;
    lineStart = at + 1;
  }
  return { line, column: end - lineStart + 1 };
}

/** The whole line that holds an offset, without its newline. */
export function lineAt(text: string, offset: number): string {
  const end = Math.min(offset, text.length);
  const start = end === 0 ? 0 : text.lastIndexOf('\n', end - 1) + 1;
  const newline = text.indexOf('\n', end);
  return text.slice(start, newline === -1 ? text.length : newline).replace(/\r$/, '');
}

/** The smallest span that covers both; they must be of one file. */
export function cover(first: Span, last: Span): Span {
  return {
    file: first.file,
    start: Math.min(first.start, last.start),
    end: Math.max(first.end, last.end),
  };
}
