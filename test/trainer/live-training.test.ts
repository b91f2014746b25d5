/** The trainer on topics in memory: what arrives when, and what dies when, is not to be seen in the model. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExampleRow } from '../../runtime/block/example-row.ts';
import { trainAlong } from '../../runtime/command/train-on-kafka.ts';
import { LIVE_PACE_MS } from '../../runtime/config.ts';
import type { Fault } from '../../runtime/fault.ts';
import { openDevice, type TensorDevice } from '../../runtime/trainer/tensor-device.ts';
import { type LiveRows, LiveTraining } from '../../runtime/training/live-training.ts';
import type { ModelManifest } from '../../runtime/training/model-folder.ts';
import { rng } from '../random.ts';
import { MODEL, rowsOf, SET } from './deep-world.ts';
import { MemoryTopics, TOPICS } from './live-world.ts';

const ROWS = rowsOf(1_500);
const END = ROWS.at(-1)!.emitted + 1;
let folder = '';
let device: TensorDevice;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-live-'));
  device = (await openDevice('wasm')).device!;
});
afterAll(() => rm(folder, { recursive: true }));

type Saved = { readonly rows: number; readonly at: number };

/** Trains until `turns` are over (killed there, or drained), or to the end. */
async function train(
  topics: MemoryTopics,
  name: string,
  until: { turns?: number; drain?: boolean; slow?: boolean; onTurn?: () => void } = {},
): Promise<Saved[]> {
  const saved: Saved[] = [];
  const { turns = Number.POSITIVE_INFINITY, drain = false, slow = true } = until;
  const training = await LiveTraining.open({
    ...{ set: SET, planDigest: 'd', model: MODEL, weighting: {}, device, topic: 'app.ctr' },
    ...{ folder: join(folder, name), slices: [], now: () => topics.now },
    onPublish: ({ verdict }, entry) => {
      if (entry !== null && verdict === 'passed') saved.push({ rows: entry.rows, at: topics.now });
    },
  });
  const stop = { requested: false };
  let turn = 0;
  const cluster = {
    ...topics.cluster(slow),
    sleep: async () => {
      until.onTurn?.();
      if (++turn < turns) return;
      if (!drain) throw new Error('killed');
      stop.requested = true;
    },
  };
  const stream = { topics: TOPICS, set: SET, setIndex: 0, places: new Map([['d', 0]]) };
  const untilEnd = turns === Number.POSITIVE_INFINITY;
  const along = trainAlong({
    cluster,
    training,
    stop,
    stream: { ...stream, untilEnd },
    log: () => {},
  });
  await along.catch((error: Error) => {
    if (error.message !== 'killed') throw error;
  });
  return saved;
}

/** What is read and not trained on yet, by hand. */
class HandRows implements LiveRows {
  readonly ready: ExampleRow[] = [];
  watermark = Number.NEGATIVE_INFINITY;
  taken = 0;
  #emitted: number | null = null;

  take(count: number): ExampleRow[] {
    this.taken += count;
    const rows = this.ready.splice(0, count);
    this.#emitted = rows.at(-1)?.emitted ?? this.#emitted;
    return rows;
  }

  place() {
    return { emitted: this.#emitted, taken: 1, offsets: [0], rows: [this.taken] };
  }
}

async function newest(name: string): Promise<{ manifest: ModelManifest; bytes: Buffer }> {
  const text = await readFile(join(folder, name, 'manifest.json'), 'utf8');
  const manifest: ModelManifest = JSON.parse(text);
  return { manifest, bytes: await readFile(join(folder, name, manifest.snapshots.at(-1)!.file)) };
}

describe('training on a topic', () => {
  it('gives the same bytes whatever the units, partitions, blocks, arrivals, kills and drains', async () => {
    const plain = new MemoryTopics({ units: 1, partitions: 1, seed: 1 });
    plain.write(ROWS, Number.POSITIVE_INFINITY, 400);
    await train(plain, 'plain', { slow: false });
    const expected = await newest('plain');
    expect(expected.manifest.snapshots.at(-1)).toMatchObject({ kind: 'full', rows: ROWS.length });
    for (const seed of [3]) {
      const random = rng(seed);
      const topics = new MemoryTopics({ units: 3, partitions: 2, seed });
      for (let at = 0; at < ROWS.length; ) {
        const next = Math.min(ROWS.length, at + 300 + random.below(300));
        // Rows emitted at the same time may come apart.
        topics.write(ROWS.slice(at, next), ROWS[next - 1]!.emitted, 30);
        at = next;
        const drain = random.chance(0.5);
        await train(topics, `s${seed}`, { turns: 5 + random.below(60), drain });
      }
      topics.write([], Number.POSITIVE_INFINITY, 30);
      await train(topics, `s${seed}`);
      const { manifest, bytes } = await newest(`s${seed}`);
      expect(manifest.snapshots.at(-1)!.rows, `seed ${seed}`).toBe(ROWS.length);
      expect(bytes.equals(expected.bytes), `seed ${seed}`).toBe(true);
    }
  });

  it('a stretch of event time that ends without a row, after a stop within it, changes no snapshot that counts', async () => {
    const pace = Math.min(MODEL.publishMs, LIVE_PACE_MS);
    const open = () =>
      LiveTraining.open({
        ...{ set: SET, planDigest: 'd', model: MODEL, weighting: {}, device, topic: 'app.ctr' },
        ...{ folder: join(folder, 'open'), slices: [], now: () => 0, saveEveryMs: 0 },
        onPublish: () => {},
      });
    let training = await open();
    const rows = new HandRows();
    // Rows come one by one, until what was read is trained on and the next row is of the same stretch.
    const stretchOf = (i: number) => Math.floor(ROWS[i].emitted / pace);
    for (let i = 0; ; i++) {
      rows.ready.push(ROWS[i]);
      rows.watermark = ROWS[i].emitted;
      while (await training.turn(rows, true));
      if (i > 600 && rows.ready.length === 0 && stretchOf(i) === stretchOf(i + 1)) break;
    }
    await training.drain(rows);
    training = await open();
    rows.watermark += pace;
    while (await training.turn(rows, false));
    const { manifest } = await newest('open');
    const files = manifest.snapshots.map(({ file }) => file);
    expect(new Set(files).size).toBe(files.length);
    expect(manifest.snapshots.slice(-2).map(({ rows }) => rows)).toEqual([rows.taken, rows.taken]);
    const again = await open();
    const scored = ROWS.slice(0, 100);
    expect(await again.trainer.score(scored)).toEqual(await training.trainer.score(scored));
  });

  it('an example is in a published snapshot within a minute, also where event time stands still', async () => {
    const topics = new MemoryTopics({ units: 2, partitions: 1, seed: 9 });
    const committed: number[] = [];
    let written = 0;
    topics.now = ROWS[0]!.emitted;
    const stillFrom = ROWS[680]!.emitted;
    const saved = await train(topics, 'fresh', {
      ...{ turns: 470, slow: false },
      onTurn: () => {
        // A worker commits each second what was emitted before; then no event comes any more.
        topics.now += 1_000;
        const reached = Math.min(topics.now - 1_000, stillFrom);
        const count = ROWS.filter(({ emitted }) => emitted < reached).length;
        topics.write(ROWS.slice(written, count), reached, 100);
        while (committed.length < count) committed.push(topics.now);
        written = count;
      },
    });
    expect(written).toBeGreaterThan(500);
    const waits = committed.map((at, i) => saved.find(({ rows }) => rows > i)!.at - at);
    expect(Math.max(...waits)).toBeLessThan(60_000);
    expect(Math.max(...waits)).toBeGreaterThan(40_000);
  });

  it.each<[string, (topics: MemoryTopics) => void, string, RegExp]>([
    [
      'rows that the topic no longer keeps',
      (topics) => void topics.starts.set('app.ctr/0', topics.log(EXAMPLES).length - 1),
      'examples_gone',
      /partition 0, offset \d+: the block of unit 0 comes \d+ rows too late/,
    ],
    [
      'a topic that was made anew',
      (topics) => void topics.log(EXAMPLES).splice(3),
      'examples_anew',
      /was read up to \d+: the topic was made anew/,
    ],
    [
      'a damaged block',
      (topics) => void topics.log(EXAMPLES).at(-1)!.value.fill(0, 40, 60),
      'block_damaged',
      /^app\.ctr, partition 0, offset \d+: /,
    ],
  ])('%s is a fault that says where', async (name, spoil, kind, message) => {
    const topics = new MemoryTopics({ units: 1, partitions: 1, seed: 2 });
    topics.write(ROWS.slice(0, 600), ROWS[600]!.emitted, 20);
    await train(topics, name, { slow: false });
    topics.write(ROWS.slice(600, 900), END, 20);
    spoil(topics);
    const fault: Fault = await train(topics, name, { slow: false }).then(
      () => expect.fail('it trained'),
      (error: Fault) => error,
    );
    expect(fault.kind).toBe(kind);
    expect(fault.message).toMatch(message);
  });
});

const EXAMPLES = { topic: 'app.ctr', partition: 0 };
