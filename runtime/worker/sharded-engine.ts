/**
 * One unit of an application of several, as its life drives it: the scans of its source partitions and its shard, behind the
 * same face as the engine of one process, and beside it the exchange.
 *
 *   receive    what lies in the unit's partition of the exchange, in order
 *   outgoing   what the other units' partitions get, records ready to be appended; then `sent`
 *   unlogged   what the shard has for itself and a checkpoint must find again; then `logged`
 *
 * A row of a source is out of the way once what it became is appended to the exchange, not when it is applied: that is
 * what `lowestUnapplied` says, and where the source is read on from.
 */
import type { ExchangePlan } from '../../compiler/plan/exchange-plan.ts';
import { placeExchange } from '../../compiler/plan/place-exchange.ts';
import type { Plan } from '../../compiler/plan/plan.ts';
import { assert } from '../../operators/assert.ts';
import type { DecodedBatch } from '../../operators/decode/decoder.ts';
import type { EmissionBatch } from '../../operators/emission/emission-batch.ts';
import type { RowSpill } from '../../operators/stages/ordered-input.ts';
import { ScanStage, type ScanStageState } from '../../operators/stages/scan-stage.ts';
import { ShardStage, type ShardState } from '../../operators/stages/shard-stage.ts';
import type { SlabSet } from '../../operators/state/slab.ts';
import type { StateBudget } from '../../operators/state/state-budget.ts';
import { Fault } from '../fault.ts';
import type { LiveEngine, SetAside, StreamCounts } from '../run/engine.ts';
import { setAsideOf } from '../run/set-aside.ts';
import { decodeParcels } from './exchange-block.ts';
import { recordsOf } from './exchange-records.ts';

export type ShardedOptions = {
  readonly unit: number;
  readonly units: number;
  /** By scan of the plan: partitions of its topic. */
  readonly partitions: readonly number[];
  /** Goes up with every life of the unit. */
  readonly epoch: number;
  readonly slabs: SlabSet;
  readonly scanSlabs: SlabSet;
  readonly budget: StateBudget | null;
  readonly spill: RowSpill | null;
  /** Rows that wait for their time hold at most this much in memory, bytes. */
  readonly bufferBytesMax: number;
  /** What the checkpoint whose pages are in `slabs` said; null: from nothing. */
  readonly state: string | null;
};

/** Records for the exchange partition of a unit, in order. */
export type Outgoing = { readonly unit: number; readonly values: readonly Uint8Array[] };

type Source = { readonly scan: ScanStage; ended: boolean; sentUpTo: number };

export class ShardedEngine implements LiveEngine {
  readonly #plan: Plan;
  readonly #exchange: ExchangePlan;
  readonly #options: ShardedOptions;
  readonly #shard: ShardStage;
  /** By stream, then partition. */
  readonly #sources: readonly Map<number, Source>[];
  #complete = false;

  constructor(plan: Plan, options: ShardedOptions) {
    const { unit, units, partitions, epoch, slabs, budget, spill, bufferBytesMax } = options;
    const global = plan.streams.find(({ dedupSlot }) => dedupSlot !== undefined);
    if (global !== undefined) {
      throw new Fault(
        'dedup_global_shards',
        `stream ${global.name} says dedup global: its ids are compared in one place, and this application has ${units} shards. Run it with one shard, or say dedup without global.`,
      );
    }
    this.#plan = plan;
    this.#exchange = placeExchange(plan);
    this.#options = options;
    this.#sources = plan.streams.map(() => new Map());
    this.#shard = new ShardStage(plan, this.#exchange, {
      ...{ shard: unit, shards: units, slabs, epoch, budget, spill, bufferBytesMax },
      partitions: plan.streams.map(({ scan }) => (scan < 0 ? 0 : partitions[scan])),
      state: options.state === null ? null : parseState(options.state),
    });
  }

  /** `state`: what `scanState` gave. */
  addPartition(stream: number, partition: number, state: unknown): void {
    const { units, scanSlabs, epoch } = this.#options;
    const from = state as ScanStageState | null;
    const scan = new ScanStage(this.#plan, this.#exchange, {
      ...{ stream, partition, shards: units, slabs: scanSlabs, epoch, state: from },
    });
    this.#sources[stream].set(partition, { scan, ended: false, sentUpTo: scan.next });
  }

  accept(stream: number, partition: number, batch: DecodedBatch): SetAside {
    const { scan } = this.#source(stream, partition);
    return setAsideOf(this.#plan, stream, batch, scan.accept(batch));
  }

  end(stream: number, partition: number): void {
    const source = this.#source(stream, partition);
    source.ended = true;
    source.scan.end(this.#complete);
  }

  /** The decision must be committed before what it changes is sent. */
  floor(stream: number, partition: number, time: number): void {
    this.#source(stream, partition).scan.floor(time);
  }

  complete(): void {
    this.#complete = true;
    for (const sources of this.#sources) {
      for (const { scan, ended } of sources.values()) if (ended) scan.end(true);
    }
  }

  watermark(stream: number, partition: number): number {
    return this.#source(stream, partition).scan.watermark;
  }

  /** How far examples could be emitted now: what waits in the shard is applied on the way. */
  frontier(): number {
    const [emitted] = this.#emitted();
    for (const _ of this.#shard.advance(emitted)) assert(false, 'nothing is emitted twice');
    return this.#shard.emittable();
  }

  *advance(frontier: number): Generator<readonly (EmissionBatch | null)[]> {
    for (const { example, batch } of this.#shard.advance(frontier)) {
      yield this.#plan.examples.map((_, e) => (e === example ? batch : null));
    }
  }

  /** The state was restored with the shard: steps that are in it are not applied again. */
  skipBelow(k: number): void {
    for (const emitted of this.#emitted()) {
      assert(emitted === k, `the state has emitted up to ${emitted}, its checkpoint says ${k}`);
    }
  }

  scanState(stream: number, partition: number): ScanStageState {
    return this.#source(stream, partition).scan.state();
  }

  lowestUnapplied(stream: number, partition: number): number {
    return this.#source(stream, partition).sentUpTo;
  }

  forgetBefore(stream: number, partition: number, scanState: unknown): void {
    this.#source(stream, partition).scan.forgetBefore(scanState as ScanStageState);
  }

  counts(stream: number): StreamCounts {
    const sum = { read: 0, accepted: 0, lateForFeatures: 0, late: 0, duplicate: 0, malformed: 0 };
    for (const { scan } of this.#sources[stream].values()) {
      const { rows, accepted, lateForFeatures, late, duplicate, malformed } = scan.counts;
      sum.read += rows;
      sum.accepted += accepted;
      sum.lateForFeatures += lateForFeatures;
      sum.late += late;
      sum.duplicate += duplicate;
      sum.malformed += malformed;
    }
    return sum;
  }

  newest(stream: number, partition: number): number | null {
    return this.#source(stream, partition).scan.state().scan.watermark.max;
  }

  pending(): Readonly<Record<string, Readonly<Record<string, number>>>> {
    const sets: Record<string, Record<string, number>> = {};
    for (const { example, pending } of this.#shard.pending()) {
      const { name, audit } = this.#plan.examples[example];
      const counts: Record<string, number> = {};
      for (const label of pending.labels) counts[label.name] = label.anchors;
      if (audit > 0) counts['(audit)'] = pending.audit;
      sets[name] = counts;
    }
    return sets;
  }

  /** Says whether a source partition is silent: for whoever decides floors. */
  idle(stream: number, partition: number, isIdle: boolean): void {
    this.#source(stream, partition).scan.idle(isIdle);
  }

  /** How far the sources of all units are that are neither silent nor over, as far as the shard has heard. */
  activeSources(): number {
    return this.#shard.activeSources();
  }

  /** Whether every partition of a stream, in all units, is silent or over. */
  isSilent(stream: number): boolean {
    return this.#shard.isSilent(stream);
  }

  /** Offset of the unit's exchange partition to read on from. */
  get exchangeNext(): number {
    return this.#shard.next;
  }

  /** Takes the record at `offset` of the unit's exchange partition. */
  receive(value: Uint8Array, offset: number): void {
    for (const parcel of decodeParcels(value, this.#exchange)) this.#shard.receive(parcel, offset);
  }

  /** Everything made for the units' partitions, the own one included, since the last time. */
  outgoing(): Outgoing[] {
    const { unit, units } = this.#options;
    const scans = this.#sources.flatMap((sources) => [...sources.values()]);
    const all = Array.from({ length: units }, (_, to): Outgoing => {
      const parcels = scans.map(({ scan }) => scan.take(to));
      if (to !== unit) parcels.push(this.#shard.take(to));
      return { unit: to, values: recordsOf(parcels.filter((parcel) => parcel !== null)) };
    });
    return all.filter(({ values }) => values.length > 0);
  }

  /** What `outgoing` gave is appended and acknowledged. */
  sent(): void {
    for (const sources of this.#sources) {
      for (const source of sources.values()) {
        if (source.scan.waiting === 0) source.sentUpTo = source.scan.next;
      }
    }
  }

  /** What a checkpoint needs in the unit's own exchange partition. */
  unlogged(): Uint8Array[] {
    const parcel = this.#shard.unlogged();
    return parcel === null ? [] : recordsOf([parcel]);
  }

  /** Where the first record of `unlogged` was put. */
  logged(offset: number): void {
    this.#shard.logged(offset);
  }

  /** Goes into the checkpoint, with the pages. After `sent` and `logged`. */
  state(): string {
    return JSON.stringify(this.#shard.state(), (_, value: unknown) =>
      value === Number.POSITIVE_INFINITY
        ? 'inf'
        : value === Number.NEGATIVE_INFINITY
          ? '-inf'
          : value,
    );
  }

  /** The lowest offset of the unit's exchange partition that a restart from `state` reads. */
  static exchangeNeeds(state: string): number {
    return parseState(state).inbox.logOffset;
  }

  #emitted(): number[] {
    return this.#shard.emitted();
  }

  #source(stream: number, partition: number): Source {
    const source = this.#sources[stream]?.get(partition);
    assert(source !== undefined, `partition ${partition} of stream ${stream} was not declared`);
    return source;
  }
}

function parseState(text: string): ShardState {
  return JSON.parse(text, (_, value: unknown) =>
    value === 'inf'
      ? Number.POSITIVE_INFINITY
      : value === '-inf'
        ? Number.NEGATIVE_INFINITY
        : value,
  );
}
