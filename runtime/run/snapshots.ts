import { SNAPSHOTS_MAX } from '../config.ts';
import type { ScanSnapshot } from '../store/checkpoint.ts';

/**
 * Places of one source partition to read on from, oldest first. At SNAPSHOTS_MAX every second one is dropped: recovery
 * then reads a little more again.
 */
export class Snapshots {
  #kept: ScanSnapshot[];

  constructor(first: ScanSnapshot) {
    this.#kept = [first];
  }

  get newest(): ScanSnapshot {
    return this.#kept.at(-1)!;
  }

  add(snapshot: ScanSnapshot): void {
    if (this.#kept.length >= SNAPSHOTS_MAX) {
      this.#kept = this.#kept.filter((_, i) => i % 2 === 0);
    }
    this.#kept.push(snapshot);
  }

  /** The newest one at or before record `rows`; older ones are forgotten (`rows` never goes back). */
  at(rows: number): ScanSnapshot {
    let found = 0;
    while (found + 1 < this.#kept.length && this.#kept[found + 1]!.rows <= rows) found++;
    this.#kept.splice(0, found);
    return this.#kept[0]!;
  }
}
