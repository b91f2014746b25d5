/**
 * The Python reader reads what the blocks hold: its NDJSON is that of the run, line by line. It needs python3 with venv and,
 * the first time, a package index; where one of them is missing the tests say so and count as skipped.
 */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeBlock } from '../../runtime/block/block-decode.ts';
import { type BlockLayout, blockLayout } from '../../runtime/block/block-layout.ts';
import { protoText } from '../../runtime/block/block-proto.ts';
import { BLOCK_OPTIONS, type BlockOptions, BlockWriter } from '../../runtime/block/block-writer.ts';
import { WireWriter } from '../../runtime/block/wire.ts';
import { label, lossWeights } from '../../runtime/examples.ts';
import { JsonBytes } from '../../runtime/sink/json-bytes.ts';
import { NdjsonRows } from '../../runtime/sink/ndjson-rows.ts';
import { rng } from '../random.ts';
import { allRows, batchOf, layoutOf, numbers, type TestColumn, texts } from './block-world.ts';
import { EVERYTHING, randomBatch } from './random-batch.ts';

const READER = resolve(import.meta.dirname, '../../features/python/millrace_examples.py');
const REQUIREMENTS = resolve(import.meta.dirname, '../../features/python/requirements.txt');
const VENV = resolve(import.meta.dirname, '../../node_modules/.cache/millrace-python');
const PYTHON = join(VENV, 'bin/python');

/** Null once the reader can run; else why not. */
function prepared(): string | null {
  const imports = () => spawnSync(PYTHON, ['-c', 'import numpy, google.protobuf']).status === 0;
  if (existsSync(PYTHON) && imports()) return null;
  if (spawnSync('python3', ['--version']).status !== 0) return 'there is no python3';
  if (spawnSync('python3', ['-m', 'venv', VENV]).status !== 0) return 'python3 cannot make a venv';
  const pip = spawnSync(PYTHON, ['-m', 'pip', 'install', '-q', '-r', REQUIREMENTS], {
    encoding: 'utf8',
  });
  return pip.status === 0 && imports() ? null : `pip cannot install: ${pip.stderr.slice(0, 300)}`;
}

const missing = prepared();
if (missing !== null) console.warn(`The Python reader is not tested: ${missing}`);

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-python-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function pythonReads(
  proto: string,
  blocks: readonly Uint8Array[],
): Promise<SpawnSyncReturns<string>> {
  const file = new WireWriter();
  for (const block of blocks) {
    file.varint(block.length);
    file.raw(block);
  }
  await writeFile(join(folder, 'x.proto'), proto);
  await writeFile(join(folder, 'x.block'), file.written());
  const args = [READER, join(folder, 'x.proto'), join(folder, 'x.block')];
  return spawnSync(PYTHON, args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
}

/** The documented lines of what the TypeScript reader finds. */
function linesOf(bytes: Uint8Array): string[] {
  const block = decodeBlock(bytes);
  const rows = new NdjsonRows({ labels: block.labels, features: block.columns });
  const out = new JsonBytes(1024);
  const batch = { ...block, n: block.rows, features: block.columns.map(({ column }) => column) };
  for (let row = 0; row < block.rows; row++) rows.append(out, batch, row);
  return Buffer.from(out.written()).toString().trimEnd().split('\n');
}

const parsed = (lines: readonly string[]) =>
  lines.map((line) => JSON.parse(line, (_, value) => (Object.is(value, -0) ? 0 : value)));

/** A user's features shared by candidates, ratios, runs, a column that is mostly zero, whole minutes. */
function shared(): { layout: BlockLayout; columns: readonly TestColumn[] } {
  const request = (i: number) => Math.floor(i / 25);
  const of = (value: (i: number) => number | null) =>
    numbers(Array.from({ length: 300 }, (_, i) => value(i)));
  const ids = Array.from({ length: 300 }, (_, i) =>
    Array.from({ length: i % 7 }, (_, k) => 500 + request(i) * 40 + k),
  );
  const list = {
    kind: 'list_f64' as const,
    offsets: Int32Array.from([
      0,
      ...ids.map(
        (
          (sum) => (each) =>
            (sum += each.length)
        )(0),
      ),
    ]),
    values: Float64Array.from(ids.flat()),
    isNull: null,
  };
  const ratio = { numerator: 0, denominator: 1, addNumerator: 0.5, addDenominator: 0, fill: 0 };
  const columns: TestColumn[] = [
    { name: 'clicks', group: 0, column: of((i) => (request(i) * 7) % 5) },
    { name: 'imps', group: 0, column: of((i) => (request(i) * 13) % 11) },
    {
      name: 'ctr',
      group: 0,
      ratio,
      column: of((i) => {
        const n = (request(i) * 13) % 11;
        return n === 0 ? 0 : (((request(i) * 7) % 5) + 0.5) / n;
      }),
    },
    {
      name: 'city "x"',
      group: 0,
      column: texts(
        Array.from({ length: 300 }, (_, i) => (request(i) % 4 ? `ü${request(i)}` : null)),
      ),
    },
    { name: 'rare', column: of((i) => (i % 40 === 0 ? i * 1e5 : 0)) },
    { name: 'price', column: of((i) => (i % 9 ? (i * 37) / 100 : null)) },
    { name: 'age', column: of((i) => (i % 9 ? 6e4 * i ** 3 : null)) },
    { name: 'ids', column: list },
    { name: 'shown', column: { kind: 'bool', data: Uint8Array.from(ids, (_, i) => i % 3) } },
  ];
  return { layout: layoutOf(columns), columns };
}

describe.runIf(missing === null)('the Python reader', () => {
  const options: readonly [string, BlockOptions][] = [
    ['plain', BLOCK_OPTIONS],
    ['packed', { ...BLOCK_OPTIONS, compression: 'deflate' }],
    ['bf16', { ...BLOCK_OPTIONS, floats: { kind: 'bf16' } }],
  ];

  it.each(options)('reads every kind of column, %s', async (_, block) => {
    const layout = blockLayout(EVERYTHING);
    const writer = new BlockWriter(layout, 'd', block);
    const blocks = [1, 2, 3].map((seed) => {
      const batch = randomBatch(rng(seed), 200 * seed);
      return writer.encode(batch, allRows(batch.n), 0).slice();
    });
    const { stdout, stderr } = await pythonReads(protoText(layout), blocks);
    expect(stderr).toBe('');
    expect(parsed(stdout.trimEnd().split('\n'))).toEqual(parsed(blocks.flatMap(linesOf)));
  });

  it('reads what rows share, and what follows from other columns', async () => {
    const { layout, columns } = shared();
    const batch = batchOf(
      300,
      columns.map(({ column }) => column),
    );
    const bytes = new BlockWriter(layout, 'd').encode(batch, allRows(300), 0).slice();
    const { stdout, stderr } = await pythonReads(protoText(layout), [bytes]);
    expect(stderr).toBe('');
    expect(parsed(stdout.trimEnd().split('\n'))).toEqual(parsed(linesOf(bytes)));
  });

  it('refuses a block whose bytes are wrong', async () => {
    const layout = blockLayout(EVERYTHING);
    const batch = randomBatch(rng(9), 50);
    const bytes = new BlockWriter(layout, 'd').encode(batch, allRows(50), 0).slice();
    bytes[bytes.length - 20]! ^= 4;
    const { status, stdout, stderr } = await pythonReads(protoText(layout), [bytes]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/Damaged: .*checksum/);
  });

  it('learns from the same rows with the same weights', async () => {
    const layout = blockLayout(EVERYTHING);
    const batch = randomBatch(rng(4), 300);
    const bytes = new BlockWriter(layout, 'd').encode(batch, allRows(300), 0).slice();
    await pythonReads(protoText(layout), [bytes]);
    const script = `
import json, sys
sys.path.insert(0, sys.argv[1])
from millrace_examples import Reader
block = next(Reader(sys.argv[2]).blocks(sys.argv[3]))
arrays = lambda name: [block.label(name)[1], *block.loss_weights(name), *block.loss_weights(name, True)]
print(json.dumps([[array.astype(float).tolist() for array in arrays(name)] for name in ("clicked", "bought")]))`;
    const args = [dirname(READER), join(folder, 'x.proto'), join(folder, 'x.block')];
    const { stdout, stderr } = spawnSync(PYTHON, ['-c', script, ...args], { encoding: 'utf8' });
    expect(stderr).toBe('');
    const found: number[][][] = JSON.parse(stdout);
    const block = decodeBlock(bytes);
    for (const [i, name] of ['clicked', 'bought'].entries()) {
      const [once, twice] = [lossWeights(block, name), lossWeights(block, name, true)];
      const expected = [
        ...[label(block, name).mask, once.positive, once.negative],
        ...[twice.positive, twice.negative],
      ];
      for (const [k, array] of expected.entries()) {
        const far = [...array].filter(
          (value, row) => !(Math.abs(value - found[i]![k]![row]!) < 1e-9),
        );
        expect(far, `${name} ${k}`).toEqual([]);
        expect(array.some((value) => value !== 0)).toBe(true);
      }
    }
  });
});
