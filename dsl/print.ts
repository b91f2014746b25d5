/**
 * The canonical layout of a file: runs of one-line declarations aligned at `=`, fields at `:`, lines of at
 * most 100 columns, single empty lines where the author set some, comments kept. Printing what was parsed
 * from its own output changes nothing.
 */
import type { Comment, Declaration, File } from './ast.ts';
import { type BlockDecl, printBlock } from './print-block.ts';
import { type Attached, attachComments, mergeAttached } from './print-comments.ts';
import { type LineDecl, printRun } from './print-declaration.ts';
import { fill } from './print-line.ts';

/**
 * Canonical text, ending in one newline; '' for an empty file. Only for files that parsed without errors:
 * a declaration that was not understood is not in the tree, and would be lost.
 */
export function printFile(file: File): string {
  const spans = file.declarations.map((d) => d.span);
  const { inner, outer } = splitComments(file);
  const { bySpan, header, tail } = attachComments(file.text, outer, spans);
  const lines: string[] = [...header];
  const attachedTo = (d: Declaration) => bySpan.get(d.span)!;
  let blockBefore = false;
  for (const run of runs(file.declarations, attachedTo)) {
    const first = run[0]!;
    const block = isBlock(first);
    const texts = block
      ? [printBody(file, first, inner.get(first) ?? [])]
      : printRun(run as LineDecl[]);
    run.forEach((declaration, i) => {
      const attached = attachedTo(declaration);
      if (lines.length > 0 && (attached.blankBefore || block || blockBefore)) lines.push('');
      lines.push(...around(attached, texts[i]!, ''));
      blockBefore = block;
    });
  }
  if (lines.length > 0 && tail.before.length > 0 && tail.blankBefore) lines.push('');
  lines.push(...tail.before);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** The comments inside the braces of each block, and all others. */
function splitComments(file: File): {
  readonly inner: ReadonlyMap<Declaration, Comment[]>;
  readonly outer: readonly Comment[];
} {
  const inner = new Map<Declaration, Comment[]>();
  const outer: Comment[] = [];
  let at = 0;
  for (const comment of file.comments) {
    const { start } = comment.span;
    while (at < file.declarations.length && file.declarations[at]!.span.end <= start) at++;
    const declaration = file.declarations[at];
    if (declaration === undefined || declaration.span.start > start || !isBlock(declaration)) {
      outer.push(comment);
      continue;
    }
    const list = inner.get(declaration) ?? [];
    list.push(comment);
    inner.set(declaration, list);
  }
  return { inner, outer };
}

function isBlock(declaration: Declaration): declaration is BlockDecl {
  switch (declaration.kind) {
    case 'stream':
    case 'table':
    case 'examples':
    case 'model':
    case 'test':
      return true;
    case 'derived':
    case 'enrich':
    case 'feature':
    case 'set':
    case 'label':
      return false;
  }
}

/** Neighbours of one kind without an empty line between; a block is alone. */
function runs(
  declarations: readonly Declaration[],
  attachedTo: (d: Declaration) => Attached,
): Declaration[][] {
  const made: Declaration[][] = [];
  for (const declaration of declarations) {
    const run = made[made.length - 1];
    const joins = run?.[0]?.kind === declaration.kind && !attachedTo(declaration).blankBefore;
    if (run !== undefined && joins && !isBlock(declaration)) run.push(declaration);
    else made.push([declaration]);
  }
  return made;
}

function printBody(file: File, declaration: BlockDecl, comments: readonly Comment[]): string {
  const block = printBlock(declaration);
  const spans = block.lines.flatMap((l) => l.spans).sort((a, b) => a.start - b.start);
  const { bySpan, header, tail } = attachComments(file.text, comments, spans);
  // The opening line has room for one comment; what stood inside its own text goes first in the block.
  const beside = header.length === 1 ? ` ${header[0]}` : '';
  const lines = header.length > 1 ? header.map((text) => `  ${text}`) : [];
  for (const line of block.lines) {
    const attached = mergeAttached(line.spans.map((span) => bySpan.get(span)!));
    if (lines.length > 0 && attached.blankBefore) lines.push('');
    lines.push(...around(attached, indented(line.text), '  '));
  }
  if (lines.length > 0 && tail.before.length > 0 && tail.blankBefore) lines.push('');
  lines.push(...tail.before.map((text) => text && `  ${text}`));
  if (lines.length === 0 && beside === '') return `${block.opening} {}`;
  return [`${block.opening} {${beside}`, ...lines, '}'].join('\n');
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => fill(`  ${line}`))
    .join('\n');
}

function around(attached: Attached, text: string, indent: string): string[] {
  const end = attached.trailing === null ? '' : `  ${attached.trailing}`;
  return [...attached.before.map((comment) => comment && indent + comment), text + end];
}
