/** What reads events: run, topics, ingest, demo. */
import { parseFloatForm } from '../block/float-form.ts';
import { BUFFER_BYTES, CHECKPOINT_EVERY_MS, COMMIT_EVERY_MS } from '../config.ts';
import type { Console } from '../console-output.ts';
import { collect, folder, megabytes, seconds, time, whole, within } from '../option-values.ts';
import { stateBytesDefault } from '../store/state-memory.ts';
import { UsageError } from '../usage-error.ts';
import { PATHS, SCHEMA } from './cli-authoring.ts';
import { type Command, type Done, Option } from './command.ts';
import {
  checkFileRun,
  isKafkaRun,
  KAFKA_OPTIONS,
  type KafkaOptions,
  runOnKafka,
  runTopics,
  type TopicsOptions,
} from './kafka-options.ts';

export function addRunning(program: Command, out: Console, done: Done): void {
  addRun(program, out, done);
  addTopics(program, out, done);
  addIngest(program, out, done);
  addDemo(program, out, done);
}

type RunOptions = KafkaOptions & {
  schema?: string[];
  from?: string[];
  to?: string;
  format: 'ndjson' | 'parquet' | 'block';
  floats: string;
  compress: 'none' | 'deflate';
  complete?: boolean;
  until?: number;
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
    .optionsGroup('Input and output:')
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
    .addOption(
      new Option(
        '--until <time>',
        'read only events before it, and keep what waits then: for --continue-from',
      )
        .argParser(time)
        .conflicts(['complete', 'upgrade']),
    )
    .option('--quiet', 'no progress display')
    .optionsGroup('What an earlier run left:')
    .option('--fresh', 'delete what an earlier run left in the folder')
    .addOption(
      new Option(
        '--upgrade',
        'go on with the state that another program left in the folder',
      ).conflicts('fresh'),
    )
    .option(
      '--decisions <dir>',
      'obey what was decided in that output folder: verdicts, releases, drops',
    )
    .optionsGroup('Pace and memory (results do not depend on them):')
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
    .option('--shards <n>', 'keyed state is split so many ways', whole(1, 4096), 1)
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
    .addOption(
      new Option('--state <store>', 'where checkpoints go; memory: nowhere')
        .choices(['rocksdb', 'memory'])
        .default('rocksdb'),
    )
    .optionsGroup('On Kafka:')
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
        until: options.until,
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

const NO_FROM = "required option '--from <stream=files>' not specified";
const NO_TO = "required option '--to <dir>' not specified";

function stateBytesOf({ state, stateMemory }: RunOptions): number {
  if (stateMemory !== undefined && state === 'memory') {
    throw new UsageError('--state-memory needs somewhere for colder keys: not --state memory.');
  }
  return stateMemory ?? stateBytesDefault();
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

function addDemo(program: Command, out: Console, done: Done): void {
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
