/** The same events as NDJSON, protobuf and Avro make the same examples, and a schema is part of what a run is. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import avro from 'avsc';
import protobuf from 'protobufjs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { command, makeWorkshop, type Workshop } from './bad-input/command.ts';
import { clicks, type Event, impression, impressions, PROGRAM, put } from './bad-input/traffic.ts';

const SCHEMA = `syntax = "proto3";
package ads;
message Impression { string impression_id = 1; int64 ts = 2; string user_id = 3; string ad_id = 4; }
`;
const N = 300;

let workshop: Workshop;
beforeAll(async () => {
  workshop = makeWorkshop();
  const events = Array.from({ length: N }, (_, i) => impression(i));
  put(workshop.folder, {
    'ads.feat': PROGRAM,
    'imps.ndjson': impressions(N),
    'clicks.ndjson': clicks(N),
    'ads.proto': SCHEMA,
    'two.proto': `${SCHEMA}message Click { string id = 1; }\n`,
    'importing.proto': `syntax = "proto3"; import "other.proto"; message A { other.B b = 1; }`,
    'imps.pb': protobufs(events),
  });
  await writeAvro(join(workshop.folder, 'imps.avro'), events);
});
afterAll(() => rmSync(workshop.folder, { recursive: true }));

function protobufs(events: readonly Event[]): Uint8Array {
  const type = protobuf.parse(SCHEMA, { keepCase: true }).root.lookupType('ads.Impression');
  return Buffer.concat(events.map((event) => type.encodeDelimited(event).finish()));
}

function writeAvro(path: string, events: readonly Event[]): Promise<void> {
  const text = ['impression_id', 'user_id', 'ad_id'].map((name) => ({ name, type: 'string' }));
  const fields = [...text, { name: 'ts', type: 'long' }];
  const encoder = avro.createFileEncoder(path, { type: 'record', name: 'Impression', fields });
  for (const event of events) encoder.write(event);
  return new Promise((resolve) => encoder.end(resolve));
}

function run(imps: string, to: string, ...more: string[]) {
  const from = ['--from', `impression=${imps}`, '--from', 'click=clicks.ndjson'];
  return command(
    workshop,
    'run',
    'ads.feat',
    ...from,
    '--to',
    to,
    '--complete',
    '--quiet',
    ...more,
  );
}

function examples(to: string): string {
  return readFileSync(join(workshop.folder, to, 'ads_ctr.ndjson'), 'utf8');
}

it('protobuf and Avro files give the examples of NDJSON', async () => {
  expect(await run('imps.ndjson', 'plain')).toMatchObject({ code: 0 });
  expect(examples('plain').split('\n')).toHaveLength(N + 1);
  expect(await run('imps.pb', 'pb', '--schema', 'impression=ads.proto')).toMatchObject({ code: 0 });
  expect(examples('pb')).toBe(examples('plain'));
  expect(await run('imps.avro', 'avro')).toMatchObject({ code: 0 });
  expect(examples('avro')).toBe(examples('plain'));

  // Whoever is erased is found in all of them.
  const whole = examples('plain').split('\n').length;
  for (const to of ['plain', 'pb', 'avro']) {
    const erased = await command(workshop, 'erase', to, '--key', 'user_id=u7', '--quiet');
    expect(erased.out).toMatch(/^erased 4 of impression; receipt: /);
  }
  expect(examples('plain').split('\n')).toHaveLength(whole - 4);
  expect(examples('pb')).toBe(examples('plain'));
  expect(examples('avro')).toBe(examples('plain'));
});

it('protobuf goes through a log too', async () => {
  const from = ['--from', 'impression=imps.pb', '--from', 'click=clicks.ndjson'];
  const schema = ['--schema', 'impression=two.proto:ads.Impression'];
  const ingest = await command(workshop, 'ingest', 'ads.feat', ...from, ...schema, '--to', 'log');
  expect(ingest.err).toBe('');
  expect(await run('log:log', 'logged')).toMatchObject({ code: 0 });
  expect(await run('imps.ndjson', 'again')).toMatchObject({ code: 0 });
  expect(examples('logged')).toBe(examples('again'));
});

it('another schema is another run', async () => {
  const first = ['--schema', 'impression=two.proto:ads.Impression'];
  expect(await run('imps.pb', 'other', ...first)).toMatchObject({ code: 0 });
  const { code, err } = await run('imps.pb', 'other', '--schema', 'impression=two.proto:ads.Click');
  expect(err).toMatch(/ads\.impressions\/0 was decoded by another --schema[\s\S]*--fresh/);
  expect(code).toBe(3);
});

it.each([
  ['none', [], /imps\.pb holds protobuf messages: add --schema impression=FILE\.proto:/],
  [
    'of which none is named',
    ['impression=two.proto'],
    /say which message.*ads\.Click, ads\.Impression/,
  ],
  [
    'without the message',
    ['impression=ads.proto:ads.Buy'],
    /there is no ads\.Buy; it has ads\.Impression/,
  ],
  ['of another stream', ['impresion=ads.proto'], /--schema impresion.*did you mean impression\?/],
  ['that is missing', ['impression=gone.proto'], /gone\.proto does not exist/],
  ['that is none', ['impression=ads.feat'], /--schema ads\.feat is no protobuf schema/],
  ['that imports another', ['impression=importing.proto'], /must be given as a descriptor set/],
  ['that is no option', ['ads.proto'], /--schema ads\.proto: write STREAM=FILE\.proto:/],
] as const)('a schema %s is told', async (name, schemas, says) => {
  const options = schemas.flatMap((each) => ['--schema', each]);
  const { code, err } = await run('imps.pb', `bad-${name}`, ...options);
  expect(err).toMatch(says);
  expect([2, 3]).toContain(code);
});
