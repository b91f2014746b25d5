/** The command line: its words, and which command answers. Exit codes: 0 done, 1 the program, 2 the command line, 3 the world. */
import { Command, CommanderError, Option } from 'commander';
import { parseFloatForm } from '../block/float-form.ts';
import { BUFFER_BYTES, CHECKPOINT_EVERY_MS, COMMIT_EVERY_MS } from '../config.ts';
import type { Console } from '../console-output.ts';
import { Fault } from '../fault.ts';
import { collect, folder, megabytes, seconds, whole, within } from '../option-values.ts';
import { stateBytesDefault } from '../store/state-memory.ts';
import { DEVICES } from '../trainer/tensor-device.ts';
import { UsageError } from '../usage-error.ts';
import { addAuthoring, PATHS, SCHEMA } from './cli-authoring.ts';
import { addErase } from './cli-erase.ts';
import { addExport } from './cli-export.ts';
import { addModel } from './cli-model.ts';
import { addQuarantine } from './cli-quarantine.ts';
import { addWhy } from './cli-why.ts';
import {
  checkFileRun,
  isKafkaRun,
  KAFKA_OPTIONS,
  type KafkaOptions,
  type LiveTrainOptions,
  runOnKafka,
  runTopics,
  runTrainer,
  type TopicsOptions,
} from './kafka-options.ts';

/** For the files that add commands: Commander itself is this file's. */
export type { Command } from 'commander';

/** Runs one command line (without `node` and the script) and gives the exit code. Never throws for the user's mistakes. */
export async function main(
  args: readonly string[],
  out: Console,
  version: string,
): Promise<number> {
  const state = { code: 0 };
  const program = describe(out, version, (code) => {
    state.code = code;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return state.code;
  } catch (error) {
    return explainError(error, out);
  }
}

function explainError(error: unknown, out: Console): number {
  // Commander has written its message already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof UsageError) {
    out.error(`millrace: ${error.message}`);
    return 2;
  }
  if (error instanceof Fault) {
    out.error(`millrace: ${error.message}`);
    return 3;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  out.error(
    `${stack}\nmillrace: this is a mistake of millrace itself, not of yours; please report it.`,
  );
  return INTERNAL_ERROR;
}

/** An assertion of ours did not hold (sysexits' EX_SOFTWARE): none of the documented four. */
const INTERNAL_ERROR = 70;

type Done = (code: number) => void;

function describe(out: Console, version: string, done: Done): Command {
  const program = new Command('millrace')
    .description('Turns ad events into features, labels and examples, as .feat files declare them.')
    .version(version)
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show help for a command')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 the program is wrong, 2 the command line is wrong, 3 the world is.',
    )
    .configureOutput({
      writeOut: (text) => out.print(text.trimEnd()),
      writeErr: (text) => out.error(text.trimEnd().replace(/^error: /, 'millrace: ')),
    })
    .showSuggestionAfterError()
    .exitOverride();
  addAuthoring(program, out, done);
  addRun(program, out, done);
  addIngest(program, out, done);
  addExport(program, out, done);
  addQuarantine(program, out, done);
  addWhy(program, out, done);
  addErase(program, out, done);
  addTrainer(program, out, done);
  addModel(program, out, done);
  addTopics(program, out, done);
  return program;
}

type RunOptions = KafkaOptions & {
  schema?: string[];
  from?: string[];
  to?: string;
  format: 'ndjson' | 'parquet' | 'block';
  floats: string;
  compress: 'none' | 'deflate';
  complete?: boolean;
  shards: number;
  commitEvery: number;
  checkpointEvery: number;
  memory: number;
  stateMemory?: number;
  fresh?: boolean;
  upgrade?: boolean;
  state: 'rocksdb' | 'memory';
  decisions?: string;
  quiet?: boolean;
};

function addRun(program: Command, out: Console, done: Done): void {
  const command = program
    .command('run')
    .argument('<path...>', PATHS)
    .description(
      'run over files to their end; the same command again goes on from where it was cut off',
    )
    .option(
      '--from <stream=files>',
      'input of a stream: FILE[,FILE]… its partitions; repeat for each',
      collect,
    )
    .option('--schema <stream=file>', SCHEMA, collect)
    .option('--to <dir>', 'output folder', folder)
    .addOption(
      new Option('--format <format>', 'of the examples')
        .choices(['ndjson', 'parquet', 'block'])
        .default('ndjson'),
    )
    .option(
      '--floats <form>',
      'blocks and Parquet: how float features are kept: exact, bf16, or a step such as 0.001',
      'exact',
    )
    .addOption(
      new Option(
        '--compress <codec>',
        'blocks: pack each; smaller by a fifth or so, slower to write',
      )
        .choices(['none', 'deflate'])
        .default('none'),
    )
    .option('--complete', 'the streams end where the files end: let every wait elapse')
    .option(
      '--shards <n>',
      'keyed state is split so many ways (results do not depend on it)',
      whole(1, 4096),
      1,
    )
    .addOption(
      new Option('--commit-every <seconds>', 'pace of output commits')
        .argParser(seconds)
        .default(COMMIT_EVERY_MS, String(COMMIT_EVERY_MS / 1000)),
    )
    .addOption(
      new Option('--checkpoint-every <seconds>', 'pace of state checkpoints')
        .argParser(seconds)
        .default(CHECKPOINT_EVERY_MS, String(CHECKPOINT_EVERY_MS / 1000)),
    )
    .addOption(
      new Option('--memory <mb>', 'for events that wait for their time; more goes to disk')
        .argParser(megabytes)
        .default(BUFFER_BYTES, String(BUFFER_BYTES / 1024 / 1024)),
    )
    .option(
      '--state-memory <mb>',
      "for keyed state; keys beyond it go to disk (default: half of the machine's memory)",
      megabytes,
    )
    .option('--fresh', 'delete what an earlier run left in the folder')
    .addOption(
      new Option(
        '--upgrade',
        'go on with the state that another program left in the folder',
      ).conflicts('fresh'),
    )
    .addOption(
      new Option('--state <store>', 'where checkpoints go; memory: nowhere')
        .choices(['rocksdb', 'memory'])
        .default('rocksdb'),
    )
    .option(
      '--decisions <dir>',
      'obey what was decided in that output folder: verdicts, releases, drops',
    )
    .option('--quiet', 'no progress display')
    .action(async (paths: string[], options: RunOptions) => {
      if (isKafkaRun(options)) {
        done(await runOnKafka(paths, options, stateBytesOf(options), out));
        return;
      }
      checkFileRun(options);
      const { from, to } = options;
      if (from === undefined || to === undefined) {
        throw new UsageError(from === undefined ? NO_FROM : NO_TO);
      }
      const { runCommand } = await import('./run-command.ts');
      const { format, shards, state, compress, schema = [] } = options;
      const flags = {
        ...{ from, to, format, shards, state, schema },
        block: { floats: parseFloatForm(options.floats), compression: compress },
        complete: options.complete === true,
        fresh: options.fresh === true,
        upgrade: options.upgrade === true,
        quiet: options.quiet === true,
        decisions: options.decisions ?? null,
        commitEveryMs: options.commitEvery,
        checkpointEveryMs: options.checkpointEvery,
        memoryBytes: options.memory,
        stateBytes: stateBytesOf(options),
      };
      done(await runCommand(paths, flags, out));
    });
  for (const [name, help] of KAFKA_OPTIONS) command.option(name, help);
}

function addTopics(program: Command, out: Console, done: Done): void {
  program
    .command('topics')
    .argument('<action>', 'plan: say what is missing or wrong; apply: make what is missing')
    .argument('<path...>', PATHS)
    .description('the Kafka topics that a program needs; nothing is ever deleted or changed')
    .option('--kafka <brokers>', 'HOST:PORT[,…]')
    .option('--app <name>', 'the application')
    .option('--config <file>', 'as in run')
    .option('--partitions <n>', 'of source topics that are made (default: 4)')
    .option('--replication <n>', 'of topics that are made (default: 3)')
    .option('--shards <n>', 'parts the application is cut into, for ever (default: 1)')
    .action(async (action: string, paths: string[], options: TopicsOptions) => {
      done(await runTopics(action, paths, options, out));
    });
}

const NO_FROM = "required option '--from <stream=files>' not specified";
const NO_TO = "required option '--to <dir>' not specified";

function stateBytesOf({ state, stateMemory }: RunOptions): number {
  if (stateMemory !== undefined && state === 'memory') {
    throw new UsageError('--state-memory needs somewhere for colder keys: not --state memory.');
  }
  return stateMemory ?? stateBytesDefault();
}

function addIngest(program: Command, out: Console, done: Done): void {
  program
    .command('ingest')
    .argument('<path...>', PATHS)
    .description('decode files once into a log; read it with --from STREAM=log:DIR')
    .requiredOption('--from <stream=files>', 'as in run', collect)
    .option('--schema <stream=file>', SCHEMA, collect)
    .requiredOption('--to <dir>', 'the log folder', folder)
    .action(async (paths: string[], options: { from: string[]; schema?: string[]; to: string }) => {
      const { ingestCommand } = await import('../source/ingest.ts');
      const { from, to, schema = [] } = options;
      done(await ingestCommand(paths, { from, to, schema }, out));
    });
}

const NO_SOURCE = 'train takes --from DIR (a finished run), or PATH… --kafka HOST:PORT --app NAME';

type TrainOptions = LiveTrainOptions & { from?: string };

type DemoOptions = {
  days: number;
  scale: number;
  seed: number;
  to: string;
  fresh?: boolean;
  quiet?: boolean;
  kafka?: string;
  app?: string;
};

function addTrainer(program: Command, out: Console, done: Done): void {
  program
    .command('train')
    .argument('[path...]', 'with --kafka: .feat files and folders')
    .description(
      'train the built-in model on the examples of a run or of a topic, and say how good it is',
    )
    .option('--from <dir>', 'output folder of a finished run')
    .option(
      '--kafka <brokers>',
      'HOST:PORT[,…]: train on the example topic of an application, for ever',
    )
    .option('--app <name>', 'with --kafka: the application')
    .option('--config <file>', 'with --kafka: as in run')
    .option('--until-end', 'with --kafka: train to where the topic ends now, then stop')
    .option('--set <name>', 'an example set; repeat for more (default: all with labels)', collect)
    .option('--label <name>', 'a label to train; repeat for more (default: all)', collect)
    .option(
      '--weights <name>',
      'how late labels are corrected for: [label=]auto|none|take-back|fake-negative|fnw|fnc|elapsed|es-dfm|defer; repeat for more labels (default: auto, by policy)',
      collect,
    )
    .option(
      '--to <path>',
      'the model file (default: <set>.model in the folder); with --kafka the folder of models (default: millrace-models/<app>)',
    )
    .option('--resume', 'go on from the snapshot where training was cut off')
    .addOption(
      new Option(
        '--device <name>',
        'where to train the deep model of a model block; none: FTRL alone',
      )
        .choices(['auto', ...DEVICES, 'none'])
        .default('auto'),
    )
    .option(
      '--keep <n>',
      'chains of snapshots of a deep model to keep, 1 to 1000',
      whole(1, 1000),
      2,
    )
    .option('--slice <column>', "quality by a column's values; repeat for more", collect)
    .action(async (paths: string[], options: TrainOptions) => {
      if (isKafkaRun(options)) {
        done(await runTrainer(paths, options, out));
        return;
      }
      const { trainCommand } = await import('./train-command.ts');
      if (options.from === undefined) throw new UsageError(NO_SOURCE);
      const { from, set = [], label = [], weights = [], to = null, resume = false } = options;
      const { device, slice: slices = [], keep } = options;
      const flags = { from, sets: set, labels: label, weights, to, resume, device, slices, keep };
      done(await trainCommand(flags, out));
    });
  program
    .command('setup')
    .argument('<what>', 'tensorflow or webgpu')
    .description('install a device for deep models, from npm and PyPI alone')
    .option('--gpu', 'TensorFlow with CUDA 12')
    .option('--wheel <file>', 'a TensorFlow wheel downloaded before, instead of pip download')
    .action(async (what: string, { gpu, wheel }: { gpu?: boolean; wheel?: string }) => {
      const { setupTensorflow, setupWebGpu } = await import('./setup-tensorflow.ts');
      if (what === 'webgpu') done(await setupWebGpu(out));
      else if (what !== 'tensorflow') {
        throw new UsageError(`millrace sets up tensorflow or webgpu, not ${what}`);
      } else done(await setupTensorflow({ gpu: gpu === true, wheel: wheel ?? null }, out));
    });
  program
    .command('demo')
    .description(
      'ad traffic, features, labels and a trained model; the same command again goes on where it was cut off',
    )
    .option('--days <n>', 'days of traffic, 0.1 to 30', within(0.1, 30), 2)
    .option('--scale <x>', 'traffic against the usual 350,000 events a day', within(0.1, 20), 1)
    .option('--seed <n>', 'another seed is another world', whole(0, 2 ** 31 - 1), 1)
    .option('--to <dir>', 'folder for everything it makes', 'demo-out')
    .option('--fresh', 'delete what an earlier demo left in the folder')
    .option('--quiet', 'no progress display')
    .option('--kafka <brokers>', 'HOST:PORT[,…]: through topics and a worker instead of files')
    .option('--app <name>', 'with --kafka: its topics begin with it (default: millrace-demo)')
    .action(async ({ fresh, quiet, kafka, app: name, ...of }: DemoOptions) => {
      const { demoCommand } = await import('../demo/demo.ts');
      if (kafka === undefined && name !== undefined) {
        throw new UsageError('--app goes with --kafka HOST:PORT');
      }
      const app = kafka === undefined ? null : (name ?? 'millrace-demo');
      const flags = { ...of, kafka, app, fresh: fresh === true, quiet: quiet === true };
      done(await demoCommand(flags, out));
    });
}
