import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { kafkaConfig } from '../../runtime/command/kafka-config.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-config-'));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const warn = () => undefined;

describe('Kafka configuration', () => {
  it('takes the command line before variables before the file', () => {
    const config = file(
      'all.json',
      JSON.stringify({ brokers: 'file:1', app: 'from-file', compression: 'gzip' }),
    );
    const env = { MILLRACE_KAFKA: 'env:2', MILLRACE_APP: 'from-env', MILLRACE_SNAPSHOTS: '/mnt' };
    const { app, kafka, snapshots } = kafkaConfig({ config, kafka: 'a:9092, b:9093' }, env, warn);
    expect([app, snapshots]).toEqual(['from-env', '/mnt']);
    expect(kafka).toMatchObject({ brokers: ['a:9092', 'b:9093'], compression: 'gzip', tls: false });
  });

  it('reads secrets from files and keeps them out of everything it says', () => {
    const password = file('password', 'hunter2\n');
    const env = {
      ...{ MILLRACE_KAFKA: 'k:9092', MILLRACE_APP: 'ads', MILLRACE_TLS: 'true' },
      ...{ MILLRACE_SASL_MECHANISM: 'SCRAM-SHA-512', MILLRACE_SASL_USERNAME: 'u' },
      MILLRACE_SASL_PASSWORD_FILE: password,
    };
    const { kafka } = kafkaConfig({}, env, warn);
    expect(kafka.tls).toBe(true);
    expect(kafka.sasl).toEqual({ mechanism: 'scram-sha-512', username: 'u', password: 'hunter2' });
    const broken = { ...env, MILLRACE_SASL_PASSWORD: 'hunter2', MILLRACE_SASL_MECHANISM: 'md5' };
    expect(() => kafkaConfig({}, broken, warn)).toThrow(/^(?!.*hunter2).*saslMechanism "md5"/);
  });

  it.each([
    ['no brokers', { app: 'a' }, {}, /--kafka HOST:PORT is missing/],
    ['no app', { kafka: 'h:1' }, {}, /--app NAME is missing/],
    ['an app that is no topic name', { kafka: 'h:1', app: 'a b' }, {}, /--app a b: letters/],
    ['a broker without a port', { kafka: 'h', app: 'a' }, {}, /--kafka h: write HOST:PORT/],
    ['a port that is none', { kafka: 'h:70000', app: 'a' }, {}, /--kafka h:70000/],
    [
      'a certificate without its key',
      { kafka: 'h:1', app: 'a' },
      { MILLRACE_TLS_CERT_FILE: '/x' },
      /go together/,
    ],
    [
      'a mechanism without a user',
      { kafka: 'h:1', app: 'a' },
      { MILLRACE_SASL_MECHANISM: 'plain' },
      /plain needs saslUsername/,
    ],
    ['an unknown codec', { kafka: 'h:1', app: 'a' }, { MILLRACE_COMPRESSION: 'zip' }, /none, gzip/],
  ])('%s', (_, flags, env, message) => {
    expect(() => kafkaConfig(flags, env, warn)).toThrow(message);
  });

  it.each([
    ['{', /is not JSON/],
    ['[]', /one JSON object/],
    ['{"broker": "x"}', /broker is unknown; known are brokers/],
    ['{"brokers": ["x:1"]}', /brokers must be a text/],
  ])('a file that holds %s', (text, message) => {
    const config = file('bad.json', text);
    expect(() => kafkaConfig({ config, app: 'a' }, {}, warn)).toThrow(message);
  });
});
