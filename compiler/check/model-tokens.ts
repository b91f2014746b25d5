/** A model clause as tokens, each with its place in the file: the clauses are read by compiler/check/read-model.ts. */
import type { Span } from '../../dsl/ast.ts';

export type Token = {
  readonly kind: 'name' | 'number' | 'duration' | 'string' | 'sign' | 'end';
  /** As written; for the end of a clause, ''. */
  readonly text: string;
  /** Numbers as they are (20% is 0.2), durations in ms; else NaN. */
  readonly value: number;
  readonly span: Span;
};

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

const TOKEN =
  /\/\/[^\n]*|[\s\uFEFF]+|"(?:[^"\\\n]|\\.)*"|((?:\d+(?:ms|[smhdw]))+)(?!\w)|(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(%?)|([A-Za-z_]\w*(?:\[(?:\d+(?:ms|[smhdw]))+\])?)|(->|<=|>=|\.\.|[^\s])/gu;

/** Tokens of `text` [span.start, span.end); the last is the end of the clause. */
export function modelTokens(text: string, span: Span): readonly Token[] {
  const tokens: Token[] = [];
  for (const match of text.slice(span.start, span.end).matchAll(TOKEN)) {
    const [whole, duration, number, percent, name, sign] = match;
    const start = span.start + match.index;
    const at: Span = { file: span.file, start, end: start + whole.length };
    const plain = { text: whole, value: Number.NaN, span: at };
    if (duration !== undefined) {
      tokens.push({ ...plain, kind: 'duration', value: durationMs(duration) });
    } else if (number !== undefined) {
      const value = Number(number) / (percent === '%' ? 100 : 1);
      tokens.push({ ...plain, kind: 'number', value });
    } else if (name !== undefined) tokens.push({ ...plain, kind: 'name' });
    else if (sign !== undefined) tokens.push({ ...plain, kind: 'sign' });
    else if (whole.startsWith('"')) tokens.push({ ...plain, kind: 'string' });
  }
  const last = { file: span.file, start: span.end, end: span.end };
  tokens.push({ kind: 'end', text: '', value: Number.NaN, span: last });
  return tokens;
}

function durationMs(text: string): number {
  let ms = 0;
  for (const part of text.matchAll(/(\d+)(ms|[smhdw])/g))
    ms += Number(part[1]) * UNIT_MS[part[2]!]!;
  return ms;
}
