/**
 * npm run bench:trainer: embedding rows in a large table; then a training step from example blocks, stage by stage, against
 * PyTorch with its sparse embedding path from tensors in memory. Rounds of both are interleaved and the least counts, in CPU
 * time, so that what else the machine does falls on both alike.
 *
 *   --steps N    (default 20)     --rounds N   (default 3)      --device NAME   (default: the fastest there is)
 *   --python FILE   a Python with torch (default python3)       --rows N   embedding rows (default 2,000,000; all: what fits)
 */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { DEVICES, openDevice, type TensorDevice } from '../../runtime/trainer/tensor-device.ts';
import { measureEmbeddingRows, rowsThatFit } from './trainer/embedding-rows.ts';
import { measureStep, STEP, type StepCost, type StepData, writeStepData } from './trainer/step.ts';

const { values } = parseArgs({
  allowPositionals: true,
  options: {
    steps: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '3' },
    device: { type: 'string', default: 'auto' },
    python: { type: 'string', default: 'python3' },
    rows: { type: 'string', default: '2000000' },
  },
});

const { device } = await openDevice(
  (['auto', ...DEVICES] as const).find((name) => name === values.device) ?? 'auto',
);
if (device === null) throw new Error('no device to train on');
// First, while memory is empty: what the rows take is what the process grows by.
reportRows(
  measureEmbeddingRows(
    values.rows === 'all' ? Math.min(50_000_000, rowsThatFit()) : Number(values.rows),
  ),
);
const data = await writeStepData(Number(values.steps));
const { ours, torch } = await measureBoth(device, data);
data.remove();
reportStep(device, ours);
const ms = cpuMs(ours);
if (typeof torch === 'number') {
  say(`PyTorch: ${pace(torch)}`);
  say(`trainer_vs_pytorch_cpu: ${(torch / ms).toFixed(3)}`);
} else {
  say(`trainer_vs_pytorch_cpu: not measured: ${torch}`);
}
say(`trainer_host_share: ${((ms - ours.stages.device!) / ms).toFixed(3)}`);
if (device.name === 'cuda' || device.name === 'webgpu') {
  say(`gpu_examples_per_second: ${Math.round((STEP.rows / ours.wallMs) * 1000)}`);
}

/** The least of several rounds each; for PyTorch, CPU-ms a step or why there is no figure. */
async function measureBoth(on: TensorDevice, of: StepData) {
  let least: StepCost | null = null;
  let torch: number | string = Infinity;
  for (let round = 0; round < Number(values.rounds); round++) {
    const cost = await measureStep(on, of);
    if (least === null || cpuMs(cost) < cpuMs(least)) least = cost;
    if (typeof torch === 'string') continue;
    const found = measureTorch(of);
    torch = typeof found === 'string' ? found : Math.min(torch, found);
  }
  return { ours: least!, torch };
}

function measureTorch({ ids, steps }: StepData): number | string {
  const { rows, fields, dim, idsPerField } = STEP;
  const script = path.join(import.meta.dirname, 'trainer/step_torch.py');
  const sizes = [rows, fields, dim, idsPerField, steps].map(String);
  try {
    return Number(
      execFileSync(values.python, [script, ids, ...sizes], { encoding: 'utf8', stdio: 'pipe' }),
    );
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    const why = stderr.trim().split('\n').at(-1) || message;
    return `${values.python} does not run PyTorch (${why}); --python names one that does`;
  }
}

function reportRows(figures: ReadonlyMap<string, number>): void {
  say('embedding rows of 16 floats, CPU time');
  for (const [name, value] of figures) {
    say(`  ${name.padEnd(54)} ${Math.round(value).toLocaleString('en-US').padStart(12)}`);
  }
}

function reportStep({ title }: TensorDevice, cost: StepCost): void {
  say(title);
  for (const [stage, spent] of Object.entries(cost.stages)) {
    say(`  ${stage.padEnd(28)} ${spent.toFixed(1).padStart(7)} CPU-ms a step`);
  }
  say(`Millrace: ${pace(cpuMs(cost))}`);
}

function cpuMs({ stages }: StepCost): number {
  return Object.values(stages).reduce((a, b) => a + b, 0);
}

function pace(ms: number): string {
  const rate = Math.round((STEP.rows / ms) * 1000).toLocaleString('en-US');
  return `${ms.toFixed(1)} CPU-ms a step, ${rate} examples per CPU-second`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
