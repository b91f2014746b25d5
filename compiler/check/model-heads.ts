/** The heads of a model: which labels it predicts, and how they hang together. */
import type { ModelDecl, Name } from '../../dsl/ast.ts';
import * as say from '../../dsl/messages-models.ts';
import type { LogicalExamples } from './logical.ts';
import type { HeadsPlan } from './model-plan.ts';
import type { ModelContext } from './models.ts';
import type { CallClause } from './read-model.ts';

const HEADS = ['single', 'shared', 'mmoe', 'esmm'] as const;
const USAGE = {
  single: 'single(clicked)',
  shared: 'shared(clicked, purchased)',
  mmoe: 'mmoe(clicked, purchased, experts: 4)',
  esmm: 'esmm(clicked -> purchased)',
};
const EXPERTS_DEFAULT = 4;
const EXPERTS_MAX = 64;

/**
 * The heads as written, else by the labels: a chain of two is ESMM, several are shared, one is single. Null where there
 * is nothing to predict.
 */
export function modelHeads(
  clause: CallClause | null,
  of: { readonly decl: ModelDecl; readonly set: LogicalExamples },
  context: ModelContext,
): HeadsPlan | null {
  const { report } = context;
  const known = of.set.labels.map(({ as }) => as);
  if (known.length === 0) {
    report.add(say.headsForm(of.decl.from.span, 'over an example set that has a label'));
    return null;
  }
  if (clause === null) return defaultHeads(of.set, context);
  const kind = HEADS.find((name) => name === clause.fn.text);
  if (kind === undefined) {
    report.add(say.unknownChoice(clause.fn, 'heads', HEADS));
    return null;
  }
  const unknown = clause.names.filter(({ text }) => !known.includes(text));
  for (const name of unknown) report.add(say.unknownChoice(name, 'label', known));
  if (unknown.length > 0) return null;
  if (!fitsForm(kind, clause)) {
    report.add(say.headsForm(clause.span, USAGE[kind]));
    return null;
  }
  if (kind === 'esmm') checkChain(clause.names, of.set, context);
  const labels = clause.names.map(({ text }) => text);
  return { kind, labels, experts: kind === 'mmoe' ? expertsOf(clause, context) : 0 };
}

function fitsForm(kind: HeadsPlan['kind'], { names, numbers, arrows }: CallClause): boolean {
  const others = [...numbers.keys()].some((name) => kind !== 'mmoe' || name !== 'experts');
  const distinct = new Set(names.map(({ text }) => text)).size === names.length;
  if (others || !distinct || arrows !== (kind === 'esmm')) return false;
  if (kind === 'single') return names.length === 1;
  return kind === 'esmm' ? names.length === 2 : names.length > 0;
}

function expertsOf({ numbers, span }: CallClause, { report }: ModelContext): number {
  const value = numbers.get('experts')?.[0]?.value ?? EXPERTS_DEFAULT;
  if (Number.isInteger(value) && value >= 1 && value <= EXPERTS_MAX) return value;
  report.add(say.amountRange(span, '`experts`', `a whole number from 1 to ${EXPERTS_MAX}`));
  return EXPERTS_DEFAULT;
}

function checkChain(names: readonly Name[], set: LogicalExamples, context: ModelContext): void {
  const [parent, child] = names;
  if (parentOf(child!.text, set, context) === parent!.text) return;
  context.report.add(say.notChained(child!, parent!.text));
}

/** The set's label that this one is chained to by its first route; null: none. */
function parentOf(label: string, set: LogicalExamples, { labels }: ModelContext): string | null {
  const logical = set.labels.find(({ as }) => as === label)?.label;
  const of = labels.logical.find(({ name }) => name === logical)?.routes[0]?.of ?? null;
  return set.labels.find((each) => each.label === of)?.as ?? null;
}

function defaultHeads(set: LogicalExamples, context: ModelContext): HeadsPlan {
  const labels = set.labels.map(({ as }) => as);
  if (labels.length === 1) return { kind: 'single', labels, experts: 0 };
  const child = labels.find((label) => parentOf(label, set, context) !== null);
  if (labels.length > 2 || child === undefined) return { kind: 'shared', labels, experts: 0 };
  return { kind: 'esmm', labels: [parentOf(child, set, context)!, child], experts: 0 };
}
