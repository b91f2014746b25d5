/** The features of one anchor, each worked out from the whole history. */
import type {
  AggregateDef,
  EventSource,
  FeatureColumn,
  LExpr,
} from '../../compiler/check/logical.ts';
import { aggregate } from './aggregate.ts';
import type { Credit } from './attribution.ts';
import type { StreamEvent } from './events.ts';
import { evaluateExpr, passes, type Scope } from './expression.ts';
import { eventScope, type History, tableValue } from './history.ts';
import { sameKey, type Value } from './value.ts';
import { inWindow, isVisible } from './window.ts';

export type FeatureWorld = {
  readonly history: History;
  readonly credits: ReadonlyMap<string, readonly Credit[]>;
  /** By column: the event time before which its aggregate has seen nothing. */
  readonly since: ReadonlyMap<string, number>;
};

/** An event as an aggregate's expressions see it. */
type FedEvent = { readonly event: StreamEvent; readonly scope: Scope };

export class Features {
  readonly #world: FeatureWorld;
  readonly #columns: ReadonlyMap<string, FeatureColumn>;
  /** What sources hold, worked out once: anchors ask again and again. */
  readonly #fed = new Map<string, readonly FedEvent[]>();

  constructor(world: FeatureWorld) {
    this.#world = world;
    this.#columns = new Map(world.history.program.columns.map((column) => [column.name, column]));
  }

  /** The value of an example set's column at an anchor. */
  at(anchor: StreamEvent, expr: LExpr): Value {
    return evaluateExpr(expr, this.#scope(anchor));
  }

  #scope(anchor: StreamEvent): Scope {
    const { history } = this.#world;
    const field = (name: string) => anchor.fields.get(name) ?? null;
    return {
      now: anchor.time,
      anchor: field,
      column: (name) => this.#column(anchor, name),
      table: (table, column, key) =>
        tableValue(history, { table, column, key: field(key), time: anchor.time }),
    };
  }

  #column(anchor: StreamEvent, name: string): Value {
    const def = this.#columns.get(name)?.def;
    if (def === undefined) throw new Error(`no column ${name}`);
    if (def.kind === 'expression') return this.at(anchor, def.expr);
    const since = this.#world.since.get(name) ?? Number.NEGATIVE_INFINITY;
    return this.#aggregate(anchor, def, since) ?? def.fallback;
  }

  #aggregate(anchor: StreamEvent, def: AggregateDef, since: number): Value {
    const key = def.by.map((part) => anchor.fields.get(part.anchor) ?? null);
    if (key.includes(null)) return null;
    const held = { delayMs: this.#delayOf(def.source), headMs: def.headMs };
    const seen = this.#eventsOf(def.source)
      .filter(
        ({ event, scope }) =>
          event.time >= since &&
          isVisible(event.time, anchor.time, held) &&
          sameKey(
            key,
            def.by.map((part) => scope.field?.(part.event) ?? null),
          ) &&
          passes(def.where, scope),
      )
      .map(({ event, scope }) => ({
        time: event.time,
        value: def.value === null ? 1 : evaluateExpr(def.value, scope),
      }));
    return aggregate(def, inWindow(seen, def.window, anchor.time), anchor.time);
  }

  /** In step order; what came late for features is not in it. */
  #eventsOf(source: EventSource): readonly FedEvent[] {
    const name = JSON.stringify(source);
    const known = this.#fed.get(name);
    if (known !== undefined) return known;
    const { history, credits } = this.#world;
    const all =
      source.kind === 'stream'
        ? (history.events.get(source.stream) ?? []).map((e) => ({ event: e, scope: eventScope(e) }))
        : (credits.get(source.label) ?? []).map((credit) => ({
            event: credit.event,
            scope: creditScope(history, source.label, credit),
          }));
    const fed = all.filter(({ event, scope }) => !event.labelOnly && passes(source.where, scope));
    this.#fed.set(name, fed);
    return fed;
  }

  #delayOf(source: EventSource): number {
    const { program } = this.#world.history;
    const stream =
      source.kind === 'stream'
        ? source.stream
        : program.labels.find(({ name }) => name === source.label)?.stream;
    return program.streams.find(({ name }) => name === stream)?.delayMs ?? 0;
  }
}

/** The fields of an accepted event: its own, else its parent event's, else its anchor's (S16). */
function creditScope(history: History, label: string, credit: Credit): Scope {
  const { program } = history;
  const logical = program.labels.find(({ name }) => name === label);
  const declares = (stream: string | undefined, field: string) =>
    program.streams
      .find(({ name }) => name === stream)
      ?.fields.some(({ name }) => name === field) ?? false;
  const field = (name: string): Value => {
    if (declares(logical?.stream, name)) return credit.event.fields.get(name) ?? null;
    const parent = program.labels.find((each) => each.name === credit.parentLabel);
    if (declares(parent?.stream, name)) return credit.parent?.event.fields.get(name) ?? null;
    if (name === 'credit' && !declares(logical?.anchor.stream, name)) return credit.share / 1e6;
    return credit.anchor.fields.get(name) ?? null;
  };
  return { now: credit.event.time, field };
}
