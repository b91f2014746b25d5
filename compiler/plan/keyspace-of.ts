/**
 * Which key table a store lives in. It is named after the anchor's side of the key as `by` declares it, so that
 * `count(click) by uid as user_id` sits beside `count(impression) by user_id`, and a feature read in another role
 * (`at owner_id`) reads the store that is there already.
 */
import { showType } from '../../dsl/types.ts';
import type { AggregateDef, FeatureColumn, LogicalStream } from '../check/logical.ts';

type By = AggregateDef['by'];

/** Parts of a key in the one order in which they are hashed, however the author listed them. */
export function orderedKey(by: By): By {
  return [...by].sort((a, b) =>
    a.event === b.event ? (a.anchor < b.anchor ? -1 : 1) : a.event < b.event ? -1 : 1,
  );
}

/** Keyspace ids by `eventKey`: over all columns of the program, so that one event key has one keyspace. */
export function keyspaces(columns: readonly FeatureColumn[]): ReadonlyMap<string, string> {
  const chosen = new Map<string, string>();
  for (const { name, feature, def } of columns) {
    if (def.kind !== 'aggregate') continue;
    // A role is a column under another name than its feature's: it reads, and has no say in where the store lives.
    const isRole = name !== feature && (!name.startsWith(`${feature}[`) || name.includes(' at '));
    const key = eventKey(def);
    const before = chosen.get(key);
    const id = anchorId(def.by);
    if (before === undefined ? !isRole : !isRole && preferred(def, id, before)) chosen.set(key, id);
  }
  return chosen;
}

function preferred(def: AggregateDef, id: string, before: string): boolean {
  const sameNames = eventId(def.by);
  return before !== sameNames && (id === sameNames || id < before);
}

/** The keyspace id of an aggregate: `campaign_id:string,user_id:string`. */
export function keyspaceOf(known: ReadonlyMap<string, string>, def: AggregateDef): string {
  return known.get(eventKey(def)) ?? anchorId(def.by);
}

/** A table's rows live with everything else of their key. */
export function tableKeyspace(table: LogicalStream): string {
  const key = table.fields.find((field) => field.name === table.keyField)!;
  return part(key.name, key.type);
}

/** The names in a keyspace id, for people: `user_id`, `(campaign_id, user_id)`. */
export function keyspaceTitle(id: string): string {
  const names = id.split(',').map((text) => text.slice(0, text.lastIndexOf(':')));
  return names.length === 1 ? names[0]! : `(${names.join(', ')})`;
}

function eventKey(def: AggregateDef): string {
  const { source } = def;
  return `${source.kind} ${source.kind === 'stream' ? source.stream : source.label} ${eventId(def.by)}`;
}

function eventId(by: By): string {
  return orderedKey(by)
    .map(({ event, type }) => part(event, type))
    .join(',');
}

function anchorId(by: By): string {
  return orderedKey(by)
    .map(({ anchor, type }) => part(anchor, type))
    .join(',');
}

function part(name: string, type: By[number]['type']): string {
  return `${name}:${showType(type).replace('?', '')}`;
}
