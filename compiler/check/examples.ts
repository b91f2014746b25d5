/** Example sets: their anchor, columns, labels and checks. */
import type { ExamplesDecl } from '../../dsl/ast.ts';
import * as say from '../../dsl/messages-examples.ts';
import { sharedFieldNumbers } from '../plan/field-number.ts';
import { checkChecks } from './check-checks.ts';
import { exampleColumns } from './example-columns.ts';
import { exampleLabels } from './example-labels.ts';
import type { ItemContext } from './items.ts';
import type { LogicalExamples } from './logical.ts';
import { type StreamView, streamNamed } from './streams.ts';

/** Every example set, by name; those without a usable anchor are checked as far as possible and left out. */
export function resolveExamples(context: ItemContext): LogicalExamples[] {
  const found: LogicalExamples[] = [];
  for (const name of [...context.symbols.examples.keys()].sort()) {
    const resolved = resolveSet(context.symbols.examples.get(name)!, context);
    if (resolved !== null) found.push(resolved);
  }
  return found;
}

function resolveSet(decl: ExamplesDecl, context: ItemContext): LogicalExamples | null {
  const { streams, symbols, report } = context;
  const view = streamNamed(decl.anchor, { views: streams.views, symbols, report });
  const anchor = view === undefined || view.broken ? null : view;
  if (anchor !== null && streams.bases.get(anchor.base)!.own.id === null) {
    report.add(say.anchorWithoutId(decl.anchor));
  }
  if (anchor !== null) checkId(decl, anchor, context);
  const { features, bySet, broken } = exampleColumns(decl, anchor, context);
  const labels = exampleLabels(decl, anchor, context);
  checkFieldNumbers(decl, { features, labels }, context);
  const checks = checkChecks({ decl, columns: features, bySet, broken, report });
  const sampleNegatives = share(decl.sampleNegatives, 'a sampling rate', context);
  const audit = share(decl.audit, 'an audit', context);
  if (anchor === null) return null;
  return {
    name: decl.name.text,
    anchor: { name: anchor.name, stream: anchor.base, where: streams.where(anchor.name) },
    topic: decl.topic?.text ?? null,
    features,
    labels,
    sampleNegatives: sampleNegatives ?? 1,
    audit: audit ?? 0,
    checks,
    span: decl.span,
  };
}

/** Every row of an example set has its anchor's id. */
function checkId(decl: ExamplesDecl, anchor: StreamView, { streams, report }: ItemContext): void {
  const { id, fields } = streams.bases.get(anchor.base)!.own;
  if (id === null || fields.get(id)?.field.pii !== true) return;
  report.add(say.piiId(decl.anchor, `${anchor.base}.${id}`));
}

/** Two columns of one field number could not be told apart in a block. */
function checkFieldNumbers(
  decl: ExamplesDecl,
  { features, labels }: Pick<LogicalExamples, 'features' | 'labels'>,
  { report }: ItemContext,
): void {
  const fields = [
    ...features
      .filter(({ type }) => type.kind !== 'error')
      .map(({ as, type }) => ({ name: as, of: type })),
    ...labels.map(({ as }) => ({ name: as, of: 'label' as const })),
  ];
  for (const pair of sharedFieldNumbers(fields)) {
    report.add(say.fieldNumberClash(decl.name.span, pair));
  }
}

function share(node: ExamplesDecl['audit'], what: string, { report }: ItemContext): number | null {
  if (node === null) return null;
  if (!(node.value > 0 && node.value <= 1)) report.add(say.shareRange(node.span, what));
  return node.value;
}
