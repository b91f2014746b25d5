/** What an operator sees of a worker: Prometheus metrics, liveness, readiness, over HTTP. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { Fault } from '../fault.ts';
import type { ClusterFault } from './cluster.ts';
import type { UnitLife } from './unit-life.ts';
import { UnitPulses } from './unit-pulses.ts';
import { noSnapshotYet, type SnapshotFigures } from './unit-snapshots.ts';
import type { WorkerWatch } from './worker.ts';

const TEXT = 'text/plain; charset=utf-8';

type Answer = {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly allow?: string;
};

export class Operations implements WorkerWatch {
  readonly #registry = new Registry();
  readonly #port: number | null;
  readonly #say: (event: string, more?: Readonly<Record<string, string | number>>) => void;
  readonly #faults: Counter;
  #server: Server | null = null;
  readonly #lives = new Map<number, UnitLife>();
  /** By unit: of all lives that it had here. */
  readonly #snapshots = new Map<number, SnapshotFigures>();
  readonly #pulses = new UnitPulses(() => Date.now());

  constructor(
    app: string,
    port: number | null,
    say: (event: string, more?: Readonly<Record<string, string | number>>) => void,
  ) {
    this.#port = port;
    this.#say = say;
    this.#registry.setDefaultLabels({ app });
    collectDefaultMetrics({ register: this.#registry });
    this.#faults = new Counter({
      name: 'millrace_faults_total',
      help: 'Failures of the cluster that ended a life, by what they left behind.',
      labelNames: ['effect', 'kind'],
      registers: [this.#registry],
    });
    this.#gauges();
    this.#snapshotGauges();
  }

  /** What is to be shown of a unit's snapshots; whoever takes and restores them writes it. */
  snapshots(unit: number): SnapshotFigures {
    const figures = this.#snapshots.get(unit) ?? noSnapshotYet();
    this.#snapshots.set(unit, figures);
    return figures;
  }

  onSeat(unit: number, isHeld: boolean): void {
    if (isHeld) this.#pulses.held(unit);
    else this.#pulses.released(unit);
  }

  onLife(unit: number, life: UnitLife | null): void {
    if (life === null) this.#lives.delete(unit);
    else this.#lives.set(unit, life);
  }

  onFault(fault: ClusterFault): void {
    this.#faults.inc({ effect: fault.effect, kind: fault.kind });
  }

  onMove(unit: number): void {
    this.#pulses.moved(unit);
  }

  async listen(): Promise<void> {
    if (this.#port === null) return;
    const server = createServer((request, response) => {
      this.#answer(request).then(({ status, type, body, allow }) => {
        const more = allow === undefined ? {} : { allow };
        response.writeHead(status, { 'content-type': type, ...more }).end(body);
      });
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => {
        const message = `cannot serve metrics on port ${this.#port}: ${cause.message}. Give another port with --http (0 takes one that is free).`;
        reject(new Fault('http_port', message, { cause }));
      });
      server.listen(this.#port, resolve);
    });
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    this.#say('serving', { port });
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  /** Never rejects: a figure that cannot be had is no reason to end the worker. */
  async #answer({ method, url = '/' }: IncomingMessage): Promise<Answer> {
    const [path = '/'] = url.split('?', 1);
    if (method !== 'GET' && method !== 'HEAD') {
      return { status: 405, type: TEXT, body: 'GET and HEAD are answered\n', allow: 'GET, HEAD' };
    }
    try {
      return await this.#page(path);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#say('http_failed', { path, reason });
      return { status: 500, type: TEXT, body: `${reason}\n` };
    }
  }

  async #page(path: string): Promise<Answer> {
    switch (path) {
      case '/metrics':
        return {
          status: 200,
          type: this.#registry.contentType,
          body: await this.#registry.metrics(),
        };
      case '/healthz': {
        const stuck = this.#pulses.stuck();
        const lines = stuck.map(({ unit, forMs }) => `unit ${unit}: no progress for ${forMs} ms\n`);
        const isAlive = stuck.length === 0;
        return { status: isAlive ? 200 : 503, type: TEXT, body: isAlive ? 'ok\n' : lines.join('') };
      }
      case '/readyz': {
        // A standby is ready: it is there to take over.
        const isReady = this.#pulses
          .units()
          .every((unit) => this.#lives.get(unit)?.isReplaying === false);
        return { status: isReady ? 200 : 503, type: TEXT, body: isReady ? 'ok\n' : 'restoring\n' };
      }
      default:
        return { status: 404, type: TEXT, body: 'here are /metrics, /healthz and /readyz\n' };
    }
  }

  #gauges(): void {
    type Set = (value: number, labels?: Readonly<Record<string, string>>) => void;
    const gauge = (name: string, help: string, collect: (set: Set, life: UnitLife) => void) => {
      const labelNames = ['unit', ...(LABELS[name] ?? [])];
      const made: Gauge = new Gauge({
        ...{ name, help, labelNames, registers: [this.#registry] },
        collect: () => {
          made.reset();
          for (const [unit, life] of this.#lives) {
            collect((value, labels) => made.set({ unit: String(unit), ...labels }, value), life);
          }
        },
      });
    };
    gauge('millrace_active', '1 while this worker owns a unit.', (set) => set(1));
    gauge('millrace_replaying', '1 while what is out already is applied again.', (set, life) =>
      set(life.isReplaying ? 1 : 0),
    );
    gauge('millrace_frontier_seconds', 'Event time that is applied, Unix.', (set, life) => {
      if (Number.isFinite(life.k)) set(life.k / 1000);
    });
    gauge('millrace_committed_seconds', 'Event time that is out, Unix.', (set, life) => {
      if (Number.isFinite(life.committedK)) set(life.committedK / 1000);
    });
    gauge('millrace_lag_records', 'Records between here and the end.', (set, life) => {
      for (const source of life.parts.sources) {
        const { topic, partition } = source.of;
        set(source.lag() ?? 0, { topic, partition: String(partition) });
      }
    });
    gauge('millrace_watermark_seconds', 'Watermark of each partition, Unix.', (set, life) => {
      for (const source of life.parts.sources) {
        const { topic, partition } = source.of;
        const watermark = source.watermark();
        if (!Number.isFinite(watermark)) continue;
        set(watermark / 1000, { topic, partition: String(partition) });
      }
    });
    gauge('millrace_records', 'Records read, by what became of them.', (set, life) => {
      life.parts.plan.streams.forEach(({ name, scan }, index) => {
        if (scan < 0) return;
        const counts = life.parts.engine.counts(index);
        for (const fate of FATES) set(counts[fate] ?? 0, { stream: name, fate });
      });
    });
    gauge('millrace_examples_committed', 'Examples of this life that are out.', (set, life) =>
      set(life.parts.outputs.committed.examples),
    );
    gauge('millrace_dead_committed', 'Records of this life that were set aside.', (set, life) =>
      set(life.parts.outputs.committed.dead),
    );
    gauge('millrace_commit_seconds', 'What the last commit took.', (set, life) =>
      set(life.lastCommitMs / 1000),
    );
    gauge('millrace_checkpoint_seconds', 'What the last checkpoint took.', (set, life) =>
      set(life.lastCheckpointMs / 1000),
    );
  }

  #snapshotGauges(): void {
    type Of = (figures: SnapshotFigures, isOwned: boolean) => number | null;
    const gauge = (name: string, help: string, of: Of) => {
      const made: Gauge = new Gauge({
        ...{ name, help, labelNames: ['unit'], registers: [this.#registry] },
        collect: () => {
          made.reset();
          for (const [unit, figures] of this.#snapshots) {
            const value = of(figures, this.#lives.has(unit));
            if (value !== null) made.set({ unit: String(unit) }, value);
          }
        },
      });
    };
    gauge(
      'millrace_snapshot_age_seconds',
      'Since this worker completed the last snapshot of the unit.',
      ({ takenAt }, isOwned) => (takenAt && isOwned ? (Date.now() - takenAt) / 1000 : null),
    );
    gauge('millrace_snapshot_bytes', 'Snapshots that are kept.', ({ bytes }) => bytes);
    gauge(
      'millrace_snapshot_failures',
      'Snapshots that could not be written, read or used.',
      ({ failures }) => failures,
    );
    gauge(
      'millrace_restored_bytes',
      'Read from snapshots by the last restore, so far.',
      ({ restoredBytes }) => restoredBytes,
    );
    gauge(
      'millrace_exchange_truncated_offset',
      'Records of the exchange below it were let go.',
      ({ truncatedBefore }) => truncatedBefore,
    );
  }
}

const FATES = ['accepted', 'lateForFeatures', 'late', 'duplicate', 'malformed', 'outside'] as const;

const LABELS: Readonly<Record<string, readonly string[]>> = {
  millrace_lag_records: ['topic', 'partition'],
  millrace_watermark_seconds: ['topic', 'partition'],
  millrace_records: ['stream', 'fate'],
};
