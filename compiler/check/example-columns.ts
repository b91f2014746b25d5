/** The columns of an example set: its features list with sets taken apart, each judged against the anchor. */
import type { ExamplesDecl, Span } from '../../dsl/ast.ts';
import * as say from '../../dsl/messages-examples.ts';
import * as sayFeatures from '../../dsl/messages-features.ts';
import { errorType, showType, type Type } from '../../dsl/types.ts';
import { sameType } from './anchor-scope.ts';
import { flattenItems } from './feature-graph.ts';
import { checkSetUse, type ItemColumn, type ItemContext, itemColumns, showValue } from './items.ts';
import type { FeatureColumn, LExpr, LogicalExamples } from './logical.ts';
import { type Need, needsOf } from './needs.ts';
import { PII_BUCKETS_MAX, shownPii } from './pii.ts';
import type { StreamView } from './streams.ts';

export type ExampleColumns = {
  readonly features: LogicalExamples['features'];
  /** Their names by the feature set of the list that brings them along. */
  readonly bySet: ReadonlyMap<string, readonly string[]>;
  /** Names in the list that gave no column, because of a mistake. */
  readonly broken: ReadonlySet<string>;
};

/** The columns in the order of the list. `anchor` null: it is unknown, and only names are checked. */
export function exampleColumns(
  decl: ExamplesDecl,
  anchor: StreamView | null,
  context: ItemContext,
): ExampleColumns {
  for (const item of decl.features) {
    const isSet = context.symbols.values.get(item.path[0]!.text)?.kind === 'set';
    if (item.path.length === 1 && isSet) checkSetUse(item, context);
  }
  const output: { as: string; value: LExpr; type: Type }[] = [];
  const broken = new Set<string>();
  const bySet = new Map<string, string[]>();
  const taken = new Map<string, { value: string; direct: boolean }>();
  for (const { item, through } of flattenItems(decl.features, context.symbols)) {
    const span = (through ?? item).span;
    const columns = itemColumns(item, anchor, context);
    if (columns.length === 0) broken.add((item.as ?? item.path[item.path.length - 1]!).text);
    for (const column of columns) {
      if (through !== null) pushTo(bySet, through.path[0]!.text, column.as);
      const value = showValue(column.value, decl.anchor.text);
      const before = taken.get(column.as);
      // The same value twice is no clash where a set brings it along: sets may overlap.
      const repeated = before?.value === value && (through !== null || !before.direct);
      if (before !== undefined) {
        if (!repeated) context.report.add(sayFeatures.columnClash(span, column.as));
        continue;
      }
      taken.set(column.as, { value, direct: through === null });
      const pii = anchor === null ? null : shownPii(column.value, anchor, context);
      if (pii !== null) {
        const shown = { column: column.as, set: decl.name.text, ...pii };
        context.report.add(say.piiInExamples(span, shown, PII_BUCKETS_MAX));
      }
      const fitted =
        anchor === null ? column.value.type : fitColumn(column, { span, anchor, decl, context });
      output.push({ as: column.as, value: column.value, type: fitted });
    }
  }
  return { features: output, bySet, broken };
}

function pushTo(lists: Map<string, string[]>, name: string, value: string): void {
  const list = lists.get(name);
  if (list === undefined) lists.set(name, [value]);
  else list.push(value);
}

type Fit = {
  readonly span: Span;
  readonly anchor: StreamView;
  readonly decl: ExamplesDecl;
  readonly context: ItemContext;
};

/** Reports what the anchor lacks for a column; its type, nullable where a key may be null. */
function fitColumn({ value, tie }: ItemColumn, at: Fit): Type {
  const { span, anchor, decl, context } = at;
  const { report, streams, columns, roles } = context;
  const feature = showValue(value, tie?.name ?? anchor.name);
  if (tie !== null && !anchor.chain.includes(tie.name)) {
    const label = decidedBy(tie, decl, context);
    report.add(
      label === null
        ? say.otherAnchors(span, feature, tie.name, anchor.name)
        : say.readsFuture(span, { feature, stream: tie.name, label }),
    );
    return value.type;
  }
  const all = new Map<string, FeatureColumn>([...columns, ...roles]);
  const keyType = (table: string): Type => {
    const base = streams.bases.get(table);
    return base?.own.fields.get(base.own.key ?? '')?.field.type ?? errorType;
  };
  const needs = needsOf(value, all, keyType);
  const user = { feature, isTable: value.kind === 'table' };
  for (const need of needs) checkNeed(need, user, at);
  const nullKey = needs.some((need) => need.as === 'key' && isNullable(anchor, need));
  return nullKey && value.type.kind !== 'error' ? { ...value.type, nullable: true } : value.type;
}

function isNullable(anchor: StreamView, need: Need): boolean {
  const type = anchor.fields.get(need.field)?.field.type;
  return type !== undefined && type.kind !== 'error' && type.nullable;
}

function checkNeed(
  need: Need,
  { feature, isTable }: { readonly feature: string; readonly isTable: boolean },
  { span, anchor, context }: Fit,
): void {
  const { report } = context;
  const entry = anchor.fields.get(need.field);
  const of = { anchor: anchor.name, field: need.field, feature };
  if (entry === undefined) {
    report.add(
      need.as === 'key' ? say.anchorLacksKey(span, of, isTable) : say.anchorLacksField(span, of),
    );
  } else if (!sameType(entry.field.type, need.type) && entry.field.type.kind !== 'error') {
    const types = { got: showType(entry.field.type), needed: showType(need.type) };
    report.add(say.anchorKeyType(span, of, types));
  }
}

/** The label of the set whose events (or refunds) are of a stream; null: none, so it is just another stream. */
function decidedBy(tie: StreamView, decl: ExamplesDecl, context: ItemContext): string | null {
  const { symbols, streams } = context;
  const seen = new Set(decl.labels.map((l) => l.label.text));
  for (const name of seen) {
    const label = symbols.values.get(name);
    if (label?.kind !== 'label') continue;
    for (const stream of [label.stream.text, label.unless?.stream.text ?? '']) {
      if (streams.views.get(stream)?.base === tie.base) return name;
    }
    for (const route of label.routes) if (route.of !== null) seen.add(route.of.text);
  }
  return null;
}
