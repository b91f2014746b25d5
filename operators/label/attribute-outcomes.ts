/** What happened to anchors under one label: events credited to them and credits taken back, by applied time. */

import { grown } from '../column/row-builder.ts';
import { AnchorList } from './attribute-anchors.ts';

export class Outcomes {
  readonly anchors = new AnchorList();
  /** Own time of the credited event, ms. */
  time = new Float64Array(16);
  /** When it is applied: ascending, ms. */
  applied = new Float64Array(16);
  /** Millionths of the event that are credited; 0: an event credited before (or at the same instant) was refunded. */
  share = new Int32Array(16);

  get n(): number {
    return this.anchors.n;
  }

  /** Call after the anchor has been added to `anchors`. */
  set(time: number, applied: number, share: number): void {
    const i = this.anchors.n - 1;
    if (i === this.time.length) {
      this.time = grown(this.time, new Float64Array(i * 2));
      this.applied = grown(this.applied, new Float64Array(i * 2));
      this.share = grown(this.share, new Int32Array(i * 2));
    }
    this.time[i] = time;
    this.applied[i] = applied;
    this.share[i] = share;
  }
}
