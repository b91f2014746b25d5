/** Installs the peers into a cache folder: Python ones in a virtual environment, Flink's jars by Maven. Done once. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const PYTHON_PACKAGES = [
  'polars==2.1.0',
  'duckdb==2.0.0',
  'bytewax==0.21.1',
  'numpy==2.4.6',
  'pyarrow==26.0.1',
];
const COPY_JARS = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies';

export type Peers = {
  /** The interpreter with the Python peers; null: there is no Python here. */
  readonly python: string | null;
  /** Arguments of `java` that run the Flink program; null: there is no JDK or no Maven here. */
  readonly flink: readonly string[] | null;
};

export function setUp(cache: string): Peers {
  mkdirSync(cache, { recursive: true });
  return { python: attempt(() => setUpPython(cache)), flink: attempt(() => setUpFlink(cache)) };
}

function setUpPython(cache: string): string {
  const folder = path.join(cache, `python-${PYTHON_PACKAGES.join('_')}`);
  const python = path.join(folder, 'bin/python');
  const isDone = path.join(folder, 'installed');
  if (!existsSync(isDone)) {
    execFileSync('python3', ['-m', 'venv', folder]);
    execFileSync(python, ['-m', 'pip', 'install', '-q', ...PYTHON_PACKAGES], { stdio: 'inherit' });
    writeFileSync(isDone, '');
  }
  return python;
}

function setUpFlink(cache: string): readonly string[] {
  const folder = path.join(cache, 'flink');
  const sources = path.join(import.meta.dirname, 'flink');
  cpSync(sources, folder, { recursive: true });
  const lib = path.join(folder, 'lib');
  if (!existsSync(lib) || readdirSync(lib).length === 0) {
    const options = ['-q', '-B', COPY_JARS, '-DincludeScope=runtime', `-DoutputDirectory=${lib}`];
    execFileSync('mvn', options, { cwd: folder, stdio: 'inherit' });
  }
  const classes = path.join(folder, 'classes');
  mkdirSync(classes, { recursive: true });
  execFileSync('javac', ['-cp', `${lib}/*`, '-d', classes, path.join(folder, 'Ads60.java')]);
  const opens = ['java.util', 'java.lang', 'java.time'].map(
    (name) => `--add-opens=java.base/${name}=ALL-UNNAMED`,
  );
  return [...opens, '-Xmx4g', '-cp', `${lib}/*:${classes}`, 'Ads60'];
}

/** What cannot be installed is left out and said; the table is of the others. */
function attempt<T>(install: () => T): T | null {
  try {
    return install();
  } catch (error) {
    console.error(`left out: ${error instanceof Error ? error.message : error}`);
    return null;
  }
}
