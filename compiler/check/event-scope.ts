/** Names inside an aggregate, a filter, a label or a key: the fields of the events at hand. */
import type { Name } from '../../dsl/ast.ts';
import * as say from '../../dsl/messages-expressions.ts';
import { shownKind } from '../../dsl/messages-names.ts';
import type { Type } from '../../dsl/types.ts';
import type { FieldEntry } from './fields.ts';
import type { LExpr, LogicalField } from './logical.ts';
import type { Report } from './report.ts';
import type { Symbols } from './symbols.ts';
import { poison, type RefExpr, type Scope } from './type-expression.ts';

/** Events of a stream or a label, as expressions over them see them. */
export type EventView = {
  readonly name: string;
  /** Names that may stand before the dot. */
  readonly qualifiers: readonly string[];
  readonly fields: ReadonlyMap<string, FieldEntry>;
  /** Its declaration has a mistake: nothing about its fields is reported. */
  readonly broken: boolean;
};

/** The scope over the fields of one kind of event. */
export function eventScope(view: EventView, symbols: Symbols, report: Report): Scope {
  return { report, resolve: (ref) => resolveRef(ref, view, symbols, report) };
}

/** The field of a view; reports an unknown or ambiguous one. Null: none, or already reported. */
export function viewField(view: EventView, name: Name, report: Report): LogicalField | null {
  const entry = view.fields.get(name.text);
  if (view.broken && entry === undefined) return null;
  if (entry === undefined) {
    const candidates = [...view.fields.keys()];
    report.add(say.unknownField(name, `\`${view.name}\``, { candidates }));
    return null;
  }
  if (entry.clash !== null) {
    report.add(say.ambiguousField(name, `\`${view.name}\``, entry.clash));
    return null;
  }
  return entry.field;
}

/** Whether two fields can be compared as keys: scalars of one type. The poison fits everything. */
export function keysMatch(a: Type, b: Type): boolean {
  if (a.kind === 'error' || b.kind === 'error') return true;
  return a.kind === 'scalar' && b.kind === 'scalar' && a.name === b.name;
}

function resolveRef(ref: RefExpr, view: EventView, symbols: Symbols, report: Report): LExpr {
  if (ref.path.length > 2) {
    report.add(say.pathTooLong(ref.span));
    return poison;
  }
  const name = ref.path[ref.path.length - 1]!;
  if (ref.path.length === 2 && !view.qualifiers.includes(ref.path[0]!.text)) {
    return reportQualifier(ref.path[0]!, ref, { view, symbols, report });
  }
  if (ref.index !== null) {
    report.add(say.indexNotHere(ref.span, name.text));
    return poison;
  }
  if (ref.path.length === 1 && !view.fields.has(name.text) && !view.broken) {
    const decl = symbols.values.get(name.text);
    if (decl !== undefined) return reportQualifier(name, ref, { view, symbols, report });
  }
  const field = viewField(view, name, report);
  return field === null || field.type.kind === 'error'
    ? poison
    : { kind: 'field', name: field.name, type: field.type };
}

type Where = { readonly view: EventView; readonly symbols: Symbols; readonly report: Report };

/** A name that is no field of the event: says what it is, and why it cannot be read here. */
function reportQualifier(head: Name, ref: RefExpr, { view, symbols, report }: Where): LExpr {
  const decl = symbols.values.get(head.text);
  if (head.text === 'anchor') report.add(say.anchorInEvent(ref.span));
  else if (decl === undefined) {
    const candidates = ref.path.length === 1 ? [...view.fields.keys()] : [...view.qualifiers];
    report.add(say.unknownField(head, `\`${view.name}\``, { candidates }));
  } else if (decl.kind === 'label') report.add(say.labelAsValue(ref.span, head.text));
  else if (decl.kind === 'table') report.add(say.tableInEvent(ref.span, head.text));
  else if (decl.kind === 'feature') report.add(say.featureInEvent(ref.span, head.text));
  else if (decl.kind === 'set') {
    report.add(say.notAValue(ref.span, head.text, shownKind(decl.kind), 'name one field'));
  } else report.add(say.otherStream(head, `\`${view.name}\``));
  return poison;
}
