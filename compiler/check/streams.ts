/** Streams, derived streams and tables, with the fields that enrichments give them. */
import type { DerivedStreamDecl, StreamDecl, TableDecl } from '../../dsl/ast.ts';
import * as say from '../../dsl/messages-names.ts';
import * as sayStreams from '../../dsl/messages-streams.ts';
import { showType } from '../../dsl/types.ts';
import { orderByDependency } from './cycles.ts';
import { type EventView, eventScope } from './event-scope.ts';
import { type FieldEntry, type OwnFields, ownFields } from './fields.ts';
import type { LExpr, LogicalStream } from './logical.ts';
import type { Report } from './report.ts';
import { type StreamOptions, streamOptions } from './stream-options.ts';
import { namesOf, type Symbols } from './symbols.ts';
import { conjunction, typeFilter } from './type-expression.ts';

export type StreamView = EventView & {
  readonly kind: 'stream' | 'table';
  /** The stream or table that has the topic. Itself, if not derived. */
  readonly base: string;
  /** Itself, then what it is derived from, down to the base. */
  readonly chain: readonly string[];
};

export type BaseStream = {
  readonly decl: StreamDecl | TableDecl;
  /** Own fields, then those that enrichments add. */
  readonly fields: Map<string, FieldEntry>;
  readonly own: OwnFields;
  readonly options: StreamOptions;
};

export type Streams = {
  readonly bases: ReadonlyMap<string, BaseStream>;
  /** Every declared stream, derived stream and table by its name. */
  readonly views: ReadonlyMap<string, StreamView>;
  /** The conjunction of the filters of a stream and all it is derived from; null: every event. */
  readonly where: (name: string) => LExpr | null;
};

/** Names and own fields of all streams; filters are typed on demand, once enrichments have added their fields. */
export function resolveStreams(symbols: Symbols, report: Report): Streams {
  const bases = new Map<string, BaseStream>();
  const derived: DerivedStreamDecl[] = [];
  for (const [name, decl] of symbols.values) {
    if (decl.kind === 'stream' || decl.kind === 'table') {
      const own = ownFields(decl, report);
      const options = streamOptions(decl, report);
      bases.set(name, { decl, fields: new Map(own.fields), own, options });
    } else if (decl.kind === 'derived') derived.push(decl);
  }
  checkTopics(bases, report);
  const views = new Map<string, StreamView>();
  for (const [name, base] of bases) {
    const broken = symbols.repeated.has(name);
    views.set(name, { ...baseView(name, base), broken });
  }
  addDerived(derived, views, symbols, report);
  return { bases, views, where: whereOf(views, symbols, report) };
}

/** The base streams and tables as they go into the logical program, by name. */
export function logicalStreams(streams: Streams): LogicalStream[] {
  return [...streams.bases.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, base]) => ({
      kind: base.decl.kind,
      name,
      topic: base.decl.topic.text,
      isStatic: base.decl.kind === 'table' && base.decl.isStatic,
      fields: [...base.fields.values()].filter((f) => f.clash === null).map((f) => f.field),
      idField: base.own.id,
      timeField: base.own.time,
      keyField: base.own.key,
      ...base.options,
      span: base.decl.span,
    }));
}

function baseView(name: string, base: BaseStream): StreamView {
  return {
    name,
    kind: base.decl.kind,
    base: name,
    chain: [name],
    qualifiers: [name],
    fields: base.fields,
    broken: false,
  };
}

function addDerived(
  derived: readonly DerivedStreamDecl[],
  views: Map<string, StreamView>,
  symbols: Symbols,
  report: Report,
): void {
  const decls = new Map(derived.map((d) => [d.name.text, d]));
  const names = [...decls.keys()].sort();
  const { order, cycles } = orderByDependency(names, (n) => [decls.get(n)!.base.text]);
  for (const members of cycles) {
    const first = decls.get(members[0]!)!;
    report.add(say.cycle('streams are derived from each other', first.base.span, members));
  }
  const onCycle = new Set(cycles.flat());
  for (const name of order) {
    const decl = decls.get(name)!;
    const from = onCycle.has(name) ? undefined : streamNamed(decl.base, { views, symbols, report });
    const chain = [name, ...(from?.chain ?? [])];
    views.set(name, {
      name,
      kind: 'stream',
      base: from?.base ?? name,
      chain,
      qualifiers: chain,
      fields: from?.fields ?? new Map(),
      broken: from === undefined || from.broken || symbols.repeated.has(name),
    });
  }
}

type Names = {
  readonly views: ReadonlyMap<string, StreamView>;
  readonly symbols: Symbols;
  readonly report: Report;
};

/** The stream (base or derived, not a table) of a name; reports and gives undefined otherwise. */
export function streamNamed(
  name: DerivedStreamDecl['base'],
  { views, symbols, report }: Names,
): StreamView | undefined {
  const decl = symbols.values.get(name.text);
  if (decl === undefined) {
    report.add(say.unknownName(name, 'stream', namesOf(symbols, 'stream', 'derived')));
    return undefined;
  }
  if (decl.kind !== 'stream' && decl.kind !== 'derived') {
    const hint =
      decl.kind === 'table'
        ? 'several streams may share a topic: declare a stream on it'
        : decl.kind === 'label'
          ? `its events are those of \`${decl.stream.text}\``
          : null;
    report.add(say.wrongKind(name, 'stream', decl.kind, hint));
    return undefined;
  }
  return views.get(name.text);
}

function whereOf(
  views: ReadonlyMap<string, StreamView>,
  symbols: Symbols,
  report: Report,
): (name: string) => LExpr | null {
  const known = new Map<string, LExpr | null>();
  return (name) => {
    let where: LExpr | null = null;
    // From the base up, so that the conjunction reads in the order of derivation.
    for (const link of [...(views.get(name)?.chain ?? [])].reverse()) {
      const decl = symbols.values.get(link);
      if (decl?.kind !== 'derived') continue;
      if (!known.has(link)) {
        const scope = eventScope(views.get(link)!, symbols, report);
        known.set(link, typeFilter(decl.where, scope));
      }
      where = conjunction(where, known.get(link)!);
    }
    return where;
  };
}

/** Streams and tables that share a topic agree on what its fields are. */
function checkTopics(bases: ReadonlyMap<string, BaseStream>, report: Report): void {
  const first = new Map<string, FieldEntry>();
  for (const name of [...bases.keys()].sort()) {
    const { decl, own } = bases.get(name)!;
    for (const entry of own.fields.values()) {
      const slot = `${decl.topic.text}\n${entry.field.name}`;
      const other = first.get(slot);
      if (other === undefined) {
        first.set(slot, entry);
        continue;
      }
      const [type, otherType] = [plainType(entry), plainType(other)];
      if (type === null || otherType === null || type === otherType) continue;
      const otherPlace = report.place(other.name.span);
      const types = { type, other: otherType, otherPlace };
      report.add(sayStreams.topicTypeConflict(entry.name, decl.topic.text, types));
    }
  }
}

/** The type without its `?` (each stream decides what is malformed), with its time format and its tag. */
function plainType({ field }: FieldEntry): string | null {
  if (field.type.kind === 'error') return null;
  const format =
    field.timeFormat === null || field.timeFormat === 'ms' ? '' : `(${field.timeFormat})`;
  return `${showType({ ...field.type, nullable: false })}${format}${field.pii ? ' pii' : ''}`;
}
