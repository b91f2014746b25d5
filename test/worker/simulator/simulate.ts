/**
 * One seed: the real worker, some processes of it, over a simulated cluster, while events arrive. Processes are killed, stopped and
 * started anew, with and without their disks; then the weather clears, one worker reads to the end, and what is committed
 * must be what the engine gives over the same events and the same decisions.
 */
import type { Plan } from '../../../compiler/plan/plan.ts';
import { BUCKET_BOUNDS, type BucketBounds } from '../../../operators/checks/buckets.ts';
import { decodeBlock } from '../../../runtime/block/block-decode.ts';
import { blockRow } from '../../../runtime/block/block-row.ts';
import type { ExampleRow } from '../../../runtime/block/example-row.ts';
import { PipelineEngine } from '../../../runtime/run/pipeline-engine.ts';
import { MemoryStore } from '../../../runtime/store/memory-store.ts';
import { appTopics } from '../../../runtime/worker/app-topics.ts';
import { ShardedEngine } from '../../../runtime/worker/sharded-engine.ts';
import type { FloorDecision, UnitDecision } from '../../../runtime/worker/unit-decisions.ts';
import { noSnapshotYet } from '../../../runtime/worker/unit-snapshots.ts';
import { runWorker } from '../../../runtime/worker/worker.ts';
import { type Rng, rng } from '../../random.ts';
import type { Partition } from '../../run-in-memory.ts';
import { expectedOf } from '../expected.ts';
import { smallEvents, smallPlan } from '../small-app.ts';
import { BrokerState } from './broker-state.ts';
import { type Canary, SimulatedCluster } from './simulated-cluster.ts';
import { type SharedFolder, SimulatedFolder } from './simulated-folder.ts';
import { SimulatedGroup } from './simulated-group.ts';
import { SimulatedProcess, type Weather } from './simulated-process.ts';
import { SlowStore } from './slow-store.ts';
import { Timeline } from './timeline.ts';

export type Outcome = {
  /** What is wrong; null: nothing. */
  readonly wrong: string | null;
  readonly lives: number;
  readonly kills: number;
  readonly floors: number;
  /** Verdicts committed. */
  readonly verdicts: number;
  readonly restores: number;
  readonly truncations: number;
};

const APP = 'sim';
const CHAOS_MS = 12_000;
const CLEAR_MS = 120_000;
const MARKERS_MS = 1_000;
const SEATS = 2;
const TORN = 0.2;
const DISK_LOST = 0.3;
/** Where a canary concerns what is rarely needed. */
const HARSH = 0.8;
const HARSH_LOSS = 0.1;
const SNAPSHOT_EVERY_MS = 400;
const SLICE_PAGES = 16;
const ALL_PAGES = 1_024;
const SNAPSHOT_TRAILER_BYTES = 16;
const CLEAR: Weather = { loss: 0, delayMs: 1 };

type Seat = { process: SimulatedProcess; disk: Disk };

/** `units`: of the application; with several the exchange is between them. */
export async function simulate(seed: number, canary: Canary = 'none', units = 1): Promise<Outcome> {
  const world = new World(seed, canary, units);
  return world.run();
}

class World {
  readonly #random: Rng;
  readonly #canary: Canary;
  readonly #units: number;
  readonly #timeline = new Timeline();
  readonly #brokers = new BrokerState();
  readonly #group = new SimulatedGroup(this.#timeline);
  readonly #plan: Plan;
  readonly #events: readonly Partition[];
  readonly #weather: Weather;
  readonly #diskLost: number;
  readonly #torn: number;
  readonly #slicePages: number;
  readonly #folder: SharedFolder = new Map();
  readonly #newestNeeds = new Map<number, number>();
  #lives = 0;
  #restores = 0;
  #truncations = 0;
  #kills = 0;
  #names = 0;
  #failed: unknown = null;

  constructor(seed: number, canary: Canary, units: number) {
    this.#units = units;
    // Canaries are sought where no row waits: a commit with few rows of its own shows them less often.
    const isJudged = units === 1 && canary === 'none' && seed % 2 === 1;
    this.#plan = isJudged ? JUDGED_PLAN : PLAN;
    this.#random = rng(seed);
    this.#canary = canary;
    const isHarsh = canary === 'greedy_truncation';
    this.#diskLost = isHarsh ? HARSH : DISK_LOST;
    this.#slicePages = isHarsh ? ALL_PAGES : SLICE_PAGES;
    this.#torn = isHarsh ? HARSH : TORN;
    const partitions = 1 + this.#random.below(2);
    this.#events = smallEvents(seed, 60 + this.#random.below(200), partitions, true);
    this.#weather = {
      loss: canary === 'hopeful_commit' ? HARSH_LOSS : this.#random.pick([0, 0.02, 0.1]),
      delayMs: this.#random.pick([1, 5, 30]),
    };
    const topics = appTopics(APP, this.#plan);
    for (const { topic } of this.#plan.scans) this.#brokers.create(topic, partitions);
    for (const topic of [topics.dead, ...topics.examples]) this.#brokers.create(topic, 1);
    for (const topic of [topics.progress, topics.decisions, topics.exchange]) {
      this.#brokers.create(topic, units);
    }
  }

  async run(): Promise<Outcome> {
    this.#feed();
    const seats = Array.from({ length: SEATS }, () => this.#start(new Disk()));
    for (const at of this.#times(2 + this.#random.below(8))) {
      this.#timeline.after(at, () => this.#disturb(this.#random.below(SEATS), seats));
    }
    const until = this.#timeline.now + CHAOS_MS;
    await this.#timeline.run(() => this.#failed !== null, until);
    for (const { process } of seats) process.kill();
    const disk = this.#random.chance(this.#diskLost) ? new Disk() : seats[0]!.disk;
    if (this.#failed === null) await this.#finish(disk);
    return {
      wrong: this.#failed === null ? this.#difference() : `failed: ${textOf(this.#failed)}`,
      lives: this.#lives,
      kills: this.#kills,
      floors: this.#floors().length,
      verdicts: this.#decisions().filter(({ kind }) => kind === 'verdict').length,
      restores: this.#restores,
      truncations: this.#truncations,
    };
  }

  /** Events arrive now and then, some partitions late and all at once. */
  #feed(): void {
    for (const { stream, partition, rows } of this.#events) {
      const { scan } = this.#plan.streams.find(({ name }) => name === stream)!;
      const to = { topic: this.#plan.scans[scan]!.topic, partition };
      let at = this.#random.chance(0.2) ? CHAOS_MS / 2 : 0;
      for (const row of rows) {
        at += this.#random.chance(0.03) ? 1_500 * this.#random.next() : 40 * this.#random.next();
        const value = Buffer.from(typeof row === 'string' ? row : JSON.stringify(row));
        this.#timeline.after(Math.min(at, CHAOS_MS - 1), () => {
          this.#brokers.append(to, [{ key: null, value }]);
        });
      }
    }
  }

  #times(count: number): number[] {
    return Array.from({ length: count }, () => this.#random.next() * CHAOS_MS);
  }

  #disturb(which: number, seats: Seat[]): void {
    const seat = seats[which]!;
    if (this.#random.chance(0.4)) {
      seat.process.stop();
      this.#timeline.after(6_000 * this.#random.next(), () => seat.process.resume());
      return;
    }
    this.#kills++;
    seat.process.kill();
    const isDiskLost = this.#random.chance(this.#diskLost);
    const disk = isDiskLost ? new Disk() : seat.disk;
    seats[which] = this.#start(disk);
  }

  #start(disk: Disk): Seat {
    const process = new SimulatedProcess(this.#timeline, this.#random, this.#weather);
    this.#work(process, disk, false).catch((error) => {
      this.#failed ??= error;
    });
    return { process, disk };
  }

  async #finish(disk: Disk): Promise<void> {
    const process = new SimulatedProcess(this.#timeline, this.#random, CLEAR);
    let ended = false;
    this.#work(process, disk, true).then(
      () => {
        ended = true;
      },
      (error) => {
        this.#failed ??= error;
      },
    );
    const isOver = () => ended || this.#failed !== null;
    if (!(await this.#timeline.run(isOver, this.#timeline.now + CLEAR_MS))) {
      this.#failed ??= new Error('the last worker does not come to its end');
    }
    // The markers of its last commit are on their way.
    await this.#timeline.run(() => false, this.#timeline.now + MARKERS_MS);
  }

  #work(process: SimulatedProcess, disk: Disk, isLast: boolean): Promise<unknown> {
    const name = `w${this.#names++}`;
    const cluster = new SimulatedCluster({
      ...{ brokers: this.#brokers, group: this.#group, process, name },
      newestNeeds: (unit) => this.#newestNeeds.get(unit) ?? 0,
      canary: isLast ? 'none' : this.#canary,
    });
    const plan = this.#plan;
    const topics = appTopics(APP, plan);
    const say = (event: string) => {
      if (event === 'restored') this.#restores++;
      if (event === 'exchange_truncated') this.#truncations++;
    };
    const files = new SimulatedFolder(this.#folder, process, {
      torn: this.#torn,
      onWritten: (path, bytes) => this.#written(path, bytes),
    });
    const turn = { isTaken: false };
    return runWorker({
      ...{ cluster, app: APP, topics, units: this.#units, isEnding: isLast, say },
      stop: { requested: false },
      watch: {
        onLife: (_, life) => {
          if (life !== null) this.#lives++;
        },
        onFault: () => undefined,
        onSeat: () => undefined,
        onMove: () => undefined,
      },
      unitOf: (unit) => ({
        ...{ app: APP, plan, topics, unit, units: this.#units, cluster, say },
        formats: plan.scans.map(() => ({ kind: 'json' as const })),
        fetchBytes: 1 << 20,
        bucketBounds: BOUNDS,
        paces: { commitEveryMs: 120, checkpointEveryMs: 500, idleMs: 700, maxSkewMs: 20_000 },
        untilEnd: isLast,
        complete: isLast,
        openStore: async () => new SlowStore(disk.of(unit), process),
        dropState: async () => disk.drop(unit),
        snapshots: {
          ...{ files, folder: `/unit-${unit}`, everyMs: SNAPSHOT_EVERY_MS, turn },
          ...{ chainFilesMax: 2, slicePages: this.#slicePages },
          figures: noSnapshotYet(),
        },
        makeEngine: (of, slabs, _, shard) => {
          const own = slabs.get('shard-0')!;
          const scanSlabs = slabs.get('scan')!;
          const shared = { scanSlabs, spill: null, bufferBytesMax: Number.POSITIVE_INFINITY };
          return shard === null
            ? new PipelineEngine(of, { ...shared, slabs: [own], codegen: false })
            : new ShardedEngine(of, { ...shared, ...shard, slabs: own, budget: null });
        },
      }),
    });
  }

  /** Keeps in mind what the newest snapshot of a unit needs, for who makes the mistake of trusting it. */
  #written(path: string, bytes: Buffer): void {
    const at = bytes.length - SNAPSHOT_TRAILER_BYTES;
    const contents = bytes.subarray(at - bytes.readUInt32LE(at), at).toString();
    const { shard } = JSON.parse(JSON.parse(contents).meta);
    if (shard === undefined) return;
    const unit = Number(/unit-(\d+)/.exec(path)![1]);
    this.#newestNeeds.set(unit, ShardedEngine.exchangeNeeds(shard));
  }

  #committed(topic: string, partition = 0): Uint8Array[] {
    return this.#brokers
      .log({ topic, partition })
      .filter(({ record, transaction }) => record !== null && transaction?.state === 'committed')
      .map(({ record }) => record!.value!);
  }

  #floors(): FloorDecision[] {
    return this.#decisions().filter((decision) => decision.kind === 'floor');
  }

  #decisions(): UnitDecision[] {
    const { decisions } = appTopics(APP, this.#plan);
    return Array.from({ length: this.#units }, (_, unit) => this.#committed(decisions, unit))
      .flat()
      .map((value): UnitDecision => JSON.parse(Buffer.from(value).toString()));
  }

  #difference(): string | null {
    const expected = expectedOf(this.#plan, this.#events, {
      complete: true,
      floors: this.#floors(),
      bounds: BOUNDS,
    });
    const topics = appTopics(APP, this.#plan);
    for (const [set, topic] of topics.examples.entries()) {
      const rows: ExampleRow[] = [];
      for (const value of this.#committed(topic)) {
        const block = decodeBlock(value.slice());
        for (let row = 0; row < block.rows; row++) rows.push(blockRow(block, row));
      }
      const wanted = expected.rows[set]!;
      // Units write side by side: only within one is there an order.
      if (this.#units > 1) for (const each of [rows, wanted]) each.sort(byText);
      const at = wanted.findIndex((row, i) => textOf(row) !== textOf(rows[i]));
      if (at >= 0 || rows.length !== wanted.length) {
        const i = at < 0 ? wanted.length : at;
        return `${topic}: ${rows.length} rows, expected ${wanted.length}; row ${i}\n  is       ${textOf(rows[i])}\n  expected ${textOf(wanted[i])}`;
      }
    }
    const dead = this.#committed(topics.dead).length;
    const wantedDead = expected.late + expected.malformed + expected.quarantined;
    return dead === wantedDead ? null : `${dead} dead letters, expected ${wantedDead}`;
  }
}

/** What survives a process: the state of each unit that lived on its machine. */
class Disk {
  readonly #stores = new Map<number, MemoryStore>();

  of(unit: number): MemoryStore {
    const store = this.#stores.get(unit) ?? new MemoryStore();
    this.#stores.set(unit, store);
    return store;
  }

  drop(unit: number): void {
    this.#stores.delete(unit);
  }
}

const PLAN = smallPlan();
const JUDGED_PLAN = smallPlan(true);
/** Buckets small enough that some rows wait at whatever moment something goes wrong. */
const BOUNDS: BucketBounds = {
  ...BUCKET_BOUNDS,
  ...{ cellMs: 1_000, spanMs: 4_000, rowsMin: 15, rowsMax: 40 },
  ...{ driftRowsMin: 10, referenceRowsMin: 20 },
};

function byText(a: ExampleRow, b: ExampleRow): number {
  return textOf(a) < textOf(b) ? -1 : 1;
}

function textOf(value: unknown): string {
  if (value instanceof Error) return value.stack ?? value.message;
  return JSON.stringify(value) ?? 'nothing';
}
