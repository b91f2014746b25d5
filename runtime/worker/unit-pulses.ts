/**
 * Whether the units of a worker get on. A unit moves when it has made a turn, read a piece of its state, had something
 * acknowledged, or failed and begins again: a restore of an hour and a cluster that is away are no reason to end a process, and what
 * one unit does says nothing about another.
 */

/** A unit that has not moved for so long is stuck, ms: longer than any one call to the cluster is tried. */
const STUCK_MS = 60_000;

export type StuckUnit = { readonly unit: number; readonly forMs: number };

export class UnitPulses {
  readonly #now: () => number;
  readonly #movedAt = new Map<number, number>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The unit is ours: from now on it has to move. */
  held(unit: number): void {
    this.moved(unit);
  }

  released(unit: number): void {
    this.#movedAt.delete(unit);
  }

  /** Those that are ours. */
  units(): readonly number[] {
    return [...this.#movedAt.keys()];
  }

  moved(unit: number): void {
    this.#movedAt.set(unit, this.#now());
  }

  stuck(): StuckUnit[] {
    const now = this.#now();
    return [...this.#movedAt]
      .map(([unit, at]) => ({ unit, forMs: now - at }))
      .filter(({ forMs }) => forMs >= STUCK_MS);
  }
}
