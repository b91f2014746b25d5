/** Audited anchors whose final labels are still to come. The oldest is dropped beyond. */
export const PENDING_SCORES_MAX = 262_144;

/**
 * Scores given when an audited anchor was shown, kept until its `audit` row comes. Bounded: what
 * is dropped at the bound, and audits whose score is not there, are counted.
 */
export class PendingScores {
  dropped = 0;
  unmatched = 0;
  readonly #max: number;
  readonly #scores = new Map<string, readonly number[]>();

  constructor(max = PENDING_SCORES_MAX) {
    this.#max = max;
  }

  get size(): number {
    return this.#scores.size;
  }

  put(key: string, scores: readonly number[]): void {
    if (this.#scores.size >= this.#max && !this.#scores.has(key)) {
      for (const oldest of this.#scores.keys()) {
        this.#scores.delete(oldest);
        this.dropped++;
        break;
      }
    }
    this.#scores.set(key, scores);
  }

  /** The scores given then, once; null if they are not there. */
  take(key: string): readonly number[] | null {
    const scores = this.#scores.get(key);
    if (scores === undefined) {
      this.unmatched++;
      return null;
    }
    this.#scores.delete(key);
    return scores;
  }

  /** As plain data for a snapshot, oldest first, and back. */
  toJSON(): PendingScoresData {
    return { dropped: this.dropped, unmatched: this.unmatched, scores: [...this.#scores] };
  }

  static from(data: PendingScoresData): PendingScores {
    const pending = new PendingScores();
    pending.dropped = data.dropped;
    pending.unmatched = data.unmatched;
    for (const [key, scores] of data.scores) pending.#scores.set(key, scores);
    return pending;
  }
}

/** The plain form of `PendingScores`. */
export type PendingScoresData = {
  readonly dropped: number;
  readonly unmatched: number;
  readonly scores: readonly (readonly [string, readonly number[]])[];
};
