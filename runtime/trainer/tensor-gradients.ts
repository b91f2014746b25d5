/**
 * Gradients of the operations that nets are made of, for TensorFlow.js' core: its package for Node comes without any (the
 * whole library registers them all, at ten times the size). An architecture that uses another operation adds it here, and
 * `test/trainer/net-numbers.test.ts` compares it with differences of the loss.
 */
import type { Tensor, Tf } from './tensor-device.ts';

/** Registers them, once for a core. */
export function registerGradients(tf: Tf): void {
  if (tf.getGradient('Concat') !== undefined) return;
  arithmetic(tf);
  shapes(tf);
  tf.registerGradient({
    kernelName: 'Relu',
    inputsToSave: ['x'],
    gradFunc: (slope, [x]) => ({ x: () => tf.mul(one(slope), tf.step(x!)) }),
  });
  tf.registerGradient({
    kernelName: 'Softmax',
    outputsToSave: [true],
    gradFunc: (slope, [y]) => {
      const product = tf.mul(one(slope), y!);
      return { logits: () => tf.sub(product, tf.mul(tf.sum(product, -1, true), y!)) };
    },
  });
}

function arithmetic(tf: Tf): void {
  const both = ['a', 'b'];
  tf.registerGradient({
    kernelName: 'Add',
    inputsToSave: both,
    gradFunc: (slope, [a, b]) => ({
      a: () => summedTo(tf, one(slope), a!),
      b: () => summedTo(tf, one(slope), b!),
    }),
  });
  tf.registerGradient({
    kernelName: 'Sub',
    inputsToSave: both,
    gradFunc: (slope, [a, b]) => ({
      a: () => summedTo(tf, one(slope), a!),
      b: () => summedTo(tf, tf.neg(one(slope)), b!),
    }),
  });
  tf.registerGradient({
    kernelName: 'Multiply',
    inputsToSave: both,
    gradFunc: (slope, [a, b]) => ({
      a: () => summedTo(tf, tf.mul(one(slope), b!), a!),
      b: () => summedTo(tf, tf.mul(one(slope), a!), b!),
    }),
  });
}

function shapes(tf: Tf): void {
  tf.registerGradient({
    kernelName: 'Identity',
    gradFunc: (slope) => ({ x: () => tf.clone(one(slope)) }),
  });
  tf.registerGradient({
    kernelName: 'Reshape',
    inputsToSave: ['x'],
    gradFunc: (slope, [x]) => ({ x: () => tf.reshape(one(slope), x!.shape) }),
  });
  tf.registerGradient({
    kernelName: 'Concat',
    saveAllInputs: true,
    gradFunc: (slope, inputs, attributes) => {
      const axis = attributes.axis as number;
      const sizes = inputs.map(({ shape }) => shape[axis]!);
      return tf.split(one(slope), sizes, axis).map((piece) => () => piece) as never;
    },
  });
  tf.registerGradient({
    kernelName: 'Slice',
    inputsToSave: ['x'],
    gradFunc: (slope, [x], attributes) => {
      const begin = attributes.begin as number[];
      const size = attributes.size as number[];
      const around = x!.shape.map((length, axis): [number, number] => [
        begin[axis]!,
        length - begin[axis]! - size[axis]!,
      ]);
      return { x: () => tf.pad(one(slope), around) };
    },
  });
  tf.registerGradient({
    kernelName: 'Tile',
    inputsToSave: ['x'],
    gradFunc: (slope, [x]) => ({ x: () => summedTo(tf, one(slope), x!) }),
  });
  tf.registerGradient({
    kernelName: 'Sum',
    inputsToSave: ['x'],
    gradFunc: (slope, [x], attributes) => {
      const axes = tf.util.parseAxisParam(attributes.axis as number | number[], x!.shape);
      const kept = x!.shape.map((length, axis) => (axes.includes(axis) ? 1 : length));
      const repeats = x!.shape.map((length, axis) => (axes.includes(axis) ? length : 1));
      return { x: () => tf.tile(tf.reshape(one(slope), kept), repeats) };
    },
  });
}

/** Added up along the axes on which `like` is 1 wide, or is not there at all. */
function summedTo(tf: Tf, slope: Tensor, like: Tensor): Tensor {
  const missing = slope.rank - like.rank;
  const axes = slope.shape.flatMap((length, axis) =>
    axis < missing || (like.shape[axis - missing] === 1 && length > 1) ? [axis] : [],
  );
  return axes.length === 0 ? tf.clone(slope) : tf.reshape(tf.sum(slope, axes), like.shape);
}

/** None of these operations has more than one result. */
function one(slope: Tensor | Tensor[]): Tensor {
  return Array.isArray(slope) ? slope[0]! : slope;
}
