/** `millrace/examples`, as a trainer's program uses it. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LABEL_KINDS, ROW_AUDIT, ROW_EXAMPLE } from '../../operators/emission/emission-batch.ts';
import { decodeBlock } from '../../runtime/block/block-decode.ts';
import { blockLayout } from '../../runtime/block/block-layout.ts';
import { BlockWriter } from '../../runtime/block/block-writer.ts';
import { emissionRows } from '../../runtime/block/emission-row.ts';
import type { LabelKind } from '../../runtime/block/example-row.ts';
import {
  type Example,
  feature,
  label,
  lossWeights,
  numbers,
  readBlocksOf,
  readExamplesOf,
  weights,
} from '../../runtime/examples.ts';
import { disk } from '../../runtime/files.ts';
import { openSink } from '../../runtime/sink/open-sink.ts';
import { rng } from '../random.ts';
import { allRows } from './block-world.ts';
import { EVERYTHING, randomBatch } from './random-batch.ts';

/** What an audit row says is not learnt from. */
const AUDITED = ['audit', 1] as const;

let folder = '';
const batch = randomBatch(rng(3), 800);
const rows = emissionRows(batch, EVERYTHING);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-examples-'));
  const more = { files: disk, plan: EVERYTHING, planDigest: 'd', at: null };
  const sink = await openSink(folder, 'block', more);
  await sink.write(batch, null);
  await sink.commit();
  await sink.close();
});
afterAll(() => rm(folder, { recursive: true }));

describe('millrace/examples', () => {
  it('is what the package exports', () => {
    const root = resolve(import.meta.dirname, '../..');
    const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    for (const path of Object.values<string>(exports['./examples'])) {
      const source = path.replace('./dist/', '').replace(/(\.d)?\.(ts|js)$/, '.ts');
      expect(existsSync(join(root, source)), path).toBe(true);
    }
  });

  it('gives rows with weights, masks, ages and positions', async () => {
    const found: Example[] = [];
    for await (const example of readExamplesOf(folder)) found.push(example);
    expect(found.length).toBe(800);
    for (const [i, example] of found.entries()) {
      const row = rows[i]!;
      expect(example).toMatchObject({
        ...{ set: EVERYTHING.name, position: i, id: row.id, time: row.time, emitted: row.emitted },
        ...{ kind: row.kind ?? 'example', weight: 1 / row.sampleRate },
      });
      expect(Object.values(example.features)).toEqual(row.features);
      for (const name of ['clicked', 'bought']) {
        const due = row.labels[name];
        const value = due?.value ?? null;
        expect(example.labels[name]).toEqual({
          ...{ value, mask: value === null || row.kind !== undefined ? 0 : 1 },
          kind: due?.kind ?? 'absent',
          ...(due?.was === undefined ? {} : { was: due.was }),
          ...{ age: due?.elapsed ?? null, deadline: due?.deadline ?? null },
        });
      }
    }
  });

  it('gives weights whose sums are those of the final labels', () => {
    /** Rows of one anchor by kind and value, and what they come to: of positives, of negatives. */
    const anchors: readonly [readonly [LabelKind, number][], boolean, number, number][] = [
      [[['observed', 1]], false, 1, 0],
      [
        [
          ['observed', 0],
          ['late_positive', 1],
        ],
        false,
        1,
        0,
      ],
      [
        [
          ['observed', 1],
          ['cancelled', 0],
        ],
        false,
        0,
        1,
      ],
      [
        [
          ['observed', 0],
          ['late_positive', 1],
          ['cancelled', 0],
        ],
        false,
        0,
        1,
      ],
      [
        [
          ['observed', 0],
          ['confirmed_negative', 0],
        ],
        true,
        0,
        2,
      ],
      [
        [
          ['observed', 0],
          ['late_positive', 1],
        ],
        true,
        2,
        0,
      ],
      [[['unknown', 2]], false, 0, 0],
    ];
    const { labels, ...more } = randomBatch(rng(3), 4);
    for (const [emissions, isAgain, positives, negatives] of anchors) {
      const all = [...emissions, ...Array.from({ length: 4 - emissions.length }, () => AUDITED)];
      const clicked = {
        ...labels[0]!,
        kind: Uint8Array.from(all, ([kind]) => LABEL_KINDS.indexOf(kind)),
        value: Uint8Array.from(all, ([, value]) => value),
      };
      const bytes = new BlockWriter(blockLayout(EVERYTHING), 'd').encode(
        {
          ...more,
          kind: Uint8Array.from(all, (each) => (each === AUDITED ? ROW_AUDIT : ROW_EXAMPLE)),
          labels: [clicked, labels[1]!],
          sampleRate: new Float64Array(4).fill(0.5),
        },
        allRows(4),
        0,
      );
      const { positive, negative } = lossWeights(decodeBlock(bytes), 'clicked', isAgain);
      const sum = (of: Float64Array) => of.reduce((total, each) => total + each, 0) / 2;
      expect([sum(positive), sum(negative)], JSON.stringify(emissions)).toEqual([
        positives,
        negatives,
      ]);
    }
  });

  it('gives columns as arrays, of files and of records', async () => {
    const writer = new BlockWriter(blockLayout(EVERYTHING), 'd');
    const record = writer.encode(batch, allRows(800), 0).slice();
    for (const source of [join(folder, 'every__thing_.block'), [record]]) {
      let at = 0;
      for await (const block of readBlocksOf(source)) {
        const { value, mask, age } = label(block, 'bought');
        const count = feature(block, 'count[5m]');
        for (let row = 0; row < block.rows; row++, at++) {
          const due = rows[at]!.labels.bought;
          const isLearnt = rows[at]!.kind === undefined && (due?.value ?? null) !== null;
          expect(mask[row]).toBe(isLearnt ? 1 : 0);
          expect(value[row]).toBe(Math.fround(isLearnt ? due!.value! : 0));
          if (due !== undefined) expect(age[row]).toBe(due.elapsed);
          expect(count.kind === 'f64' && count.data[row]).toBe(rows[at]!.features[0]);
          expect(weights(block)[row]).toBe(Math.fround(1 / rows[at]!.sampleRate));
        }
        expect(numbers(block, 'count[5m]')).toBe((count as { data?: Float64Array }).data);
        expect(() => feature(block, 'clicks')).toThrow(/no feature clicks; it has count\[5m\]/);
        expect(() => label(block, 'sold')).toThrow(/no label sold; it has clicked, bought/);
      }
      expect(at).toBe(800);
    }
  });
});
