import { describe, expect, it } from 'vitest';
import type { Expr } from '../../compiler/plan/plan.ts';
import type { FnName } from '../../dsl/builtins.ts';
import { type Column, valueAt } from '../../operators/column/column.ts';
import { ListBuilder, TextBuilder } from '../../operators/column/text-builder.ts';
import { compileExpr } from '../../operators/expression/expression.ts';
import { type Rng, rng } from '../random.ts';

const ROWS = 40;
const NUMBERS = [Number.NaN, 0, 1, -1, 0.5, 3, 1e9, -7.25, 2 ** 53, 1e300];
const TEXTS = [null, '', 'a', 'ab', 'B', 'é', '🎈', 'purchase'];

/** Slots: 0, 1 numbers; 2, 3 bools; 4, 5 texts; 6 numbers' list; 7 texts' list. */
function randomColumns(random: Rng): Column[] {
  const number = (): Column => ({
    kind: 'f64',
    data: Float64Array.from({ length: ROWS }, () => random.pick(NUMBERS)),
  });
  const bool = (): Column => ({
    kind: 'bool',
    data: Uint8Array.from({ length: ROWS }, () => random.below(3)),
  });
  const text = (): Column => {
    const builder = new TextBuilder(ROWS);
    for (let i = 0; i < ROWS; i++) {
      const value = random.pick(TEXTS);
      if (value === null) builder.addNull();
      else builder.addString(value);
    }
    return builder.finish();
  };
  const numbers = new ListBuilder(ROWS);
  const texts = new ListBuilder(ROWS);
  for (let i = 0; i < ROWS; i++) {
    for (let k = random.below(4); k > 0; k--) numbers.addNumber(random.below(3));
    for (let k = random.below(4); k > 0; k--) {
      const bytes = Buffer.from(random.pick(['', 'a', 'ab']));
      texts.addText(bytes, 0, bytes.length);
    }
    numbers.endRow(random.chance(0.1));
    texts.endRow(random.chance(0.1));
  }
  return [
    number(),
    number(),
    bool(),
    bool(),
    text(),
    text(),
    numbers.finishNumbers(),
    texts.finishTexts(),
  ];
}

const call = (fn: FnName, physical: Expr['physical'], ...args: Expr[]): Expr => ({
  op: 'call',
  fn,
  args,
  physical,
});

function randomNumber(random: Rng, depth: number): Expr {
  if (depth === 0 || random.chance(0.2)) {
    return random.chance(0.6)
      ? { op: 'slot', slot: random.below(2), physical: 'f64' }
      : { op: 'const', physical: 'f64', value: random.pick([null, 0, 1, 2.5, -3]) };
  }
  const number = () => randomNumber(random, depth - 1);
  const bool = () => randomBool(random, depth - 1);
  const text = () => randomText(random, depth - 1);
  const lists = randomList(random, depth - 1);
  switch (random.below(13)) {
    case 0:
      return call(
        random.pick(['add', 'sub', 'mul', 'div', 'mod'] as const),
        'f64',
        number(),
        number(),
      );
    case 1:
      return call(
        random.pick([
          'neg',
          'abs',
          'sqrt',
          'log',
          'log1p',
          'exp',
          'floor',
          'ceil',
          'round',
        ] as const),
        'f64',
        number(),
      );
    case 2:
      return call(random.pick(['least', 'greatest'] as const), 'f64', number(), number(), number());
    case 3:
      return call('if', 'f64', bool(), number(), number());
    case 4:
      return call('coalesce', 'f64', number(), number(), number());
    case 5:
      return call('clip', 'f64', number(), number(), number());
    case 6:
      return call('bucketize', 'f64', number(), {
        op: 'list',
        physical: 'list_f64',
        values: [-1, 0, 0.5, 10],
      });
    case 7:
      return call('smooth', 'f64', number(), number(), number(), number());
    case 8:
      return call('hash', 'f64', random.pick([number, bool, text])());
    case 9:
      return call('cross', 'f64', text(), number(), bool());
    case 10:
      return call('size', 'f64', lists);
    case 11:
      return call(
        'at',
        'f64',
        { op: 'slot', slot: 6, physical: 'list_f64' },
        { op: 'const', physical: 'f64', value: random.below(3) },
      );
    default:
      return call(
        random.pick(['hour_of_day', 'day_of_week'] as const),
        'f64',
        call(
          'clip',
          'f64',
          number(),
          { op: 'const', physical: 'f64', value: 0 },
          { op: 'const', physical: 'f64', value: 2e12 },
        ),
        {
          op: 'const',
          physical: 'text',
          value: random.pick(['UTC', 'Asia/Kolkata', 'America/New_York']),
        },
      );
  }
}

function randomBool(random: Rng, depth: number): Expr {
  if (depth === 0 || random.chance(0.2))
    return { op: 'slot', slot: 2 + random.below(2), physical: 'bool' };
  const number = () => randomNumber(random, depth - 1);
  const bool = () => randomBool(random, depth - 1);
  const text = () => randomText(random, depth - 1);
  const comparison = random.pick(['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const);
  switch (random.below(9)) {
    case 0:
      return call(comparison, 'bool', number(), number());
    case 1:
      return call(comparison, 'bool', text(), text());
    case 2:
      return call(random.pick(['eq', 'ne'] as const), 'bool', text(), {
        op: 'const',
        physical: 'text',
        value: random.pick(TEXTS),
      });
    case 3:
      return call(random.pick(['and', 'or'] as const), 'bool', bool(), bool());
    case 4:
      return call('not', 'bool', bool());
    case 5:
      return call(
        'is_null',
        'bool',
        random.pick([number, bool, text, () => randomList(random, depth - 1)])(),
      );
    case 6:
      return call('in', 'bool', text(), {
        op: 'list',
        physical: 'list_text',
        values: ['', 'é', 'ab'],
      });
    case 7:
      return call('contains', 'bool', { op: 'slot', slot: 7, physical: 'list_text' }, text());
    default:
      return call('starts_with', 'bool', text(), {
        op: 'const',
        physical: 'text',
        value: random.pick(['', 'a', 'é']),
      });
  }
}

function randomText(random: Rng, depth: number): Expr {
  const slot: Expr = { op: 'slot', slot: 4 + random.below(2), physical: 'text' };
  if (depth === 0 || random.chance(0.5)) return slot;
  const text = () => randomText(random, depth - 1);
  return random.pick<() => Expr>([
    () => call('lower', 'text', text()),
    () => call('coalesce', 'text', text(), { op: 'const', physical: 'text', value: 'x' }),
    () => call('if', 'text', randomBool(random, depth - 1), text(), text()),
  ])();
}

function randomList(random: Rng, depth: number): Expr {
  const text = random.chance(0.5);
  const physical = text ? 'list_text' : 'list_f64';
  const slot: Expr = { op: 'slot', slot: text ? 7 : 6, physical };
  if (depth === 0) return slot;
  return random.pick<() => Expr>([
    () => slot,
    () => call('uniq', physical, slot),
    () => call('take', physical, slot, { op: 'const', physical: 'f64', value: random.below(3) }),
  ])();
}

describe('expressions', () => {
  it('generated code agrees with the interpreter on random expressions', () => {
    for (let seed = 1; seed <= 600; seed++) {
      const random = rng(seed);
      const columns = randomColumns(random);
      const expr = random.chance(0.5) ? randomNumber(random, 4) : randomBool(random, 4);
      const inputs = {
        n: ROWS,
        time: new Float64Array(ROWS).fill(5e5),
        column: (slot: number) => columns[slot]!,
      };
      const generated = compileExpr(expr)(inputs);
      const interpreted = compileExpr(expr, false)(inputs);
      for (let row = 0; row < ROWS; row++) {
        const message = `seed ${seed} row ${row}: ${JSON.stringify(expr)}`;
        expect(valueAt(generated, row), message).toEqual(valueAt(interpreted, row));
      }
    }
  });

  it('makes null of what is not finite, and passes null on', () => {
    const columns: Column[] = [{ kind: 'f64', data: Float64Array.of(1, 0, Number.NaN) }];
    const inputs = { n: 3, time: new Float64Array(3), column: (slot: number) => columns[slot]! };
    const x: Expr = { op: 'slot', slot: 0, physical: 'f64' };
    const one: Expr = { op: 'const', physical: 'f64', value: 1 };
    const values = (expr: Expr) => [0, 1, 2].map((row) => valueAt(compileExpr(expr)(inputs), row));
    expect(values(call('div', 'f64', one, x))).toEqual([1, null, null]);
    expect(values(call('is_null', 'bool', x))).toEqual([false, false, true]);
    expect(
      values(call('or', 'bool', call('eq', 'bool', x, one), call('eq', 'bool', one, one))),
    ).toEqual([true, true, null]);
    expect(values(call('coalesce', 'f64', x, one))).toEqual([1, 0, 1]);
  });
});
