/**
 * The outline of a text: its comments, and where each declaration starts and ends. One pass, linear.
 *
 * A declaration ends at a `;` outside brackets, or where a line starts the next one. Outside brackets a line
 * starts one if it begins with a declaration's keyword and a name (or with two words and `=`, `from`, `for`: a
 * misspelt keyword). Inside brackets only an unmistakable start in the first column does: a bracket was left
 * open, and the declarations that follow must not be lost with it.
 */
import type { Comment } from './ast.ts';
import type { Diagnostic } from './diagnostic.ts';
import { strayBracket, tooDeep, unclosedBracket, unclosedString } from './messages-syntax.ts';

export type Chunk = {
  /** Offsets of the text of one declaration, comments around it included. */
  readonly start: number;
  readonly end: number;
  /** It has a diagnostic from here already; what the parser says would only repeat it. */
  readonly broken: boolean;
};

export type Layout = {
  readonly comments: readonly Comment[];
  readonly chunks: readonly Chunk[];
  readonly diagnostics: readonly Diagnostic[];
};

/** Brackets inside one another; the parser's stack is safe well beyond it. */
export const BRACKET_DEPTH_MAX = 100;

/** The words that begin a declaration. */
export const DECLARATION_WORDS = [
  'stream',
  'static',
  'table',
  'enrich',
  'feature',
  'set',
  'label',
  'examples',
  'model',
  'test',
] as const;

/** Cuts a text into declarations. Never throws; unclosed strings and brackets are diagnostics. */
export function layout(file: string, text: string): Layout {
  const scan = newScan(file, text);
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
    const token = match[0];
    const start = match.index;
    if (token === '\n') {
      scan.lineStart = start + 1;
      scan.fresh = true;
      scan.code = false;
    } else if (token.startsWith('//')) {
      const span = { file, start, end: start + token.length };
      scan.comments.push({ text: token.slice(2).trim(), span, trailing: scan.code });
    } else {
      takeToken(scan, token, start);
    }
  }
  endChunk(scan, text.length);
  return { comments: scan.comments, chunks: scan.chunks, diagnostics: scan.diagnostics };
}

/** What a token is to the outline: words are taken whole so that a keyword inside a name is none. */
const TOKEN = /\n|\/\/[^\n]*|"(?:[^"\\\n]|\\[^\n])*"?|[A-Za-z_0-9]+|[^\s\uFEFF]/g;

const KEYWORD = DECLARATION_WORDS.join('|');
/** Words that follow a name on a list's next line, so `set` in `a,\n set at k` is a feature's name. */
const CONTINUES = 'at|as|and|or|in|is|by|over|where|on|within|of|else|then|default|hop|head';
const STARTS = new RegExp(
  `(?:(?:${KEYWORD})[ \\t]+(?!(?:${CONTINUES})\\b(?![ \\t]*(?:=|from|for|on)))(?:\\w|"|=(?!=))` +
    '|[A-Za-z_]\\w*[ \\t]+[A-Za-z_]\\w*[ \\t]*(?:=(?!=)|\\b(?:from|for)\\b))',
  'y',
);
const SURELY_STARTS = new RegExp(
  '(?:(?:feature|set|label|stream)[ \\t]+[A-Za-z_]\\w*[ \\t]*=(?!=)' +
    '|(?:stream|table|enrich|model)[ \\t]+[A-Za-z_]\\w*[ \\t]+from\\b' +
    '|static[ \\t]+table\\b|examples[ \\t]+[A-Za-z_]\\w*[ \\t]+for\\b|test[ \\t]+")',
  'y',
);

const CLOSER: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

type Scan = {
  readonly file: string;
  readonly text: string;
  readonly comments: Comment[];
  readonly chunks: Chunk[];
  readonly diagnostics: Diagnostic[];
  /** Open brackets of the current declaration, by offset. */
  readonly open: number[];
  chunkStart: number;
  /** The chunk has tokens. */
  filled: boolean;
  broken: boolean;
  lineStart: number;
  /** No token of the statement yet: the next one may start a declaration. */
  fresh: boolean;
  /** The line has a token already: a comment on it is a trailing one. */
  code: boolean;
};

function newScan(file: string, text: string): Scan {
  return {
    file,
    text,
    comments: [],
    chunks: [],
    diagnostics: [],
    open: [],
    chunkStart: 0,
    filled: false,
    broken: false,
    lineStart: 0,
    fresh: true,
    code: false,
  };
}

function takeToken(scan: Scan, token: string, start: number): void {
  const { open } = scan;
  if (scan.fresh && startsDeclaration(scan, start)) endChunk(scan, start);
  scan.fresh = false;
  scan.code = true;
  if (token === ';' && open.length === 0) {
    endChunk(scan, start);
    scan.chunkStart = start + 1;
    scan.fresh = true;
    return;
  }
  scan.filled = true;
  if (token in CLOSER) openBracket(scan, start);
  else if (token === ')' || token === ']' || token === '}') closeBracket(scan, token, start);
  else if (token[0] === '"' && !isClosed(token)) {
    report(scan, unclosedString({ file: scan.file, start, end: start + token.trimEnd().length }));
  }
}

function startsDeclaration(scan: Scan, start: number): boolean {
  const pattern = scan.open.length === 0 ? STARTS : SURELY_STARTS;
  if (scan.open.length > 0 && start !== scan.lineStart) return false;
  pattern.lastIndex = start;
  return pattern.test(scan.text);
}

/** A `"` alone is open, and so is one whose last quote is escaped. */
function isClosed(token: string): boolean {
  return /^"(?:[^"\\]|\\.)*"$/.test(token);
}

function openBracket(scan: Scan, start: number): void {
  scan.open.push(start);
  if (scan.open.length === BRACKET_DEPTH_MAX + 1) {
    report(scan, tooDeep({ file: scan.file, start, end: start + 1 }, BRACKET_DEPTH_MAX));
  }
}

function closeBracket(scan: Scan, found: string, start: number): void {
  const { text, open, file } = scan;
  let match = open.length - 1;
  while (match >= 0 && CLOSER[text[open[match]!]!] !== found) match--;
  if (match === -1) {
    report(scan, strayBracket({ file, start, end: start + 1 }, found));
    return;
  }
  const last = open[open.length - 1]!;
  if (match < open.length - 1) {
    const at = { open: text[last]!, close: CLOSER[text[last]!]! };
    report(scan, unclosedBracket({ file, start: last, end: last + 1 }, at));
  }
  open.length = match;
}

/** Keeps the first diagnostic of a declaration: the ones after it mostly follow from it. */
function report(scan: Scan, diagnostic: Diagnostic): void {
  if (!scan.broken) scan.diagnostics.push(diagnostic);
  scan.broken = true;
}

function endChunk(scan: Scan, end: number): void {
  const outer = scan.open[0];
  if (outer !== undefined) {
    const open = scan.text[outer]!;
    const span = { file: scan.file, start: outer, end: outer + 1 };
    report(scan, unclosedBracket(span, { open, close: CLOSER[open]! }));
  }
  if (scan.filled) scan.chunks.push({ start: scan.chunkStart, end, broken: scan.broken });
  scan.open.length = 0;
  scan.chunkStart = end;
  scan.filled = false;
  scan.broken = false;
}
