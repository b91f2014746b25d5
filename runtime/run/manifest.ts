/** `manifest.json`: what a finished run read and wrote. It says nothing of clocks, so a rerun writes the same bytes. */
import type { Plan } from '../../compiler/plan/plan.ts';
import { coverageOf } from '../../operators/take-over/coverage.ts';
import type { SetCounts } from '../sink/set-counts.ts';
import { type OutputFormat, safeName } from '../sink/sink.ts';
import type { Engine, StreamCounts } from './engine.ts';

export type Manifest = {
  readonly version: 1;
  readonly plan: string;
  readonly complete: boolean;
  readonly format: OutputFormat;
  /** How many people's erasures it was made with; absent: none. */
  readonly erasures?: number;
  readonly inputs: readonly ManifestInput[];
  /** By stream. */
  readonly streams: Readonly<Record<string, StreamCounts>>;
  /** Records of all inputs; a topic that several streams share counts once. */
  readonly read: number;
  /** Sums over the streams. */
  readonly late: number;
  readonly duplicate: number;
  readonly malformed: number;
  readonly emitted: number;
  readonly quarantined: number;
  readonly released: number;
  readonly dropped: number;
  /** What was odd about the inputs, one sentence each. */
  readonly warnings: readonly string[];
  /** By example set and column: since when it has counted, where it is not as if from the beginning yet. */
  readonly coverage?: Coverage;
  /** By example set. `pending`: labels that were not due when the inputs ended. */
  readonly examples: Readonly<
    Record<
      string,
      SetCounts & { readonly file: string; readonly pending: Readonly<Record<string, number>> }
    >
  >;
};

/** `full`: when it will be as if from the beginning; null: never. */
export type Coverage = Readonly<
  Record<string, Readonly<Record<string, { readonly since: string; readonly full: string | null }>>>
>;

export type ManifestInput = {
  readonly topic: string;
  readonly partition: number;
  readonly file: string;
  readonly records: number;
};

/** Puts the manifest together from the engine's counts and the last commit. */
export function makeManifest(
  plan: Plan,
  engine: Engine,
  more: {
    readonly complete: boolean;
    readonly format: OutputFormat;
    readonly erasures: number;
    readonly inputs: readonly ManifestInput[];
    readonly sets: Readonly<Record<string, SetCounts>>;
    readonly warnings: readonly string[];
    /** The greatest event time read, ms. */
    readonly newest: number;
  },
): Manifest {
  const { format, sets } = more;
  const streams: Record<string, StreamCounts> = {};
  plan.streams.forEach((stream, i) => {
    if (stream.kind !== 'label') streams[stream.name] = engine.counts(i);
  });
  const pending = engine.pending();
  const examples: Record<string, Manifest['examples'][string]> = {};
  for (const { name } of plan.examples) {
    examples[name] = {
      file: `${safeName(name)}.${format}`,
      ...sets[name]!,
      pending: pending[name] ?? {},
    };
  }
  const coverage = coverageText(plan, more.newest);
  const sum = (key: 'late' | 'duplicate' | 'malformed') =>
    Object.values(streams).reduce((total, counts) => total + counts[key], 0);
  return {
    version: 1,
    plan: plan.digest,
    complete: more.complete,
    format,
    ...(more.erasures === 0 ? {} : { erasures: more.erasures }),
    inputs: more.inputs,
    streams,
    read: more.inputs.reduce((count, input) => count + input.records, 0),
    late: sum('late'),
    duplicate: sum('duplicate'),
    malformed: sum('malformed'),
    ...totals(sets),
    warnings: more.warnings,
    ...(Object.keys(coverage).length === 0 ? {} : { coverage }),
    examples,
  };
}

function coverageText(plan: Plan, newest: number): Coverage {
  const text = (time: number) => new Date(time).toISOString();
  const sets: Record<string, Record<string, { since: string; full: string | null }>> = {};
  for (const { set, column, since, full } of coverageOf(plan)) {
    if (full !== null && full <= newest) continue;
    sets[set] ??= {};
    sets[set][column] = { since: text(since), full: full === null ? null : text(full) };
  }
  return sets;
}

/** The manifest of a finished run after rows of it were released or dropped. */
export function withSetCounts(
  manifest: Manifest,
  sets: Readonly<Record<string, SetCounts>>,
): Manifest {
  const examples = Object.entries(manifest.examples).map(([name, set]) => [
    name,
    { ...set, ...sets[name] },
  ]);
  return { ...manifest, ...totals(sets), examples: Object.fromEntries(examples) };
}

function totals(sets: Readonly<Record<string, SetCounts>>) {
  const total = (key: 'emitted' | 'quarantined' | 'released' | 'dropped') =>
    Object.values(sets).reduce((count, set) => count + set[key], 0);
  return {
    emitted: total('emitted'),
    quarantined: total('quarantined'),
    released: total('released'),
    dropped: total('dropped'),
  };
}
