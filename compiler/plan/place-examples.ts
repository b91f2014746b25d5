/** Example sets: their columns as anchor slots, their labels and checks as indexes. */
import { dividesCredit } from '../../dsl/credit.ts';
import type { Type } from '../../dsl/types.ts';
import type { LogicalCheck } from '../check/logical.ts';
import type { AttributeNode, ExampleNode, Graph } from '../graph/ir.ts';
import type { Slots } from './place-slots.ts';
import type { Sources } from './place-sources.ts';
import type { PlacedStores } from './place-stores.ts';
import type { CheckPlan, ExampleColumn, ExamplePlan } from './plan.ts';

type At = {
  readonly graph: Graph;
  readonly sources: Sources;
  readonly slots: Slots;
  readonly stores: PlacedStores;
};

export function placeExamples(at: At): readonly ExamplePlan[] {
  return at.graph.roots.map((root) => examplePlan(at, at.graph.nodes[root] as ExampleNode));
}

function examplePlan({ graph, sources, slots }: At, node: ExampleNode): ExamplePlan {
  const features = node.features.map(({ as, value, type }) => ({
    name: as,
    slot: slots.value(node.anchor, value),
    type,
    input: inputOf(type),
  }));
  const labels = node.labels.map(({ as, label, policy }) => ({
    name: as,
    label: sources.label.get(label)!,
    policy,
    ...(dividesCredit((graph.nodes[label] as AttributeNode).credit)
      ? { isFraction: true as const }
      : {}),
  }));
  return {
    name: node.name,
    topic: node.topic,
    anchor: sources.anchor.get(node.anchor)!,
    id: slots.value(node.anchor, node.id),
    idHash: slots.hash(node.anchor, node.id),
    features,
    labels,
    sampleNegatives: node.sampleNegatives,
    audit: node.audit,
    checks: node.checks.map((check) => checkPlan(check, { features, labels })),
  };
}

/** Categories and lists of ids are embedded; every other number is dense. */
export function inputOf(type: Type): ExampleColumn['input'] {
  if (type.kind === 'list') return 'ids';
  return type.kind === 'scalar' && (type.category || type.name === 'string')
    ? 'categorical'
    : 'dense';
}

/** Labels and columns by their place in the set. */
function checkPlan(
  check: LogicalCheck,
  set: {
    readonly features: readonly { readonly name: string }[];
    readonly labels: readonly { readonly name: string }[];
  },
): CheckPlan {
  const find = (items: readonly { readonly name: string }[], name: string) =>
    items.findIndex((item) => item.name === name);
  switch (check.kind) {
    case 'rate':
      return { ...check, label: find(set.labels, check.label) };
    case 'missing':
    case 'range':
    case 'drift':
      return { ...check, column: find(set.features, check.column) };
    default:
      return check;
  }
}
