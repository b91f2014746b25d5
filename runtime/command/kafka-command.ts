/** `millrace run PATH… --kafka HOST:PORT --app NAME`: one worker of an application. */
import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plan } from '../../compiler/plan/plan.ts';
import { hasErrors } from '../../dsl/diagnostic.ts';
import { StateBudget } from '../../operators/state/state-budget.ts';
import { BUFFER_BYTES } from '../config.ts';
import { type Console, showDiagnostics } from '../console-output.ts';
import { Fault } from '../fault.ts';
import { codeOf, disk } from '../files.ts';
import { KafkaCluster } from '../kafka/kafka-cluster.ts';
import { reachKafka } from '../kafka/reach.ts';
import { compileProgram, readProgram } from '../program-files.ts';
import { FolderLock } from '../run/folder-lock.ts';
import { PipelineEngine } from '../run/pipeline-engine.ts';
import { parseSchemas } from '../source/protobuf-schemas.ts';
import { SchemaRegistry } from '../source/schema-registry.ts';
import { NoStore } from '../store/memory-store.ts';
import { openStateStore } from '../store/open-store.ts';
import { SpillFile } from '../store/spill-file.ts';
import { UsageError } from '../usage-error.ts';
import { appTopics } from '../worker/app-topics.ts';
import { folderHandover } from '../worker/folder-handover.ts';
import { Operations } from '../worker/operations.ts';
import { ShardedEngine } from '../worker/sharded-engine.ts';
import { watchSignals } from '../worker/stop-signals.ts';
import type { UnitRequest } from '../worker/unit-recovery.ts';
import type { SnapshotSpec } from '../worker/unit-snapshots.ts';
import { checkChange } from '../worker/unit-upgrade.ts';
import type { ValueFormat } from '../worker/value-decoder.ts';
import { runWorker } from '../worker/worker.ts';
import { workerLimits } from '../worker/worker-limits.ts';
import { type KafkaFlags, kafkaConfig } from './kafka-config.ts';

export type WorkerFlags = KafkaFlags & {
  readonly stateDir: string;
  readonly state: 'rocksdb' | 'memory';
  readonly schema: readonly string[];
  readonly registry: string | undefined;
  readonly untilEnd: boolean;
  readonly complete: boolean;
  readonly commitEveryMs: number;
  readonly checkpointEveryMs: number;
  readonly idleMs: number;
  readonly maxSkewMs: number;
  readonly snapshotEveryMs: number;
  /** Shards of the application, the same for all its workers. */
  readonly units: number;
  /** Output folder of a run `--until` a time that the application goes on from; absent: none. */
  readonly continueFrom?: string | undefined;
  /** Take over what the application has of another program. */
  readonly upgrade?: boolean;
  readonly memoryBytes: number;
  readonly stateBytes: number;
  /** Port of /metrics, /healthz and /readyz; null: none. */
  readonly httpPort: number | null;
};

/** Exit codes of a worker that was asked to stop: it drained, so all is well. */
const STOPPED = 0;
/** After everything is closed. */
const EXIT_WITHIN_MS = 2_000;
const FETCH_BYTES = 64 << 20;
/** Checkpoints of a snapshot behind its base: an hour of them by default. */
const CHAIN_FILES_MAX = 60;
/** 64 MiB. */
const SLICE_PAGES = 1024;

/** Gives the exit code; throws UsageError, Fault. `closed` is called when nothing of it is left. */
export async function kafkaCommand(
  paths: readonly string[],
  flags: WorkerFlags,
  out: Console,
  closed: () => void = exitSoon,
): Promise<number> {
  const program = readProgram(paths);
  const { plan, diagnostics } = compileProgram(program);
  showDiagnostics(diagnostics, program.texts, out);
  if (plan === null || hasErrors(diagnostics)) return 1;
  if (plan.examples.length === 0) {
    throw new UsageError('the program has no examples block: there is nothing to write');
  }
  if (flags.complete && !flags.untilEnd) {
    throw new UsageError('--complete says that the streams end: on Kafka it goes with --until-end');
  }
  const log = (event: string, more: Readonly<Record<string, string | number>> = {}) =>
    out.error(JSON.stringify({ time: new Date().toISOString(), event, ...more }));
  for (const message of workerLimits(plan, flags.units)) log('limit', { message });
  const { app, kafka, snapshots } = kafkaConfig(flags, process.env, (message) =>
    log('kafka', { message }),
  );
  const formats = formatsOf(plan, flags);
  await reachKafka(kafka);
  await checkSnapshots(snapshots);
  const folder = join(flags.stateDir, app);
  const stateOf = (unit: number) => join(folder, `unit-${unit}`);
  const lock = await FolderLock.take(folder);
  const cluster = new KafkaCluster(kafka);
  const operations = new Operations(app, flags.httpPort, log);
  const { stop, unwatch } = watchSignals(log);
  const spills: { close(): void }[] = [];
  const spillOf = <T>(unit: number): SpillFile<T> => {
    spills[unit]?.close();
    const spill = new SpillFile<T>(join(folder, `spill-${unit}`));
    spills[unit] = spill;
    return spill;
  };
  const topics = appTopics(app, plan);
  const { units } = flags;
  const turn = { isTaken: false };
  const snapshotsOf = (unit: number): SnapshotSpec | null =>
    snapshots === null
      ? null
      : {
          ...{ files: disk, everyMs: flags.snapshotEveryMs, turn },
          ...{ chainFilesMax: CHAIN_FILES_MAX, slicePages: SLICE_PAGES },
          folder: join(snapshots, app, `unit-${unit}`),
          figures: operations.snapshots(unit),
        };
  const unitOf = (unit: number): Omit<UnitRequest, 'moved'> => ({
    ...{ app, plan, cluster, formats, topics, unit, units, say: log },
    fetchBytes: Math.ceil(FETCH_BYTES / units),
    paces: flags,
    untilEnd: flags.untilEnd,
    complete: flags.complete,
    openStore: async () =>
      flags.state === 'memory'
        ? new NoStore()
        : openStateStore(stateOf(unit), (line) => log('state', { line })),
    dropState: () => rm(stateOf(unit), { recursive: true, force: true }),
    snapshots: snapshotsOf(unit),
    upgrade: flags.upgrade,
    handover:
      flags.continueFrom === undefined
        ? undefined
        : folderHandover(flags.continueFrom, { app, program: plan, state: stateOf(unit) }),
    makeEngine: (of, slabs, copies, shard) => {
      const sets = [...slabs.values()];
      const shared = {
        bufferBytesMax: Math.ceil((flags.memoryBytes ?? BUFFER_BYTES) / units),
        budget:
          copies === null
            ? null
            : new StateBudget(copies, Math.ceil(flags.stateBytes / units), sets),
        scanSlabs: slabs.get('scan')!,
      };
      const own = slabs.get('shard-0')!;
      return shard === null
        ? new PipelineEngine(of, { ...shared, slabs: [own], codegen: true, spill: spillOf(unit) })
        : new ShardedEngine(of, { ...shared, ...shard, slabs: own, spill: spillOf(unit) });
    },
  });
  try {
    await operations.listen();
    if (flags.upgrade) await checkChange(cluster, app, plan);
    const ended = await runWorker({
      ...{ cluster, app, topics, units, unitOf, stop, watch: operations, say: log },
      isEnding: flags.untilEnd,
    });
    if (ended === 'done') out.print(`${app}: everything up to the end of the topics is out`);
    return STOPPED;
  } finally {
    unwatch();
    for (const spill of spills) spill?.close();
    await operations.close();
    await cluster.close();
    await lock.release();
    closed();
  }
}

/** A connection that was being made while everything was closed must not keep the process. */
function exitSoon(): void {
  setTimeout(() => process.exit(), EXIT_WITHIN_MS).unref();
}

/** A folder that is not mounted must not be made on this machine's disk: others would never see what is in it. */
async function checkSnapshots(path: string | null): Promise<void> {
  if (path === null) return;
  const isMissing = await access(path).then(
    () => false,
    (error: unknown) => codeOf(error) === 'ENOENT',
  );
  if (!isMissing) return;
  throw new Fault(
    'no_folder',
    `--snapshots ${path}: there is no such folder. Mount it, or make it where all workers reach it.`,
    { context: { path } },
  );
}

/** How each topic's values are written: protobuf where a schema is given, Avro where a registry is, else JSON. */
function formatsOf(plan: Plan, { schema, registry }: WorkerFlags): ValueFormat[] {
  const scanOf = (name: string) => {
    const stream = plan.streams.find((each) => each.name === name && each.scan >= 0);
    const scan = stream?.scan ?? plan.scans.findIndex(({ topic }) => topic === name);
    if (scan < 0) throw new UsageError(`--schema ${name}=…: the program has no such stream`);
    return scan;
  };
  const schemas = parseSchemas(schema, scanOf);
  if (registry !== undefined && !/^https?:\/\/[^/]/.test(registry)) {
    throw new UsageError(`--registry ${registry}: write http://HOST:PORT or https://HOST:PORT`);
  }
  const avro =
    registry === undefined
      ? null
      : new SchemaRegistry({
          url: registry,
          authorization: process.env.MILLRACE_REGISTRY_AUTHORIZATION,
        });
  return plan.scans.map((_, scan): ValueFormat => {
    const found = schemas.get(scan);
    if (found !== undefined) return { kind: 'protobuf', schema: found };
    return avro === null ? { kind: 'json' } : { kind: 'avro', registry: avro };
  });
}
