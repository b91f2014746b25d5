/** Parcels as bytes: what is decoded is what was encoded, also where a record would be too large. */
import { describe, expect, it } from 'vitest';
import type { ExchangePlan } from '../../compiler/plan/exchange-plan.ts';
import type { Physical } from '../../dsl/types.ts';
import { type Column, valueAt } from '../../operators/column/column.ts';
import type { ExchangeRows, Parcel, Section } from '../../operators/stages/exchange-rows.ts';
import { decodeParcels, encodeParcels } from '../../runtime/worker/exchange-block.ts';
import { recordsOf } from '../../runtime/worker/exchange-records.ts';
import { type Rng, rng } from '../random.ts';

const KINDS: readonly Physical[] = ['f64', 'bool', 'text', 'hash', 'list_f64', 'list_text', 'f64'];
const exchange = {
  nodes: [],
  homes: [],
  channels: [{ physical: KINDS }],
} as unknown as ExchangePlan;

describe('parcels', () => {
  for (let seed = 1; seed <= 60; seed++) {
    it(`come back as they were, seed ${seed}`, () => {
      const parcels = randomParcels(rng(seed));
      expect(decodeParcels(encodeParcels(parcels), exchange).map(shown)).toEqual(
        parcels.map(shown),
      );
    });

    it(`come back entry by entry from small records, seed ${seed}`, () => {
      const parcels = randomParcels(rng(seed));
      const records = recordsOf(parcels, 300);
      const back = records.flatMap((record) => decodeParcels(record, exchange));
      const entries = (of: readonly Parcel[]) =>
        of.flatMap(({ sections }) => sections.flatMap((section) => shownRows(section)));
      expect(entries(back)).toEqual(entries(parcels));
      const ends = back.flatMap(({ sections }) => sections).filter((s) => s.frontier > -Infinity);
      const wanted = parcels.flatMap(({ sections }) => sections).map(({ frontier }) => frontier);
      expect(ends.map(({ frontier }) => frontier)).toEqual(wanted);
    });
  }

  it('are refused when they are cut short', () => {
    const bytes = encodeParcels(randomParcels(rng(3)));
    for (let length = 1; length < bytes.length; length += 7) {
      expect(() => decodeParcels(bytes.subarray(0, length), exchange)).toThrow('cut short');
    }
  });

  it('are refused when they are of another version', () => {
    const bytes = encodeParcels(randomParcels(rng(3)));
    bytes[1] = 77;
    expect(() => decodeParcels(bytes, exchange)).toThrow('format 77');
  });
});

function randomParcels(random: Rng): Parcel[] {
  return Array.from({ length: 1 + random.below(3) }, (_, i) => ({
    upstream:
      i === 0
        ? { kind: 'scan', stream: i, partition: 300 }
        : { kind: 'shard', shard: random.below(9) },
    epoch: random.below(1000),
    digest: 'ab'.repeat(32),
    sections: Array.from({ length: 1 + random.below(3) }, () => randomSection(random)),
  }));
}

function randomSection(random: Rng): Section {
  const n = random.below(40);
  const frontier = random.pick([1.7e12, Number.POSITIVE_INFINITY, 1.7e12 + 0.5]);
  return {
    ...{ channel: 0, producer: random.below(3), from: random.below(2 ** 40), frontier },
    watermark: random.chance(0.5) ? frontier : Number.NEGATIVE_INFINITY,
    ended: random.chance(0.2),
    idle: random.chance(0.2),
    rows: n === 0 ? null : randomRows(random, n),
  };
}

function randomRows(random: Rng, n: number): ExchangeRows {
  const numbers = (pick: () => number) => Float64Array.from({ length: n }, pick);
  const time = numbers(() => 1.7e12 + random.below(1e6));
  const isLate = random.chance(0.3);
  return {
    n,
    time,
    step: isLate ? time.map((at) => at + random.below(2)) : time,
    labelOnly: isLate ? Uint8Array.from({ length: n }, () => random.below(2)) : null,
    partition: new Int32Array(n).fill(random.below(40)),
    offset: numbers(() => random.below(2 ** 45)),
    ordinal: random.chance(0.3) ? Int32Array.from({ length: n }, () => random.below(5)) : null,
    columns: columnsOf(random, n),
  };
}

function columnsOf(random: Rng, n: number): Column[] {
  const columns = KINDS.map((kind) => randomColumn(random, kind, n));
  // Now and then the last column is the high lanes of the hash.
  const hash = columns[3];
  if (hash.kind === 'hash' && random.chance(0.5)) {
    columns[6] = { kind: 'f64', data: Float64Array.from(hash.hi.subarray(0, n)) };
  }
  return columns;
}

/** With room to spare behind the rows, as decoders leave it. */
function randomColumn(random: Rng, kind: Physical, n: number): Column {
  const length = n + random.below(3);
  const lane = () => Int32Array.from({ length }, () => random.next() * 2 ** 32 - 2 ** 31);
  const number = random.pick([
    () => random.below(100),
    () => -random.below(2 ** 50),
    () => random.next(),
    () => random.pick([Number.NaN, -0, 1e300, Number.NEGATIVE_INFINITY]),
    () => 7,
  ]);
  const texts = (count: number) => {
    const words = Array.from({ length: count }, () =>
      random.pick([null, '', 'a', 'Äpfel', 'word']),
    );
    const bytes = Buffer.from(words.join(''));
    const start = new Int32Array(count).fill(-1);
    const end = new Int32Array(count).fill(-1);
    let at = 0;
    words.forEach((word, i) => {
      if (word === null) return;
      start[i] = at;
      at += Buffer.byteLength(word);
      end[i] = at;
    });
    return { kind: 'text' as const, bytes, start, end };
  };
  switch (kind) {
    case 'f64':
      return { kind, data: Float64Array.from({ length }, number) };
    case 'bool':
      return { kind, data: Uint8Array.from({ length }, () => random.below(3)) };
    case 'hash':
      return { kind, lo: lane(), hi: lane() };
    case 'text':
      return texts(length);
    default: {
      const counts = Array.from({ length }, () => random.below(4));
      const isNull = Uint8Array.from(counts, (count) => (count === 0 ? random.below(2) : 0));
      const offsets = new Int32Array(length + 1);
      for (const [i, count] of counts.entries()) offsets[i + 1] = offsets[i] + count;
      if (kind === 'list_text') return { kind, offsets, isNull, values: texts(offsets[length]) };
      const values = Float64Array.from({ length: offsets[length] }, number);
      return { kind, offsets, isNull, values };
    }
  }
}

function shown(parcel: Parcel) {
  const sections = parcel.sections.map(({ rows: _, ...section }) => section);
  return { ...parcel, sections, rows: parcel.sections.map(shownRows) };
}

function shownRows({ rows }: Section): unknown[] {
  return Array.from({ length: rows?.n ?? 0 }, (_, i) => [
    ...[rows!.time[i], rows!.step[i], rows!.labelOnly?.[i] ?? 0],
    ...[rows!.partition[i], rows!.offset[i], rows!.ordinal?.[i] ?? 0],
    ...rows!.columns.map((column) => {
      const value = valueAt(column, i);
      return Object.is(value, -0) ? '-0' : value;
    }),
  ]);
}
