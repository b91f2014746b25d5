/** One label with one kind of anchor: what each route matches on. */
import type { KeyNode, LabelDecl } from '../../dsl/ast.ts';
import * as say from '../../dsl/messages-labels.ts';
import { showType } from '../../dsl/types.ts';
import { readCredit } from './credit.ts';
import { eventScope, keysMatch } from './event-scope.ts';
import { namedAnchors } from './label-anchors.ts';
import type { LabelRoute, LogicalLabel } from './logical.ts';
import type { Report } from './report.ts';
import type { Streams, StreamView } from './streams.ts';
import type { Symbols } from './symbols.ts';
import { conjunction, typeFilter } from './type-expression.ts';

type Context = {
  /** Of the logical label. */
  readonly name: string;
  /** The stream of the anchors. */
  readonly anchor: string;
  /** A parent's logical name, for the same anchors. */
  readonly parentName: (parent: string) => string;
  readonly streams: Streams;
  readonly symbols: Symbols;
  readonly report: Report;
};

/** The logical label, its keys found on the anchor and the parents' events; null, reported, where one is missing. */
export function resolveLabel(label: LabelDecl, context: Context): LogicalLabel | null {
  const { name, anchor, streams, symbols, report } = context;
  const view = streams.views.get(label.stream.text)!;
  const anchorView = streams.views.get(anchor)!;
  const named = namedAnchors(label, streams).find((n) => !anchorView.chain.includes(n));
  // The example set that pairs them reports it.
  if (named !== undefined) return null;
  const routes: LabelRoute[] = [];
  for (const route of label.routes) {
    const parent = symbols.values.get(route.of?.text ?? '');
    const parentDecl = parent?.kind === 'label' ? parent : null;
    const on = label.on.map((key) =>
      matchKey(label, key, { view, anchorView, parentDecl, context }),
    );
    if (on.includes(null) || route.within === null) return null;
    const of = parentDecl === null ? null : context.parentName(parentDecl.name.text);
    routes.push({ withinMs: route.within.ms, of, on: on.filter((k) => k !== null) });
  }
  if (label.where === null && anchorView.chain.includes(view.name) && matchesItself(routes)) {
    report.add(say.selfLabel(label.stream.span, label.name.text, anchor));
  }
  const own =
    label.where === null ? null : typeFilter(label.where, eventScope(view, symbols, report));
  return {
    name,
    stream: view.base,
    where: conjunction(streams.where(view.name), own),
    anchor: { name: anchor, stream: anchorView.base, where: streams.where(anchor) },
    routes,
    credit: readCredit(label.credit).credit,
    unless: resolveUnless(label, streams),
    span: label.span,
  };
}

type Match = {
  readonly view: StreamView;
  readonly anchorView: StreamView;
  readonly parentDecl: LabelDecl | null;
  readonly context: Context;
};

function matchKey(
  label: LabelDecl,
  key: KeyNode,
  { view, anchorView, parentDecl, context }: Match,
): LabelRoute['on'][number] | null {
  const { streams, report } = context;
  const name = key.as ?? key.field;
  const parentView = parentDecl === null ? undefined : streams.views.get(parentDecl.stream.text);
  const inParent = parentView?.fields.get(name.text);
  const target = inParent ?? anchorView.fields.get(name.text);
  const event = view.fields.get(key.field.text)!;
  if (target === undefined) {
    const missing = {
      label: label.name.text,
      stream: parentView?.name ?? anchorView.name,
      target:
        parentView === undefined
          ? `its anchor \`${anchorView.name}\` does not have`
          : `neither the event \`${parentView.name}\` it is chained to nor the anchor \`${anchorView.name}\` has`,
    };
    report.add(say.labelKeyMissing(name, missing));
    return null;
  }
  const owner = inParent === undefined ? anchorView.name : parentView!.name;
  if (!keysMatch(event.field.type, target.field.type)) {
    const sides = {
      event: `\`${view.name}.${key.field.text}\` is ${showType(event.field.type)}`,
      target: `\`${owner}.${name.text}\` is ${showType(target.field.type)}`,
    };
    report.add(say.labelKeyType(key.span, label.name.text, sides));
    return null;
  }
  const from =
    parentDecl === null ? 'anchor' : inParent === undefined ? 'parent_anchor' : 'parent_event';
  return { event: key.field.text, target: name.text, from };
}

function matchesItself(routes: readonly LabelRoute[]): boolean {
  return routes.some((r) => r.of === null && r.on.every((k) => k.event === k.target));
}

function resolveUnless(label: LabelDecl, streams: Streams): LogicalLabel['unless'] {
  const { unless } = label;
  const refund = streams.views.get(unless?.stream.text ?? '');
  if (unless === null || refund === undefined) return null;
  return {
    stream: refund.base,
    where: streams.where(refund.name),
    on: unless.on.map((k) => ({ refund: k.field.text, event: (k.as ?? k.field).text })),
    withinMs: unless.within.ms,
  };
}
