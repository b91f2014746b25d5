/** Command-line options of the Kafka commands, as commander gives them, checked. */

import type { Console } from '../console-output.ts';
import { UsageError } from '../usage-error.ts';
import type { TrainFlags } from './train-command.ts';

/** Name and help of each option of `run` that is for Kafka. */
export const KAFKA_OPTIONS: readonly (readonly [string, string])[] = [
  ['--kafka <brokers>', 'HOST:PORT[,…]: run as a worker on Kafka instead of over files'],
  ['--app <name>', 'the application; it names its topics, group and state'],
  ['--config <file>', 'JSON with brokers, app, tls…, sasl…; see runtime/OPERATIONS.md'],
  ['--state-dir <dir>', 'local state (default: millrace-state)'],
  [
    '--snapshots <dir>',
    'folder that all workers reach, for copies of the state; without it a lost state is computed again',
  ],
  ['--snapshot-every <seconds>', 'pace of those copies (default: 60)'],
  [
    '--continue-from <dir>',
    'go on from the state of a run over files --until a time; topics are read from that time on',
  ],
  ['--until-end', 'read to where the topics end now, then stop'],
  ['--idle <seconds>', 'a silent partition holds the others up so long (default: 10)'],
  ['--max-skew <seconds>', 'event time read ahead of the slowest (default: 3600)'],
  ['--registry <url>', 'schema registry; values are Avro unless --schema is given'],
  ['--http <port>', '/metrics, /healthz and /readyz'],
];

export type KafkaOptions = {
  readonly kafka?: string;
  readonly app?: string;
  readonly config?: string;
  readonly stateDir?: string;
  readonly snapshots?: string;
  readonly snapshotEvery?: string;
  readonly continueFrom?: string;
  readonly untilEnd?: boolean;
  readonly idle?: string;
  readonly maxSkew?: string;
  readonly registry?: string;
  readonly http?: string;
};

type SharedOptions = {
  readonly schema?: readonly string[];
  readonly complete?: boolean;
  readonly until?: number;
  readonly commitEvery: number;
  readonly checkpointEvery: number;
  readonly memory: number;
  readonly state: 'rocksdb' | 'memory';
  readonly shards: number;
  readonly from?: readonly string[];
  readonly to?: string;
  readonly format: string;
  readonly fresh?: boolean;
  readonly upgrade?: boolean;
  readonly decisions?: string;
};

const IDLE_S = 10;
const MAX_SKEW_S = 3_600;
const SNAPSHOT_S = 60;
const SECONDS_MAX = 30 * 86_400;
const STATE_DIR = 'millrace-state';

export function isKafkaRun({ kafka, app, config }: KafkaOptions): boolean {
  return kafka !== undefined || app !== undefined || config !== undefined;
}

/** Nothing that was asked for is passed over in silence. Throws a UsageError. */
export function checkFileRun(options: KafkaOptions): void {
  for (const [flags] of KAFKA_OPTIONS) {
    const flag = flags.split(' ')[0]!;
    const name = flag.slice(2).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    if (Reflect.get(options, name) === undefined) continue;
    throw new UsageError(
      `${flag} is for a worker on Kafka: it goes with --kafka HOST:PORT --app NAME`,
    );
  }
}

function checkKafkaRun(options: Pick<KafkaOptions, 'continueFrom'> & SharedOptions): void {
  const { from, to, until, fresh, upgrade, decisions, format, continueFrom } = options;
  if (until !== undefined) {
    throw new UsageError(
      '--until is for files: make a folder with it, and go on from that with --continue-from DIR',
    );
  }
  if ((from ?? []).length > 0 || to !== undefined) {
    throw new UsageError('--from and --to are for files: with --kafka topics are read and written');
  }
  if (fresh || decisions !== undefined) {
    const flag = fresh ? '--fresh' : '--decisions';
    throw new UsageError(
      `${flag} is for an output folder. On Kafka another --app begins anew, beside this one`,
    );
  }
  if (format === 'parquet') {
    throw new UsageError('--format parquet is for files: topics get blocks');
  }
  if (upgrade && options.shards !== 1) {
    throw new UsageError(
      '--upgrade needs an application of one shard: several cannot change their program yet. Begin another --app beside this one, which reads what the topics hold',
    );
  }
  if (continueFrom === undefined) return;
  if (options.shards !== 1) {
    throw new UsageError(
      `--continue-from needs an application of one shard: what keys hold would have to be dealt out to ${options.shards}. Leave --shards out; or let an application of several shards read the past from the topics`,
    );
  }
  if (options.state === 'memory') {
    throw new UsageError('--continue-from puts state into --state-dir: not with --state memory');
  }
}

/** Runs a worker; gives the exit code. Throws UsageError, Fault. */
export async function runOnKafka(
  paths: readonly string[],
  options: KafkaOptions & SharedOptions,
  stateBytes: number,
  out: Console,
): Promise<number> {
  checkKafkaRun(options);
  const { kafkaCommand } = await import('./kafka-command.ts');
  const { kafka, app, config, registry, state, snapshots } = options;
  return kafkaCommand(
    paths,
    {
      ...{ kafka, app, config, registry, state, stateBytes, snapshots, units: options.shards },
      stateDir: options.stateDir ?? STATE_DIR,
      continueFrom: options.continueFrom,
      upgrade: options.upgrade === true,
      schema: options.schema ?? [],
      untilEnd: options.untilEnd === true,
      complete: options.complete === true,
      commitEveryMs: options.commitEvery,
      checkpointEveryMs: options.checkpointEvery,
      memoryBytes: options.memory,
      idleMs: 1000 * numberOf('--idle', options.idle, { otherwise: IDLE_S, max: SECONDS_MAX }),
      maxSkewMs:
        1000 * numberOf('--max-skew', options.maxSkew, { otherwise: MAX_SKEW_S, max: SECONDS_MAX }),
      snapshotEveryMs:
        1000 *
        numberOf('--snapshot-every', options.snapshotEvery, {
          ...{ otherwise: SNAPSHOT_S, max: SECONDS_MAX },
        }),
      httpPort:
        options.http === undefined
          ? null
          : numberOf('--http', options.http, { otherwise: 0, max: 65_535 }),
    },
    out,
  );
}

export type LiveTrainOptions = Pick<KafkaOptions, 'kafka' | 'app' | 'config' | 'untilEnd'> & {
  readonly device: TrainFlags['device'];
  readonly slice?: string[];
  readonly from?: string;
  readonly set?: string[];
  readonly label?: string[];
  readonly weights?: string[];
  readonly to?: string;
  readonly resume?: boolean;
  readonly fresh?: boolean;
  readonly keep: number;
};

/** Trains on an example topic; gives the exit code. Throws UsageError, Fault. */
export async function runTrainer(
  paths: readonly string[],
  options: LiveTrainOptions,
  out: Console,
): Promise<number> {
  const { device, set = [], weights = [], slice = [], to = null, untilEnd = false, keep } = options;
  if (paths.length === 0) throw new UsageError('train --kafka needs PATH…: the program');
  if (options.from !== undefined) throw new UsageError('--from is for files, not for --kafka');
  if (options.resume === true) {
    throw new UsageError('--resume: on Kafka training always goes on from its snapshot');
  }
  if (options.fresh === true) {
    throw new UsageError('--fresh: on Kafka another model begins in another folder (--to)');
  }
  if ((options.label ?? []).length > 0 || device === 'none') {
    throw new UsageError(
      '--label and --device none are of the FTRL baseline, which --kafka has only beside a model',
    );
  }
  const { kafka, app, config } = options;
  const { trainOnKafka } = await import('./train-on-kafka.ts');
  const where = { kafka, app, config, to, untilEnd };
  return trainOnKafka(paths, { ...where, device, sets: set, weights, slices: slice, keep }, out);
}

export type TopicsOptions = Pick<KafkaOptions, 'kafka' | 'app' | 'config'> & {
  readonly partitions?: string;
  readonly replication?: string;
  readonly shards?: string;
};

const REPLICATION = 3;
const SOURCE_PARTITIONS = 4;
/** Shards of an application, at most: each has a partition of three topics and sends to all others. */
const UNITS_MAX = 256;

export async function runTopics(
  action: string,
  paths: readonly string[],
  options: TopicsOptions,
  out: Console,
): Promise<number> {
  if (action !== 'plan' && action !== 'apply') {
    throw new UsageError(`topics ${action}: write topics plan PATH… or topics apply PATH…`);
  }
  const { topicsCommand } = await import('./topics-command.ts');
  const { kafka, app, config, partitions, replication, shards } = options;
  const sourcePartitions = numberOf('--partitions', partitions, {
    ...{ otherwise: SOURCE_PARTITIONS, min: 1, max: 10_000 },
  });
  const replicas = numberOf('--replication', replication, {
    ...{ otherwise: REPLICATION, min: 1, max: 15 },
  });
  const units = numberOf('--shards', shards, { otherwise: 1, min: 1, max: UNITS_MAX });
  const sizes = { sourcePartitions, examplePartitions: 1, replication: replicas, units };
  return topicsCommand(action, paths, { kafka, app, config, ...sizes }, out);
}

function numberOf(
  name: string,
  text: string | undefined,
  of: { readonly otherwise: number; readonly min?: number; readonly max: number },
): number {
  if (text === undefined) return of.otherwise;
  const { min = 0, max } = of;
  const value = Number(text);
  if (text.trim() === '' || !(value >= min && value <= max)) {
    throw new UsageError(`${name} ${text}: it must be a number from ${min} to ${max}`);
  }
  return value;
}
