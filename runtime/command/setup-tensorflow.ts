/**
 * `millrace setup tensorflow [--gpu]`: TensorFlow for Node, from the package registries alone.
 *
 *   1  npm install, without scripts, of @tensorflow/tfjs-node and node-gyp, into the cache folder
 *   2  pip download of a current TensorFlow (its npm package would fetch an old one from elsewhere)
 *   3  libraries and headers out of that wheel
 *   4  node-gyp builds the small binding between both
 *   5  the device is opened and multiplies
 *
 * `millrace setup webgpu` installs Dawn and the WebGPU back end by npm alone. A folder is filled beside its place and renamed
 * into it, so a cut-off setup leaves none.
 */
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Console } from '../console-output.ts';
import { Fault } from '../fault.ts';
import { type DeviceName, openDevice } from '../trainer/tensor-device.ts';
import { tensorflowFolder } from '../trainer/tensorflow-folder.ts';

export type SetupFlags = {
  readonly gpu: boolean;
  /** A wheel that was downloaded before; null: pip downloads it. */
  readonly wheel: string | null;
};

const TFJS_NODE = '4.22.0';
const NODE_GYP = '11.5.0';
const TENSORFLOW = '2.18.1';
const WEBGPU = [
  'webgpu@0.6.2',
  `@tensorflow/tfjs-core@${TFJS_NODE}`,
  `@tensorflow/tfjs-backend-webgpu@${TFJS_NODE}`,
];
/** What a CUDA build of TensorFlow needs beside itself, each a package of PyPI. */
const CUDA_PACKAGES = [
  'cuda-runtime',
  'cublas',
  'cudnn',
  'cufft',
  'cusolver',
  'cusparse',
  'nvjitlink',
];
/** A step that takes longer is stuck: the largest download has 616 MB. */
const STEP_MS_MAX = 30 * 60_000;
const ERROR_LINES = 15;

/** Takes what the binding needs out of a wheel: wheels are zip files, and pip brings Python along. */
const UNPACK = `
import os, shutil, sys, zipfile
wheel, deps = sys.argv[1:]
HEADERS = ('tensorflow/c/', 'tensorflow/core/platform/ctstring', 'tsl/platform/ctstring', 'xla/tsl/c/')
with zipfile.ZipFile(wheel) as archive:
  for name in archive.namelist():
    if name.endswith('/'): continue
    inner = name[len('tensorflow/include/'):] if name.startswith('tensorflow/include/') else ''
    base = os.path.basename(name)
    if inner.startswith(HEADERS): place = 'include/' + inner
    elif name.startswith('tensorflow/lib') and base.endswith('.so.2'): place = 'lib/' + base
    elif name.startswith('nvidia/') and '.so' in base: place = 'lib/' + base
    else: continue
    path = os.path.join(deps, place)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with archive.open(name) as source, open(path, 'wb') as target: shutil.copyfileobj(source, target, 1 << 24)
`;

/** Builds the native back end; gives the exit code. A Fault says which step failed and how. */
export async function setupTensorflow(flags: SetupFlags, out: Console): Promise<number> {
  const name = flags.gpu ? '@tensorflow/tfjs-node-gpu' : '@tensorflow/tfjs-node';
  const folder = tensorflowFolder(name);
  await fillFolder(folder, out, async (work) => {
    const setup: Setup = { name, work, flags, out };
    out.error(`1/5 npm install ${name}@${TFJS_NODE} and node-gyp, without scripts …`);
    await installPackages(work, [`${name}@${TFJS_NODE}`, `node-gyp@${NODE_GYP}`]);
    await unpackWheel(setup, await downloadWheel(setup));
    await buildBinding(setup);
  });
  return checkDevice(flags.gpu ? 'cuda' : 'native', out);
}

/** Installs the WebGPU back end; gives the exit code. A Fault where there is no GPU that it can use. */
export async function setupWebGpu(out: Console): Promise<number> {
  await fillFolder(tensorflowFolder('webgpu'), out, async (work) => {
    out.error(`npm install ${WEBGPU.join(' ')}, without scripts …`);
    await installPackages(work, WEBGPU);
  });
  return checkDevice('webgpu', out);
}

async function fillFolder(
  folder: string,
  out: Console,
  fill: (work: string) => Promise<void>,
): Promise<void> {
  if (existsSync(folder)) {
    out.print(`${folder} is there already; delete it to build it anew.`);
    return;
  }
  const work = `${folder}.building`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  await fill(work);
  renameSync(work, folder);
}

type Setup = {
  readonly name: string;
  readonly work: string;
  readonly flags: SetupFlags;
  readonly out: Console;
};

async function installPackages(work: string, packages: readonly string[]): Promise<void> {
  writeFileSync(join(work, 'package.json'), '{"name":"millrace-tensorflow","private":true}\n');
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...packages];
  await run('npm', args, { cwd: work, step: 'npm install' });
}

async function downloadWheel({ work, flags, out }: Setup): Promise<string> {
  if (flags.wheel !== null) return flags.wheel;
  const name = flags.gpu ? 'tensorflow' : 'tensorflow-cpu';
  out.error(`2/5 pip download ${name}==${TENSORFLOW} (${flags.gpu ? '616' : '230'} MB) …`);
  const target = join(work, 'wheels');
  const base = ['-m', 'pip', 'download', '-q', '--no-deps', '--only-binary=:all:', '-d', target];
  const wheel = [...base, '--python-version', '311', `${name}==${TENSORFLOW}`];
  await run('python3', wheel, { cwd: work, step: 'pip download' });
  if (flags.gpu) {
    const cuda = CUDA_PACKAGES.map((each) => `nvidia-${each}-cu12`);
    await run('python3', [...base, ...cuda], { cwd: work, step: 'pip download of CUDA' });
  }
  const found = readdirSync(target).find((file) => file.startsWith('tensorflow'));
  return join(target, found ?? '');
}

async function unpackWheel({ name, work, flags, out }: Setup, wheel: string): Promise<void> {
  out.error('3/5 libraries and headers …');
  const deps = join(work, 'node_modules', name, 'deps');
  rmSync(deps, { recursive: true, force: true });
  mkdirSync(join(deps, 'lib'), { recursive: true });
  const wheels = flags.gpu
    ? readdirSync(dirname(wheel)).map((each) => join(dirname(wheel), each))
    : [wheel];
  for (const each of wheels) {
    await run('python3', ['-c', UNPACK, each, deps], { cwd: work, step: 'unpacking' });
  }
  for (const [link, to] of [
    ['libtensorflow.so', 'libtensorflow_cc.so.2'],
    ['libtensorflow_framework.so', 'libtensorflow_framework.so.2'],
  ] as const) {
    symlinkSync(to, join(deps, 'lib', link));
  }
  rmSync(join(work, 'wheels'), { recursive: true, force: true });
}

async function buildBinding({ name, work, out }: Setup): Promise<void> {
  out.error('4/5 building the binding …');
  const cwd = join(work, 'node_modules', name);
  rmSync(join(cwd, 'lib'), { recursive: true, force: true });
  const nodedir = nodeHeaders();
  const args = [
    join(work, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js'),
    'rebuild',
    ...(nodedir === null ? [] : [`--nodedir=${nodedir}`]),
    '--module_name=tfjs_binding',
    `--module_path=${join(cwd, 'lib', 'napi-v8')}`,
    ...['--napi_build_version=8', '--napi_version=9', '--node_napi_label=napi-v8'],
  ];
  await run(process.execPath, args, { cwd, step: 'node-gyp' });
  rmSync(join(cwd, 'build'), { recursive: true, force: true });
}

/** The folder that holds include/node of this Node; null: node-gyp downloads the headers. */
function nodeHeaders(): string | null {
  const besides = [join(dirname(process.execPath), '..'), '/usr', '/usr/local'];
  return besides.find((each) => existsSync(join(each, 'include/node/node_api.h'))) ?? null;
}

async function checkDevice(name: DeviceName, out: Console): Promise<number> {
  const { device } = await openDevice(name);
  const { tf } = device!;
  const product = tf.matMul(tf.ones([2, 3]), tf.ones([3, 1]));
  if ((await product.data())[0] !== 3)
    throw new Fault('setup_failed', 'the device opens but does not multiply');
  out.print(`device ${device!.name}: ${device!.title}`);
  return 0;
}

/** Runs a program to its end; a Fault with its last lines when it fails, is missing, or takes too long. */
function run(
  program: string,
  args: readonly string[],
  { cwd, step }: { readonly cwd: string; readonly step: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: STEP_MS_MAX,
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (piece: Buffer) => {
        said = (said + piece.toString()).slice(-10_000);
      });
    }
    const fail = (why: string) => {
      const lines = said.trimEnd().split('\n').slice(-ERROR_LINES).join('\n');
      reject(new Fault('setup_failed', `${step} ${why}\n${lines}`.trimEnd(), { retriable: true }));
    };
    child.on('error', (error) => fail(`cannot be started: ${error.message}`));
    child.on('close', (code) => {
      if (code === 0) resolve();
      else fail(code === null ? 'was stopped: it took too long' : `failed with exit code ${code}`);
    });
  });
}
