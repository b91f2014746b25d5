import { expect, test } from 'vitest';
import { diff, diffText } from '../../compiler/explain/diff.ts';
import { rng } from '../random.ts';
import { goldenText, programOf } from './programs.ts';
import { randomProgram } from './random-program.ts';

const text = goldenText('ads.feat');
const before = programOf(text);
const changed = (from: string, to: string) => {
  expect(text).toContain(from);
  return programOf(text.replace(from, to));
};

test('the same program reuses everything', () => {
  expect(diffText(before, before)).toBe('the same program: every state and column is reused\n');
});

test('a filter that changes rebuilds its stores and says why; the rest is reused', () => {
  const after = changed(
    'stream buy    = pixel where kind == "purchase"',
    'stream buy    = pixel where kind == "order"',
  );
  const { states } = diff(before, after);
  const rebuilt = states.filter((one) => one.change === 'rebuilt');
  expect(rebuilt.map((one) => one.text).filter((one) => one.startsWith('sum'))).toEqual([
    'sum(pixel.value where kind == "order") by user_id',
  ]);
  expect(rebuilt.find((one) => one.text.startsWith('sum'))!.reasons[0]).toBe(
    'its filter was kind == "purchase", is kind == "order"',
  );
  expect(rebuilt.some((one) => one.text === 'label purchased')).toBe(true);
  expect(states.filter((one) => one.change === 'reused').map((one) => one.text)).toContain(
    'count(impression) by user_id',
  );
  expect(states.some((one) => one.change === 'dropped')).toBe(false);
});

test('a wider window is gained by the state that is there', () => {
  const after = changed(
    'feature ad_clicks   = count(click)      by ad_id over 24h',
    'feature ad_clicks   = count(click)      by ad_id over 48h hop 1h',
  );
  const store = diff(before, after).states.find((one) => one.text === 'count(click) by ad_id')!;
  expect(store.change).toBe('reused');
  expect(store.reasons).toEqual([
    'gains window 2d: full once that much was seen',
    'loses window 24h',
  ]);
});

test('columns added, removed and changed', () => {
  const after = changed('pair_imps, reach, hour,', 'reach, hour, impression.advertiser_id,');
  const [set] = diff(before, after).examples;
  expect(set).toMatchObject({ name: 'ads_ctr', change: 'changed' });
  expect(set!.columns).toEqual([
    { change: 'added', name: 'advertiser_id', reason: null },
    { change: 'removed', name: 'pair_imps', reason: null },
  ]);
  const rated = diff(before, changed('prior: 0.01, weight: 1000', 'prior: 0.02, weight: 1000'))
    .examples[0]!;
  expect(rated.columns).toEqual([
    { change: 'changed', name: 'ad_ctr', reason: 'what it computes changed' },
  ]);
});

test('policies, sampling and whole sets', () => {
  const after = changed('sample negatives 10%', 'sample negatives 20%');
  expect(diff(before, after).examples[0]!.reasons).toEqual(['sample negatives was 0.1, is 0.2']);
  const waits = changed(
    'label purchased wait 30m then late positives',
    'label purchased wait 1h then late positives',
  );
  expect(diff(before, waits).examples[0]!.reasons[0]).toContain('label purchased: its policy was');
  const more = programOf(
    `${text}\nexamples more for impression { features hour; label clicked wait horizon }`,
  );
  expect(diff(before, more).examples.map((one) => `${one.change} ${one.name}`)).toEqual([
    'unchanged ads_ctr',
    'added more',
  ]);
  expect(diffText(more, before)).toContain('removed more');
});

test.each(Array.from({ length: 30 }, (_, i) => i + 1))(
  'what one direction drops, the other makes anew, seed %i',
  (seed) => {
    const random = rng(seed);
    const [a, b] = [randomProgram(random, 4), randomProgram(random, 4)];
    const count = (from: typeof a, to: typeof a, change: string) =>
      diff(from, to).states.filter((one) => one.change === change).length;
    expect(count(a, b, 'reused')).toBe(count(b, a, 'reused'));
    expect(count(a, b, 'new') + count(a, b, 'rebuilt')).toBe(
      count(b, a, 'dropped') + count(b, a, 'rebuilt'),
    );
  },
);
