import { expect, it } from 'vitest';
import type { Physical } from '../../dsl/types.ts';
import { type Value, valueAt } from '../../operators/column/column.ts';
import { RowBuilder } from '../../operators/column/row-builder.ts';
import { RowCodec } from '../../operators/state/row-codec.ts';
import { Slab } from '../../operators/state/slab.ts';
import { type Rng, rng } from '../random.ts';
import { columnOf } from './label-fixture.ts';

const KINDS: readonly Physical[] = ['f64', 'bool', 'text', 'hash', 'list_f64', 'list_text'];

function text(random: Rng): string {
  return random.pick(['', 'a', 'ü€', 'feed', 'x'.repeat(100), '\u0000', 'ad_12345']);
}

function value(kind: Physical, random: Rng): Value {
  if (random.chance(0.2)) return null;
  switch (kind) {
    case 'f64':
      return random.pick([0, -1.5, 1e300, 7, 2 ** 53]);
    case 'bool':
      return random.chance(0.5);
    case 'text':
    case 'hash':
      return text(random);
    case 'list_f64':
      return Array.from({ length: random.below(4) }, () => random.below(100));
    case 'list_text':
      return Array.from({ length: random.below(4) }, () => text(random));
  }
}

it('gives back what was written, whatever the kinds, nulls and order of rows', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = rng(seed);
    const kinds = Array.from({ length: random.below(8) }, () => random.pick(KINDS));
    const n = 1 + random.below(12);
    const columns = kinds.map((kind) =>
      columnOf(
        kind,
        Array.from({ length: n }, () => value(kind, random)),
      ),
    );
    const codec = new RowCodec(kinds);
    const slab = new Slab('rows');
    const at = Array.from({ length: n }, (_, row) => {
      const words = codec.measure(columns, row);
      const block = slab.bump(words + 1);
      slab.f64[block + words] = 4242;
      codec.write(slab, block, columns, row);
      expect(slab.f64[block + words], `seed ${seed}: wrote past its words`).toBe(4242);
      return block;
    });
    const order = at.map((_, row) => row).sort(() => random.next() - 0.5);
    const into = kinds.map((kind) => new RowBuilder(kind));
    for (const row of order) {
      for (const builder of into) builder.rows(n);
      codec.read(slab, at[row], into, row);
    }
    into.forEach((builder, c) => {
      const column = builder.finish(n);
      for (let row = 0; row < n; row++) {
        expect(valueAt(column, row), `seed ${seed} column ${c} row ${row}`).toEqual(
          valueAt(columns[c], row),
        );
      }
    });
  }
});

it('leaves rows that were never set null', () => {
  for (const kind of KINDS) {
    const builder = new RowBuilder(kind, 1);
    builder.rows(40);
    expect(valueAt(builder.finish(40), 39), kind).toBe(null);
  }
});
