/** Features: every declaration becomes its columns. */
import type { Expr, FeatureDecl } from '../../dsl/ast.ts';
import * as say from '../../dsl/messages-features.ts';
import { showType, type Type } from '../../dsl/types.ts';
import { showDuration } from '../show-duration.ts';
import { aggregateColumns } from './aggregate.ts';
import { type AnchorReads, anchorScope } from './anchor-scope.ts';
import type { Member } from './check-window.ts';
import { featureAnchors, featureOrder, refsIn } from './feature-graph.ts';
import type { Labels } from './labels.ts';
import type { Const, FeatureColumn, LExpr } from './logical.ts';
import type { Report } from './report.ts';
import type { Streams } from './streams.ts';
import type { Symbols } from './symbols.ts';
import { literal, typeExpr } from './type-expression.ts';

export type MemberColumn = { readonly member: Member | null; readonly column: FeatureColumn };

export type Feature = {
  readonly name: string;
  readonly family: boolean;
  /** In the order written; empty where the declaration has a mistake. */
  readonly columns: readonly MemberColumn[];
  /** Its declaration has a mistake: nothing more is said where it is used. */
  readonly broken: boolean;
};

export type Program = {
  readonly streams: Streams;
  readonly symbols: Symbols;
  readonly labels: Labels;
  readonly report: Report;
};

/** Every feature by name. */
export function resolveFeatures(program: Program): ReadonlyMap<string, Feature> {
  const { symbols, streams, report } = program;
  const features = new Map<string, Feature>();
  const { order, broken } = featureOrder(symbols, report);
  const anchors = featureAnchors(symbols, streams);
  for (const name of broken) features.set(name, { name, family: false, columns: [], broken: true });
  for (const decl of order) {
    const name = decl.name.text;
    if (broken.has(name)) continue;
    const columns =
      decl.body.kind === 'aggregate'
        ? aggregateColumns(decl, decl.body, program)
        : expressionColumns(decl, decl.body, { features, anchors: anchors.get(name), program });
    const family = columns.some(({ member }) => member !== null);
    features.set(name, { name, family, columns, broken: columns.length === 0 });
  }
  return features;
}

/** `f`, or `f[5m]` for a member of a family. */
export function columnName(feature: string, member: Member | null): string {
  return member === null ? feature : `${feature}[${member.text}]`;
}

/** The constant of `default x`, checked against the feature's type; null, reported, if it does not fit. */
export function checkFallback(fallback: Expr | null, type: Type, report: Report): Const {
  if (fallback === null || type.kind === 'error') return null;
  const known = literal(fallback);
  const got =
    known === undefined ? 'no constant' : known.value === null ? 'null' : showType(known.type);
  if (known === undefined || !fits(known.type, type)) {
    report.add(say.fallbackType(fallback.span, got, showType(type)));
    return null;
  }
  return known.value;
}

/** The type once a default has taken the place of null. */
export function withFallback(type: Type, fallback: Const): Type {
  return fallback === null || type.kind === 'error' ? type : { ...type, nullable: false };
}

/** Whether a constant of type `got` can stand for a value of type `needed`: a whole number for any number. */
export function fits(got: Type, needed: Type): boolean {
  if (got.kind !== 'scalar' || needed.kind !== 'scalar') return false;
  if (got.name === needed.name) return true;
  return got.name === 'int' && (needed.name === 'float' || needed.name === 'money');
}

type ExpressionContext = {
  readonly features: ReadonlyMap<string, Feature>;
  /** Anchors of the example sets that use this feature. */
  readonly anchors: ReadonlySet<string> | undefined;
  readonly program: Program;
};

function expressionColumns(
  decl: FeatureDecl,
  body: Extract<FeatureDecl['body'], { kind: 'expression' }>,
  { features, anchors, program }: ExpressionContext,
): MemberColumn[] {
  const members = familyMembers(body.expr, features, program.report);
  if (members === null) return [];
  const columns: MemberColumn[] = [];
  members.forEach((member, index) => {
    // The members differ in nothing that could be wrong: the first speaks for all.
    const report = index === 0 ? program.report : { ...program.report, add: () => {} };
    const reads: AnchorReads = { tie: null };
    const scope = anchorScope({ ...program, report, features, anchors, member, reads });
    const typed = typeExpr(body.expr, scope);
    const { expr, type } = defaulted(typed, body.fallback, report);
    if (type.kind === 'error') return;
    const name = columnName(decl.name.text, member);
    const def = { kind: 'expression' as const, expr };
    const anchor = reads.tie?.name ?? null;
    columns.push({
      member,
      column: { name, feature: decl.name.text, type, anchor, def, span: decl.span },
    });
  });
  return columns;
}

function defaulted(
  expr: LExpr,
  fallback: Expr | null,
  report: Report,
): { expr: LExpr; type: Type } {
  const value = checkFallback(fallback, expr.type, report);
  if (value === null) return { expr, type: expr.type };
  const type = withFallback(expr.type, value);
  return {
    expr: { kind: 'call', fn: 'coalesce', args: [expr, { kind: 'const', value, type }], type },
    type,
  };
}

/** The members that the families in an expression agree on; `[null]` without families, null where they do not agree. */
function familyMembers(
  expr: Expr,
  features: ReadonlyMap<string, Feature>,
  report: Report,
): readonly (Member | null)[] | null {
  const families: Feature[] = [];
  for (const ref of refsIn(expr)) {
    const feature = ref.path.length === 1 ? features.get(ref.path[0]!.text) : undefined;
    if (ref.index === null && feature?.family && !families.includes(feature))
      families.push(feature);
  }
  const first = families[0];
  if (first === undefined) return [null];
  const shape = familyShape(first);
  if (families.some((f) => familyShape(f) !== shape)) {
    const shown = families.map((f) => ({ name: f.name, windows: showWindows(f) }));
    report.add(say.familyMismatch(expr.span, shown));
    return null;
  }
  return first.columns.map(({ member }) => member);
}

function familyShape(feature: Feature): string {
  const keys = feature.columns.map(({ member }) => `${member?.ms}/${member?.hopMs}`);
  return keys.sort().join(' ');
}

function showWindows(feature: Feature): string {
  const shown = feature.columns.map(
    ({ member }) => `${member?.text} hop ${showDuration(member?.hopMs ?? 0)}`,
  );
  return `[${shown.join(', ')}]`;
}
