/** The command itself against listeners that want passwords and certificates, by the configuration files of the README. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../runtime/command/cli.ts';
import { kafkaConfig } from '../../runtime/command/kafka-config.ts';
import { KafkaCluster } from '../../runtime/kafka/kafka-cluster.ts';
import { reachKafka } from '../../runtime/kafka/reach.ts';
import { runChild } from '../runtime/child.ts';
import { expectedOf } from '../worker/expected.ts';
import { smallEvents, smallPlan, smallProgram } from '../worker/small-app.ts';
import { whyNoBroker } from './jars.ts';
import {
  PLAIN_PASSWORD,
  SCRAM_PASSWORD,
  type SecureBroker,
  startSecureBroker,
  USER,
} from './secure-broker.ts';
import { settingsOf } from './settings.ts';
import { committedRows, makeTopics, produce } from './small-run.ts';

const reason = whyNoBroker();
const START_MS = 120_000;
const TEST_MS = 60_000;
/** Five seconds of trying, on a loaded machine. */
const TOLD_WITHIN_MS = 9_000;

describe.skipIf(reason !== null)(`secured Kafka${reason === null ? '' : `: ${reason}`}`, () => {
  let kafka: SecureBroker;
  let cluster: KafkaCluster;
  const folder = mkdtempSync(join(tmpdir(), 'millrace-secure-'));
  const program = join(folder, 'small.feat');
  const passwordFile = join(folder, 'password');
  const plan = smallPlan();
  const events = smallEvents(3, 400, 1);

  beforeAll(async () => {
    writeFileSync(program, smallProgram());
    writeFileSync(passwordFile, `${SCRAM_PASSWORD}\n`);
    kafka = await startSecureBroker();
    cluster = new KafkaCluster(settingsOf(kafka.broker));
    await makeTopics(kafka.broker, plan, 'scram', 1);
    await produce(cluster, plan, events);
  }, START_MS);

  afterAll(async () => {
    await cluster?.close();
    await kafka?.broker.stop();
  });

  function fileOf(name: string, config: object): string {
    const file = join(folder, `${name}.json`);
    writeFileSync(file, JSON.stringify({ app: name, ...config }));
    return file;
  }

  /** `millrace run` to the end of the topics, with this configuration file. */
  async function run(app: string, config: object) {
    const args = ['run', program, '--config', fileOf(app, config), '--until-end', '--complete'];
    const state = ['--state-dir', join(folder, app)];
    const result = await runChild('../../runtime/main.ts', [...args, ...state]);
    const said = result.stdout + result.stderr;
    expect(said).not.toContain(PLAIN_PASSWORD);
    expect(said).not.toContain(SCRAM_PASSWORD);
    return result;
  }

  const plain = () => ({
    ...{ brokers: kafka.sasl, saslMechanism: 'plain', saslUsername: USER },
    saslPassword: PLAIN_PASSWORD,
  });
  const scram = () => ({
    ...{ brokers: kafka.secure, tlsCaFile: kafka.caFile },
    ...{ saslMechanism: 'scram-sha-256', saslUsername: USER, saslPasswordFile: passwordFile },
  });

  it(
    'SCRAM over TLS writes what an embedded run writes, and PLAIN is let in',
    async () => {
      const { code, stderr } = await run('scram', scram());
      expect(code, stderr).toBe(0);
      const expected = expectedOf(plan, events, { complete: true }).rows;
      expect(await committedRows(cluster, plan, 'scram')).toEqual(expected);
      await reach('plain', plain());
    },
    TEST_MS,
  );

  it(
    'a wrong password ends the command with one line, and no secret in it',
    async () => {
      const password = `${PLAIN_PASSWORD}x`;
      const file = fileOf('wrong', { ...plain(), saslPassword: password });
      const said: string[] = [];
      const hear = (line: string) => said.push(line);
      const out = { print: hear, error: hear, progress: { isTTY: false, write: hear } };
      expect(await main(['run', program, '--config', file], out, '')).toBe(3);
      expect(said).toHaveLength(1);
      expect(said[0]).toMatch(/saslUsername, the password or saslMechanism is wrong/);
      expect(said[0]).not.toContain(PLAIN_PASSWORD);
    },
    TEST_MS,
  );

  it(
    'what is wrong on the way is told within seconds',
    async () => {
      const wrong: readonly (readonly [object, RegExp])[] = [
        [{ ...scram(), saslUsername: 'nobody' }, /saslUsername, the password or/],
        [{ ...scram(), tlsCaFile: kafka.otherCaFile }, /tlsCaFile must hold the authority/],
        [{ ...plain(), brokers: kafka.secure }, /cannot be reached: .*what tls and sasl/],
        [{ ...plain(), brokers: '127.0.0.1:1' }, /cannot be reached: connect ECONNREFUSED/],
      ];
      const startedAt = Date.now();
      await Promise.all(
        wrong.map(([config, message], i) =>
          expect(reach(`wrong-${i}`, config)).rejects.toThrow(message),
        ),
      );
      expect(Date.now() - startedAt).toBeLessThan(TOLD_WITHIN_MS);
    },
    TEST_MS,
  );

  function reach(name: string, config: object): Promise<void> {
    const given = kafkaConfig({ config: fileOf(name, config) }, {}, () => undefined);
    return reachKafka(given.kafka);
  }
});
