/**
 * Where a key's record points: blocks of slabs that belong to that key alone. Every store says so of its section, so
 * that a key can be taken out of memory and put back (cold-record.ts) without knowing what its words mean.
 */
import type { Slab } from './slab.ts';

/** A reference to a block. Indexes count int32s from the beginning of whatever holds the reference. */
export type BlockRef = {
  /** Where the block lies. */
  readonly slab: Slab;
  /** Index of its address; 0 there: no block. */
  readonly address: number;
  readonly size: BlockSize;
  /** What the block itself points to. */
  readonly inner: InnerRefs | null;
};

/** `class`: always the same; `held`: the size class is at an index; `capacity`: how many items of `width` words is. */
export type BlockSize =
  | { readonly kind: 'class'; readonly sizeClass: number }
  | { readonly kind: 'held'; readonly at: number }
  | { readonly kind: 'capacity'; readonly at: number; readonly width: number };

/** The block is a row of items of `words` words, each of which holds these. Free items hold no address. */
export type InnerRefs = { readonly words: number; readonly refs: readonly BlockRef[] };

/** The same references, of a section that begins `words` words into what holds it. */
export function shiftRefs(refs: readonly BlockRef[], words: number): BlockRef[] {
  return refs.map((ref) => {
    const { size } = ref;
    const moved = size.kind === 'class' ? size : { ...size, at: size.at + words * 2 };
    return { ...ref, address: ref.address + words * 2, size: moved };
  });
}

/** Size class of the block that a reference of the section at word `at` names. */
export function classOfRef(size: BlockSize, i32: Int32Array, at: number): number {
  if (size.kind === 'class') return size.sizeClass;
  const value = i32[at * 2 + size.at]!;
  return size.kind === 'held' ? value : sizeClassOf(value * size.width);
}

/** The least c with 2^c >= words. */
export function sizeClassOf(words: number): number {
  return words <= 1 ? 0 : 32 - Math.clz32(words - 1);
}
