/**
 * The reference: a checked program over rows, slow and obvious. The whole history is kept in arrays and every answer is
 * worked out from all of it, so nothing here depends on the order in which rows are worked through. It shares no code with
 * the engine but the types, the parser, the checker and the hash.
 */
import type { LogicalProgram } from '../../compiler/check/logical.ts';
import { attribute } from './attribution.ts';
import { type ExampleRowJson, examplesOf, type Pending } from './emissions.ts';
import type { Counts, InputPartition } from './events.ts';
import { type Reads, readHistory } from './history.ts';
import type { Ends } from './label-course.ts';

export type ReferenceResult = {
  /** By example set, in the order of its output. */
  readonly examples: Readonly<Record<string, readonly ExampleRowJson[]>>;
  readonly counts: Readonly<Record<string, Counts>>;
  /** By example set, in the order of the program. */
  readonly pending: readonly Pending[];
};

export type ReferenceOptions = {
  /** The streams end where their rows end: all waits elapse. */
  readonly complete: boolean;
  /** The streams and fields that the run reads: others are not looked at. All, if left out. */
  readonly reads?: Reads;
  /** By feature column: the event time before which its aggregate has seen nothing. */
  readonly since?: ReadonlyMap<string, number>;
};

export function evaluate(
  program: LogicalProgram,
  input: readonly InputPartition[],
  options: ReferenceOptions,
): ReferenceResult {
  const reads = options.reads ?? allOf(program);
  const history = readHistory(program, input, reads);
  const since = options.since ?? new Map();
  const credits = attribute(history);
  const ends = endsOf(history.reached, options.complete);
  const found = program.examples.map((set) => ({
    name: set.name,
    ...examplesOf(set, { history, credits, since }, ends),
  }));
  return {
    examples: Object.fromEntries(found.map(({ name, rows }) => [name, rows])),
    counts: history.counts,
    pending: found.map(({ pending }) => pending),
  };
}

function allOf(program: LogicalProgram): Reads {
  return new Map(
    program.streams.map(({ name, fields }) => [name, new Set(fields.map((field) => field.name))]),
  );
}

function endsOf(reached: ReadonlyMap<string, number>, complete: boolean): Ends {
  if (!complete) {
    return { labels: reached, reached: Math.max(Number.NEGATIVE_INFINITY, ...reached.values()) };
  }
  const labels = new Map([...reached.keys()].map((name) => [name, Number.POSITIVE_INFINITY]));
  return { labels, reached: Number.POSITIVE_INFINITY };
}
