/**
 * What a task sends: rows on their channels, numbered per link, gathered into one parcel a shard.
 *
 * The numbers are part of the task's state: whoever goes on from a checkpoint goes on counting from there.
 */
import type { ExchangePlan } from '../../compiler/plan/exchange-plan.ts';
import {
  type ExchangeRows,
  gatherExchange,
  type Progress,
  type Section,
  sliceExchange,
  takeExchange,
} from './exchange-rows.ts';

/** A channel as one of its producers sees it. */
export type Outlet = { readonly channel: number; readonly producer: number };

type Lane = {
  /** Entries numbered so far. */
  sent: number;
  waiting: ExchangeRows[];
  waitingRows: number;
};

type OpenOutlet = Outlet & {
  readonly lanes: readonly Lane[];
  progress: Progress;
  /** By shard: what has been said. */
  readonly told: Progress[];
};

/** Before anything was heard of a producer. */
export const NOTHING: Progress = {
  ...{ frontier: Number.NEGATIVE_INFINITY, watermark: Number.NEGATIVE_INFINITY },
  ...{ ended: false, idle: false },
};

export class Outbox {
  readonly #exchange: ExchangePlan;
  readonly #outlets = new Map<string, OpenOutlet>();
  readonly #shards: number;

  constructor(exchange: ExchangePlan, shards: number, outlets: readonly Outlet[]) {
    this.#exchange = exchange;
    this.#shards = shards;
    for (const outlet of outlets) {
      this.#outlets.set(nameOf(outlet), {
        ...outlet,
        lanes: Array.from({ length: shards }, () => ({ sent: 0, waiting: [], waitingRows: 0 })),
        progress: NOTHING,
        told: new Array<Progress>(shards).fill(NOTHING),
      });
    }
  }

  /** Rows that wait to be sent. */
  get waiting(): number {
    let sum = 0;
    for (const { lanes } of this.#outlets.values()) {
      for (const lane of lanes) sum += lane.waitingRows;
    }
    return sum;
  }

  /** Row i goes to shard `to[i]`; -1: nowhere. */
  send(outlet: Outlet, rows: ExchangeRows, to: Int32Array): void {
    const { lanes } = this.#outlet(outlet);
    const ends = new Int32Array(this.#shards);
    for (let i = 0; i < rows.n; i++) if (to[i] >= 0) ends[to[i]]++;
    for (let shard = 1; shard < this.#shards; shard++) ends[shard] += ends[shard - 1];
    // All shards' rows are gathered at once, side by side; each shard gets its part as views.
    const order = new Int32Array(ends[this.#shards - 1]);
    for (let i = rows.n - 1; i >= 0; i--) if (to[i] >= 0) order[--ends[to[i]]] = i;
    const sorted = takeExchange(rows, order);
    for (let shard = 0; shard < this.#shards; shard++) {
      const end = shard + 1 < this.#shards ? ends[shard + 1] : order.length;
      if (end === ends[shard]) continue;
      const lane = lanes[shard];
      lane.waiting.push(sliceExchange(sorted, ends[shard], end));
      lane.waitingRows += end - ends[shard];
    }
  }

  /** How far the producer is now, the rows sent so far included. */
  progress(outlet: Outlet, progress: Progress): void {
    this.#outlet(outlet).progress = progress;
  }

  /** Takes the sections for a shard: of every link with rows, or with progress it has not been told. */
  take(shard: number): Section[] {
    const sections: Section[] = [];
    for (const outlet of this.#outlets.values()) {
      const lane = outlet.lanes[shard];
      const { progress } = outlet;
      const told = outlet.told[shard];
      const isNews = progress.frontier > told.frontier || progress.idle !== told.idle;
      if (lane.waitingRows === 0 && !isNews) continue;
      const { channel, producer } = outlet;
      const rows = this.#joined(channel, lane.waiting);
      sections.push({ channel, producer, from: lane.sent, rows, ...progress });
      lane.sent += lane.waitingRows;
      lane.waiting = [];
      lane.waitingRows = 0;
      outlet.told[shard] = progress;
    }
    return sections;
  }

  /** Entries numbered so far on one link. */
  sent(outlet: Outlet, shard: number): number {
    return this.#outlet(outlet).lanes[shard].sent;
  }

  /** Entries up to now, by outlet and shard; those that wait have their numbers already. */
  state(): Record<string, number[]> {
    return Object.fromEntries(
      [...this.#outlets].map(([name, { lanes }]) => [
        name,
        lanes.map((lane) => lane.sent + lane.waitingRows),
      ]),
    );
  }

  restore(state: Readonly<Record<string, readonly number[]>>): void {
    for (const [name, outlet] of this.#outlets) {
      state[name]?.forEach((sent, shard) => {
        outlet.lanes[shard].sent = sent;
      });
    }
  }

  #outlet(outlet: Outlet): OpenOutlet {
    return this.#outlets.get(nameOf(outlet))!;
  }

  #joined(channel: number, parts: readonly ExchangeRows[]): ExchangeRows | null {
    if (parts.length <= 1) return parts[0] ?? null;
    let n = 0;
    for (const part of parts) n += part.n;
    const pieces = new Int32Array(n);
    const rows = new Int32Array(n);
    let at = 0;
    parts.forEach((part, piece) => {
      for (let row = 0; row < part.n; row++, at++) {
        pieces[at] = piece;
        rows[at] = row;
      }
    });
    return gatherExchange(parts, pieces, rows, this.#exchange.channels[channel].physical);
  }
}

function nameOf({ channel, producer }: Outlet): string {
  return `${channel}.${producer}`;
}
