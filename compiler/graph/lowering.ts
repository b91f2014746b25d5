import type {
  FeatureColumn,
  LogicalLabel,
  LogicalProgram,
  LogicalStream,
} from '../check/logical.ts';
import { keyspaces } from '../plan/keyspace-of.ts';
import { GraphBuilder } from './graph.ts';
import type { NodeId } from './ir.ts';

/** What lowering carries along: the program by name, the graph so far, and what is lowered already. */
export type Lowering = {
  readonly program: LogicalProgram;
  readonly builder: GraphBuilder;
  readonly streams: ReadonlyMap<string, LogicalStream>;
  readonly columns: ReadonlyMap<string, FeatureColumn>;
  readonly labels: ReadonlyMap<string, LogicalLabel>;
  /** See keyspaces(). */
  readonly keyspaces: ReadonlyMap<string, string>;
  /** What was lowered before, by a text that names it. */
  readonly done: Map<string, NodeId>;
};

export function startLowering(program: LogicalProgram): Lowering {
  return {
    program,
    builder: new GraphBuilder(),
    streams: new Map(program.streams.map((stream) => [stream.name, stream])),
    columns: new Map(program.columns.map((column) => [column.name, column])),
    labels: new Map(program.labels.map((label) => [label.name, label])),
    keyspaces: keyspaces(program.columns),
    done: new Map(),
  };
}

/** Lowers what `text` names, at the first call only. */
export function once(lowering: Lowering, text: string, lowerIt: () => NodeId): NodeId {
  const known = lowering.done.get(text);
  if (known !== undefined) return known;
  const id = lowerIt();
  lowering.done.set(text, id);
  return id;
}

/** The entry of a name that the checker has resolved. */
export function named<T>(map: ReadonlyMap<string, T>, name: string): T {
  const found = map.get(name);
  if (found === undefined)
    throw new Error(`the checked program refers to ${name}, which it does not hold`);
  return found;
}
