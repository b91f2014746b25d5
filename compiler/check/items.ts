/** Entries of a features list: each becomes its output columns. */
import type { FeatureItem } from '../../dsl/ast.ts';
import * as sayExpr from '../../dsl/messages-expressions.ts';
import * as say from '../../dsl/messages-features.ts';
import { showType } from '../../dsl/types.ts';
import { pickMember, tableColumn } from './anchor-scope.ts';
import { viewField } from './event-scope.ts';
import { columnName, type Feature, type Program } from './features.ts';
import type { FeatureColumn, LExpr } from './logical.ts';
import { pickRole, type Roles, roleColumns } from './roles.ts';
import type { StreamView } from './streams.ts';
import { namesOf } from './symbols.ts';

export type ItemContext = Program & {
  readonly features: ReadonlyMap<string, Feature>;
  /** Every feature column by name. */
  readonly columns: ReadonlyMap<string, FeatureColumn>;
  readonly roles: Roles;
};

export type ItemColumn = {
  /** The column's name in the output. */
  readonly as: string;
  readonly value: LExpr;
  /** The stream it is tied to by `s.f`. */
  readonly tie: StreamView | null;
};

/**
 * The columns of an entry that is no set. `anchor` is what `anchor.f` means; null in a set, where it is not looked
 * into. Empty, reported, where the entry has a mistake of its own; whether the anchor fits is not judged here.
 */
export function itemColumns(
  item: FeatureItem,
  anchor: StreamView | null,
  context: ItemContext,
): ItemColumn[] {
  if (item.path.length > 2) {
    context.report.add(sayExpr.pathTooLong(item.span));
    return [];
  }
  if (item.path.length === 2) return fieldColumn(item, anchor, context);
  return featureColumns(item, context);
}

/** Mistakes of a set that no anchor is needed to see. */
export function checkSetItem(item: FeatureItem, context: ItemContext): void {
  const isSet = context.symbols.values.get(item.path[0]!.text)?.kind === 'set';
  if (item.path.length === 1 && isSet) checkSetUse(item, context);
  else itemColumns(item, null, context);
}

/** A set takes no index, role or name. */
export function checkSetUse(item: FeatureItem, { report }: ItemContext): void {
  const plain = item.index === null && item.at.length === 0 && item.as === null;
  if (!plain) report.add(say.asOnSet(item.span, item.path[0]!.text));
}

function featureColumns(item: FeatureItem, context: ItemContext): ItemColumn[] {
  const { symbols, features, streams, report } = context;
  const name = item.path[0]!;
  const decl = symbols.values.get(name.text);
  if (decl?.kind !== 'feature') {
    if (decl === undefined) {
      const fields = [...streams.views.values()].flatMap((v) => [...v.fields.keys()]);
      report.add(say.unknownItem(name, fields, namesOf(symbols, 'feature', 'set')));
    } else if (decl.kind === 'label') report.add(sayExpr.labelAsValue(item.span, name.text));
    else
      report.add(
        sayExpr.notAValue(
          item.span,
          name.text,
          decl.kind,
          `name one of its fields: \`${name.text}.field\``,
        ),
      );
    return [];
  }
  const feature = features.get(name.text);
  if (feature === undefined || feature.broken) return [];
  const tieName = feature.columns[0]!.column.anchor;
  const tie = tieName === null ? null : (streams.views.get(tieName) ?? null);
  if (item.index !== null && pickMember(feature, item.index, report) === null) return [];
  const made = item.at.length === 0 ? feature.columns : roleColumns(feature, item, context);
  if (made === null) return [];
  const column = (c: FeatureColumn): LExpr => ({ kind: 'column', name: c.name, type: c.type });
  if (item.index !== null) {
    const picked = pickRole(made, item.index.ms)!;
    // One window by itself is a column, not a family: `as` names it whole.
    const as = item.as !== null && item.at.length === 0 ? item.as.text : picked.name;
    return [{ as, value: column(picked), tie }];
  }
  const base = item.as?.text ?? name.text;
  return made.map((m) => ({ as: columnName(base, m.member), value: column(m.column), tie }));
}

function fieldColumn(
  item: FeatureItem,
  anchor: StreamView | null,
  context: ItemContext,
): ItemColumn[] {
  const { symbols, streams, report } = context;
  const [head, field] = [item.path[0]!, item.path[1]!];
  if (item.index !== null) report.add(sayExpr.indexNotHere(item.index.span, field.text));
  if (item.at.length > 0) {
    report.add(say.roleKeys(item.span, `${head.text}.${field.text}`, 'it is a field'));
    return [];
  }
  const as = item.as?.text ?? field.text;
  const decl = symbols.values.get(head.text);
  if (decl?.kind === 'table') {
    const value = tableColumn(head, field, context);
    return value.type.kind === 'error' ? [] : [{ as, value, tie: null }];
  }
  if (head.text === 'anchor') {
    if (anchor === null) return [];
    return anchorColumn(anchor, null);
  }
  if (decl === undefined) {
    report.add(
      say.unknownHead(head, ['anchor', ...namesOf(symbols, 'stream', 'derived', 'table')]),
    );
    return [];
  }
  if (decl.kind === 'label') {
    report.add(sayExpr.labelAsValue(item.span, head.text));
    return [];
  }
  const view = streams.views.get(head.text);
  if (view === undefined) {
    report.add(sayExpr.notAValue(head.span, head.text, decl.kind, `a ${decl.kind} has no fields`));
    return [];
  }
  return anchorColumn(view, view);

  function anchorColumn(from: StreamView, tie: StreamView | null): ItemColumn[] {
    const found = viewField(from, field, report);
    if (found === null || found.type.kind === 'error') return [];
    return [{ as, value: { kind: 'anchor', name: found.name, type: found.type }, tie }];
  }
}

/** A value as an author would write it, for messages. */
export function showValue(value: LExpr, anchor: string): string {
  if (value.kind === 'column') return value.name;
  if (value.kind === 'anchor') return `${anchor}.${value.name}`;
  if (value.kind === 'table') return `${value.table}.${value.column}`;
  return showType(value.type);
}
