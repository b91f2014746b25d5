import { describe, expect, it } from 'vitest';
import type { ScanField } from '../../compiler/plan/plan.ts';
import { list, scalar, type Type } from '../../dsl/types.ts';
import { rawText } from '../../operators/decode/decoder.ts';
import { ProtobufDecoder } from '../../operators/decode/protobuf.ts';
import { rng } from '../random.ts';
import {
  damaged,
  libraryRows,
  ONEOF,
  randomFields,
  randomMessage,
  rowsOf,
  wideSchema,
} from './protobuf-world.ts';

const WIDE = 'google.protobuf.Wide';
const WORLDS = 20;
const MESSAGES = 60;

describe('protobuf messages', () => {
  it('are what the library makes of them', () => {
    let good = 0;
    for (let seed = 0; seed < WORLDS; seed++) {
      const random = rng(seed);
      const syntax = random.pick(['proto2', 'proto3'] as const);
      const fields = randomFields(random);
      const messages = Array.from({ length: MESSAGES }, () => randomMessage(random));
      const rows = decode(wideSchema(syntax), fields, messages);
      expect(rows, `seed ${seed}`).toEqual(libraryRows(syntax, fields, messages));
      const cells = rows.flatMap((row) => Object.values(row.cells));
      good += cells.filter((value) => value !== null).length;
    }
    expect(good).toBeGreaterThan(WORLDS * MESSAGES);
  });

  it('that are damaged are malformed or what the library reads, never another number', () => {
    let read = 0;
    let refused = 0;
    for (let seed = 0; seed < WORLDS; seed++) {
      const random = rng(1_000 + seed);
      const syntax = random.pick(['proto2', 'proto3'] as const);
      const fields = randomFields(random)
        .filter(({ name }) => !ONEOF.includes(name))
        .slice(0, 2);
      const messages = Array.from({ length: MESSAGES }, () =>
        damaged(randomMessage(random, 6), random),
      );
      const expected = libraryRows(syntax, fields, messages);
      decode(wideSchema(syntax), fields, messages).forEach((row, i) => {
        if (row.bad === '') read++;
        else refused++;
        if (row.bad === '') expect(row, `seed ${seed}, message ${i}`).toEqual(expected[i]);
      });
    }
    expect(Math.min(read, refused)).toBeGreaterThan(5 * WORLDS);
  });

  it.each([
    ['a value of another wire type', [0x18, 5], 'field word: wrong type', 'GAU='],
    [
      'that also where a good one follows',
      [0x18, 5, 0x1a, 1, 97],
      'field word: wrong type',
      'GAUaAWE=',
    ],
    ['a text that is cut off', [0x1a, 2, 97], 'not a valid protobuf message', 'GgJh'],
    ['a text that is no UTF-8', [0x1a, 1, 0xff], 'field word: not valid UTF-8', 'GgH/'],
    ['field number 0', [0], 'not a valid protobuf message', 'AA=='],
    [
      'a tag of more than 32 bits',
      [0xf8, 255, 255, 255, 127, 0],
      'not a valid protobuf message',
      null,
    ],
    [
      'a number of more than 64 bits',
      [0x08, ...Array(9).fill(255), 2],
      'not a valid protobuf message',
      null,
    ],
    ['a group that another one ends', [0x0b, 0x14], 'not a valid protobuf message', 'CxQ='],
    ['a group that nothing ends', [0x0b, 0x08, 1], 'not a valid protobuf message', 'CwgB'],
    ['an end without a group', [0x0c], 'not a valid protobuf message', 'DA=='],
    ['groups nested without end', Array(5_000).fill(0x0b), 'not a valid protobuf message', null],
  ])('refuses %s', (_, bytes, reason, source) => {
    const fields = [fieldOf('word', scalar('string', { nullable: true }))];
    const decoder = new ProtobufDecoder({ source: wideSchema('proto3'), message: WIDE }, fields);
    decoder.begin(1);
    decoder.add(Uint8Array.from(bytes));
    const batch = decoder.finish(0);
    expect(rowsOf(batch, fields)).toEqual([{ bad: reason, cells: { word: null } }]);
    if (source !== null) expect(rawText(batch, 0)).toBe(source);
  });

  it('passes over what the scan does not read, whatever is in it', () => {
    const fields = [fieldOf('word', scalar('string'))];
    const broken = Uint8Array.from([0x1a, 1, 97, 0xea, 0x2a, 1, 0xff]);
    expect(decode(wideSchema('proto3'), fields, [broken])).toEqual([
      { bad: '', cells: { word: 'a' } },
    ]);
  });

  it('has a required field that is missing as malformed, and absent bytes as an empty text', () => {
    const required = 'syntax = "proto2"; message Wide { required string word = 1; }';
    const nullable = [fieldOf('word', scalar('string', { nullable: true }))];
    expect(decode(required, nullable, [new Uint8Array(0)], 'Wide')).toEqual([
      { bad: 'field word: missing', cells: { word: null } },
    ]);
    const raw = [fieldOf('raw', scalar('string')), fieldOf('texts', list('string'))];
    expect(decode(wideSchema('proto3'), raw, [new Uint8Array(0)])).toEqual([
      { bad: '', cells: { raw: '', texts: [] } },
    ]);
  });
});

function fieldOf(name: string, type: Type): ScanField {
  return { name, type, timeFormat: null, value: true, hash: false };
}

/** All messages lie in one buffer, as a fetched batch has them. */
function decode(
  source: string,
  fields: readonly ScanField[],
  messages: readonly Uint8Array[],
  message = WIDE,
) {
  const decoder = new ProtobufDecoder({ source, message }, fields);
  const all = Uint8Array.from(messages.flatMap((one) => [...one]));
  decoder.begin(messages.length);
  let at = 0;
  for (const { length } of messages) {
    decoder.add(all, at, at + length);
    at += length;
  }
  return rowsOf(decoder.finish(0), fields);
}
