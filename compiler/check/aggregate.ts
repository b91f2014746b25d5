/** `count(click where …) by user_id over …`: which events, which value, which key. */
import { AGGREGATE_NAMES, aggregateNamed, aggregateResult } from '../../dsl/aggregates.ts';
import type { AggregateNode, Expr, FeatureDecl, KeyNode, Name } from '../../dsl/ast.ts';
import * as sayExpr from '../../dsl/messages-expressions.ts';
import * as say from '../../dsl/messages-features.ts';
import * as sayNames from '../../dsl/messages-names.ts';
import { errorType, type ScalarName, showType, type Type } from '../../dsl/types.ts';
import { type Parameters, parameters } from './aggregate-parameters.ts';
import { checkReach, checkWindow } from './check-window.ts';
import { type EventView, eventScope, viewField } from './event-scope.ts';
import { refsIn } from './feature-graph.ts';
import {
  checkFallback,
  columnName,
  type MemberColumn,
  type Program,
  withFallback,
} from './features.ts';
import type { AggName, AggregateDef, EventSource, LExpr } from './logical.ts';
import { namesOf } from './symbols.ts';
import { typeExpr, typeFilter } from './type-expression.ts';

/** The columns of an aggregate feature; none where it has a mistake. */
export function aggregateColumns(
  decl: FeatureDecl,
  node: AggregateNode,
  program: Program,
): MemberColumn[] {
  const { report, symbols, streams } = program;
  const agg = aggregateNamed(node.fn.text);
  if (agg === null) report.add(say.unknownAggregate(node.fn, AGGREGATE_NAMES));
  const given = agg === null ? null : parameters(agg, node, report);
  const windows = checkWindow(node.over, report);
  const source = findSource(node, program);
  if (source === null) return [];
  checkReach(node, source.base, streams, report);
  const scope = eventScope(source.view, symbols, report);
  const value = isEvents(node.of) ? null : typeExpr(node.of, scope);
  const where = node.where === null ? null : typeFilter(node.where, scope);
  const by = keys(node, source.view, program);
  if (agg === null) return [];
  const type = resultType(agg, { node, value, source, given, program });
  const fallback = checkFallback(node.fallback, type, report);
  if (type.kind === 'error' || given === null || by === null) return [];
  return windows.map(({ member, window }) => {
    const def: AggregateDef = {
      kind: 'aggregate',
      agg,
      source: source.events,
      value: agg === 'count' || agg === 'decayed_count' ? null : value,
      where,
      by,
      window,
      ...given,
      headMs: node.head?.ms ?? 0,
      fallback,
    };
    const name = columnName(decl.name.text, member);
    const column = {
      name,
      feature: decl.name.text,
      type: withFallback(type, fallback),
      anchor: null,
      def,
      span: decl.span,
    };
    return { member, column };
  });
}

type Source = {
  readonly view: EventView;
  readonly events: EventSource;
  /** The base stream that the events come from. */
  readonly base: string;
};

/** A stream or label alone, not an expression over its fields. */
function isEvents(of: Expr): boolean {
  return of.kind === 'ref' && of.path.length === 1;
}

/** The events an aggregate reads, by the names before the dots of its first argument. Null: reported. */
function findSource(node: AggregateNode, program: Program): Source | null {
  const { report, symbols } = program;
  if (isEvents(node.of) && node.of.kind === 'ref') {
    if (node.of.index !== null) {
      report.add(sayExpr.indexNotHere(node.of.index.span, node.of.path[0]!.text));
    }
    return sourceNamed(node.of.path[0]!, program);
  }
  const heads = refsIn(node.of)
    .filter((ref) => ref.path.length > 1)
    .map((ref) => ref.path[0]!);
  const first = heads[0];
  if (first === undefined) {
    report.add(say.noSource(node.of.span, 'buy.value'));
    return null;
  }
  const source = heads.find((head) => {
    const kind = symbols.values.get(head.text)?.kind;
    return kind === 'stream' || kind === 'derived' || kind === 'label';
  });
  const main = source ?? first;
  for (const head of heads) {
    const declared = symbols.values.has(head.text);
    if (head.text !== main.text && declared && head.text !== 'anchor') {
      report.add(say.twoSources(head.span, main.text, head.text));
      return null;
    }
  }
  return sourceNamed(main, program);
}

function sourceNamed(name: Name, { streams, symbols, labels, report }: Program): Source | null {
  const decl = symbols.values.get(name.text);
  if (decl === undefined) {
    const owner = [...streams.views.values()].find(
      (v) => v.kind === 'stream' && v.fields.has(name.text),
    );
    const known = namesOf(symbols, 'stream', 'derived', 'label');
    report.add(
      owner === undefined
        ? sayNames.unknownName(name, 'stream or label', known)
        : say.noSource(name.span, `${owner.name}.${name.text}`),
    );
    return null;
  }
  if (decl.kind === 'label') {
    const label = labels.counted(name);
    if (label === null) return null;
    const events = { kind: 'label' as const, label: label.name, where: null };
    return { view: labels.view(label), events, base: label.stream };
  }
  const view = streams.views.get(name.text);
  if (view?.kind !== 'stream') {
    const hint =
      decl.kind === 'table' ? 'declare a stream on the same topic to count its changes' : null;
    report.add(sayNames.wrongKind(name, 'stream or label', decl.kind, hint));
    return null;
  }
  if (view.broken) return null;
  const events = { kind: 'stream' as const, stream: view.base, where: streams.where(view.name) };
  return { view, events, base: view.base };
}

const KEY_TYPES: readonly ScalarName[] = [
  'string',
  'bool',
  'int',
  'timestamp',
  'duration',
  'money',
];

/** The key on both sides; null where a part of it has a mistake. */
function keys(
  node: AggregateNode,
  view: EventView,
  { report }: Program,
): AggregateDef['by'] | null {
  const found: { event: string; anchor: string; type: Type }[] = [];
  let sound = true;
  for (const key of node.by) {
    const field = viewField(view, key.field, report);
    if (field === null || field.type.kind === 'error') {
      sound = false;
      continue;
    }
    const { type } = field;
    if (type.kind !== 'scalar' || !KEY_TYPES.includes(type.name)) {
      report.add(say.keyForm(key.span, key.field.text, showType(type)));
      sound = false;
    } else if (isRepeated(key, found)) report.add(say.duplicateKey(key.span, key.field.text));
    else found.push({ event: field.name, anchor: (key.as ?? key.field).text, type });
  }
  return sound ? found : null;
}

function isRepeated(key: KeyNode, found: readonly { event: string; anchor: string }[]): boolean {
  const anchor = (key.as ?? key.field).text;
  return found.some((k) => k.event === key.field.text && k.anchor === anchor);
}

type Value = {
  readonly node: AggregateNode;
  readonly value: LExpr | null;
  readonly source: Source;
  readonly given: Parameters | null;
  readonly program: Program;
};

function resultType(agg: AggName, { node, value, source, given, program }: Value): Type {
  const { report } = program;
  const counts = agg === 'count' || agg === 'decayed_count';
  if (counts && value !== null) {
    if (value.type.kind !== 'error') {
      report.add(say.countTakesEvents(node.of.span, agg, source.view.name));
    }
    return errorType;
  }
  if (!counts && value === null) {
    report.add(say.valueMissing(node.of.span, agg, source.view.name));
    return errorType;
  }
  if (value?.type.kind === 'error' || given === null) return errorType;
  const result = aggregateResult(agg, value?.type ?? null, given.k !== null);
  if (typeof result !== 'string') return result;
  report.add(say.aggregateType(node.of.span, result));
  return errorType;
}
