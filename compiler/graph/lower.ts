/**
 * The checked program as a graph: example sets are its roots, and only what they reach is in it. Aggregates stay as
 * the author wrote them, filters stack up as declared, and every operator is a call of its own: the passes do the rest.
 */

import type { LogicalExamples, LogicalProgram } from '../check/logical.ts';
import type { Graph, NodeId } from './ir.ts';
import { anchorExpression, anchorField } from './lower-features.ts';
import { attributeOf, sourceOf } from './lower-sources.ts';
import type { Lowering } from './lowering.ts';
import { named, startLowering } from './lowering.ts';

/** The graph of a program without errors; what is missing in it is a bug of the checker and throws. */
export function lower(program: LogicalProgram): Graph {
  const lowering = startLowering(program);
  return lowering.builder.finish(program.examples.map((set) => examplesOf(lowering, set)));
}

function examplesOf(lowering: Lowering, set: LogicalExamples): NodeId {
  const { builder } = lowering;
  const { stream, where } = set.anchor;
  const { idField } = named(lowering.streams, stream);
  if (idField === null) throw new Error(`stream ${stream} anchors examples but has no id`);
  const source = sourceOf(lowering, { kind: 'stream', stream, where });
  const anchor = { node: builder.add({ kind: 'anchor', source }), stream };
  return builder.add({
    kind: 'example',
    name: set.name,
    anchorName: set.anchor.name,
    topic: set.topic,
    anchor: anchor.node,
    id: anchorField(lowering, anchor, idField),
    features: set.features.map(({ as, value, type }) => ({
      as,
      value: anchorExpression(lowering, anchor, value),
      type,
    })),
    labels: set.labels.map(({ as, label, policy }) => ({
      as,
      label: attributeOf(lowering, label),
      policy,
    })),
    sampleNegatives: set.sampleNegatives,
    audit: set.audit,
    checks: set.checks,
  });
}
