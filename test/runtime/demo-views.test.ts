import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type DemoSummary, renderSummary } from '../../runtime/demo/demo-summary.ts';
import { ownCommand, packageFile, shownPath } from '../../runtime/own-command.ts';
import { type ProgressState, ProgressView, renderProgress } from '../../runtime/progress-view.ts';
import { Truth } from '../../runtime/simulator/truth.ts';
import { LabelMetrics } from '../../runtime/trainer/label-metrics.ts';
import { IdealMetrics } from '../../runtime/training/ideal-metrics.ts';

const state: ProgressState = {
  elapsedMs: 0,
  eventsRead: 123_456,
  eventsTotal: 700_000,
  eventsPerSecond: 98_765.4,
  eventTimeMs: Date.UTC(2026, 0, 5, 13, 4, 5),
  lagMs: 61_000,
  late: 12,
  duplicates: 3,
  malformed: 4,
  emitted: 5_678,
  memoryBytes: 300 * 1_048_576,
};

function recorder(isTTY: boolean, columns = 100) {
  const written: string[] = [];
  return { written, isTTY, columns, write: (text: string) => written.push(text) };
}

describe('progress', () => {
  test('lines say everything', () => {
    const text = renderProgress(state).join('\n');
    for (const part of ['123,456 of 700,000', '98,765 /s', '2026-01-05 13:04:05', 'lag 1m 1s']) {
      expect(text).toContain(part);
    }
    for (const part of ['12 late', '3 duplicate', '4 malformed', '5,678', '300 MiB']) {
      expect(text).toContain(part);
    }
    const note = { name: 'model', text: '7 rows' };
    expect(renderProgress({ ...state, note }).at(-1)).toBe('model       7 rows');
    const plain = recorder(false);
    new ProgressView(plain).finish({ ...state, note });
    expect(plain.written).toEqual([expect.stringMatching(/300 MiB, model: 7 rows\n$/)]);
    const early = renderProgress({ ...state, eventsTotal: null, eventTimeMs: null, lagMs: null });
    expect(early.join('\n')).not.toMatch(/null|NaN|undefined/);
  });

  test('a terminal is drawn over, within its width, at most five times a second', () => {
    const output = recorder(true, 40);
    const view = new ProgressView(output);
    view.show(state);
    view.show({ ...state, elapsedMs: 100 });
    view.show({ ...state, elapsedMs: 250 });
    expect(output.written.length).toBe(2);
    expect(output.written[0]).not.toContain('\u001b[4A');
    expect(output.written[1]!.startsWith('\u001b[4A')).toBe(true);
    const lines = output.written[1]!.slice(4)
      .split('\n')
      .filter((line) => line !== '');
    for (const line of lines) expect(line.replace('\u001b[2K', '').length).toBeLessThan(40);
  });

  test('elsewhere it is a plain line every five seconds, and a last one', () => {
    const output = recorder(false);
    const view = new ProgressView(output);
    for (let elapsedMs = 0; elapsedMs <= 11_000; elapsedMs += 500)
      view.show({ ...state, elapsedMs });
    view.finish({ ...state, elapsedMs: 11_100 });
    expect(output.written.length).toBe(4);
    for (const line of output.written) {
      expect(line.includes('\u001b')).toBe(false);
      expect(line.indexOf('\n')).toBe(line.length - 1);
    }
  });
});

describe('the command as the user would type it', () => {
  const here = (path: string) => join(process.cwd(), path);

  test.each([
    [here('dist/runtime/main.js'), 'node dist/runtime/main.js'],
    [here('node_modules/.bin/millrace'), 'npx millrace'],
    ['/home/x/.npm/_npx/0a/node_modules/.bin/millrace', 'npx millrace'],
    ['/usr/local/bin/millrace', 'millrace'],
  ])('%s', (script, command) => {
    expect(ownCommand(script)).toBe(command);
  });

  test('paths are relative where that is shorter, and quoted for a shell', () => {
    expect(shownPath(here('demo-out/run'))).toBe('demo-out/run');
    expect(shownPath('/elsewhere/x')).toBe('/elsewhere/x');
    expect(shownPath(here("it's here"))).toBe("'it'\\''s here'");
    expect(shownPath(packageFile('features/ads.feat'))).toBe('features/ads.feat');
  });
});

describe('summary', () => {
  function scored(scoreOf: (i: number) => number): LabelMetrics {
    const metrics = new LabelMetrics();
    for (let i = 0; i < 4_000; i++) metrics.add(scoreOf(i), i % 10 === 0 ? 1 : 0, 1);
    return metrics;
  }

  const base: DemoSummary = {
    events: 700_000,
    elapsedMs: 10_000,
    examples: 80_000,
    labels: [
      {
        name: 'clicked',
        source: 'emission',
        model: scored((i) => (i % 10 === 0 ? 0.2 : 0.12)).values(),
        ideal: scored((i) => (i % 10 === 0 ? 0.6 : 0.04)).values(),
        series: [],
      },
    ],
    deep: null,
    counts: [{ name: 'late impressions', planted: 306, found: 306 }],
    emissions: [
      { name: 'clicked', kind: 'observed', rows: 4_000 },
      { name: 'bought', kind: 'late_positive', rows: 7 },
    ],
    next: [{ what: 'what it costs', command: 'millrace explain features/ads.feat' }],
  };

  test('tells model from truth and what to look at', () => {
    const text = renderSummary(base).join('\n');
    expect(text).toContain('70,000 events/s');
    expect(text).toMatch(/clicked +4,000 +400 +0\.781 /);
    expect(text).toContain('promises 28 % too much');
    expect(text).toMatch(/the model knows \d+ % of what can be known/);
    expect(text).toMatch(/late impressions +306 +306 +all/);
    expect(text).toContain('  - what it costs:\n      millrace explain features/ads.feat');
    expect(text).toMatch(/clicked +4,000 +0\nbought +0 +7\n/);
    expect(text).not.toContain('that is a bug');
  });

  test('a count that differs is called a bug; few positives are called chance', () => {
    const few = new LabelMetrics();
    few.add(0.5, 1, 1);
    const label = {
      ...base.labels[0]!,
      source: 'audit' as const,
      model: few.values(),
      ideal: null,
    };
    const counts = [{ name: 'duplicates', planted: 9, found: 8 }];
    const text = renderSummary({ ...base, labels: [label], counts }).join('\n');
    expect(text).toContain('duplicates: 9 put in but 8 counted; that is a bug.');
    expect(text).toContain('DIFFERS');
    expect(text).toContain('clicked (audit): 1 positives are few');
    expect(text).not.toMatch(/null|NaN|undefined/);
  });

  test('the ideal predictor scores with the truth, on the same rows', () => {
    const truth = new Truth(Float32Array.of(0.25, 0.125, 0.0625));
    const ideal = new IdealMetrics(truth, { clicked: 'clicked', purchased: 'purchasedByEnd' });
    const row = {
      set: 'ads',
      id: 'i0',
      time: 0,
      emitted: 0,
      labels: {},
      features: [],
      sampleRate: 0.5,
    };
    const rest = { row, score: 0.9, weight: 2, source: 'emission' as const };
    ideal.add({ ...rest, label: 'clicked', value: 1 });
    ideal.add({ ...rest, label: 'purchased', value: 0 });
    ideal.add({ ...rest, row: { ...row, id: 'i9' }, label: 'purchased', value: 0 });
    expect(ideal.values('clicked', 'emission')).toMatchObject({
      rows: 1,
      expected: 0.5,
      observed: 2,
    });
    expect(ideal.values('purchased', 'emission')).toMatchObject({ rows: 1, expected: 0.125 });
    expect(ideal.values('clicked', 'audit').rows).toBe(0);
    expect(ideal.unknownIds).toBe(1);
  });
});
