/** One partition's scan in the simulated cluster. It may die between any two parcels. */

import { ScanStage, type ScanStageState } from '../../operators/stages/scan-stage.ts';
import type { SlabSet } from '../../operators/state/slab.ts';
import { encodeParcels } from '../../runtime/worker/exchange-block.ts';
import { decode } from '../run-in-memory.ts';
import type { World } from './cluster.ts';
import { SavedPages } from './saved-pages.ts';

type Place = {
  readonly stream: number;
  readonly partition: number;
  readonly lines: readonly string[];
};

export class ScanTask {
  /** A successor is at work: nothing that this one saves counts. */
  isFenced = false;
  readonly saved: { readonly pages: SavedPages; state: ScanStageState | null; at: number };
  readonly epoch: number;
  readonly stage: ScanStage;
  readonly #world: World;
  readonly #place: Place;
  readonly #slabs: SlabSet;
  #at: number;
  #isEnded = false;
  #isSent = false;

  constructor(world: World, place: Place, before: ScanTask | null) {
    const { plan, exchange, options } = world;
    this.#world = world;
    this.#place = place;
    this.saved = before?.saved ?? { pages: new SavedPages(), state: null, at: 0 };
    this.epoch = (before?.epoch ?? -1) + 1;
    this.#slabs = this.saved.pages.load();
    this.#at = this.saved.at;
    this.stage = new ScanStage(plan, exchange, {
      stream: place.stream,
      partition: place.partition,
      ...{ shards: options.shards, slabs: this.#slabs, epoch: this.epoch },
      ...{ codegen: options.codegen, state: structuredClone(this.saved.state) },
    });
  }

  step(): void {
    const { plan, options } = this.#world;
    const { random, complete } = options;
    if (!this.#isEnded && random.chance(0.7)) {
      const source = { ...this.#place, at: this.#at };
      const batch = decode(plan, source, 1 + random.below(12));
      if (batch === null) {
        this.#isEnded = true;
        this.stage.end(complete);
      } else {
        this.#at += batch.n;
        this.stage.accept(batch);
      }
      this.#isSent = false;
    }
    if (random.chance(0.5) && !this.#flush(random.chance(0.1))) return;
    if (random.chance(0.1)) this.#checkpoint();
  }

  isDone(): boolean {
    return this.#isEnded && this.#isSent;
  }

  show(): string {
    const { stream, partition, lines } = this.#place;
    return `scan ${stream}/${partition}: ${this.#at} of ${lines.length}, sent ${this.#isSent}`;
  }

  /** `halfway`: some shards get theirs later. False: it stopped halfway. */
  #flush(halfway: boolean): boolean {
    const { logs, options } = this.#world;
    for (let shard = 0; shard < logs.length; shard++) {
      if (halfway && options.random.chance(0.5)) return false;
      const parcel = this.stage.take(shard);
      if (parcel !== null) logs[shard].push(encodeParcels([parcel]));
    }
    this.#isSent = true;
    return true;
  }

  #checkpoint(): void {
    this.#flush(false);
    if (this.isFenced || this.#isEnded) return;
    this.saved.pages.save(this.#slabs);
    this.saved.state = structuredClone(this.stage.state());
    this.saved.at = this.#at;
  }
}
