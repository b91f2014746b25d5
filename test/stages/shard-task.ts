/** One shard in the simulated cluster: reads its log, commits outputs with how far they are, saves its state now and then. */
import { deserialize, serialize } from 'node:v8';
import type { ExchangeRows } from '../../operators/stages/exchange-rows.ts';
import type { RowSpill } from '../../operators/stages/ordered-input.ts';
import { ShardStage, type ShardState } from '../../operators/stages/shard-stage.ts';
import type { SlabSet } from '../../operators/state/slab.ts';
import { NdjsonRows } from '../../runtime/sink/ndjson-rows.ts';
import { decodeParcels, encodeParcels } from '../../runtime/worker/exchange-block.ts';
import { printLines } from '../run-in-memory.ts';
import type { World } from './cluster.ts';
import { SavedPages } from './saved-pages.ts';

/** What outlives the task: its checkpoint and its committed outputs. */
type Saved = {
  pages: SavedPages;
  state: ShardState | null;
  /** By example set: committed lines, and the time before which all are. */
  readonly lines: string[][];
  committed: readonly number[];
};

export class ShardTask {
  /** A successor is at work: nothing that this one commits or saves counts. */
  isFenced = false;
  readonly saved: Saved;
  readonly epoch: number;
  readonly stage: ShardStage;
  readonly #world: World;
  readonly #shard: number;
  readonly #slabs: SlabSet;
  readonly #printers: readonly NdjsonRows[];
  /** By example set: emitted and not committed. */
  readonly #lines: string[][];

  constructor(world: World, shard: number, before: ShardTask | null) {
    const { plan, exchange, options, partitions } = world;
    this.#world = world;
    this.#shard = shard;
    this.saved = before?.saved ?? {
      ...{ pages: new SavedPages(), state: null, lines: plan.examples.map(() => []) },
      committed: plan.examples.map(() => Number.NEGATIVE_INFINITY),
    };
    this.epoch = (before?.epoch ?? -1) + 1;
    // A disk is lost: the log has everything.
    if (options.random.chance(options.amnesia)) {
      this.saved.state = null;
      this.saved.pages = new SavedPages();
    }
    this.#slabs = this.saved.pages.load();
    this.#printers = plan.examples.map((example) => new NdjsonRows(example));
    this.#lines = plan.examples.map(() => []);
    this.stage = new ShardStage(plan, exchange, {
      ...{ shard, shards: options.shards, partitions, slabs: this.#slabs, epoch: this.epoch },
      ...{ codegen: options.codegen, state: this.#restored() },
      ...{ spill: new MemorySpill(), bufferBytesMax: options.bufferBytesMax },
      committed: [...this.saved.committed],
    });
  }

  step(): void {
    const { random } = this.#world.options;
    const log = this.#world.logs[this.#shard];
    for (let read = 1 + random.below(6); read > 0 && this.stage.next < log.length; read--) {
      const offset = this.stage.next;
      for (const parcel of decodeParcels(log[offset], this.#world.exchange)) {
        this.stage.receive(parcel, offset);
      }
    }
    if (random.chance(0.8)) this.#advance();
    if (random.chance(0.5)) this.#flush(random.chance(0.1));
    if (random.chance(0.2)) this.#commit();
    if (random.chance(0.1)) this.#checkpoint();
  }

  /** Everything is applied and committed. */
  isDone(): boolean {
    return (
      this.stage.next === this.#world.logs[this.#shard].length &&
      this.stage.sizes().every(({ applied }) => applied === Number.POSITIVE_INFINITY) &&
      this.saved.committed.every((time) => time === Number.POSITIVE_INFINITY)
    );
  }

  show(): string {
    const applied = this.stage.sizes().map((size) => `${size.applied}+${size.rows}`);
    return `shard ${this.#shard} at ${this.stage.next}: ${applied} out ${this.saved.committed}`;
  }

  #restored(): ShardState | null {
    const state = structuredClone(this.saved.state);
    return state === null ? null : (this.#world.options.sabotage?.(state) ?? state);
  }

  #advance(): void {
    for (const { example, batch } of this.stage.advance()) {
      this.#lines[example].push(...printLines(this.#printers[example], batch));
    }
  }

  /** False: it stopped halfway. */
  #flush(halfway: boolean): boolean {
    const { logs, options } = this.#world;
    for (let shard = 0; shard < logs.length; shard++) {
      if (shard === this.#shard) continue;
      if (halfway && options.random.chance(0.5)) return false;
      const parcel = this.stage.take(shard);
      if (parcel !== null) logs[shard].push(encodeParcels([parcel]));
    }
    return true;
  }

  /** One transaction: the lines, and how far they are. */
  #commit(): void {
    this.#flush(false);
    if (this.isFenced) return;
    this.#lines.forEach((lines, example) => {
      this.saved.lines[example].push(...lines.splice(0));
    });
    const before = this.saved.committed;
    this.saved.committed = this.stage.emitted().map((time, e) => Math.max(time, before[e]));
  }

  /** Of a committed state. */
  #checkpoint(): void {
    this.#commit();
    if (this.isFenced) return;
    const unlogged = this.stage.unlogged();
    if (unlogged !== null) {
      const offset = this.#world.logs[this.#shard].push(encodeParcels([unlogged])) - 1;
      this.stage.logged(offset);
    }
    this.saved.state = structuredClone(this.stage.state());
    this.saved.pages.save(this.#slabs);
  }
}

class MemorySpill implements RowSpill {
  readonly #rows = new Map<number, Buffer>();
  #next = 0;

  write(rows: ExchangeRows): number {
    this.#rows.set(this.#next, serialize(rows));
    return this.#next++;
  }

  read(handle: number): ExchangeRows {
    return deserialize(this.#rows.get(handle)!) as ExchangeRows;
  }

  free(handle: number): void {
    this.#rows.delete(handle);
  }
}
