/** Which comment belongs to which line: those above a node, the one at its end, those left in a block's end. */
import type { Comment, Span } from './ast.ts';

/** What goes around one printed line. */
export type Attached = {
  readonly before: string[];
  readonly trailing: string | null;
  /** The author left an empty line above it (above its comments). */
  readonly blankBefore: boolean;
};

export type Attachment = {
  /** By the span object of each node. */
  readonly bySpan: ReadonlyMap<Span, Attached>;
  /** At the end of the line that opens the block. */
  readonly header: readonly string[];
  /** After the last node. */
  readonly tail: Attached;
};

/**
 * Gives every comment to a node. `spans` are disjoint and sorted, `comments` sorted; a comment inside a node is
 * moved above it, since the node's line may be laid out anew. Linear. A `before` of '' is an empty line.
 */
export function attachComments(
  text: string,
  comments: readonly Comment[],
  spans: readonly Span[],
): Attachment {
  const gathered = new Map<Span | null, Gathered>();
  for (const span of [...spans, null]) {
    gathered.set(span, { above: [], inside: [], trailing: null, first: null });
  }
  const header: string[] = [];
  let at = 0;
  for (const comment of comments) {
    const { start } = comment.span;
    while (at < spans.length && spans[at]!.end <= start) at++;
    const owner = gathered.get(spans[at] ?? null)!;
    const previous = spans[at - 1];
    const ends = comment.trailing && previous !== undefined && oneLine(text, previous.end, start);
    if (at < spans.length && spans[at]!.start < start) owner.inside.push(printComment(comment));
    else if (ends) gathered.get(previous)!.trailing = printComment(comment);
    else if (comment.trailing && at === 0) header.push(printComment(comment));
    else addAbove(owner, text, comment);
  }
  const bySpan = new Map(
    spans.map((span) => [span, finish(gathered.get(span)!, text, span.start)]),
  );
  return { bySpan, header, tail: finish(gathered.get(null)!, text, null) };
}

/** The comments of one node while they come in; `first` is where those above it begin. */
type Gathered = {
  readonly above: string[];
  readonly inside: string[];
  trailing: string | null;
  first: number | null;
};

function addAbove(owner: Gathered, text: string, comment: Comment): void {
  const { start } = comment.span;
  if (owner.first === null) owner.first = start;
  else if (hasBlankLineBefore(text, start)) owner.above.push('');
  owner.above.push(printComment(comment));
}

function finish(owner: Gathered, text: string, start: number | null): Attached {
  const { above, inside, trailing, first } = owner;
  const apart = first !== null && start !== null && hasBlankLineBefore(text, start);
  const begin = first ?? start;
  return {
    before: [...above, ...(apart ? [''] : []), ...inside],
    trailing,
    blankBefore: begin !== null && hasBlankLineBefore(text, begin),
  };
}

/** One line made of several nodes has all their comments; a second one at its end moves above it. */
export function mergeAttached(parts: readonly Attached[]): Attached {
  if (parts.length === 1) return parts[0]!;
  const trailing = parts.flatMap((p) => (p.trailing === null ? [] : [p.trailing]));
  const alone = trailing.length === 1;
  return {
    before: [...parts.flatMap((p) => p.before), ...(alone ? [] : trailing)],
    trailing: alone ? trailing[0]! : null,
    blankBefore: parts[0]!.blankBefore,
  };
}

/** `///` and `//!` stay as they are; others get a space after the slashes. */
function printComment(comment: Comment): string {
  return /^(?:[/!]|$)/.test(comment.text) ? `//${comment.text}` : `// ${comment.text}`;
}

function oneLine(text: string, start: number, end: number): boolean {
  const newline = text.indexOf('\n', start);
  return newline === -1 || newline >= end;
}

function hasBlankLineBefore(text: string, offset: number): boolean {
  let newlines = 0;
  for (let at = offset - 1; at >= 0 && newlines < 2; at--) {
    const char = text[at]!;
    if (char === '\n') newlines++;
    else if (!/[\s\uFEFF;]/.test(char)) break;
  }
  return newlines === 2;
}
