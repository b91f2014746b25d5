/** What can be said of a label without knowing its anchor: its events, horizon, credit and refunds. */
import type { LabelDecl } from '../../dsl/ast.ts';
import * as say from '../../dsl/messages-labels.ts';
import * as sayNames from '../../dsl/messages-names.ts';
import * as sayStreams from '../../dsl/messages-streams.ts';
import { showType } from '../../dsl/types.ts';
import { readCredit } from './credit.ts';
import { eventScope, keysMatch, viewField } from './event-scope.ts';
import type { Report } from './report.ts';
import { type Streams, type StreamView, streamNamed } from './streams.ts';
import { namesOf, type Symbols } from './symbols.ts';
import { typeFilter } from './type-expression.ts';

type Context = { readonly streams: Streams; readonly symbols: Symbols; readonly report: Report };

/** Whether the label can be resolved further; every mistake is reported either way. */
export function checkLabelEvents(label: LabelDecl, context: Context): boolean {
  const { streams, symbols, report } = context;
  for (const mistake of readCredit(label.credit).mistakes) report.add(mistake);
  const routed = checkRoutes(label, context);
  if (symbols.values.get(label.stream.text)?.kind === 'label') {
    report.add(say.labelStream(label.stream));
    return false;
  }
  const view = streamNamed(label.stream, { views: streams.views, symbols, report });
  if (view === undefined || view.broken) {
    checkRefundStream(label, context);
    return false;
  }
  if (label.where !== null) typeFilter(label.where, eventScope(view, symbols, report));
  let sound = routed;
  for (const key of label.on) sound = viewField(view, key.field, report) !== null && sound;
  checkUnless(label, view, context);
  return sound;
}

function checkRoutes(label: LabelDecl, { streams, symbols, report }: Context): boolean {
  let sound = true;
  if (label.routes.length === 0) report.add(say.noHorizon(label.name.span, label.name.text));
  for (const route of label.routes) {
    if (route.within === null) report.add(say.noHorizon(label.name.span, label.name.text));
    else if (route.within.ms <= 0) {
      report.add(sayStreams.notPositive(route.within.span, 'a horizon'));
    }
    if (route.of === null) continue;
    const decl = symbols.values.get(route.of.text);
    const view = streams.views.get(route.of.text);
    if (decl === undefined) {
      const known = namesOf(symbols, 'label', 'stream', 'derived');
      report.add(sayNames.unknownName(route.of, 'label or stream', known));
      sound = false;
    } else if (decl.kind !== 'label' && view?.kind !== 'stream') {
      report.add(sayNames.wrongKind(route.of, 'label or stream', decl.kind, null));
      sound = false;
    } else if (view?.broken) sound = false;
  }
  return sound;
}

function checkRefundStream(label: LabelDecl, { streams, symbols, report }: Context): void {
  if (label.unless === null) return;
  streamNamed(label.unless.stream, { views: streams.views, symbols, report });
}

function checkUnless(label: LabelDecl, view: StreamView, context: Context): void {
  const { streams, symbols, report } = context;
  const { unless } = label;
  if (unless === null) return;
  if (unless.within.ms <= 0) report.add(sayStreams.notPositive(unless.within.span, '`within`'));
  const refund = streamNamed(unless.stream, { views: streams.views, symbols, report });
  if (refund === undefined) return;
  for (const key of unless.on) {
    const mine = viewField(refund, key.field, report);
    const theirs = viewField(view, key.as ?? key.field, report);
    if (mine === null || theirs === null || keysMatch(mine.type, theirs.type)) continue;
    const sides = {
      event: `\`${refund.name}.${mine.name}\` is ${showType(mine.type)}`,
      target: `\`${view.name}.${theirs.name}\` is ${showType(theirs.type)}`,
    };
    report.add(say.labelKeyType(key.span, label.name.text, sides));
  }
}
