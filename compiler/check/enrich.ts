/** `enrich click from impression on impression_id within 1d`: which fields it gives, and in which order. */
import type { EnrichDecl } from '../../dsl/ast.ts';
import * as say from '../../dsl/messages-names.ts';
import * as sayStreams from '../../dsl/messages-streams.ts';
import { showType, type Type } from '../../dsl/types.ts';
import { checkRetain } from './check-window.ts';
import { orderByDependency } from './cycles.ts';
import { keysMatch, viewField } from './event-scope.ts';
import { refsIn } from './feature-graph.ts';
import type { LogicalEnrichment } from './logical.ts';
import type { Report } from './report.ts';
import { type Streams, type StreamView, streamNamed } from './streams.ts';
import type { Symbols } from './symbols.ts';

type Node = { readonly decl: EnrichDecl; readonly stream: StreamView; readonly source: StreamView };

/**
 * Adds the gained fields to the streams, and gives the enrichments in dependency order; a field's `enriched` is an
 * index into that list. Fields that two enrichments give are marked, and reported where they are used.
 */
export function resolveEnrichments(
  streams: Streams,
  symbols: Symbols,
  report: Report,
): LogicalEnrichment[] {
  const nodes: Node[] = [];
  const names = { views: streams.views, symbols, report };
  for (const decl of symbols.enrichments) {
    const stream = streamNamed(decl.stream, names);
    const source = streamNamed(decl.source, names);
    if (stream === undefined || source === undefined || stream.broken || source.broken) continue;
    nodes.push({ decl, stream, source });
  }
  const ordered = orderNodes(nodes, { streams, symbols, report });
  const gained: { node: Node; fields: string[] }[] = [];
  let index = 0;
  for (const node of ordered) {
    const { fields, clashes } = gainFields(node, index, streams);
    gained.push({ node, fields });
    if (fields.length > 0) index++;
    else if (clashes === 0) {
      const { stream, source } = node.decl;
      report.add(sayStreams.enrichGainsNothing(node.decl.span, stream.text, source.text));
    }
  }
  // Filters and keys are typed last: they may read what other enrichments give.
  const made = gained.map(({ node, fields }) => logicalEnrichment(node, fields, streams, report));
  return made.filter((_, i) => gained[i]!.fields.length > 0);
}

type Context = { readonly streams: Streams; readonly symbols: Symbols; readonly report: Report };

function orderNodes(nodes: readonly Node[], { streams, symbols, report }: Context): Node[] {
  const potential = potentialFields(nodes, streams);
  const keys = nodes.map((_, i) => String(i));
  const dependsOn = (key: string): string[] => {
    const node = nodes[Number(key)]!;
    const reads = [
      ...node.decl.on.map((k) => k.field.text),
      ...filterNames(node.stream, symbols),
      ...(node.source.base === node.stream.base
        ? [...node.decl.on.map((k) => (k.as ?? k.field).text), ...filterNames(node.source, symbols)]
        : []),
    ];
    const own = streams.bases.get(node.stream.base)!.own.fields;
    const missing = reads.filter((name) => !own.has(name));
    return keys.filter((other) => {
      const { stream, source } = nodes[Number(other)]!;
      if (node.source.base !== node.stream.base && stream.base === node.source.base) return true;
      if (stream.base !== node.stream.base) return false;
      return missing.some((name) => potential.get(source.base)!.has(name));
    });
  };
  const { order, cycles } = orderByDependency(keys, dependsOn);
  const onCycle = new Set(cycles.flat());
  for (const members of cycles) {
    const decls = members.map((m) => nodes[Number(m)]!.decl);
    const shown = decls.map((d) => `${d.stream.text} from ${d.source.text}`);
    report.add(say.cycle('enrichments feed each other', decls[0]!.span, shown));
  }
  return order.filter((key) => !onCycle.has(key)).map((key) => nodes[Number(key)]!);
}

/** Every field a base could come to have, whatever the order. */
function potentialFields(nodes: readonly Node[], streams: Streams): Map<string, Set<string>> {
  const potential = new Map<string, Set<string>>();
  for (const [name, base] of streams.bases) potential.set(name, new Set(base.own.fields.keys()));
  // Each round carries fields one enrichment further; a path without a cycle is no longer than the list.
  for (let round = 0; round < nodes.length; round++) {
    for (const { stream, source } of nodes) {
      for (const field of potential.get(source.base)!) potential.get(stream.base)!.add(field);
    }
  }
  return potential;
}

function filterNames(view: StreamView, symbols: Symbols): string[] {
  return view.chain.flatMap((link) => {
    const decl = symbols.values.get(link);
    if (decl?.kind !== 'derived') return [];
    return refsIn(decl.where).map((ref) => ref.path[ref.path.length - 1]!.text);
  });
}

/** Adds a source's fields to the stream; those that another enrichment gave already become ambiguous. */
function gainFields(
  { stream, source, decl }: Node,
  index: number,
  streams: Streams,
): { fields: string[]; clashes: number } {
  const target = streams.bases.get(stream.base)!;
  const fields: string[] = [];
  let clashes = 0;
  for (const [name, entry] of [...source.fields]) {
    if (target.own.fields.has(name) || entry.clash !== null) continue;
    // The entry of an enriched field carries the name of its source.
    const present = target.fields.get(name);
    if (present !== undefined) {
      const first = present.name.text;
      target.fields.set(name, { ...present, clash: [first, decl.source.text] });
      clashes++;
      continue;
    }
    const { type, timeFormat, pii } = entry.field;
    const nullable: Type = type.kind === 'error' ? type : { ...type, nullable: true };
    const field = { name, type: nullable, timeFormat, pii, enriched: index };
    target.fields.set(name, { field, name: decl.source, clash: null });
    fields.push(name);
  }
  return { fields, clashes };
}

function logicalEnrichment(
  { decl, stream, source }: Node,
  fields: readonly string[],
  streams: Streams,
  report: Report,
): LogicalEnrichment {
  const on: { event: string; source: string }[] = [];
  for (const key of decl.on) {
    const event = viewField(stream, key.field, report);
    const from = viewField(source, key.as ?? key.field, report);
    if (event === null || from === null) continue;
    if (!keysMatch(event.type, from.type)) {
      const left = `\`${stream.name}.${event.name}\` is ${showType(event.type)}`;
      const right = `\`${source.name}.${from.name}\` is ${showType(from.type)}`;
      report.add(sayStreams.enrichKeyType(key.span, left, right));
    }
    on.push({ event: event.name, source: from.name });
  }
  if (decl.within.ms <= 0) report.add(sayStreams.notPositive(decl.within.span, '`within`'));
  checkRetain(decl.within, source.base, { what: 'this reach', streams, report });
  return {
    stream: stream.base,
    where: streams.where(stream.name),
    source: { kind: 'stream', stream: source.base, where: streams.where(source.name) },
    on,
    withinMs: decl.within.ms,
    // A field that a second enrichment gives as well is in nobody's list.
    fields: fields.filter((f) => stream.fields.get(f)?.clash === null),
    span: decl.span,
  };
}
