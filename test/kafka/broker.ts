/** A real Kafka for a test: one node that is broker and controller, in a folder of its own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kafkaJars } from './jars.ts';

const READY_WITHIN_MS = 60_000;
const JAVA = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];

type Ports = { readonly broker: number; readonly controller: number };

export type BrokerOptions = {
  /** More lines of server.properties; the last of a name counts. */
  readonly lines?: (ports: Ports) => string[];
  readonly ports?: Ports;
  /** Of a cluster of several. */
  readonly clusterId?: string;
  /** Users in StorageTool's words. */
  readonly scram?: readonly string[];
};

export class Broker {
  readonly address: string;
  readonly #folder: string;
  readonly #port: number;
  readonly #jars: string;
  #process: ChildProcess | null = null;

  private constructor(folder: string, port: number, jars: string) {
    this.#folder = folder;
    this.#port = port;
    this.#jars = jars;
    this.address = `127.0.0.1:${port}`;
  }

  /** Formats a folder, starts, and waits until it answers. */
  static async start(more: BrokerOptions = {}): Promise<Broker> {
    const jars = kafkaJars();
    const folder = mkdtempSync(join(tmpdir(), 'millrace-kafka-'));
    const ports = more.ports ?? (await freePorts());
    const broker = new Broker(folder, ports.broker, jars);
    const config = join(folder, 'server.properties');
    const lines = properties(folder, ports.broker, ports.controller);
    writeFileSync(config, [lines, ...(more.lines?.(ports) ?? []), ''].join('\n'));
    const id = more.clusterId ?? newClusterId();
    const scram = (more.scram ?? []).map((user) => `--add-scram=${user}`);
    const tool = ['kafka.tools.StorageTool', 'format', `--cluster-id=${id}`, ...scram, '-c'];
    execFileSync('java', ['-Xmx128m', ...JAVA, '-cp', `${jars}/*`, ...tool, config], {
      stdio: 'pipe',
    });
    await broker.restart();
    return broker;
  }

  /** Starts it again where it stopped. */
  async restart(): Promise<void> {
    const log = openSync(join(this.#folder, 'broker.log'), 'a');
    this.#process = spawn(
      'java',
      [
        ...['-Xmx256m', ...JAVA, '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'],
        ...['-cp', `${this.#jars}/*`, 'kafka.Kafka', join(this.#folder, 'server.properties')],
      ],
      { stdio: ['ignore', log, log] },
    );
    const giveUpAt = Date.now() + READY_WITHIN_MS;
    while (!(await answers(this.#port))) {
      if (Date.now() > giveUpAt || this.#process.exitCode !== null) {
        throw new Error(`the broker did not start:\n${this.log().slice(-2000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** kill -9, and gone on return. */
  async kill(): Promise<void> {
    const running = this.#process;
    if (running === null || running.exitCode !== null) return;
    const gone = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGKILL');
    await gone;
    this.#process = null;
  }

  /** Of the running process. */
  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** SIGSTOP and SIGCONT: it is there and answers nothing. */
  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  log(): string {
    const path = join(this.#folder, 'broker.log');
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  async stop(): Promise<void> {
    this.resume();
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export function newClusterId(): string {
  return randomBytes(16).toString('base64url');
}

export async function freePorts(): Promise<Ports> {
  return { broker: await freePort(), controller: await freePort() };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const done = (up: boolean) => {
      socket.destroy();
      resolve(up);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}

function properties(folder: string, port: number, controller: number): string {
  const one = ['offsets.topic', 'transaction.state.log', 'share.coordinator.state.topic'];
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${controller}`,
    `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names=CONTROLLER',
    'inter.broker.listener.name=PLAINTEXT',
    'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    `log.dirs=${folder}/data`,
    'num.network.threads=2',
    'num.io.threads=2',
    ...one.map((topic) => `${topic}.replication.factor=1`),
    ...one.map((topic) => `${topic}.num.partitions=1`),
    'transaction.state.log.min.isr=1',
    'share.coordinator.state.topic.min.isr=1',
    'default.replication.factor=1',
    'min.insync.replicas=1',
    'group.initial.rebalance.delay.ms=0',
    'group.min.session.timeout.ms=1000',
    'auto.create.topics.enable=false',
    'log.cleaner.dedupe.buffer.size=2097152',
    'log.cleaner.threads=1',
    'message.max.bytes=4194304',
    'replica.fetch.max.bytes=4194304',
    'broker.session.timeout.ms=1000',
    'broker.heartbeat.interval.ms=200',
    '',
  ].join('\n');
}
