/**
 * A net as a TensorFlow.js graph model: the forward pass is run once on a device that computes nothing and writes down what it
 * was asked for, so that every net and head can be exported, and what is exported is what is trained. The number of rows
 * stays open (-1).
 */
import type { DeepConfig } from './deep-config.ts';
import { START_LOGIT } from './deep-config.ts';
import { DeepNet } from './deep-net.ts';
import type { Tensor, TensorDevice, Tf } from './tensor-device.ts';

/** What the files hold: `model.json`, but for its weights, and these. */
export type RecordedGraph = {
  readonly topology: { readonly node: readonly GraphNode[]; readonly versions: object };
  readonly signature: { readonly inputs: object; readonly outputs: object };
  readonly weights: readonly GraphWeight[];
};

export type GraphWeight = {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
  readonly values: Float32Array | Int32Array;
};

type GraphNode = {
  readonly name: string;
  readonly op: string;
  readonly input: readonly string[];
  readonly attr: Readonly<Record<string, unknown>>;
};

/** What passes for a tensor while a graph is recorded. */
type Recorded = { readonly name: string; readonly shape: readonly number[] };

/**
 * Inputs: `x` [rows, width], `linear` [rows, heads], and `sequence<i>` [rows · length, dim] and `mask<i>` [rows · length, 1] of
 * each attended list. Output: `probability` [rows, heads]. `weights` in the order of the net's parameters.
 */
export function recordGraph(config: DeepConfig, weights: readonly Float32Array[]): RecordedGraph {
  const graph = new Graph();
  const net = new DeepNet(config);
  const heads = config.labels.length;
  const x = graph.input('x', [-1, config.width]);
  const linear = graph.input('linear', [-1, heads]);
  const attended = config.fields.filter(({ pool }) => pool === 'attention');
  const sequences = attended.map((field, i) =>
    graph.input(`sequence${i}`, [-1, config.tables[field.table]!.dim]),
  );
  const masks = attended.map((_, i) => graph.input(`mask${i}`, [-1, 1]));
  const own = net.parameters.map(({ name, shape }, i) => graph.constant(name, shape, weights[i]!));
  const device = graph.device();
  const tensor = (of: Recorded) => of as unknown as Tensor;
  const input = { x: tensor(x), sequences: sequences.map(tensor), masks: masks.map(tensor) };
  const logits = net.forward(device, input, own.map(tensor)) as unknown as Recorded;
  const start = graph.constant('start', [1, 1], Float32Array.of(START_LOGIT));
  const whole = graph.binary('AddV2', graph.binary('AddV2', logits, linear), start);
  const each = graph.node('Sigmoid', [whole], whole.shape);
  graph.output('probability', graph.chained(each, config.model.heads.kind === 'esmm'));
  return graph.finish([x, linear, ...sequences, ...masks]);
}

class Graph {
  readonly #nodes: GraphNode[] = [];
  readonly #weights: GraphWeight[] = [];
  #outputs: Recorded[] = [];

  input(name: string, shape: readonly number[]): Recorded {
    return this.#add(
      { name, op: 'Placeholder', input: [], attr: { dtype: FLOAT, shape: shapeAttr(shape) } },
      shape,
    );
  }

  constant(name: string, shape: readonly number[], values: Float32Array | Int32Array): Recorded {
    const dtype = values instanceof Float32Array ? 'float32' : 'int32';
    this.#weights.push({ name, shape, dtype, values });
    const type = dtype === 'float32' ? FLOAT : INT;
    return this.#add({ name, op: 'Const', input: [], attr: { dtype: type } }, shape);
  }

  node(op: string, inputs: readonly Recorded[], shape: readonly number[], attr = {}): Recorded {
    const name = `${op}_${this.#nodes.length}`;
    const input = inputs.map((each) => each.name);
    return this.#add({ name, op, input, attr: { T: FLOAT, ...attr } }, shape);
  }

  binary(op: string, a: Recorded, b: Recorded): Recorded {
    const [wide, narrow] = a.shape.length >= b.shape.length ? [a, b] : [b, a];
    const lead = wide.shape.length - narrow.shape.length;
    const shape = wide.shape.map((size, i) =>
      i < lead || size !== 1 ? size : narrow.shape[i - lead]!,
    );
    return this.node(op, [a, b], shape);
  }

  /** The second label's probability is the product of both heads'. */
  chained(each: Recorded, isChain: boolean): Recorded {
    if (!isChain) return each;
    const head = (i: number) => this.#slice(each, [0, i], [-1, 1]);
    return this.#concat([head(0), this.binary('Mul', head(0), head(1))], 1);
  }

  output(name: string, of: Recorded): void {
    this.#outputs.push(
      this.#add({ name, op: 'Identity', input: [of.name], attr: { T: FLOAT } }, of.shape),
    );
  }

  /** The functions that nets are made of. */
  device(): TensorDevice {
    const tf = {
      add: (a: Recorded, b: Recorded) => this.binary('AddV2', a, b),
      sub: (a: Recorded, b: Recorded) => this.binary('Sub', a, b),
      mul: (a: Recorded, b: Recorded | number) =>
        this.binary('Mul', a, typeof b === 'number' ? this.#number(b) : b),
      relu: (a: Recorded) => this.node('Relu', [a], a.shape),
      softmax: (a: Recorded) => this.node('Softmax', [a], a.shape),
      concat: (parts: readonly Recorded[], axis: number) => this.#concat(parts, axis),
      slice: (a: Recorded, begin: readonly number[], size: readonly number[]) =>
        this.#slice(a, begin, size),
      reshape: (a: Recorded, shape: readonly number[]) => {
        // A multiple of an open number of rows is as open.
        const open = shape.map((size) => Math.max(size, -1));
        return this.node('Reshape', [a, this.#ints(open)], open);
      },
      tile: (a: Recorded, times: readonly number[]) =>
        this.node(
          'Tile',
          [a, this.#ints(times)],
          a.shape.map((size, i) => (size < 0 ? -1 : size * times[i]!)),
        ),
      sum: (a: Recorded, axis: number) =>
        this.node(
          'Sum',
          [a, this.#ints([axis])],
          a.shape.filter((_, i) => i !== axis),
          { keep_dims: { b: false } },
        ),
    };
    const matMul = (a: Recorded, b: Recorded) =>
      this.node('MatMul', [a, b], [a.shape[0]!, b.shape[1]!], {
        ...{ transpose_a: { b: false }, transpose_b: { b: false } },
      });
    const title = 'a graph that is recorded';
    return {
      name: 'wasm',
      title,
      readsNow: false,
      tf: tf as unknown as Tf,
      matMul: matMul as unknown as TensorDevice['matMul'],
    };
  }

  finish(inputs: readonly Recorded[]): RecordedGraph {
    const described = (all: readonly Recorded[]) =>
      Object.fromEntries(
        all.map(({ name, shape }) => [
          name,
          { name: `${name}:0`, dtype: 'DT_FLOAT', tensorShape: shapeAttr(shape).shape },
        ]),
      );
    return {
      topology: { node: this.#nodes, versions: { producer: 27 } },
      signature: { inputs: described(inputs), outputs: described(this.#outputs) },
      weights: this.#weights,
    };
  }

  #slice(a: Recorded, begin: readonly number[], size: readonly number[]): Recorded {
    return this.node('Slice', [a, this.#ints(begin), this.#ints(size)], size, { Index: INT });
  }

  #concat(parts: readonly Recorded[], axis: number): Recorded {
    const shape = parts[0]!.shape.map((size, i) =>
      i === axis ? parts.reduce((sum, each) => sum + each.shape[i]!, 0) : size,
    );
    const at = this.constant(`axis_${this.#nodes.length}`, [], Int32Array.of(axis));
    return this.node('ConcatV2', [...parts, at], shape, { N: { i: `${parts.length}` }, Tidx: INT });
  }

  #ints(values: readonly number[]): Recorded {
    return this.constant(`ints_${this.#nodes.length}`, [values.length], Int32Array.from(values));
  }

  #number(value: number): Recorded {
    return this.constant(`number_${this.#nodes.length}`, [], Float32Array.of(value));
  }

  #add(node: GraphNode, shape: readonly number[]): Recorded {
    this.#nodes.push(node);
    return { name: node.name, shape };
  }
}

const FLOAT = { type: 'DT_FLOAT' };
const INT = { type: 'DT_INT32' };

function shapeAttr(shape: readonly number[]) {
  return { shape: { dim: shape.map((size) => ({ size: `${size}` })) } };
}
