/**
 * How to reach Kafka: from the command line, from MILLRACE_… variables, from a JSON file, in this order of precedence. Everything
 * is checked before anything is connected; secrets come from variables or files, never from the command line, and are never
 * shown.
 */
import { readFileSync } from 'node:fs';
import { fileFault } from '../files.ts';
import type { Compression, KafkaSettings, Sasl } from '../kafka/settings.ts';
import { UsageError } from '../usage-error.ts';

export type KafkaFlags = {
  /** HOST:PORT, several with commas. */
  readonly kafka?: string | undefined;
  readonly app?: string | undefined;
  /** A JSON file. */
  readonly config?: string | undefined;
  /** The folder of snapshots, that all workers reach. */
  readonly snapshots?: string | undefined;
};

export type KafkaConfig = {
  readonly app: string;
  readonly kafka: KafkaSettings;
  readonly snapshots: string | null;
};

/** Keys of the file, and the variable of each. */
const KEYS = {
  brokers: 'MILLRACE_KAFKA',
  app: 'MILLRACE_APP',
  compression: 'MILLRACE_COMPRESSION',
  tls: 'MILLRACE_TLS',
  tlsCaFile: 'MILLRACE_TLS_CA_FILE',
  tlsCertFile: 'MILLRACE_TLS_CERT_FILE',
  tlsKeyFile: 'MILLRACE_TLS_KEY_FILE',
  saslMechanism: 'MILLRACE_SASL_MECHANISM',
  saslUsername: 'MILLRACE_SASL_USERNAME',
  saslPassword: 'MILLRACE_SASL_PASSWORD',
  saslPasswordFile: 'MILLRACE_SASL_PASSWORD_FILE',
  saslTokenFile: 'MILLRACE_SASL_TOKEN_FILE',
  snapshots: 'MILLRACE_SNAPSHOTS',
} as const;

type Key = keyof typeof KEYS;
type Values = Readonly<Partial<Record<Key, string>>>;

const APP = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const BROKER = /^(\[[0-9a-fA-F:]+\]|[^\s:,]+):(\d{1,5})$/;
const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'] as const;
const COMPRESSIONS: readonly Compression[] = ['none', 'gzip', 'lz4'];

/** Throws a UsageError that names what is wrong and where it was said; a Fault when a file cannot be read. */
export function kafkaConfig(
  flags: KafkaFlags,
  env: Readonly<Record<string, string | undefined>>,
  warn: (message: string) => void,
): KafkaConfig {
  const values: Values = { ...fileValues(flags.config), ...envValues(env), ...flagValues(flags) };
  const { app } = values;
  if (app === undefined) throw new UsageError('--app NAME is missing: it names topics and state');
  if (!APP.test(app)) {
    throw new UsageError(`--app ${app}: letters, digits, dots, dashes and underscores, up to 100`);
  }
  return {
    app,
    snapshots: values.snapshots ?? null,
    kafka: {
      brokers: brokersOf(values),
      clientId: `millrace-${app}`,
      tls: tlsOf(values),
      sasl: saslOf(values),
      compression: oneOf('compression', values.compression ?? 'lz4', COMPRESSIONS),
      warn,
    },
  };
}

function brokersOf({ brokers }: Values): string[] {
  const list = (brokers ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
  if (list.length === 0) throw new UsageError('--kafka HOST:PORT is missing');
  for (const broker of list) {
    const port = Number(BROKER.exec(broker)?.[2] ?? 0);
    if (port < 1 || port > 65_535) throw new UsageError(`--kafka ${broker}: write HOST:PORT`);
  }
  return list;
}

function tlsOf({ tls, tlsCaFile, tlsCertFile, tlsKeyFile }: Values): KafkaSettings['tls'] {
  const isOn = tls === undefined ? null : oneOf('tls', tls, ['true', 'false'] as const);
  if ((tlsCertFile === undefined) !== (tlsKeyFile === undefined)) {
    throw new UsageError('tlsCertFile and tlsKeyFile go together: a certificate and its key');
  }
  const files = { ca: tlsCaFile, cert: tlsCertFile, key: tlsKeyFile };
  const given = Object.entries(files).filter((entry): entry is [string, string] => !!entry[1]);
  if (isOn === 'false' && given.length > 0)
    throw new UsageError('tls is false, but files are given');
  if (given.length === 0) return isOn === 'true';
  return Object.fromEntries(given.map(([name, path]) => [name, read(path)]));
}

function saslOf(values: Values): Sasl | null {
  const { saslMechanism, saslUsername, saslPassword, saslPasswordFile, saslTokenFile } = values;
  if (saslMechanism === undefined) {
    if (saslUsername !== undefined) throw new UsageError('saslUsername without saslMechanism');
    return null;
  }
  const mechanism = oneOf('saslMechanism', saslMechanism.toLowerCase(), MECHANISMS);
  if (mechanism === 'oauthbearer') {
    if (saslTokenFile === undefined) throw new UsageError('oauthbearer needs saslTokenFile');
    read(saslTokenFile);
    // Read anew for every connection: whoever keeps the file renews it there.
    return { mechanism, oauthBearerProvider: async () => ({ value: read(saslTokenFile).trim() }) };
  }
  const password = saslPasswordFile === undefined ? saslPassword : read(saslPasswordFile).trim();
  if (saslUsername === undefined || password === undefined) {
    throw new UsageError(`${mechanism} needs saslUsername, and saslPassword or saslPasswordFile`);
  }
  return { mechanism, username: saslUsername, password };
}

function oneOf<T extends string>(name: string, value: string, known: readonly T[]): T {
  const found = known.find((each) => each === value);
  if (found === undefined) {
    throw new UsageError(`${name} ${JSON.stringify(value)}: known are ${known.join(', ')}`);
  }
  return found;
}

function flagValues({ kafka, app, snapshots }: KafkaFlags): Values {
  return {
    ...(kafka === undefined ? {} : { brokers: kafka }),
    ...(app === undefined ? {} : { app }),
    ...(snapshots === undefined ? {} : { snapshots }),
  };
}

function envValues(env: Readonly<Record<string, string | undefined>>): Values {
  const found: Partial<Record<Key, string>> = {};
  for (const [key, name] of Object.entries(KEYS) as [Key, string][]) {
    const value = env[name];
    if (value !== undefined && value !== '') found[key] = value;
  }
  return found;
}

function fileValues(path: string | undefined): Values {
  if (path === undefined) return {};
  let content: unknown;
  try {
    content = JSON.parse(read(path));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError(`--config ${path} is not JSON: ${error.message}`);
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new UsageError(`--config ${path} must hold one JSON object`);
  }
  const found: Partial<Record<Key, string>> = {};
  for (const [key, value] of Object.entries(content)) {
    if (!isKey(key)) {
      throw new UsageError(
        `--config ${path}: ${key} is unknown; known are ${Object.keys(KEYS).join(', ')}`,
      );
    }
    if (typeof value !== 'string' && typeof value !== 'boolean') {
      throw new UsageError(`--config ${path}: ${key} must be a text`);
    }
    found[key] = String(value);
  }
  return found;
}

function isKey(key: string): key is Key {
  return Object.hasOwn(KEYS, key);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw fileFault('read', path, error);
  }
}
