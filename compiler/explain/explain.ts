import type { LogicalProgram } from '../check/logical.ts';
import {
  type Explanation,
  explainableNames,
  explanation,
  type FeatureExplanation,
  type StoreExplanation,
} from './explain-model.ts';

export type ExplainOptions = {
  /** A feature, column, label or example set; null: the whole program. */
  readonly name?: string | null;
  /** The files' texts by path, for line numbers. */
  readonly texts?: ReadonlyMap<string, string>;
};

/** What a program costs and why, for its authors. Null: nothing is called `name` (see `explainableNames`). */
export function explain(
  program: LogicalProgram,
  { name = null, texts = new Map() }: ExplainOptions = {},
): string | null {
  const model = explanation(program, texts);
  if (name === null) return wholeText(model);
  const owner = name.replace(/\[[^\]]*\]$/, '');
  const blocks = [
    ...model.features.filter((one) => one.name === owner).map(featureText),
    ...model.labels.filter((one) => one.name === name).map(labelText),
    ...model.examples.filter((one) => one.name === name).map(examplesText),
  ];
  return blocks.length === 0 || !explainableNames(program).includes(name)
    ? null
    : `${blocks.join('\n\n')}\n`;
}

function wholeText(model: Explanation): string {
  const blocks = [
    overviewText(model),
    ...model.examples.map(examplesText),
    ...model.labels.map(labelText),
    ...model.features.map(featureText),
  ];
  return `${blocks.join('\n\n')}\n`;
}

function overviewText(model: Explanation): string {
  const topics = model.topics.map(({ topic, streams, fields, skipped }) => [
    topic,
    streams.join(', '),
    fields.map(({ name, as }) => (as === 'hash' ? `#${name}` : name)).join(' '),
    skipped.length === 0 ? '' : `skips ${skipped.join(' ')}`,
  ]);
  const keys = model.keyspaces.map(({ name, stores, writers, readers, cost }) => [
    name,
    count(stores, 'store'),
    `written by ${writers.join(', ')}`,
    `read by ${readers.join(', ')}`,
    cost,
  ]);
  const hops = model.hops.map(({ name, by, columns, stays }) => [
    name,
    stays ? 'made there' : `by ${by}`,
    count(columns, 'column'),
  ]);
  const lookups = model.lookups.map(({ stream, perEvent }) => `${stream} ${perEvent}`).join(', ');
  return [
    `plan ${model.digest.slice(0, 16)}`,
    '',
    'topics, each read and decoded once (#: as a key only, no text is kept)',
    ...table(topics),
    ...(model.unread.length === 0 ? [] : [`  nothing reads ${model.unread.join(', ')}`]),
    '',
    'keys, one look-up per event and key',
    ...table(keys),
    `  look-ups per event: ${lookups === '' ? 'none' : lookups}`,
    '',
    'hops, where there is more than one shard: what goes to the shard of a key',
    ...table(hops),
  ].join('\n');
}

function examplesText(set: Explanation['examples'][number]): string {
  const labels = set.labels.length === 0 ? 'no labels' : `labels ${set.labels.join(', ')}`;
  const home = set.home === null ? 'no look-ups' : `at home with ${set.home}`;
  const { rows, buckets } = set.checks;
  const checks = [
    ...(rows.length === 0 ? [] : [`  each row: ${rows.join(', ')}`]),
    ...(buckets.length === 0
      ? []
      : [
          `  rows together: ${buckets.join(', ')}`,
          '    a row waits for its bucket: ten seconds of emission time, up to a minute where that is below 2,000 rows',
        ]),
  ];
  const head = `examples ${set.name}  ${set.place}\n  for ${set.anchor}, ${count(set.columns, 'column')}, ${labels}, ${home}`;
  return [head, ...checks].join('\n');
}

/** Of a label in an anchor's record (operators/emission/emission-anchors.ts). */
const LABEL_BYTES = 32;

function labelText(label: Explanation['labels'][number]): string {
  return [
    `label ${label.name}  ${label.place}`,
    `  ${label.event} credited to ${label.anchor}, ${label.credit}; waits for ${label.waitsFor.join(', ')}; state ${label.state}`,
    ...(label.sharesRings.length === 0
      ? []
      : [
          `  one join with ${label.sharesRings.join(', ')}: shared rings, ${LABEL_BYTES} bytes more for each anchor that waits`,
        ]),
  ].join('\n');
}

function featureText(feature: FeatureExplanation): string {
  const columns =
    feature.columns.length === 1 ? '' : ` (${count(feature.columns.length, 'column')})`;
  const head = `feature ${feature.name} : ${feature.type}${columns}  ${feature.place}`;
  if (feature.sets.length === 0) return `${head}\n  no example set reads it: it costs nothing`;
  const from =
    feature.scans.length === 0 ? 'reads the anchor alone' : `reads ${feature.scans.join(', ')}`;
  return [
    head,
    `  in ${feature.sets.join(', ')}; ${from}`,
    ...feature.stores.flatMap(storeLines),
    `  ${marginalText(feature)}`,
  ].join('\n');
}

function storeLines(store: StoreExplanation): readonly string[] {
  const windows = store.windows.map(
    ({ text, error }) => `${text} ${error === null ? 'exact' : `(${error})`}`,
  );
  const shared = store.sharedWith.map(({ feature, place }) => `${feature} ${place}`);
  return [
    `  ${store.text}`,
    `    over ${windows.join(', ')}`,
    ...(store.error === null ? [] : [`    ${store.error}`]),
    `    state ${store.state} under ${store.keyspace}: ${store.cost}`,
    ...(shared.length === 0 ? [] : [`    shared with ${shared.join(', ')}`]),
  ];
}

function marginalText({ stores, marginal }: FeatureExplanation): string {
  if (stores.length === 0) return 'adds no state';
  if (marginal.stores === 0 && marginal.windows === 0)
    return 'adds no state: others keep all of it already';
  const parts = [
    ...(marginal.stores === 0 ? [] : [count(marginal.stores, 'store')]),
    ...(marginal.windows === 0 ? [] : [count(marginal.windows, 'window')]),
  ];
  return `adds ${parts.join(' and ')} to the rest: ${marginal.fixedBytes} B a key, and entries`;
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

/** Rows with their columns aligned, indented by two. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    `  ${row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')}`.trimEnd(),
  );
}
