/** An application's example and progress topics in memory: blocks of some units, which arrive as a seed says. */

import type { Column, TextColumn } from '../../operators/column/column.ts';
import {
  type EmissionBatch,
  LABEL_KINDS,
  ROW_KINDS,
} from '../../operators/emission/emission-batch.ts';
import { blockLayout } from '../../runtime/block/block-layout.ts';
import { BlockWriter } from '../../runtime/block/block-writer.ts';
import type { ExampleRow } from '../../runtime/block/example-row.ts';
import type { Cluster, ClusterReader, Partition, Records } from '../../runtime/worker/cluster.ts';
import { UNIT_HEADER } from '../../runtime/worker/unit-outputs.ts';
import { encodeProgress } from '../../runtime/worker/unit-progress.ts';
import { type Rng, rng } from '../random.ts';
import { numbers, texts } from '../runtime/block-world.ts';
import { SET } from './deep-world.ts';

export const TOPICS = {
  ...{ progress: 'app.progress', decisions: 'app.decisions', exchange: 'app.exchange' },
  ...{ dead: 'app.dead', examples: ['app.ctr'], group: 'app.workers' },
};

type Written = { readonly value: Uint8Array; readonly unit: number };

export class MemoryTopics {
  readonly logs = new Map<string, Written[]>();
  /** First offset kept of each. */
  readonly starts = new Map<string, number>();
  now = 0;
  readonly #partitions: Readonly<Record<string, number>>;
  readonly #random: Rng;
  readonly #sent: number[];
  readonly #writer = new BlockWriter(blockLayout(SET), 'd');

  constructor(of: { units: number; partitions: number; seed: number }) {
    this.#partitions = { 'app.ctr': of.partitions, 'app.progress': of.units };
    this.#random = rng(of.seed);
    this.#sent = Array.from({ length: of.units }, () => 0);
  }

  /** Rows in order, shared out among the units, in blocks of some rows; then each unit's promise of everything before `k`. */
  write(rows: readonly ExampleRow[], k: number, blockRows: number): void {
    const units = this.#sent.length;
    const own = this.#sent.map((_, unit) =>
      rows.filter(({ id }) => Number(id.slice(1)) % units === unit),
    );
    // Whose block lies where among the others' is nobody's business.
    while (own.some(({ length }) => length > 0)) {
      const unit = this.#random.below(units);
      const part = own[unit]!.splice(0, 1 + this.#random.below(blockRows));
      if (part.length === 0) continue;
      const all = Int32Array.from(part.keys());
      const value = this.#writer.encode(batchOf(part), all, this.#sent[unit]!).slice();
      this.#sent[unit]! += part.length;
      this.log({ topic: 'app.ctr', partition: unit % this.#partitions['app.ctr']! }).push({
        value,
        unit,
      });
    }
    for (const unit of this.#sent.keys()) {
      const more = { starts: {}, unapplied: {}, sideRows: {}, done: false, planDigest: 'd' };
      const value = encodeProgress({ ...more, k, rows: [this.#sent[unit]!] });
      this.log({ topic: 'app.progress', partition: unit }).push({ value, unit });
    }
  }

  log({ topic, partition }: Partition): Written[] {
    const name = `${topic}/${partition}`;
    if (!this.logs.has(name)) this.logs.set(name, []);
    return this.logs.get(name)!;
  }

  /** `slow`: what is there may take some turns to arrive. */
  cluster(slow: boolean): Cluster {
    const random = this.#random;
    const unused = () => {
      throw new Error('a trainer only reads');
    };
    return {
      now: () => this.now,
      sleep: async () => undefined,
      partitions: async (topics) =>
        new Map(topics.map((topic) => [topic, this.#partitions[topic] ?? null])),
      bounds: async (of) =>
        of.map((each) => ({
          start: this.starts.get(`${each.topic}/${each.partition}`) ?? 0,
          end: this.log(each).length,
        })),
      reader: () => this.#reader(() => slow && random.chance(0.4), random),
      ...{ producer: unused, transactions: unused, join: unused, truncateBefore: unused },
      close: async () => undefined,
    };
  }

  #reader(isLate: () => boolean, random: Rng): ClusterReader {
    const next = new Map<string, number>();
    const nameOf = ({ topic, partition }: Partition) => `${topic}/${partition}`;
    return {
      add: (of, offset) => void next.set(nameOf(of), offset),
      remove: (of) => void next.delete(nameOf(of)),
      take: (of) => {
        const from = next.get(nameOf(of))!;
        const found = this.log(of).slice(from, from + 1 + random.below(4));
        if (found.length === 0 || isLate()) return null;
        next.set(nameOf(of), from + found.length);
        return recordsOf(found, from);
      },
      position: (of) => ({ next: next.get(nameOf(of))!, end: this.log(of).length }),
      wait: async () => undefined,
      close: async () => undefined,
    };
  }
}

function recordsOf(written: readonly Written[], from: number): Records {
  const bytes = Buffer.concat(written.map(({ value }) => value));
  let at = 0;
  const ends = written.map(({ value }) => (at += value.length));
  const none = new Int32Array(written.length).fill(-1);
  return {
    ...{ n: written.length, bytes, keyStart: none, keyEnd: none },
    offset: Float64Array.from(written, (_, i) => from + i),
    time: new Float64Array(written.length),
    valueStart: Int32Array.from(written, ({ value }, i) => ends[i]! - value.length),
    valueEnd: Int32Array.from(ends),
    headers: (i) => [[UNIT_HEADER, Buffer.from(`${written[i]!.unit}`)]],
    next: from + written.length,
  };
}

function batchOf(rows: readonly ExampleRow[]): EmissionBatch {
  const emitted = Float64Array.from(rows, (row) => row.emitted);
  return {
    ...{ n: rows.length, emitted },
    time: Float64Array.from(rows, ({ time }) => time),
    id: texts(rows.map(({ id }) => id)) as EmissionBatch['id'],
    kind: Uint8Array.from(rows, ({ kind }) => ROW_KINDS.indexOf(kind ?? 'example')),
    labels: SET.labels.map(({ name }) => {
      const labels = rows.map((row) => row.labels[name]);
      return {
        value: Uint8Array.from(labels, (label) => label?.value ?? 2),
        kind: Uint8Array.from(labels, (label) =>
          LABEL_KINDS.indexOf((label?.kind ?? 'absent') as 'absent'),
        ),
        deadline: Float64Array.from(labels, (label) => label?.deadline ?? Number.NaN),
        elapsed: Float64Array.from(labels, (label, i) =>
          label === undefined ? Number.NaN : emitted[i]! - rows[i]!.time,
        ),
        credit: null,
        audit: null,
      };
    }),
    sampleRate: Float64Array.from(rows, ({ sampleRate }) => sampleRate),
    features: [
      texts(rows.map(({ features }) => features[0] as string)),
      listsOfTexts(rows.map(({ features }) => features[1] as string[])),
      texts(rows.map(({ features }) => features[2] as string | null)),
      numbers(rows.map(({ features }) => features[3] as number | null)),
    ],
  };
}

function listsOfTexts(lists: readonly (readonly string[])[]): Column {
  const offsets = new Int32Array(lists.length + 1);
  for (const [i, list] of lists.entries()) offsets[i + 1] = offsets[i]! + list.length;
  return { kind: 'list_text', offsets, values: texts(lists.flat()) as TextColumn, isNull: null };
}
