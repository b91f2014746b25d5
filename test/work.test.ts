/**
 * The gate against slow decay: what the engine does for an event and keeps for a key, counted rather than timed, so that a
 * busy machine cannot trip it. `work.txt` holds the figures. Who makes one smaller, or has to make one greater, writes them
 * anew with UPDATE=1 and says in the commit what the work is for.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, expect, it } from 'vitest';
import { ads60Program } from './bench/ads60-data.ts';
import { manyFiles, STREAMS } from './bench/scale/scale-programs.ts';
import { WorkCounter } from './work-counter.ts';

/** Code that is entered differs a little from one engine version to the next. */
const MORE_MAX = 1.02;
const LESS_MAX = 0.95;
const USERS = 501;
const BATCH_ROWS = 500;
const ROWS = 1_000;
const FILE = new URL('work.txt', import.meta.url);

// Only code that is loaded after the counter began is counted block by block.
const counter = new WorkCounter();
const { decode, planOf } = await import('./run-in-memory.ts');
const { Pipeline } = await import('../operators/pipeline.ts');
const { SlabSet } = await import('../operators/state/slab.ts');
const { blockLayout } = await import('../runtime/block/block-layout.ts');
const { BlockWriter } = await import('../runtime/block/block-writer.ts');
const { allRows } = await import('./runtime/block-world.ts');

afterAll(() => counter.stop());

it('takes no more work, state or bytes than it did', () => {
  const figures = [
    ...ofProgram('ads-60', ads60Program(60)),
    ...ofProgram('ads-60, exact windows', ads60Program(60, '[5m, 1h, 24h] exact')),
    ...ofProgram('ads-12', ads60Program(12)),
    ...ofPlan(
      'twenty files that share seven of ten features',
      [STREAMS, ...manyFiles(20).texts].join('\n'),
    ),
    ...ofPlan('features/ads.feat', feature('ads')),
    ...ofPlan('features/jd.feat', feature('jd')),
    ...ofPlan('features/open_bandit.feat', feature('open_bandit')),
  ];
  if (process.env.UPDATE === '1') writeFileSync(FILE, textOf(figures));
  const before = new Map(
    readFileSync(FILE, 'utf8')
      .split('\n')
      .map((line) => [line.slice(12), Number(line.slice(0, 10))]),
  );
  expect(figures.flatMap((figure) => changeOf(figure, before.get(figure.name)))).toEqual([]);
});

type Figure = { readonly name: string; readonly value: number };

function changeOf({ name, value }: Figure, before: number | undefined): string[] {
  const how =
    'If that is meant: UPDATE=1 npx vitest run test/work.test.ts, and say in the commit why';
  if (before === undefined) return [`${name} is new. ${how}`];
  const ratio = before === value ? 1 : value / before;
  if (ratio <= MORE_MAX && ratio >= LESS_MAX) return [];
  return [`${name}: ${ratio > 1 ? 'grew' : 'fell'} from ${before} to ${value}. ${how}`];
}

function textOf(figures: readonly Figure[]): string {
  return figures.map(({ name, value }) => `${String(value).padStart(10)}  ${name}\n`).join('');
}

function feature(name: string): string {
  return readFileSync(new URL(`../features/${name}.feat`, import.meta.url), 'utf8');
}

/** What every event goes through, however many there are. */
function ofPlan(name: string, program: string): Figure[] {
  const plan = planOf(program);
  const sum = (of: (keyspace: (typeof plan.keyspaces)[number]) => number) =>
    plan.keyspaces.reduce((total, keyspace) => total + of(keyspace), 0);
  return [
    { name: `${name}: keyspaces`, value: plan.keyspaces.length },
    {
      name: `${name}: look-ups and updates, all streams`,
      value: sum(({ feeds, probes }) => feeds.length + probes.length),
    },
    {
      name: `${name}: counter columns`,
      value: sum(({ counters }) => counters.flatMap(({ columns }) => columns).length),
    },
    { name: `${name}: value stores`, value: sum(({ values }) => values.length) },
  ];
}

function ofProgram(name: string, program: string): Figure[] {
  run(program, ROWS);
  const [few, many] = [ROWS, 2 * ROWS].map((rows) => {
    counter.take();
    const { state, blocks } = run(program, rows);
    return { entered: counter.take(), state, blocks };
  });
  return [
    {
      name: `${name}: blocks of code entered an impression`,
      value: Math.round((many.entered - few.entered) / ROWS),
    },
    { name: `${name}: bytes of state a user`, value: Math.round(many.state / USERS) },
    {
      name: `${name}: bytes of example blocks, a thousand impressions`,
      value: Math.round((many.blocks * 1_000) / (2 * ROWS)),
    },
    ...ofPlan(name, program),
  ];
}

/** Runs the program over so many impressions: bytes that its state has handed out, and of the examples in blocks. */
function run(
  program: string,
  impressions: number,
): { readonly state: number; readonly blocks: number } {
  const plan = planOf(program);
  const slabs = new SlabSet();
  const pipeline = new Pipeline(plan, {
    ...{ slabs: [slabs], scanSlabs: new SlabSet(), codegen: true },
    ...{ spill: null, bufferBytesMax: Number.POSITIVE_INFINITY },
  });
  const [impression, click] = ['impression', 'click'].map((name) =>
    plan.streams.findIndex((stream) => stream.name === name),
  );
  pipeline.addPartition(impression, 0);
  pipeline.addPartition(click, 0);
  pipeline.end(click, 0);
  const writer = new BlockWriter(blockLayout(plan.examples[0], plan), 'digest');
  let rows = 0;
  let blocks = 0;
  const advance = (frontier: number) => {
    for (const batches of pipeline.advance(frontier)) {
      for (const batch of batches) {
        blocks += writer.encode(batch, allRows(batch.n), rows).length;
        rows += batch.n;
      }
    }
  };
  const lines = Array.from({ length: impressions }, (_, i) => JSON.stringify(impressionOf(i)));
  for (let at = 0; at < impressions; at += BATCH_ROWS) {
    pipeline.accept(impression, 0, decode(plan, { stream: impression, lines, at }, BATCH_ROWS)!);
    advance(pipeline.frontier());
  }
  pipeline.end(impression, 0);
  advance(Number.POSITIVE_INFINITY);
  expect(rows).toBe(impressions);
  const state = [...slabs.all()].reduce((sum, slab) => sum + slab.inUse * 8, 0);
  return { state, blocks };
}

function impressionOf(i: number): object {
  return {
    impression_id: `i${i}`,
    ts: Date.UTC(2024, 9, 27) + i * 7_000,
    user_id: `u${(i * 7) % USERS}`,
    ad_id: `a${i % 17}`,
    campaign_id: `c${i % 5}`,
    advertiser_id: 'v1',
    placement: `p${i % 7}`,
    bid: (i % 11) / 256,
  };
}
