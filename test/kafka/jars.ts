/** Kafka's jars by Maven, once, into a cache folder. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const KAFKA = '4.1.1';
const CACHE = process.env.MILLRACE_KAFKA_JARS ?? join(homedir(), '.cache', 'millrace', 'kafka');

/** Why no broker can be started on this machine; null: one can. */
export function whyNoBroker(): string | null {
  if (spawnSync('java', ['-version']).status !== 0) return 'no java on this machine';
  if (existsSync(folder())) return null;
  return spawnSync('mvn', ['-v']).status === 0 ? null : 'no Kafka jars and no mvn to fetch them';
}

/** The folder of jars; fetched where it is missing. */
export function kafkaJars(): string {
  const jars = folder();
  if (existsSync(jars)) return jars;
  mkdirSync(CACHE, { recursive: true });
  const own = join(CACHE, `fetch-${process.pid}`);
  mkdirSync(own, { recursive: true });
  writeFileSync(join(own, 'pom.xml'), POM);
  const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies';
  const options = ['-q', '-B', '-f', join(own, 'pom.xml'), goal, '-DincludeScope=runtime'];
  execFileSync('mvn', [...options, `-DoutputDirectory=${join(own, 'lib')}`], { stdio: 'pipe' });
  try {
    renameSync(join(own, 'lib'), jars);
  } catch (error) {
    // Another process was faster.
    if (!existsSync(jars) || readdirSync(jars).length === 0) throw error;
  }
  rmSync(own, { recursive: true });
  return jars;
}

function folder(): string {
  return join(CACHE, `lib-${KAFKA}`);
}

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>millrace.test</groupId><artifactId>broker</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies></project>
`;
