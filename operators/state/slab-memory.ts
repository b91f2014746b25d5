/**
 * Memory for slabs: zeroed, and mapped by the system page by page when it is first written to. Large blocks begin at a page
 * of the machine, so that a checkpoint can go to the disk straight from them (a WebAssembly memory is the one array that
 * JavaScript promises that of; nothing runs in it).
 */

declare const WebAssembly: {
  readonly Memory: new (size: {
    readonly initial: number;
    readonly maximum: number;
  }) => { readonly buffer: ArrayBuffer };
};

/** From this size on a block is aligned: a memory costs address space, and small slabs are many. */
const ALIGNED_BYTES_MIN = 1 << 20;
/** A WebAssembly memory is a number of these, at most MEMORY_PAGES_MAX. */
const MEMORY_PAGE_BYTES = 65_536;
const MEMORY_PAGES_MAX = 65_536;

/** `bytes` of zeroes, or `least` where the machine has no room for so many; multiples of 64 KiB. */
export function slabMemory(bytes: number, least: number): ArrayBuffer {
  if (bytes < ALIGNED_BYTES_MIN) return new ArrayBuffer(bytes);
  return alignedMemory(bytes) ?? alignedMemory(least) ?? new ArrayBuffer(least);
}

/** Null where it cannot be had. */
function alignedMemory(bytes: number): ArrayBuffer | null {
  const pages = bytes / MEMORY_PAGE_BYTES;
  if (pages > MEMORY_PAGES_MAX) return null;
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer;
  } catch {
    return null;
  }
}
