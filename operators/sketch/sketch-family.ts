/**
 * What a family of sketched stores (bag, quantile) brings: how it reads values, what it keeps of many, how it answers.
 * The windows (`sketch-store.ts`) are the same for all.
 *
 * A *summary* is what is known of the values of one slice, one session, or all time: exact at first, a sketch beyond its
 * bound. A *union* is the sum of a window's summaries, kept in step so that a read need not merge them.
 */
import type { ReadOp } from '../../compiler/plan/plan.ts';
import type { Frame } from '../column/frame.ts';
import type { Output } from '../keyspace/answers.ts';
import type { BlockRef } from '../state/block-ref.ts';
import type { Slab } from '../state/slab.ts';
import type { CountSink } from './sketch-count-map.ts';

/** Entries (slice, value) a window of one key keeps exactly. */
export const EXACT_ENTRIES_MAX = 512;
/** Values of a session that are kept exactly. */
export const SESSION_ENTRIES_MAX = 4096;
/** Values of `over all` that are kept exactly. */
export const ALL_ENTRIES_MAX = 768;
/** Values of one slice of a sketched window that are kept exactly. */
export const SLICE_ENTRIES_MAX = 384;

/** Words of a summary. */
export const SUMMARY_WORDS = 6;
/** Words of a union. */
export const UNION_WORDS = 6;

/** Summaries with their words in one slab; `at` is where those of one begin. */
export interface Summaries {
  /** The blocks that one points to. */
  readonly refs: readonly BlockRef[];
  init(at: number): void;
  /** Adds a value `weight` times; and to the union at `union` (0: to none). */
  add(at: number, word: number, weight: number, union: number): void;
  /** Different values held one by one. */
  size(at: number): number;
  /** Whether it holds all its values one by one. */
  isExact(at: number): boolean;
  /** Hands over its values, of an exact one. */
  visit(at: number, sink: CountSink): void;
  /** Gives what it knows to the family's answering. */
  collect(at: number): void;
  /** Empties it and gives its blocks back. */
  release(at: number): void;
}

/** Unions of summaries; `at` is where the words of one begin. */
export interface Unions {
  /** The blocks that one points to. */
  readonly refs: readonly BlockRef[];
  init(at: number): void;
  /** Takes a summary's share out of the union. */
  leave(at: number, summary: number): void;
  /** After some have left: empties what cannot be taken out of, for `join` to fill again. */
  restart(at: number): void;
  join(at: number, summary: number): void;
  /** Gives what it knows to the family's answering. */
  collect(at: number): void;
  release(at: number): void;
}

/** Collects what a window holds, once; answers what is asked of it, any number of times. */
export interface Answering extends CountSink {
  /** Any number of `offer`s comes next, or one `collect` of a summary or a union. */
  begin(): void;
  /** An empty window leaves the row null, 0 or []. */
  write(read: ReadOp, out: Output, row: number): void;
}

export type SketchFamily = {
  open(frame: Frame): void;
  /** The word of a row of the open frame; NaN: null. */
  read(row: number): number;
  /** Summaries that are exact up to `entriesMax` different values. */
  summaries(home: Slab, entriesMax: number): Summaries;
  /** Summaries of slices, with their words in `slices`, and unions of them, with theirs in `roots`. */
  slices(slices: Slab, roots: Slab): { readonly summaries: Summaries; readonly unions: Unions };
  readonly answering: Answering;
};
