/**
 * Where tensors are computed: TensorFlow.js on CUDA, on any GPU through WebGPU, natively on the CPU, or in WebAssembly.
 * Every package is optional. The only file that knows of TensorFlow.js packages; they are looked for in this package's own
 * node_modules and in the folder that `millrace setup tensorflow` fills.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Fault } from '../fault.ts';
import { registerGradients } from './tensor-gradients.ts';
import { tensorflowFolder } from './tensorflow-folder.ts';

/** TensorFlow.js' functions, whichever package they come from. */
export type Tf = typeof import('@tensorflow/tfjs-core');
export type Tensor = import('@tensorflow/tfjs-core').Tensor;

/** In the order in which they are tried. */
export const DEVICES = ['cuda', 'webgpu', 'native', 'wasm'] as const;
export type DeviceName = (typeof DEVICES)[number];

export type TensorDevice = {
  readonly name: DeviceName;
  /** For people: the package and what it runs on. */
  readonly title: string;
  readonly tf: Tf;
  /** Results can be read at once, in the middle of a step; else only by waiting for them. */
  readonly readsNow: boolean;
  /** a [n, k] · b [k, m], with a gradient that is fast on this back end. */
  readonly matMul: (a: Tensor, b: Tensor) => Tensor;
};

/** A device that cannot be used here, and why. */
export type DeviceRefusal = { readonly name: DeviceName; readonly why: string };

/**
 * The first device that works, and why those before it do not; null where none does. `wanted` names one: it is used, or a
 * Fault `no_device` says why it cannot be.
 */
export async function openDevice(
  wanted: DeviceName | 'auto',
): Promise<{ readonly device: TensorDevice | null; readonly refused: readonly DeviceRefusal[] }> {
  const refused: DeviceRefusal[] = [];
  for (const name of wanted === 'auto' ? DEVICES : [wanted]) {
    try {
      return { device: await OPEN[name](wanted !== 'auto'), refused };
    } catch (error) {
      refused.push({ name, why: reasonOf(error) });
    }
  }
  if (wanted === 'auto') return { device: null, refused };
  throw new Fault('no_device', `--device ${wanted} cannot be used here: ${refused[0]!.why}`);
}

const OPEN: Readonly<Record<DeviceName, (isWanted: boolean) => Promise<TensorDevice>>> = {
  cuda: () => openNative('@tensorflow/tfjs-node-gpu', 'cuda'),
  webgpu: openWebGpu,
  native: () => openNative('@tensorflow/tfjs-node', 'native'),
  wasm: openWasm,
};

/** Modules are loaded by require: all of them are CommonJS, and so share one tfjs-core. */
const requireHere = createRequire(import.meta.url);

/** `folder`: which of the cache's folders holds it, where it is none of ours. */
function requireFrom(
  name: string,
  inCache = name,
): {
  readonly load: (id: string) => unknown;
  readonly at: string;
} {
  for (const folder of [null, tensorflowFolder(inCache)]) {
    const require = folder === null ? requireHere : createRequire(join(folder, 'package.json'));
    try {
      return { load: require, at: require.resolve(`${name}/package.json`) };
    } catch {
      // Not there: the next place.
    }
  }
  throw new Error(`${name} is not installed`);
}

async function openNative(name: string, device: 'cuda' | 'native'): Promise<TensorDevice> {
  const { load, at } = requireFrom(name);
  const binding = join(dirname(at), 'lib/napi-v8/tfjs_binding.node');
  if (!existsSync(binding)) {
    throw new Error(
      `${name} is there without its native part: millrace setup tensorflow builds it`,
    );
  }
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '3';
  // tfjs-node 4.22 calls a function that Node 23 took away.
  const util = requireHere('node:util') as { isNullOrUndefined?: (value: unknown) => boolean };
  util.isNullOrUndefined ??= (value) => value === null || value === undefined;
  const tf = load(name) as Tf;
  await tf.setBackend('tensorflow');
  if (device === 'cuda' && !usesCuda(tf)) throw new Error('no CUDA device was found');
  const title = `${name} ${tf.version_core} (${device === 'cuda' ? 'CUDA' : 'TensorFlow on the CPU'})`;
  return { name: device, title, tf, readsNow: true, matMul: (a, b) => tf.matMul(a, b) };
}

function usesCuda(tf: Tf): boolean {
  const backend = tf.backend() as { readonly isUsingGpuDevice?: boolean };
  return backend.isUsingGpuDevice === true;
}

/** GPUs made of software: slower than WebAssembly, so only used when asked for. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|basic render/i;

async function openWebGpu(isWanted: boolean): Promise<TensorDevice> {
  // The one package here that is no CommonJS.
  const dawnAt = join(dirname(requireFrom('webgpu').at), 'index.js');
  const dawn: Dawn = await import(pathToFileURL(dawnAt).href);
  const { load } = requireFrom('@tensorflow/tfjs-backend-webgpu', 'webgpu');
  Object.assign(globalThis, dawn.globals);
  const gpu = dawn.create([]);
  const scope = globalThis as { navigator?: object };
  scope.navigator ??= {};
  Object.defineProperty(scope.navigator, 'gpu', { value: gpu, configurable: true });
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new Error('no GPU with Vulkan, Metal or Direct3D 12 was found');
  const { description = '', vendor = '' } = adapter.info ?? {};
  if (!isWanted && SOFTWARE.test(`${description} ${vendor}`)) {
    throw new Error(`the only GPU is software (${description})`);
  }
  const tf = load('@tensorflow/tfjs-core') as Tf;
  load('@tensorflow/tfjs-backend-webgpu');
  registerGradients(tf);
  if (!(await tf.setBackend('webgpu'))) throw new Error('its back end does not start');
  const title = `WebGPU, TensorFlow.js ${tf.version_core} on ${description || vendor || 'a GPU'}`;
  return { name: 'webgpu', title, tf, readsNow: false, matMul: ownMatMul(tf, false) };
}

/** What is used of the `webgpu` package (Dawn). */
type Dawn = {
  readonly globals: Record<string, unknown>;
  readonly create: (flags: readonly string[]) => {
    readonly requestAdapter: () => Promise<{
      readonly info?: { readonly description?: string; readonly vendor?: string };
    } | null>;
  };
};

async function openWasm(): Promise<TensorDevice> {
  const { load, at } = requireFrom('@tensorflow/tfjs-backend-wasm');
  const tf = load('@tensorflow/tfjs-core') as Tf;
  const wasm = load('@tensorflow/tfjs-backend-wasm') as {
    readonly setWasmPaths: (folder: string) => void;
  };
  wasm.setWasmPaths(join(dirname(at), 'dist/'));
  registerGradients(tf);
  if (!(await tf.setBackend('wasm'))) throw new Error('its back end does not start');
  const title = `WebAssembly, TensorFlow.js ${tf.version_core}`;
  return { name: 'wasm', title, tf, readsNow: true, matMul: ownMatMul(tf, true) };
}

/**
 * A product with a gradient of its own, for cores that come without one. `explicit`: transposes first, since the transposed
 * kernels of WebAssembly take three times as long.
 */
function ownMatMul(tf: Tf, explicit: boolean): (a: Tensor, b: Tensor) => Tensor {
  const matMul = tf.customGrad((...args) => {
    const [a, b, save] = args as unknown as [Tensor, Tensor, (tensors: Tensor[]) => void];
    save([a, b]);
    return {
      value: tf.matMul(a, b),
      gradFunc: (slope: Tensor, [x, y]: Tensor[]) =>
        explicit
          ? [tf.matMul(slope, tf.transpose(y!)), tf.matMul(tf.transpose(x!), slope)]
          : [tf.matMul(slope, y!, false, true), tf.matMul(x!, slope, true, false)],
    };
  });
  return (a, b) => matMul(a, b);
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}
