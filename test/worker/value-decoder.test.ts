/** Values of records become rows one to one, whatever is in them. */
import { describe, expect, it } from 'vitest';
import { rawText } from '../../operators/decode/decoder.ts';
import type { Records } from '../../runtime/worker/cluster.ts';
import { valueDecoder } from '../../runtime/worker/value-decoder.ts';
import { smallPlan } from './small-app.ts';

const plan = smallPlan();
const clicks = plan.scans.find(({ topic }) => topic === 'clks')!;
const GOOD = '{"click_id":"c","ts":1700000000000,"impression_id":"i","user_id":"u"}';

describe('JSON values', () => {
  it.each([
    ['an event', GOOD, true],
    ['an event over several lines', GOOD.replaceAll(',', ',\r\n  '), true],
    ['an event with blanks around it', `\n\t ${GOOD} \n`, true],
    ['nothing', '', false],
    ['a null, as a compacted topic has them', null, false],
    ['blanks', ' \n\t', false],
    ['two events in one', `${GOOD}\n${GOOD}`, false],
    ['a line break within a text', GOOD.replace('"u"', '"u\nv"'), false],
    ['a carriage return within a text', GOOD.replace('"u"', '"u\rv"'), false],
    ['a line break within a text that nobody reads', GOOD.replace('}', ',"x":"u\nv"}'), false],
    ['half an event', GOOD.slice(0, 20), false],
    ['more than 1 MiB', `{"x":"${'x'.repeat(1 << 20)}"}`, false],
  ])('%s', async (_, value, isGood) => {
    const decoder = valueDecoder({ kind: 'json' }, clicks.fields);
    await decoder.load(recordsOf([GOOD, value, GOOD]));
    const bad = new Set<number>();
    let rows = 0;
    while (rows < 3) {
      const batch = decoder.decode(2, rows);
      for (let i = 0; i < batch.bad.count; i++) bad.add(rows + batch.bad.row[i]!);
      expect(rawText(batch, 0)).not.toBe('');
      rows += batch.n;
    }
    expect(rows).toBe(3);
    expect([...bad]).toEqual(isGood ? [] : [1]);
  });
});

function recordsOf(values: readonly (string | null)[]): Records {
  const bytes = Buffer.from(values.map((value) => value ?? '').join(''));
  let at = 0;
  const starts: number[] = [];
  const ends: number[] = [];
  for (const value of values) {
    starts.push(value === null ? -1 : at);
    at += Buffer.byteLength(value ?? '');
    ends.push(value === null ? -1 : at);
  }
  const none = new Int32Array(values.length).fill(-1);
  return {
    ...{ n: values.length, bytes, next: values.length, keyStart: none, keyEnd: none },
    offset: Float64Array.from(values.keys()),
    time: new Float64Array(values.length),
    valueStart: Int32Array.from(starts),
    valueEnd: Int32Array.from(ends),
    headers: () => [],
  };
}
