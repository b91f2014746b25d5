/** One key of one sketched store, driven by hand: any number of events, a look-up whenever one is wanted. */
import type {
  KeyspacePlan,
  Plan,
  ReadOp,
  ValueStore,
  WindowPlan,
} from '../../compiler/plan/plan.ts';
import type { Physical } from '../../dsl/types.ts';
import { type Column, type Value, valueAt } from '../../operators/column/column.ts';
import { Frame } from '../../operators/column/frame.ts';
import { hashNumber, lanes } from '../../operators/hash.ts';
import { finish, output } from '../../operators/keyspace/answers.ts';
import { SlabSet } from '../../operators/state/slab.ts';
import { bagStore } from '../../operators/value/value-bag.ts';
import { quantileStore } from '../../operators/value/value-quantile.ts';
import type { ValueStoreOperator } from '../../operators/value/value-store.ts';
import { restore, save } from './keyspace-world.ts';

export type Ask = { readonly window: number; readonly read: ReadOp };

const KEYS = 4;

export class SketchWorld {
  #slabs = new SlabSet();
  readonly #plan: ValueStore;
  readonly #physical: Physical;
  readonly #asks: readonly Ask[];
  #operator: ValueStoreOperator;
  #section = 0;
  readonly #saved = new Map<string, Map<number, Uint8Array>>();

  constructor(
    family: 'bag' | 'quantile',
    physical: Physical,
    windows: readonly WindowPlan[],
    asks: readonly Ask[],
  ) {
    this.#plan = {
      ...{ state: '', family, feed: 0, mask: null, slots: [0], physical: [physical], windows },
      ...{ k: 0, scale: 1, halfLifeMs: 0 },
    };
    this.#physical = physical;
    this.#asks = asks;
    this.#operator = this.#build();
    const words = this.#operator.recordWords;
    this.#section = this.#slabs.open('records').bump(words * KEYS);
    for (let key = 0; key < KEYS; key++) this.#operator.init(this.#section + key * words);
  }

  /** Words handed out over all slabs. */
  get used(): number {
    return [...this.#slabs.all()].reduce((sum, slab) => sum + slab.used, 0);
  }

  /** Events of one key, own times ascending. */
  add(times: readonly number[], values: readonly Value[], key = 0): void {
    this.#operator.open(frameOf(times, columnOf(this.#physical, values)));
    const at = this.#section + key * this.#operator.recordWords;
    for (let row = 0; row < times.length; row++) this.#operator.add(at, row, times[row]!);
  }

  /** Every ask's answer for an anchor at `time`. */
  read(time: number, key = 0): Value[] {
    return this.#asks.map(({ window, read }) => this.readOne(time, window, read, key));
  }

  readOne(time: number, window: number, read: ReadOp, key = 0): Value {
    const out = output(answerKind(read, this.#physical), 1);
    const at = this.#section + key * this.#operator.recordWords;
    this.#operator.read(at, time, window, read, out, 0);
    return valueAt(finish(out), 0);
  }

  /** Saves what changed and goes on from what was saved. */
  checkpoint(): void {
    save(this.#slabs, this.#saved);
    this.#slabs = restore(this.#saved);
    this.#operator = this.#build();
  }

  #build(): ValueStoreOperator {
    const probes: KeyspacePlan['probes'] = [
      {
        anchor: 0,
        key: 0,
        views: this.#asks.map(({ window, read }) => {
          const physical = answerKind(read, this.#physical);
          return { kind: 'value', store: 0, window, read, physical };
        }),
      },
    ];
    const keyspace: KeyspacePlan = {
      name: 'k',
      feeds: [],
      probes,
      counters: [],
      values: [this.#plan],
    };
    const plan: Plan = {
      ...{ version: 1, digest: '', scans: [], streams: [], enrichments: [], labels: [], feeds: [] },
      ...{ anchors: [], keyspaces: [keyspace], examples: [] },
    };
    const slabs = this.#slabs;
    const records = slabs.open('records');
    const build = this.#plan.family === 'bag' ? bagStore : quantileStore;
    return build({ plan, keyspace, store: this.#plan, records, slabs, name: 'v' });
  }
}

function answerKind(read: ReadOp, physical: Physical): Physical {
  if (read.fn === 'topk') return physical === 'text' ? 'list_text' : 'list_f64';
  return read.fn === 'mode' ? physical : 'f64';
}

function frameOf(times: readonly number[], column: Column): Frame {
  const n = times.length;
  const time = Float64Array.from(times);
  const whole = { partition: new Int32Array(n), offset: new Float64Array(n), columns: [column] };
  return new Frame({ n, time, step: time, labelOnly: null, ...whole });
}

function columnOf(physical: Physical, values: readonly Value[]): Column {
  if (physical === 'hash') {
    const lo = new Int32Array(values.length);
    const hi = new Int32Array(values.length);
    values.forEach((value, i) => {
      if (value === null) return;
      hashNumber(Number(value));
      lo[i] = lanes[0]!;
      hi[i] = lanes[1]!;
    });
    return { kind: 'hash', lo, hi };
  }
  if (physical === 'f64') {
    return {
      kind: 'f64',
      data: Float64Array.from(values, (v) => (v === null ? Number.NaN : Number(v))),
    };
  }
  const bytes = values.map((value) => Buffer.from(value === null ? '' : String(value)));
  const start = new Int32Array(values.length);
  const end = new Int32Array(values.length);
  let at = 0;
  bytes.forEach((each, i) => {
    start[i] = values[i] === null ? -1 : at;
    at += each.length;
    end[i] = values[i] === null ? -1 : at;
  });
  return { kind: 'text', bytes: Uint8Array.from(Buffer.concat(bytes)), start, end };
}

/** What a window holds at `time`, oldest first, by brute force; hopMs: to which its start is floored. */
export function inWindow<T>(
  events: readonly { readonly time: number; readonly value: T }[],
  window: WindowPlan,
  time: number,
  hopMs = window.kind === 'time' ? window.hopMs : 1,
): T[] {
  const seen = events.filter((event) => event.time < time);
  if (window.kind === 'session') {
    let first = seen.length;
    let next = time;
    while (first > 0 && next - seen[first - 1]!.time <= window.gapMs) next = seen[--first]!.time;
    return seen.slice(first).map(({ value }) => value);
  }
  const from = window.kind === 'time' ? Math.floor((time - window.ms) / hopMs) * hopMs : -Infinity;
  const rows = window.kind === 'rows' || window.kind === 'time' ? window.rows : null;
  const held = seen.filter((event) => event.time >= from);
  return held.slice(rows === null ? 0 : Math.max(0, held.length - rows)).map(({ value }) => value);
}

/** Values by count, the greatest first, ties the smaller (by UTF-8 bytes) first. */
export function ranked(values: readonly Value[]): [number | string, number][] {
  const counts = new Map<number | string, number>();
  for (const value of values) {
    if (value === null) continue;
    const key = typeof value === 'string' ? value : Number(value);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].sort(([a, x], [b, y]) => y - x || smaller(a, b));
}

function smaller(a: number | string, b: number | string): number {
  if (typeof a === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(String(b)));
  return a - Number(b);
}

/** Nearest rank; null of nothing. */
export function nearestRank(values: readonly number[], q: number): number | null {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) return null;
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]! + 0;
}
