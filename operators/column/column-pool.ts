/**
 * Arrays that live for one step of an advance: lent while it runs and until the next one begins, then lent again. Without
 * them every step would leave tens of megabytes to the garbage collector.
 *
 * What is lent holds what was last written to it. It must not be kept beyond the next `recycle`.
 */
export class ColumnPool {
  readonly #f64 = new Shelf((n) => new Float64Array(n));
  readonly #i32 = new Shelf((n) => new Int32Array(n));
  readonly #u8 = new Shelf((n) => new Uint8Array(n));

  f64(n: number): Float64Array {
    return this.#f64.take(n);
  }

  i32(n: number): Int32Array {
    return this.#i32.take(n);
  }

  u8(n: number): Uint8Array {
    return this.#u8.take(n);
  }

  /** Everything that was lent may be lent again. */
  recycle(): void {
    this.#f64.recycle();
    this.#i32.recycle();
    this.#u8.recycle();
  }
}

type Sliceable<T> = { readonly length: number; subarray(from: number, to: number): T };

/** The arrays of one kind, lent in the order in which they are asked for: the same plan asks for the same ones each time. */
class Shelf<T extends Sliceable<T>> {
  readonly #make: (n: number) => T;
  readonly #arrays: T[] = [];
  #next = 0;

  constructor(make: (n: number) => T) {
    this.#make = make;
  }

  take(n: number): T {
    const at = this.#next++;
    let array = this.#arrays[at];
    if (array === undefined || array.length < n) {
      array = this.#make(Math.max(LENGTH_MIN, array === undefined ? n : Math.ceil(n * 1.5)));
      this.#arrays[at] = array;
    }
    return array.length === n ? array : array.subarray(0, n);
  }

  recycle(): void {
    this.#next = 0;
  }
}

const LENGTH_MIN = 64;
