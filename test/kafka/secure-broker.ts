/** A broker that also listens with passwords (SASL) and with passwords over TLS, by a certificate of its own. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { Broker, freePort } from './broker.ts';

export const USER = 'ads';
export const PLAIN_PASSWORD = 'plain-secret-4711';
export const SCRAM_PASSWORD = 'scram-secret-4712';

export type SecureBroker = {
  readonly broker: Broker;
  /** SASL without TLS, and SASL over TLS. */
  readonly sasl: string;
  readonly secure: string;
  /** The authority that signed the broker, and one that did not. */
  readonly caFile: string;
  readonly otherCaFile: string;
};

export async function startSecureBroker(): Promise<SecureBroker> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-certificates-'));
  const own = certificate(folder, 'broker');
  const otherCaFile = join(folder, 'other.pem');
  writeFileSync(otherCaFile, rootCertificates[0]!);
  const [sasl, secure] = [await freePort(), await freePort()];
  const names = ['sasl', 'secure'];
  const scramModule = 'org.apache.kafka.common.security.scram.ScramLoginModule';
  const plainModule = 'org.apache.kafka.common.security.plain.PlainLoginModule';
  const broker = await Broker.start({
    scram: [`SCRAM-SHA-256=[name=${USER},iterations=4096,password=${SCRAM_PASSWORD}]`],
    lines: (ports) => [
      `listeners=PLAINTEXT://127.0.0.1:${ports.broker},CONTROLLER://127.0.0.1:${ports.controller},SASL://127.0.0.1:${sasl},SECURE://127.0.0.1:${secure}`,
      `advertised.listeners=PLAINTEXT://127.0.0.1:${ports.broker},SASL://127.0.0.1:${sasl},SECURE://127.0.0.1:${secure}`,
      'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT,SECURE:SASL_SSL',
      ...names.flatMap((name) => [
        `listener.name.${name}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256`,
        `listener.name.${name}.plain.sasl.jaas.config=${plainModule} required user_${USER}="${PLAIN_PASSWORD}";`,
        `listener.name.${name}.scram-sha-256.sasl.jaas.config=${scramModule} required;`,
      ]),
      `listener.name.secure.ssl.keystore.location=${own.keys}`,
      'listener.name.secure.ssl.keystore.type=PKCS12',
      `listener.name.secure.ssl.keystore.password=${KEYS_PASSWORD}`,
    ],
  });
  return {
    broker,
    sasl: `127.0.0.1:${sasl}`,
    secure: `127.0.0.1:${secure}`,
    caFile: own.ca,
    otherCaFile,
  };
}

const KEYS_PASSWORD = 'of-a-test';

/** A key whose certificate signs itself, by the tool that comes with every Java. */
function certificate(folder: string, name: string): { keys: string; ca: string } {
  const keys = join(folder, `${name}.p12`);
  const ca = join(folder, `${name}.pem`);
  const store = ['-alias', name, '-storetype', 'PKCS12', '-keystore', keys];
  const password = ['-storepass', KEYS_PASSWORD];
  const key = ['-genkeypair', '-keyalg', 'EC', '-groupname', 'secp256r1', '-validity', '2'];
  const whom = ['-dname', `CN=${name}`, '-ext', 'san=ip:127.0.0.1'];
  execFileSync('keytool', [...key, ...store, ...password, ...whom], { stdio: 'pipe' });
  execFileSync('keytool', ['-exportcert', '-rfc', ...store, ...password, '-file', ca], {
    stdio: 'pipe',
  });
  return { keys, ca };
}
