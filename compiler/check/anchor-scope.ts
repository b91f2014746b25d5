/** Names at an anchor: its fields, features, columns of tables. */
import type { Name } from '../../dsl/ast.ts';
import * as say from '../../dsl/messages-expressions.ts';
import * as sayFeatures from '../../dsl/messages-features.ts';
import { showType, type Type } from '../../dsl/types.ts';
import type { Member } from './check-window.ts';
import { keysMatch, viewField } from './event-scope.ts';
import type { Feature } from './features.ts';
import type { LExpr } from './logical.ts';
import type { Report } from './report.ts';
import type { Streams, StreamView } from './streams.ts';
import { namesOf, type Symbols } from './symbols.ts';
import { poison, type RefExpr, type Scope } from './type-expression.ts';

/** What an expression turns out to need of its anchor; `tie` is filled in as names are resolved. */
export type AnchorReads = { tie: StreamView | null };

export type AnchorContext = {
  readonly streams: Streams;
  readonly symbols: Symbols;
  readonly report: Report;
  readonly features: ReadonlyMap<string, Feature>;
  /** The anchors that `anchor.f` may be about; undefined: those of any stream. */
  readonly anchors: ReadonlySet<string> | undefined;
  /** The member of the families in the expression that is being typed. */
  readonly member: Member | null;
  readonly reads: AnchorReads;
};

/** The scope of an expression that is evaluated once for an anchor. */
export function anchorScope(context: AnchorContext): Scope {
  return { report: context.report, resolve: (ref) => resolveRef(ref, context) };
}

/** A table's column, looked up by the anchor's field named like the table's key. */
export function tableColumn(
  table: Name,
  column: Name,
  { streams, report }: Pick<AnchorContext, 'streams' | 'report'>,
): LExpr {
  const view = streams.views.get(table.text)!;
  const field = viewField(view, column, report);
  const key = streams.bases.get(table.text)!.own.key;
  if (field === null || field.type.kind === 'error' || key === null) return poison;
  const type: Type = { ...field.type, nullable: true };
  return { kind: 'table', table: view.name, column: field.name, key, type };
}

/** The column of a feature that an index picks, or null with a diagnostic. */
export function pickMember(
  feature: Feature,
  index: { readonly ms: number; readonly text: string; readonly span: RefExpr['span'] },
  report: Report,
): LExpr | null {
  if (!feature.family) {
    report.add(say.indexNotHere(index.span, feature.name));
    return null;
  }
  const found = feature.columns.find(({ member }) => member?.ms === index.ms);
  if (found === undefined) {
    const windows = feature.columns.map(({ member }) => member!.text);
    report.add(sayFeatures.notInFamily(index.span, index.text, feature.name, windows));
    return null;
  }
  return { kind: 'column', name: found.column.name, type: found.column.type };
}

function resolveRef(ref: RefExpr, context: AnchorContext): LExpr {
  if (ref.path.length > 2) {
    context.report.add(say.pathTooLong(ref.span));
    return poison;
  }
  if (ref.path.length === 1) return resolveFeature(ref, context);
  if (ref.index !== null) context.report.add(say.indexNotHere(ref.span, ref.path[1]!.text));
  return resolveQualified(ref, context);
}

function resolveFeature(ref: RefExpr, context: AnchorContext): LExpr {
  const { report, symbols, features, member } = context;
  const name = ref.path[0]!;
  const decl = symbols.values.get(name.text);
  if (decl?.kind !== 'feature') {
    if (decl === undefined) reportUnknown(name, context);
    else if (decl.kind === 'label') report.add(say.labelAsValue(ref.span, name.text));
    else report.add(say.notAValue(ref.span, name.text, decl.kind, valueHint(decl.kind, name.text)));
    return poison;
  }
  const feature = features.get(name.text);
  if (feature === undefined || feature.broken) return poison;
  if (ref.index !== null) {
    const picked = pickMember(feature, { ...ref.index }, report);
    return picked === null ? poison : tied(picked, feature, ref, context);
  }
  const found = feature.columns.find(
    (c) => c.member?.ms === member?.ms && c.member?.hopMs === member?.hopMs,
  );
  const column = (feature.family ? found : feature.columns[0])?.column;
  if (column === undefined) return poison;
  return tied({ kind: 'column', name: column.name, type: column.type }, feature, ref, context);
}

/** A feature that is tied to anchors of a stream ties what is made of it. */
function tied(expr: LExpr, feature: Feature, ref: RefExpr, context: AnchorContext): LExpr {
  const name = feature.columns[0]?.column.anchor ?? null;
  const view = name === null ? undefined : context.streams.views.get(name);
  return view === undefined || tie(view, ref, context) ? expr : poison;
}

/** Ties the expression to the anchors of a stream, the narrower of two; false, reported, if it is tied to others. */
function tie(view: StreamView, ref: RefExpr, { reads, report }: AnchorContext): boolean {
  const before = reads.tie;
  if (before === null || view.chain.includes(before.name)) reads.tie = view;
  else if (!before.chain.includes(view.name)) {
    report.add(sayFeatures.twoAnchors(ref.span, before.name, view.name));
    return false;
  }
  return true;
}

function resolveQualified(ref: RefExpr, context: AnchorContext): LExpr {
  const { symbols, streams, report } = context;
  const [head, field] = [ref.path[0]!, ref.path[1]!];
  if (head.text === 'anchor') return anyAnchorField(field, ref, context);
  const decl = symbols.values.get(head.text);
  if (decl === undefined) {
    const known = ['anchor', ...namesOf(symbols, 'stream', 'derived', 'table')];
    report.add(sayFeatures.unknownHead(head, known));
    return poison;
  }
  if (decl.kind === 'label') {
    report.add(say.labelAsValue(ref.span, head.text));
    return poison;
  }
  if (decl.kind === 'feature' || decl.kind === 'set') {
    report.add(say.notAValue(head.span, head.text, decl.kind, `a ${decl.kind} has no fields`));
    return poison;
  }
  if (decl.kind === 'table') return tableColumn(head, field, context);
  const view = streams.views.get(head.text)!;
  const found = viewField(view, field, report);
  if (!tie(view, ref, context) || found === null || found.type.kind === 'error') return poison;
  return { kind: 'anchor', name: found.name, type: found.type };
}

/** `anchor.f`: of the streams it may be about, those that have the field must agree on its type. */
function anyAnchorField(field: Name, ref: RefExpr, context: AnchorContext): LExpr {
  const { streams, report, anchors, reads } = context;
  if (reads.tie !== null) {
    const own = viewField(reads.tie, field, report);
    return own === null || own.type.kind === 'error'
      ? poison
      : { kind: 'anchor', name: own.name, type: own.type };
  }
  const all = [...streams.views.values()].filter((v) => v.kind === 'stream' && !v.broken);
  const used = all.filter((v) => anchors?.has(v.name));
  const having = (views: readonly StreamView[]) => views.filter((v) => v.fields.has(field.text));
  const found = having(used).length > 0 ? having(used) : having(all);
  if (found.length === 0) {
    if (all.length === 0) return poison;
    const names = new Set((used.length > 0 ? used : all).flatMap((v) => [...v.fields.keys()]));
    const label = context.symbols.values.get(field.text)?.kind === 'label';
    report.add(
      label
        ? say.labelAsValue(ref.span, field.text)
        : sayFeatures.anchorFieldNowhere(field, [...names].sort()),
    );
    return poison;
  }
  const types = found.map((v) => ({ stream: v.name, type: v.fields.get(field.text)!.field.type }));
  const first = types[0]!.type;
  if (first.kind === 'error') return poison;
  const other = types.find(({ type }) => !sameType(first, type));
  if (other !== undefined) {
    const shown = [types[0]!, other].map((t) => ({ stream: t.stream, type: showType(t.type) }));
    report.add(sayFeatures.anchorFieldTypes(ref.span, field.text, shown));
    return poison;
  }
  const nullable = types.some(({ type }) => type.kind !== 'error' && type.nullable);
  return { kind: 'anchor', name: field.text, type: { ...first, nullable } };
}

/** Equal but for `?`. */
export function sameType(a: Type, b: Type): boolean {
  if (a.kind === 'list' && b.kind === 'list') return a.of === b.of;
  return keysMatch(a, b);
}

function reportUnknown(name: Name, { symbols, streams, report }: AnchorContext): void {
  const fields = [...streams.views.values()].flatMap((v) => [...v.fields.keys()]);
  report.add(sayFeatures.unknownValue(name, fields, namesOf(symbols, 'feature')));
}

function valueHint(kind: string, name: string): string {
  if (kind === 'set') return 'name one of its features';
  return `name one of its fields: \`${name}.field\``;
}
