import { expect, test } from 'vitest';
import { explain } from '../../compiler/explain/explain.ts';
import { explainDot } from '../../compiler/explain/explain-dot.ts';
import { explainJson } from '../../compiler/explain/explain-json.ts';
import type { Explanation } from '../../compiler/explain/explain-model.ts';
import { goldenText, programOf } from './programs.ts';

const text = goldenText('ads.feat');
const program = programOf(text);
const texts = new Map([['0.feat', text]]);

test('a feature: what it reads, where it is kept, how exact, with whom, at what cost', () => {
  expect(
    explain(program, { name: 'user_imps', texts }),
  ).toBe(`feature user_imps : count (4 columns)  0.feat:${lineOf('feature user_imps')}
  in ads_ctr; reads impression
  count(impression) by user_id
    over 5m (tail up to 15s early), 1h (tail up to 5m early), 24h (tail up to 1h early), 7d (tail up to 6h early)
    state ${stateOf('user_imps')} under user_id: 32 B a key + 16 B an entry, at most 82
    shared with user_ctr 0.feat:${lineOf('feature user_ctr')}
  adds no state: others keep all of it already
`);
  expect(explain(program, { name: 'user_imps[5m]', texts })).toBe(
    explain(program, { name: 'user_imps', texts }),
  );
});

test('the marginal cost is what the rest does not keep', () => {
  const model = JSON.parse(explainJson(program)) as Explanation;
  const marginal = (name: string) => model.features.find((one) => one.name === name)!.marginal;
  expect(marginal('pair_imps')).toEqual({ stores: 1, windows: 0, fixedBytes: 8 });
  expect(marginal('spend').stores).toBe(2);
  expect(marginal('ad_ctr')).toEqual({ stores: 0, windows: 0, fixedBytes: 0 });
});

test('a longer window of a shared store costs that window', () => {
  const longer = programOf(
    `${text}\nfeature month = count(click) by ad_id over 30d\nexamples more for impression { features month; label clicked wait horizon }`,
  );
  const model = JSON.parse(explainJson(longer)) as Explanation;
  expect(model.features.find((one) => one.name === 'month')!.marginal).toEqual({
    stores: 0,
    windows: 1,
    fixedBytes: 8,
  });
});

test('the whole program opens with topics, keys and look-ups', () => {
  const whole = explain(program, { texts })!;
  expect(whole).toMatch(/ads\.impressions +impression +ad_id bid .* #user_id +skips advertiser_id/);
  expect(whole).toContain('look-ups per event: click 2, impression 4, pixel 1, purchased 1');
  expect(whole).toContain('at home with user_id');
  expect(whole).toMatch(/impression -> user_id +by user_id +\d+ columns/);
  expect(whole).toMatch(/user_id -> impression +made there/);
  expect(whole).toMatch(/ad_id -> impression +by user_id/);
  for (const name of ['user_imps', 'hour', 'reach']) expect(whole).toContain(`feature ${name} `);
});

test('what nothing reads is said; an unknown name is null; a label and a set have their own page', () => {
  const more = programOf(
    `${text}\nstream idle from "idle" { id i : string; time ts : timestamp }\nfeature lonely = count(click) by user_id over 2h`,
  );
  expect(explain(more)).toContain('nothing reads idle');
  expect(explain(more, { name: 'lonely' })).toContain('no example set reads it');
  expect(explain(program, { name: 'nobody' })).toBeNull();
  expect(explain(program, { name: 'purchased' })).toContain(
    'pixel credited to impression, last; waits for click, pixel',
  );
  expect(explain(program, { name: 'ads_ctr' })).toContain('19 columns');
});

test('the graph names every topic, key, label and set, with balanced quotes', () => {
  const dot = explainDot(program);
  for (const name of ['ads.clicks', 'by user_id', 'label purchased', 'examples ads_ctr'])
    expect(dot).toContain(name);
  for (const line of dot.split('\n')) expect((line.match(/(?<!\\)"/g) ?? []).length % 2).toBe(0);
  const nodes = new Set([...dot.matchAll(/^ {2}(\w+) \[/gm)].map((match) => match[1]));
  for (const [, a, b] of dot.matchAll(/(\w+) -> (\w+)/g))
    expect([nodes.has(a!), nodes.has(b!)]).toEqual([true, true]);
});

function lineOf(start: string): number {
  return text.split('\n').findIndex((line) => line.startsWith(start)) + 1;
}

function stateOf(name: string): string {
  const model = JSON.parse(explainJson(program)) as Explanation;
  return model.features.find((one) => one.name === name)!.stores[0]!.state;
}
