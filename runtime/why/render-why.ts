/** What `millrace why` prints for people. Times are UTC, with milliseconds. */
import type { Value } from '../../operators/column/column.ts';
import { ownCommand, shownPath } from '../own-command.ts';
import type { EmittedRows } from './emitted-rows.ts';
import { indented, nearLines, placeCells, placeText, table } from './event-lines.ts';
import type { Explained, ExplainedLookUp } from './explain-column.ts';
import type { Place } from './near-misses.ts';
import type { ShownEvent } from './shown-events.ts';
import { timeText } from './time-text.ts';
import type { WhyFeature } from './why-feature.ts';

/** An example's rows; `place`: its anchor's, where it was looked for among the inputs. */
export function renderRows(
  id: string,
  { set, rows, aside }: EmittedRows,
  folder: string,
  place?: Place,
): string {
  const [first] = rows ?? [];
  const lines = [`${id} of ${set.name}`];
  if (place !== undefined) lines.push(`anchor: ${placeText(place)}`);
  if (rows === null) lines.push('its rows are in Parquet, which is not read back');
  else if (first === undefined) lines.push('no row of it is in the output');
  else lines.push(`anchor at ${timeText(first.time)}`);
  for (const row of rows ?? []) {
    const labels = Object.entries(row.labels).map(([name, { value, kind }]) => {
      return `${name} ${value ?? 'null'} ${kind}`;
    });
    const what = [row.kind ?? '', ...labels].filter((text) => text !== '').join(', ');
    lines.push(`emitted at ${timeText(row.emitted)}${what === '' ? '' : `: ${what}`}`);
  }
  for (const { lot, reason, emitted } of aside) {
    lines.push(`emitted at ${timeText(emitted)}, quarantined in lot ${lot}: ${reason}`);
  }
  if (first !== undefined) {
    lines.push('features');
    const cells = set.features.map(({ name }, i) => [name, valueText(first.features[i])]);
    lines.push(...indented(table(cells)));
  }
  lines.push(`why: ${ownCommand()} why ${shownPath(folder)} ${id} COLUMN_OR_LABEL`);
  return lines.join('\n');
}

export function renderFeature(why: WhyFeature): string {
  const { set, id, time, place, column, explained, note } = why;
  return [
    `${id} of ${set}: anchor at ${timeText(time)}, ${placeText(place)}`,
    '',
    ...explainedLines({ ...explained, name: column }, ` ${agreementText(why)}`, time),
    ...(note === null ? [] : ['', `note: ${note}`]),
  ].join('\n');
}

function agreementText({ agrees, emitted }: WhyFeature): string {
  if (agrees === true) return '(as emitted)';
  return emitted === undefined ? '(not emitted)' : `(emitted: ${valueText(emitted)})`;
}

function explainedLines(of: Explained, more: string, t: number): string[] {
  const head = `${of.name} = ${valueText(of.value)}${more}`;
  switch (of.kind) {
    case 'field':
      return [`${head}, a field of the anchor`];
    case 'expression': {
      const operands = of.operands.flatMap((each) => explainedLines(each, '', t));
      return [head, ...indented([...(of.text === of.name ? [] : [`= ${of.text}`]), ...operands])];
    }
    case 'look-up':
      return [head, ...indented(lookUpLines(of, t))];
  }
}

function lookUpLines(of: ExplainedLookUp, t: number): string[] {
  const { key, source, window, count, near, how } = of;
  const keys = key.map(({ name, value }) => `${name} ${valueText(value)}`).join(', ');
  if (how === 'null key') return [`of ${source} by ${keys}: a part of the key is null`];
  const from = window.from === null ? '(everything' : `[${timeText(window.from)}`;
  const adds = of.adds === null ? '' : ` (${of.adds})`;
  const counted = count === 0 ? 'no event counts' : `${count} count${count === 1 ? 's' : ''}`;
  return [
    `${source}${adds} by ${keys} over ${window.text}: ${from}, ${timeText(window.to)})`,
    `${counted}${how === 'approximate' ? '; a sketch answered the run' : ''}`,
    ...indented(eventLines(of, t)),
    ...near.flatMap((miss) => nearLines(miss, t)),
  ];
}

function eventLines({ events: { events, omitted }, adds }: ExplainedLookUp, t: number): string[] {
  const lines = table(
    events.map((event) => [
      ...placeCells(event, t),
      ...(adds === null ? [] : [valueText(event.value)]),
      creditText(event),
    ]),
  );
  if (omitted.count === 0) return lines;
  const more = `… ${omitted.count} more in between (--all shows them)`;
  return lines.toSpliced(omitted.after, 0, more);
}

function creditText({ creditedTo }: ShownEvent): string {
  if (creditedTo === undefined) return '';
  return `credited to the anchor of ${timeText(creditedTo.time)}, offset ${creditedTo.offset}`;
}

function valueText(value: Value | undefined): string {
  return value === undefined ? 'unknown' : JSON.stringify(value);
}
