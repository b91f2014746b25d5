/**
 * The rules of time, windows, nulls and labels, one case for each boundary, in text (test/cases-boundaries). A case is a
 * piece of a program over the streams below, then `rows` and what arrives: the stream (and partition), the time since
 * the start, fields. What comes out is written as the example rows, times since the start; engine and reference must
 * agree on every byte of it.
 */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { runCases } from './cases.ts';
import { runBoth } from './generate/trial.ts';
import type { EmittedLabelJson, ExampleRowJson } from './reference/emissions.ts';
import type { InputPartition } from './reference/events.ts';

/** A hundred days after the epoch: every default hop divides it. */
const START = 8_640_000_000;

const STREAMS = `
stream imp from "imp" { id iid : string; time ts : timestamp; user : string; ad : string?; cost : float? }
stream clk from "clk" { id cid : string; time ts : timestamp; iid : string?; user : string; ad : string?; n : int? }
stream pix from "pix" {
  id pid : string; time ts : timestamp; user : string; kind : string; order_id : string?; value : float?
  late 10s, labels 1h
}
stream buy = pix where kind == "buy"
stream refund = pix where kind == "refund"
`;

/** Fields that a row of a stream of its own has, if the case does not say. */
const DEFAULTS: Readonly<Record<string, Record<string, unknown>>> = {
  imp: { user: 'u' },
  clk: { user: 'u' },
  pix: { user: 'u', kind: 'buy' },
};

const IDS: Readonly<Record<string, string>> = { imp: 'iid', clk: 'cid', pix: 'pid' };

const folder = path.join(import.meta.dirname, 'cases-boundaries');
for (const file of readdirSync(folder)) runCases(path.join(folder, file), produce);

function produce(text: string): string {
  const [program, rows] = text.split(/^rows(?: of streams that go on)?$/m);
  const complete = !/^rows of streams that go on$/m.test(text);
  const input = readRows(rows);
  const { engine, reference } = runBoth(STREAMS + program, input, complete);
  expect(engine).toEqual(reference);
  const out: string[] = [];
  for (const [set, lines] of Object.entries(engine.lines)) {
    if (Object.keys(engine.lines).length > 1) out.push(set);
    out.push(...lines.map((line) => showRow(JSON.parse(line))));
  }
  for (const [stream, counts] of Object.entries(engine.counts)) {
    const some = Object.entries(counts as Record<string, number>).filter(([, n]) => n > 0);
    for (const [what, n] of some) out.push(`${stream}: ${n} ${what}`);
  }
  for (const { labels, audit } of engine.pending) {
    const due = [...labels, { name: 'audit', anchors: audit }].filter(({ anchors }) => anchors > 0);
    for (const { name, anchors } of due) out.push(`pending: ${anchors} ${name}`);
  }
  return out.join('\n');
}

/** `imp/1 10s iid=i1 user=u`; values are JSON where they can be, else texts; `{…}` alone is a raw line. */
function readRows(text: string): InputPartition[] {
  const partitions = new Map<string, unknown[]>();
  for (const line of text.split('\n').filter((each) => each.trim() !== '')) {
    const [name, ...rest] = line.trim().split(/\s+/);
    const rows = partitions.get(name) ?? [];
    partitions.set(name, rows);
    rows.push(rest[0].startsWith('{') ? rest.join(' ') : readRow(name, rest, rows.length));
  }
  return [...partitions].map(([name, rows]) => {
    const [stream, partition] = name.split('/');
    return { stream, partition: Number(partition ?? 0), rows };
  });
}

function readRow(name: string, [time, ...fields]: string[], row: number): Record<string, unknown> {
  const [stream] = name.split('/');
  const given = fields.map((field) => {
    const at = field.indexOf('=');
    return [field.slice(0, at), fieldValue(field.slice(at + 1))];
  });
  const id = IDS[stream] === undefined ? {} : { [IDS[stream]]: `${name}#${row}` };
  return { ...id, ts: START + msOf(time), ...DEFAULTS[stream], ...Object.fromEntries(given) };
}

function fieldValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

function msOf(text: string): number {
  const parts = [...text.matchAll(/(-?\d+)(ms|[smhd])/g)];
  return parts.reduce((sum, [, n, unit]) => sum + Number(n) * UNITS[unit], 0);
}

function showRow({
  id,
  time,
  emitted,
  kind,
  labels,
  features,
  sample_rate: rate,
}: ExampleRowJson): string {
  const head = [id, kind ?? '', emitted === time ? '' : `at ${showTime(emitted - START)}`];
  const shown = [
    ...Object.entries(features).map(([name, value]) => `${name} ${JSON.stringify(value)}`),
    ...Object.entries(labels).map(([name, label]) => showLabel(name, label)),
    ...(rate === 1 ? [] : [`rate ${rate}`]),
  ];
  return `${head.filter((part) => part !== '').join(' ')}: ${shown.join(', ')}`;
}

function showLabel(name: string, { value, kind, was, at_wait, ever }: EmittedLabelJson): string {
  const audit = at_wait === undefined ? '' : ` (at the wait ${at_wait}, ever ${ever})`;
  const back = was === undefined ? '' : ` (was ${was})`;
  return `${name} ${value} ${kind}${back}${audit}`;
}

function showTime(ms: number): string {
  const unit = ['d', 'h', 'm', 's', 'ms'].find((each) => ms % UNITS[each] === 0) ?? 'ms';
  return `${ms / UNITS[unit]}${unit}`;
}
