/** Syntax trees without their places, for comparing what two texts mean. */
import type { File } from '../../dsl/ast.ts';

/** Declarations as plain data without spans, and the comments' words. Decayed aggregates gain `over all` in print. */
export function stripSpans(file: File): unknown {
  return {
    declarations: strip(file.declarations),
    comments: file.comments.map((c) => c.text).sort(),
  };
}

function strip(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(strip);
  if (typeof node !== 'object' || node === null) return node;
  const kept = Object.entries(node).filter(([key]) => key !== 'span');
  return Object.fromEntries(kept.map(([key, value]) => [key, strip(value)]));
}
