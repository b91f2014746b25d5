/** Expressions, columns and aggregates as an anchor reads them. A feature has no anchor of its own: each anchor makes it. */
import type { Type } from '../../dsl/types.ts';
import type { AggregateDef, EventSource, FeatureColumn, LExpr, Window } from '../check/logical.ts';
import { keyspaceOf, orderedKey, tableKeyspace } from '../plan/keyspace-of.ts';
import type { WindowPlan } from '../plan/plan.ts';
import type { GraphBuilder } from './graph.ts';
import type { NodeId } from './ir.ts';
import { constType, lowerExpression } from './lower-expression.ts';
import { fieldOf, keyOf, scanOf, scopeOf, sourceOf } from './lower-sources.ts';
import type { Lowering } from './lowering.ts';
import { named, once } from './lowering.ts';
import { plainType } from './plain-type.ts';

/** An anchor node and the base stream it reads. */
export type AnchorFrame = { readonly node: NodeId; readonly stream: string };

/** An expression at an anchor. */
export function anchorExpression(lowering: Lowering, anchor: AnchorFrame, expr: LExpr): NodeId {
  return lowerExpression(
    lowering.builder,
    {
      frame: anchor.node,
      anchor: (name) => anchorField(lowering, anchor, name),
      column: (name) => columnAt(lowering, anchor, name),
      table: (read) => tableAt(lowering, anchor, read),
    },
    expr,
  );
}

/** A field of the anchor's stream, on the anchor's frame. */
export function anchorField(lowering: Lowering, anchor: AnchorFrame, name: string): NodeId {
  const { type } = named(lowering.streams, anchor.stream).fields.find(
    (field) => field.name === name,
  )!;
  const input = fieldOf(lowering, anchor.stream, name);
  return lowering.builder.add({
    kind: 'anchor_field',
    frame: anchor.node,
    input,
    type: plainType(type),
  });
}

function columnAt(lowering: Lowering, anchor: AnchorFrame, name: string): NodeId {
  return once(lowering, `column ${anchor.node} ${name}`, () => {
    const column = named(lowering.columns, name);
    const { def } = column;
    return def.kind === 'expression'
      ? anchorExpression(lowering, anchor, def.expr)
      : aggregateAt(lowering, anchor, { column, def });
  });
}

function aggregateAt(
  lowering: Lowering,
  anchor: AnchorFrame,
  { column, def }: { readonly column: FeatureColumn; readonly def: AggregateDef },
): NodeId {
  const { builder } = lowering;
  const scope = scopeOf(lowering, def.source);
  const by = orderedKey(def.by);
  const anchorScope = scopeOf(lowering, { kind: 'stream', stream: anchor.stream, where: null });
  const key = keyOf(
    lowering,
    anchorScope,
    by.map((part) => part.anchor),
  );
  const node = builder.add({
    kind: 'aggregate',
    frame: anchor.node,
    key,
    keyspace: keyspaceOf(lowering.keyspaces, def),
    agg: def.agg,
    source: aggregateSource(lowering, def),
    sourceKey: keyOf(
      lowering,
      scope,
      by.map((part) => part.event),
    ),
    value: def.value === null ? null : lowerExpression(builder, scope, def.value),
    window: windowOf(def.window),
    k: def.k,
    q: def.q,
    halfLifeMs: def.halfLifeMs,
    delayMs: delayOf(lowering, def.source),
    headMs: def.headMs,
    type: answerType(builder, { key, def, column }),
  });
  return withDefault(builder, { frame: anchor.node, node, def, column });
}

/** The column's type is that of the default already; the aggregate itself may be null there, and under a null key. */
function answerType(
  builder: GraphBuilder,
  made: { readonly key: NodeId; readonly def: AggregateDef; readonly column: FeatureColumn },
): Type {
  const type = plainType(made.column.type);
  if (type.kind === 'error') return type;
  const key = builder.node(made.key);
  const parts = key.kind === 'key' ? key.parts.map((part) => builder.node(part)) : [];
  const keyIsNullable = parts.some(
    (part) => 'type' in part && part.type.kind !== 'error' && part.type.nullable,
  );
  return made.def.fallback !== null || keyIsNullable ? { ...type, nullable: true } : type;
}

/** The stream's filter, then the aggregate's own. */
function aggregateSource(lowering: Lowering, def: AggregateDef): NodeId {
  const input = sourceOf(lowering, def.source);
  if (def.where === null) return input;
  const where = lowerExpression(lowering.builder, scopeOf(lowering, def.source), def.where);
  return lowering.builder.add({ kind: 'filter', input, where });
}

function withDefault(
  builder: GraphBuilder,
  made: {
    readonly frame: NodeId;
    readonly node: NodeId;
    readonly def: AggregateDef;
    readonly column: FeatureColumn;
  },
): NodeId {
  const { frame, node, def, column } = made;
  if (def.fallback === null) return node;
  const fallback = builder.add({
    kind: 'const',
    value: def.fallback,
    type: constType(def.fallback, column.type),
  });
  return builder.add({
    kind: 'call',
    frame,
    fn: 'coalesce',
    args: [node, fallback],
    type: plainType(column.type),
  });
}

/** A table's column: the latest row of the key as of the anchor. */
function tableAt(
  lowering: Lowering,
  anchor: AnchorFrame,
  read: LExpr & { readonly kind: 'table' },
): NodeId {
  const table = named(lowering.streams, read.table);
  const keyField = table.keyField!;
  const anchorScope = scopeOf(lowering, { kind: 'stream', stream: anchor.stream, where: null });
  const tableScope = scopeOf(lowering, { kind: 'stream', stream: read.table, where: null });
  return lowering.builder.add({
    kind: 'aggregate',
    frame: anchor.node,
    key: keyOf(lowering, anchorScope, [read.key]),
    keyspace: tableKeyspace(table),
    agg: 'latest',
    source: scanOf(lowering, read.table),
    sourceKey: keyOf(lowering, tableScope, [keyField]),
    value: fieldOf(lowering, read.table, read.column),
    window: { kind: 'all' },
    k: null,
    q: null,
    halfLifeMs: null,
    delayMs: table.delayMs,
    headMs: 0,
    type: plainType(read.type),
  });
}

function delayOf(lowering: Lowering, source: EventSource): number {
  const stream =
    source.kind === 'stream' ? source.stream : named(lowering.labels, source.label).stream;
  return named(lowering.streams, stream).delayMs;
}

function windowOf(window: Window): WindowPlan {
  return window.kind === 'time'
    ? { kind: 'time', ms: window.ms, hopMs: window.hopMs, rows: window.atMostRows }
    : window;
}
