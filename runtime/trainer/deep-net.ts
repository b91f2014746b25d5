/** A model's net: attention over lists, the body, the heads; forward on a device, from a batch on the host to logits. */
import { type DeepConfig, listIdsMax } from './deep-config.ts';
import type { NetInput } from './embedding-batch.ts';
import { mmoeHeads } from './heads-mmoe.ts';
import { towerHeads } from './heads-towers.ts';
import { dcnNet } from './net-dcn.ts';
import { deepFmNet, type FieldGroup } from './net-deepfm.ts';
import type { NetPart, ParameterSpec } from './net-part.ts';
import { attend, attentionParameters } from './pool-attention.ts';
import type { Tensor, TensorDevice } from './tensor-device.ts';

/** The host's batch as tensors: x [rows, width], and values and mask of each sequence. */
export type NetTensors = {
  readonly x: Tensor;
  readonly sequences: readonly Tensor[];
  readonly masks: readonly Tensor[];
};

export class DeepNet {
  readonly parameters: readonly ParameterSpec[];
  readonly #config: DeepConfig;
  readonly #attention: readonly { readonly field: number; readonly length: number }[];
  readonly #body: NetPart;
  readonly #heads: NetPart;

  constructor(config: DeepConfig) {
    this.#config = config;
    const { model, fields, tables, width } = config;
    const { net, heads } = model;
    this.#attention = fields.flatMap((each, field) =>
      each.pool === 'attention' ? [{ field, length: listIdsMax(each) }] : [],
    );
    this.#body =
      net.kind === 'dcn'
        ? dcnNet(width, net.cross, net.deep)
        : deepFmNet(width, net.deep, groupsOf(config));
    const count = heads.labels.length;
    this.#heads =
      heads.kind === 'mmoe'
        ? mmoeHeads(this.#body.width, count, heads.experts)
        : towerHeads(this.#body.width, count);
    const attention = this.#attention.flatMap(({ field }, i) =>
      attentionParameters(`attention${i}`, tables[fields[field]!.table]!.dim),
    );
    this.parameters = [...attention, ...this.#body.parameters, ...this.#heads.parameters];
  }

  /** Logits [rows, heads] without their linear part; to be called inside a `tf.tidy`. */
  forward(device: TensorDevice, input: NetTensors, weights: readonly Tensor[]): Tensor {
    const { body, heads } = { body: this.#body, heads: this.#heads };
    const own = this.#attention.length * 4;
    const x = own === 0 ? input.x : this.#withAttention(device, input, weights.slice(0, own));
    const inner = weights.slice(own, own + body.parameters.length);
    const rest = weights.slice(own + body.parameters.length);
    return heads.apply(device, body.apply(device, x, inner), rest);
  }

  /** The input with each attended list in its place, which the host leaves at zero. */
  #withAttention(device: TensorDevice, input: NetTensors, weights: readonly Tensor[]): Tensor {
    const { tf } = device;
    const { fields, tables, width } = this.#config;
    const rows = input.x.shape[0]!;
    const pieces: Tensor[] = [];
    let done = 0;
    for (const [i, { field, length }] of this.#attention.entries()) {
      const { offset, table, target } = fields[field]!;
      const { dim } = tables[table]!;
      if (offset > done) pieces.push(tf.slice(input.x, [0, done], [rows, offset - done]));
      const list = { values: input.sequences[i]!, mask: input.masks[i]!, length };
      const aimed = tf.slice(input.x, [0, fields[target]!.offset], [rows, dim]);
      pieces.push(attend(device, list, aimed, weights.slice(4 * i, 4 * i + 4)));
      done = offset + dim;
    }
    if (done < width) pieces.push(tf.slice(input.x, [0, done], [rows, width - done]));
    return tf.concat(pieces, 1);
  }
}

/** The input as tensors; the caller disposes of them, or is inside a `tf.tidy`. */
export function netTensors(device: TensorDevice, input: NetInput, width: number): NetTensors {
  const { tf } = device;
  const { rows, sequences } = input;
  return {
    x: tf.tensor2d(input.x, [rows, width]),
    sequences: sequences.map(({ values, length, dim }) =>
      tf.tensor2d(values, [rows * length, dim]),
    ),
    masks: sequences.map(({ mask, length }) => tf.tensor2d(mask, [rows * length, 1])),
  };
}

function groupsOf({ fields, tables }: DeepConfig): FieldGroup[] {
  const groups = new Map<number, number[]>();
  for (const { table, offset } of fields) {
    const { dim } = tables[table]!;
    groups.set(dim, [...(groups.get(dim) ?? []), offset]);
  }
  return [...groups].map(([dim, offsets]) => ({ dim, offsets }));
}
