/** An exported model, loaded by the libraries it is meant for. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ModelPlan } from '../../compiler/check/model-plan.ts';
import { hashText, lanes } from '../../operators/hash.ts';
import { main } from '../../runtime/command/cli.ts';
import { deepConfig } from '../../runtime/trainer/deep-config.ts';
import { DeepNet } from '../../runtime/trainer/deep-net.ts';
import { restoreDeep } from '../../runtime/trainer/deep-state.ts';
import { DenseMoments } from '../../runtime/trainer/dense-moments.ts';
import { EmbeddingBatch } from '../../runtime/trainer/embedding-batch.ts';
import { EmbeddingTable } from '../../runtime/trainer/embedding-table.ts';
import { BatchEncoder } from '../../runtime/trainer/encoded-batch.ts';
import { readSnapshot } from '../../runtime/trainer/snapshot-file.ts';
import { openDevice, type Tensor, type TensorDevice } from '../../runtime/trainer/tensor-device.ts';
import { DeepTraining } from '../../runtime/training/deep-training.ts';
import { chainOf, type ModelManifest } from '../../runtime/training/model-folder.ts';
import { MODEL, rowsOf, SET } from './deep-world.ts';
import { lineOf } from './example-lines.ts';

type GraphModel = { predict(inputs: Record<string, Tensor>): Tensor };
type Converter = {
  loadGraphModel(from: { load: () => Promise<object> }): Promise<GraphModel>;
};
const { loadGraphModel } = createRequire(import.meta.url)(
  '@tensorflow/tfjs-converter',
) as Converter;

const ROWS = rowsOf(400);
let folder = '';
let device: TensorDevice;
const at = (...parts: string[]) => join(folder, ...parts);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-export-'));
  await writeFile(at('ctr.ndjson'), ROWS.map((row) => `${lineOf(row)}\n`).join(''));
  device = (await openDevice('wasm')).device!;
});
afterAll(() => rm(folder, { recursive: true }));

const attended: ModelPlan['tables'][number] = {
  dim: 4,
  columns: [
    { name: 'ad', pool: { kind: 'one' } },
    { name: 'recent', pool: { kind: 'attention', target: 'ad' } },
  ],
};
const labels = ['clicked', 'bought'];

it.each<[string, Partial<ModelPlan>]>([
  ['dcn, attention, esmm', { tables: [attended, MODEL.tables[1]!] }],
  [
    'deepfm, mmoe',
    { net: { kind: 'deepfm', cross: 0, deep: [8] }, heads: { kind: 'mmoe', labels, experts: 3 } },
  ],
  ['dcn, shared', { heads: { kind: 'shared', labels, experts: 0 } }],
])(
  '%s: the graph model gives the scores of the trainer, the Parquet files its rows',
  async (name, more) => {
    const model = { ...MODEL, ...more };
    const own = name.replaceAll(/\W+/g, '-');
    const of = { path: at('ctr.ndjson'), set: SET, planDigest: 'd', model, weighting: {}, device };
    const training = await DeepTraining.open({ ...of, folder: at(`${own}.deep`) }, false);
    await training.consume(null);
    await training.finish();
    const said: string[] = [];
    const write = (text: string) => void said.push(text);
    const console = { print: write, error: write, progress: { write: () => true } };
    const code = await main(['model', 'export', at(`${own}.deep`), '--to', at(own)], console, '0');
    expect(code, said.join('\n')).toBe(0);

    const rows = ROWS.filter(({ kind }) => kind === undefined).slice(0, 30);
    const expected = await training.trainer.score(rows);
    const { tables, input, config } = await restored(own, model, rows);
    const files = JSON.parse(await readFile(at(own, 'tfjs', 'model.json'), 'utf8'));
    const weights = await readFile(at(own, 'tfjs', 'weights.bin'));
    const graph = await loadGraphModel({
      load: async () => ({
        ...{ modelTopology: files.modelTopology, signature: files.signature, format: files.format },
        weightSpecs: files.weightsManifest[0].weights,
        weightData: weights.buffer.slice(weights.byteOffset, weights.byteOffset + weights.length),
      }),
    });
    const { tf } = device;
    const inputs: Record<string, Tensor> = {
      x: tf.tensor2d(input.x, [rows.length, config.width]),
      linear: tf.tensor2d(input.linear, [rows.length, 2]),
    };
    for (const [i, { values, mask, length, dim }] of input.sequences.entries()) {
      inputs[`sequence${i}`] = tf.tensor2d(values, [rows.length * length, dim]);
      inputs[`mask${i}`] = tf.tensor2d(mask, [rows.length * length, 1]);
    }
    const scores = graph.predict(inputs).dataSync();
    expect(scores.length).toBe(expected.length);
    for (const [i, score] of scores.entries()) expect(score).toBeCloseTo(expected[i]!, 5);

    const found = await parquetReadObjects({
      file: await asyncBufferFromFile(at(own, 'rows-ad+recent.parquet')),
    });
    hashText('a3');
    const row = tables[0]!.find(lanes[0]!, lanes[1]!);
    const id = (BigInt(lanes[1]!) << 32n) | BigInt(lanes[0]! >>> 0);
    const { records } = tables[0]!;
    const end = ((row & records.mask) + 1) * records.words;
    expect(found.find((each) => each.id === id)!.embedding).toEqual([
      ...records.floats[0]!.subarray(end - 4, end),
    ]);
    expect(found.length).toBe(tables[0]!.counts().rows);
  },
);

async function restored(own: string, model: ModelPlan, rows: typeof ROWS) {
  const manifest: ModelManifest = JSON.parse(
    await readFile(at(`${own}.deep`, 'manifest.json'), 'utf8'),
  );
  const config = deepConfig(model, SET);
  const tables = config.tables.map((table) => new EmbeddingTable(table));
  const chain = chainOf(manifest, manifest.published!).map(({ file }) =>
    readSnapshot(at(`${own}.deep`, file)),
  );
  const parameters = new DeepNet(config).parameters.length;
  const { moments } = restoreDeep(chain, tables, { parameters, path: own });
  const measured = new DenseMoments(config.dense.length);
  measured.numbers.set(moments);
  const batch = new BatchEncoder(config).encode(rows, measured, false);
  return { config, tables, input: new EmbeddingBatch(config, tables).gatherKnown(batch, false) };
}
