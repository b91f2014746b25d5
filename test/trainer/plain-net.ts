/** Every net again, in doubles and loops, from the papers' formulas: what devices are compared with. */
import type { DeepConfig } from '../../runtime/trainer/deep-config.ts';
import type { NetInput } from '../../runtime/trainer/embedding-batch.ts';

/** A net's input and weights, wide enough for small differences. */
export type PlainInput = {
  readonly rows: number;
  readonly x: Float64Array;
  readonly sequences: readonly {
    readonly field: number;
    readonly length: number;
    readonly dim: number;
    readonly values: Float64Array;
    readonly mask: Float32Array;
  }[];
};

export function plainInput({ rows, x, sequences }: NetInput): PlainInput {
  return {
    rows,
    x: Float64Array.from(x),
    sequences: sequences.map((each) => ({ ...each, values: Float64Array.from(each.values) })),
  };
}

type Weights = readonly Float64Array[];
type Row = number[];

/** Logits [rows, heads] without their linear part. */
export function plainLogits(config: DeepConfig, input: PlainInput, weights: Weights): Float64Array {
  const out: number[] = [];
  for (let row = 0; row < input.rows; row++) {
    const queue = [...weights];
    const x = Array.from(input.x.subarray(row * config.width, (row + 1) * config.width));
    attend(config, input, row, x, queue);
    const body = config.model.net.kind === 'dcn' ? dcn(config, x, queue) : deepFm(config, x, queue);
    out.push(...headsOf(config, body, queue));
  }
  return Float64Array.from(out);
}

/** x · W + b with the next two arrays. */
function dense(x: Row, queue: Float64Array[]): Row {
  const weights = queue.shift()!;
  const bias = queue.shift()!;
  return Array.from(bias, (start, j) =>
    x.reduce((sum, value, i) => sum + value * weights[i * bias.length + j]!, start),
  );
}

const relu = (x: Row): Row => x.map((value) => Math.max(0, value));

function deep(x: Row, layers: number, queue: Float64Array[]): Row {
  let out = x;
  for (let i = 0; i < layers; i++) out = relu(dense(out, queue));
  return out;
}

function dcn({ model }: DeepConfig, x: Row, queue: Float64Array[]): Row {
  let crossed = x;
  for (let l = 0; l < model.net.cross; l++) {
    const inner = dense(crossed, queue);
    crossed = crossed.map((value, i) => x[i]! * inner[i]! + value);
  }
  const layers = model.net.deep.length;
  return layers === 0 ? crossed : [...crossed, ...deep(x, layers, queue)];
}

function deepFm({ model, fields, tables }: DeepConfig, x: Row, queue: Float64Array[]): Row {
  const out = deep(x, model.net.deep.length, queue);
  const dims = [...new Set(fields.map(({ table }) => tables[table]!.dim))];
  for (const dim of dims) {
    const group = fields.filter(({ table }) => tables[table]!.dim === dim);
    if (group.length < 2) continue;
    for (let d = 0; d < dim; d++) {
      let pairs = 0;
      for (let i = 0; i < group.length; i++) {
        for (let j = i + 1; j < group.length; j++) {
          pairs += x[group[i]!.offset + d]! * x[group[j]!.offset + d]!;
        }
      }
      out.push(pairs);
    }
  }
  return out;
}

function headsOf({ model, labels }: DeepConfig, body: Row, queue: Float64Array[]): Row {
  if (labels.length === 1) return dense(body, queue);
  if (model.heads.kind !== 'mmoe') return labels.flatMap(() => dense(deep(body, 1, queue), queue));
  const experts = Array.from({ length: model.heads.experts }, () => deep(body, 1, queue));
  const gates = labels.map(() => softmax(dense(body, queue)));
  return gates.flatMap((gate) => {
    const mixed = experts[0]!.map((_, d) =>
      gate.reduce((sum, share, e) => sum + share * experts[e]![d]!, 0),
    );
    return dense(mixed, queue);
  });
}

function softmax(x: Row): Row {
  const powers = x.map((value) => Math.exp(value - Math.max(...x)));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((value) => value / sum);
}

/** Deep Interest Network's weighed sum, put in its field's place. */
function attend(
  config: DeepConfig,
  input: PlainInput,
  row: number,
  x: Row,
  queue: Float64Array[],
): void {
  for (const { field, length, dim, values, mask } of input.sequences) {
    const { offset, target } = config.fields[field]!;
    const from = config.fields[target]!.offset;
    const aim = x.slice(from, from + dim);
    const own = queue.splice(0, 4);
    const pooled = new Array<number>(dim).fill(0);
    for (let t = 0; t < length; t++) {
      if (mask[row * length + t] === 0) continue;
      const at = (row * length + t) * dim;
      const s = Array.from(values.subarray(at, at + dim));
      const compared = [
        ...s,
        ...aim,
        ...s.map((v, d) => v - aim[d]!),
        ...s.map((v, d) => v * aim[d]!),
      ];
      const layers = [...own];
      const [weight] = dense(relu(dense(compared, layers)), layers);
      for (let d = 0; d < dim; d++) pooled[d] = pooled[d]! + s[d]! * weight!;
    }
    x.splice(offset, dim, ...pooled);
  }
}
