/** Input files that are wrong, and what a run must make of each. */
import { gzipSync } from 'node:zlib';
import { type Event, impression, impressions, lines, noise, START } from './traffic.ts';

export type InputCase = {
  /** The file's name: its ending says the format. */
  readonly file: string;
  readonly content: string | Uint8Array;
  readonly code: 0 | 2 | 3;
  /** In standard error. */
  readonly says?: RegExp;
  /** Of the stream, where the run ends well. */
  readonly accepted?: number;
  readonly malformed?: number;
  readonly late?: number;
  readonly emitted?: number;
  /** What the record set aside says, by its offset. */
  readonly reasons?: Readonly<Record<number, string>>;
};

const N = 400;
const zipped = gzipSync(impressions(20_000));
const shifted = (change: (ts: number) => number) =>
  impressions(N, (event) => ({ ...event, ts: change(Number(event.ts)) }));
const head = 'impression_id,ts,user_id,ad_id\n';
const good = { impression_id: 'ok', ts: START, user_id: 'u', ad_id: 'a' };

/** A field of a wrong type a line, then what is no event at all. */
const wrong: readonly (readonly [Event | string, string])[] = [
  [{ ...good, ts: '1730000000000' }, 'field ts: wrong type'],
  [{ ...good, user_id: null }, 'field user_id: null'],
  [{ ...good, ts: START + 0.5 }, 'field ts: not a whole number'],
  [{ ...good, ts: -5 }, 'field ts: time outside the years 1970 to 9999'],
  [{ ...good, ts: true }, 'field ts: wrong type'],
  [{ ...good, user_id: ['u'] }, 'field user_id: wrong type'],
  [{ ...good, ad_id: undefined }, 'field ad_id: missing'],
  [{ ...good, impression_id: null }, 'field impression_id: null'],
  ['[1]', 'not a JSON object'],
  ['"text"', 'not a JSON object'],
  [`${JSON.stringify(good)} more`, 'not valid JSON'],
  [JSON.stringify(good).slice(0, 40), 'not valid JSON'],
  [JSON.stringify(good).replace('1730000000000', '1e999'), 'field ts: out of range'],
];
const asText = (line: Event | string) => (typeof line === 'string' ? line : JSON.stringify(line));

export const INPUT_CASES: readonly InputCase[] = [
  { file: 'good.ndjson', content: impressions(N), code: 0, accepted: N, malformed: 0 },
  {
    file: 'empty.ndjson',
    content: '',
    code: 0,
    accepted: 0,
    emitted: 0,
    says: /empty\.ndjson has no records/,
  },
  { file: 'empty.csv', content: '', code: 0, accepted: 0, says: /empty\.csv has no records/ },
  {
    file: 'noise.ndjson',
    content: noise(200_000),
    code: 0,
    accepted: 0,
    emitted: 0,
    says: /are malformed; the first: record 0 of in\/noise\.ndjson, not valid JSON/,
  },
  { file: 'zeros.ndjson', content: new Uint8Array(1_000_000), code: 0, accepted: 0, malformed: 1 },
  { file: 'noise.csv', content: noise(200_000), code: 3, says: /noise\.csv has no column/ },
  {
    file: 'noise.parquet',
    content: noise(200_000),
    code: 3,
    says: /noise\.parquet: cannot be read as Parquet/,
  },
  {
    file: 'empty.parquet',
    content: '',
    code: 3,
    says: /empty\.parquet: not a Parquet file, it has 0 bytes/,
  },
  {
    file: 'cut.ndjson.gz',
    content: zipped.subarray(0, zipped.length >> 1),
    code: 3,
    says: /cut\.ndjson\.gz: the gzip data is truncated .* whole file .*--fresh/,
  },
  {
    file: 'head.gz',
    content: zipped.subarray(0, 5),
    code: 3,
    says: /head\.gz: the gzip data is truncated/,
  },
  {
    file: 'cut.zst',
    content: Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), noise(500)]),
    code: 3,
    says: /cut\.zst: the zstd data is truncated/,
  },
  {
    file: 'long.ndjson',
    content: `${impressions(5)}{"impression_id":"${'x'.repeat(10_000_000)}"}\n${lines([impression(5), impression(6)])}`,
    code: 0,
    accepted: 7,
    malformed: 1,
    reasons: { 5: 'longer than 1 MiB' },
  },
  {
    file: 'long.csv',
    content: `${head}i1,${START},u,a\n${'x'.repeat(10_000_000)},1,u,a\ni2,${START + 1},u,a\n`,
    code: 0,
    accepted: 2,
    malformed: 1,
    reasons: { 1: 'longer than 1 MiB' },
  },
  {
    file: 'quote.csv',
    content: `${head}i1,${START},u,a\n"i2,${START},u,a\ni3,${START},u,a\n`,
    code: 3,
    says: /quote\.csv: in the record that begins "i2,\d+,u,a a quote \("\) is opened and never closed/,
  },
  {
    file: 'open.csv',
    content: `${head}"i1,${'x\n'.repeat(17_000_000)}`,
    code: 3,
    says: /open\.csv: a record is longer than .* never closed/,
  },
  {
    file: 'other.csv',
    content: 'a,b\n1,2\n',
    code: 3,
    says: /other\.csv has no column ad_id, impression_id, ts, user_id.*"a, b"/,
  },
  {
    file: 'headless.csv',
    content: `i1,${START},u,a\n`,
    code: 3,
    says: /its first line\) are "i1, 1730000000000, u, a"/,
  },
  {
    file: 'semicolon.csv',
    content: 'impression_id;ts;user_id;ad_id\ni1;1;u;a\n',
    code: 3,
    says: /are "impression_id;ts;user_id;ad_id"/,
  },
  {
    file: 'twice.csv',
    content: 'impression_id,ts,ts,user_id,ad_id\ni1,1,2,u,a\n',
    code: 3,
    says: /more than one column ts/,
  },
  {
    file: 'types.ndjson',
    content: [...wrong.map(([line]) => asText(line)), asText(good)].join('\n'),
    code: 0,
    accepted: 1,
    malformed: wrong.length,
    reasons: Object.fromEntries(wrong.map(([, reason], i) => [i, reason])),
  },
  {
    file: 'seconds.ndjson',
    content: shifted((ts) => Math.floor(ts / 1000)),
    code: 0,
    accepted: N,
    says: /warning: impression: the times of in\/seconds\.ndjson end in the year 1970; declared as `ts : timestamp\(s\)` it would be 2024/,
  },
  {
    file: 'micros.ndjson',
    content: shifted((ts) => ts * 1000),
    code: 0,
    accepted: 0,
    malformed: N,
    says: /years 1970 to 9999; declared as `ts : timestamp\(us\)` it would be 2024/,
  },
  {
    file: 'year2518.ndjson',
    content: shifted((ts) => ts * 10),
    code: 0,
    accepted: N,
    says: /end in the year 2518: is ts in the unit/,
  },
  {
    file: 'year50000.ndjson',
    content: shifted((ts) => ts + 48_000 * 31_557_600_000),
    code: 0,
    accepted: 0,
    malformed: N,
    says: /400 of 400 records are malformed; the first: .* years 1970 to 9999/,
  },
  {
    file: 'nanos.ndjson',
    content: shifted((ts) => ts * 1e6),
    code: 0,
    accepted: 0,
    malformed: N,
    says: /is ts in the unit that the stream declares \(ms\)/,
  },
  { file: 'one.ndjson', content: lines([impression(0)]), code: 0, accepted: 1, emitted: 1 },
  {
    file: 'nullids.ndjson',
    content: impressions(N, (event) => ({ ...event, impression_id: null })),
    code: 0,
    accepted: 0,
    malformed: N,
    says: /field impression_id: null/,
  },
  {
    file: 'sameids.ndjson',
    content: impressions(N, (event) => ({ ...event, impression_id: 'i' })),
    code: 0,
    accepted: 1,
    says: /399 of 400 records are dropped as duplicates: is impression_id different/,
  },
  {
    file: 'backwards.ndjson',
    content: impressions(N, (_, i) => impression(N - i, 60_000)),
    code: 0,
    says: /are dropped as late.*sort the files by ts/,
  },
  {
    file: 'future.ndjson',
    content: impressions(N, (event, i) =>
      i === 200 ? { ...event, ts: START + 315_360_000_000 } : event,
    ),
    code: 0,
    accepted: N,
    late: 0,
    emitted: N,
  },
  {
    file: 'same-time.ndjson',
    content: impressions(200_000, (event) => ({ ...event, ts: START })),
    code: 0,
    accepted: 200_000,
    emitted: 200_000,
    late: 0,
  },
  {
    file: 'page.ndjson',
    content: '<html>404</html>\n'.repeat(9),
    code: 0,
    accepted: 0,
    malformed: 9,
    says: /not valid JSON/,
  },
  {
    file: 'windows.ndjson',
    content: `\ufeff${impressions(N).replaceAll('\n', '\r\n')}`,
    code: 0,
    accepted: N,
    malformed: 0,
  },
  {
    file: 'utf16.ndjson',
    content: Buffer.from(`\ufeff${impressions(9)}`, 'utf16le'),
    code: 0,
    accepted: 0,
    says: /malformed/,
  },
];
