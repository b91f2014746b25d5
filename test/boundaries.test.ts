/**
 * The rules of time, windows, nulls and labels, one case for each boundary, in text (test/cases-boundaries). A case is a
 * piece of a program over the streams below, then `rows` and what arrives: the stream (and partition), the time since
 * the start, fields. What comes out is written as the example rows, times since the start; engine and reference must
 * agree on every byte of it.
 */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { readRows, START, STREAMS, UNITS } from './case-rows.ts';
import { runCases } from './cases.ts';
import { runBoth } from './generate/trial.ts';
import type { EmittedLabelJson, ExampleRowJson } from './reference/emissions.ts';

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
