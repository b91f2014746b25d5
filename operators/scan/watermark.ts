/** A watermark as plain data, for checkpoints. */
export type WatermarkState = {
  readonly max: number | null;
  readonly candidates: readonly number[];
};

/** Events in a row, all beyond `ahead`, that together move the watermark. */
const CANDIDATES = 3;

/**
 * The greatest event time of a partition that can be believed. An event up to `aheadMs` beyond it raises it; one
 * further ahead (or the first ones of all) only waits as a candidate. The third in a row moves it to the smallest of
 * them, and on to whatever then is within reach; an event within reach says that time is where it was, and they are
 * forgotten. So a wrong clock among right ones never makes a partition late, however often it speaks.
 */
export class Watermark {
  readonly #lateMs: number;
  readonly #aheadMs: number;
  #candidates: number[];
  /** -Infinity until three events are seen. */
  max: number;

  constructor(lateMs: number, aheadMs: number, state: WatermarkState | null) {
    this.#lateMs = lateMs;
    this.#aheadMs = aheadMs;
    this.max = state?.max ?? Number.NEGATIVE_INFINITY;
    this.#candidates = [...(state?.candidates ?? [])];
  }

  /** Events before it are late. */
  get time(): number {
    return this.max - this.#lateMs;
  }

  see(time: number): void {
    if (time <= this.max + this.#aheadMs) {
      if (time > this.max) this.max = time;
      if (this.#candidates.length > 0) this.#candidates = [];
      return;
    }
    this.#candidates.push(time);
    if (this.#candidates.length === CANDIDATES) this.#confirm();
  }

  /** Goes on as if an event at `max` had been seen and believed; never back. */
  raise(max: number): void {
    if (max > this.max) this.max = max;
  }

  state(): WatermarkState {
    const max = this.max === Number.NEGATIVE_INFINITY ? null : this.max;
    return { max, candidates: [...this.#candidates] };
  }

  #confirm(): void {
    const ascending = this.#candidates.sort((a, b) => a - b);
    // A candidate that has come within reach since must not move the maximum back.
    this.max = Math.max(this.max, ascending.shift()!);
    while (ascending.length > 0 && ascending[0]! <= this.max + this.#aheadMs) {
      this.max = Math.max(this.max, ascending.shift()!);
    }
  }
}
