/** Where events come from: scans, their fields (decoded or enriched), filters, and labels as sources of accepted events. */
import { CREDIT_FIELD } from '../../dsl/credit.ts';
import { scalar, type Type } from '../../dsl/types.ts';
import type { EventSource, LabelRoute, LExpr, LogicalLabel } from '../check/logical.ts';
import type { NodeId } from './ir.ts';
import type { Scope } from './lower-expression.ts';
import { lowerExpression } from './lower-expression.ts';
import type { Lowering } from './lowering.ts';
import { named, once } from './lowering.ts';
import { plainType } from './plain-type.ts';

/** The scope of a source's events, where `field` is always there. */
export type EventScope = Scope & { readonly field: (name: string) => NodeId };

/** A base stream or table. */
export function scanOf(lowering: Lowering, name: string): NodeId {
  return once(lowering, `scan ${name}`, () => {
    const stream = named(lowering.streams, name);
    const decoded = stream.fields.filter((field) => field.enriched === null);
    return lowering.builder.add({
      kind: 'scan',
      stream: stream.name,
      topic: stream.topic,
      table: stream.kind === 'table',
      isStatic: stream.isStatic,
      fields: decoded
        .map(({ name, type, timeFormat, pii }) => ({
          ...{ name, type, timeFormat },
          ...(pii ? { pii: true as const } : {}),
        }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
      idField: stream.idField,
      timeField: stream.timeField,
      lateMs: stream.lateMs,
      labelsLateMs: stream.labelsLateMs,
      aheadMs: stream.aheadMs,
      dedupMs: stream.dedupMs,
      ...(stream.dedupGlobal && stream.idField !== null ? { dedupGlobal: true } : {}),
      holdMs: stream.holdMs,
      malformedMax: stream.malformedMax,
      ...(stream.retainMs === null ? {} : { retainMs: stream.retainMs }),
    });
  });
}

/** A stream or a label's accepted events, filtered. */
export function sourceOf(lowering: Lowering, source: EventSource): NodeId {
  const scope = scopeOf(lowering, source);
  return filtered(lowering, scope, source.where);
}

function filtered(lowering: Lowering, scope: EventScope, where: LExpr | null): NodeId {
  if (where === null) return scope.frame;
  const { builder } = lowering;
  return builder.add({
    kind: 'filter',
    input: scope.frame,
    where: lowerExpression(builder, scope, where),
  });
}

/** What names mean on a source's events. On a label's: the event's field, else its parent's, else its anchor's. */
export function scopeOf(lowering: Lowering, source: EventSource): EventScope {
  if (source.kind === 'stream') {
    return {
      frame: scanOf(lowering, source.stream),
      field: (name) => fieldOf(lowering, source.stream, name),
    };
  }
  return {
    frame: attributeOf(lowering, source.label),
    field: (name) => attributedField(lowering, named(lowering.labels, source.label), name),
  };
}

/** A field of a stream, decoded or gained. */
export function fieldOf(lowering: Lowering, streamName: string, name: string): NodeId {
  const { builder } = lowering;
  const stream = named(lowering.streams, streamName);
  const field = stream.fields.find((one) => one.name === name);
  if (field === undefined) throw new Error(`stream ${streamName} has no field ${name}`);
  const frame = scanOf(lowering, streamName);
  if (field.enriched === null)
    return builder.add({ kind: 'field', frame, name, type: plainType(field.type) });
  const { source } = lowering.program.enrichments[field.enriched]!;
  const enrich = enrichOf(lowering, field.enriched);
  const input = scopeOf(lowering, source).field(name);
  return builder.add({ kind: 'enriched', frame, enrich, input, name, type: plainType(field.type) });
}

function enrichOf(lowering: Lowering, order: number): NodeId {
  return once(lowering, `enrich ${order}`, () => {
    const { stream, where, source, on, withinMs } = lowering.program.enrichments[order]!;
    const event = { kind: 'stream', stream, where } as const;
    const pairs = [...on].sort((a, b) => (a.event < b.event ? -1 : 1));
    return lowering.builder.add({
      kind: 'enrich',
      order,
      event: sourceOf(lowering, event),
      eventKey: keyOf(
        lowering,
        scopeOf(lowering, event),
        pairs.map((pair) => pair.event),
      ),
      source: sourceOf(lowering, source),
      sourceKey: keyOf(
        lowering,
        scopeOf(lowering, source),
        pairs.map((pair) => pair.source),
      ),
      withinMs,
    });
  });
}

/** The key of some fields, in the order given. */
export function keyOf(lowering: Lowering, scope: EventScope, fields: readonly string[]): NodeId {
  return lowering.builder.add({ kind: 'key', frame: scope.frame, parts: fields.map(scope.field) });
}

/** A label, and its parents before it. */
export function attributeOf(lowering: Lowering, name: string): NodeId {
  return once(lowering, `label ${name}`, () => {
    const label = named(lowering.labels, name);
    const anchor = {
      kind: 'stream',
      stream: label.anchor.stream,
      where: label.anchor.where,
    } as const;
    const { idField } = named(lowering.streams, label.anchor.stream);
    if (idField === null)
      throw new Error(`stream ${label.anchor.stream} anchors a label but has no id`);
    const event = { kind: 'stream', stream: label.stream, where: label.where } as const;
    return lowering.builder.add({
      kind: 'attribute',
      label: name,
      anchor: sourceOf(lowering, anchor),
      anchorId: keyOf(lowering, scopeOf(lowering, anchor), [idField]),
      event: sourceOf(lowering, event),
      routes: label.routes.map((route) => routeOf(lowering, label, route)),
      credit: label.credit,
      unless: unlessOf(lowering, label),
    });
  });
}

function routeOf(lowering: Lowering, label: LogicalLabel, route: LabelRoute) {
  const on = [...route.on].sort((a, b) => (a.event < b.event ? -1 : 1));
  const { of } = route;
  const anchor = { kind: 'stream', stream: label.anchor.stream, where: null } as const;
  const target = (part: LabelRoute['on'][number]): NodeId => {
    if (of === null) return fieldOf(lowering, label.anchor.stream, part.target);
    const parent = named(lowering.labels, of);
    const from = part.from === 'parent_event' ? 'event' : 'anchor';
    return labelField(lowering, parent, { name: part.target, from });
  };
  const frame = of === null ? scopeOf(lowering, anchor).frame : attributeOf(lowering, of);
  const event = { kind: 'stream', stream: label.stream, where: null } as const;
  return {
    withinMs: route.withinMs,
    of: of === null ? null : frame,
    eventKey: keyOf(
      lowering,
      scopeOf(lowering, event),
      on.map((part) => part.event),
    ),
    targetKey: lowering.builder.add({ kind: 'key', frame, parts: on.map(target) }),
  };
}

function unlessOf(lowering: Lowering, label: LogicalLabel) {
  const { unless } = label;
  if (unless === null) return null;
  const refund = { kind: 'stream', stream: unless.stream, where: unless.where } as const;
  const event = { kind: 'stream', stream: label.stream, where: null } as const;
  const on = [...unless.on].sort((a, b) => (a.event < b.event ? -1 : 1));
  return {
    refund: sourceOf(lowering, refund),
    refundKey: keyOf(
      lowering,
      scopeOf(lowering, refund),
      on.map((pair) => pair.refund),
    ),
    eventKey: keyOf(
      lowering,
      scopeOf(lowering, event),
      on.map((pair) => pair.event),
    ),
    withinMs: unless.withinMs,
  };
}

/** A field on a label's accepted events, wherever it comes from. */
function attributedField(lowering: Lowering, label: LogicalLabel, name: string): NodeId {
  const fromEvents = eventField(lowering, label, name);
  const anchored = fieldType(lowering, label.anchor.stream, name) !== null;
  if (name === CREDIT_FIELD && fromEvents === null && !anchored) {
    const frame = attributeOf(lowering, label.name);
    return lowering.builder.add({ kind: 'label_credit', frame, type: scalar('float') });
  }
  if (fromEvents === null || (anchored && lacksParent(lowering, label, name))) {
    const fromAnchor = labelField(lowering, label, { name, from: 'anchor' });
    if (fromEvents === null) return fromAnchor;
    // A route of the anchor itself has no parent to lend the field; a parent's null is the field's value.
    const { builder } = lowering;
    const frame = attributeOf(lowering, label.name);
    const type = nullableType(typeOf(lowering, fromAnchor));
    const alone = builder.add({
      kind: 'call',
      frame,
      fn: 'is_null',
      args: [parentTime(lowering, label, name)],
      type: scalar('bool'),
    });
    const args = [alone, fromAnchor, fromEvents];
    return builder.add({ kind: 'call', frame, fn: 'if', args, type });
  }
  return fromEvents;
}

/** The field of the event, else of the nearest parent's event that has it. */
function eventField(lowering: Lowering, label: LogicalLabel, name: string): NodeId | null {
  const type = fieldType(lowering, label.stream, name);
  if (type !== null) return labelField(lowering, label, { name, from: 'event' });
  for (const parent of parentsOf(lowering, label)) {
    const input = eventField(lowering, parent, name);
    if (input !== null) return parentField(lowering, label, { parent, name, input });
  }
  return null;
}

function parentField(
  lowering: Lowering,
  label: LogicalLabel,
  of: { readonly parent: LogicalLabel; readonly name: string; readonly input: NodeId },
): NodeId {
  const type = typeOf(lowering, of.input);
  return lowering.builder.add({
    kind: 'label_field',
    frame: attributeOf(lowering, label.name),
    from: 'parent',
    parent: attributeOf(lowering, of.parent.name),
    input: of.input,
    type: lacksParent(lowering, label, of.name) ? nullableType(type) : type,
  });
}

/** The own time of the parent event that lends the field `name`: null where there is none. */
function parentTime(lowering: Lowering, label: LogicalLabel, name: string): NodeId {
  const parent = parentsOf(lowering, label).find(
    (each) => eventField(lowering, each, name) !== null,
  )!;
  const time = named(lowering.streams, parent.stream).timeField!;
  const input = labelField(lowering, parent, { name: time, from: 'event' });
  const type = nullableType(typeOf(lowering, input));
  return lowering.builder.add({
    kind: 'label_field',
    frame: attributeOf(lowering, label.name),
    from: 'parent',
    parent: attributeOf(lowering, parent.name),
    input,
    type,
  });
}

function lacksParent(lowering: Lowering, label: LogicalLabel, name: string): boolean {
  if (fieldType(lowering, label.stream, name) !== null) return false;
  return label.routes.some((route) => route.of === null);
}

function labelField(
  lowering: Lowering,
  label: LogicalLabel,
  want: { readonly name: string; readonly from: 'event' | 'anchor' },
): NodeId {
  const stream = want.from === 'event' ? label.stream : label.anchor.stream;
  const input = fieldOf(lowering, stream, want.name);
  const frame = attributeOf(lowering, label.name);
  const type = typeOf(lowering, input);
  return lowering.builder.add({
    kind: 'label_field',
    frame,
    from: want.from,
    parent: null,
    input,
    type,
  });
}

function parentsOf(lowering: Lowering, label: LogicalLabel): readonly LogicalLabel[] {
  const names = new Set(label.routes.flatMap((route) => (route.of === null ? [] : [route.of])));
  return [...names].map((name) => named(lowering.labels, name));
}

function fieldType(lowering: Lowering, stream: string, name: string): Type | null {
  return named(lowering.streams, stream).fields.find((field) => field.name === name)?.type ?? null;
}

function typeOf(lowering: Lowering, id: NodeId): Type {
  const node = lowering.builder.node(id);
  if (!('type' in node)) throw new Error(`a ${node.kind} node has no type`);
  return node.type;
}

function nullableType(type: Type): Type {
  return type.kind === 'error' ? type : { ...type, nullable: true };
}
