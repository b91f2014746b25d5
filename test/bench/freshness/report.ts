/** The tables: means over the worlds with 95 % intervals; real data with those of resampled anchors. */
import { textTable } from '../../../runtime/text-table.ts';
import { interval, mean } from '../student.ts';
import type { FreshnessLines, ModelKind } from './job.ts';
import { CONTESTANTS, type LateLabelsResult } from './late-labels.ts';
import type { Quality } from './prequential.ts';

/** What one pass in one world came to. */
export type Line = {
  readonly name: string;
  readonly pace: 'fast' | 'slow';
  readonly seed: number;
  readonly measured: FreshnessLines;
};

export type RealResult = { readonly title: string; readonly measured: FreshnessLines };

/** Where a row of a table is found: a line's name, one of its models, a label. */
type Source = { readonly name: string; readonly model: ModelKind; readonly label: string };

const PUBLISHED = ['frozen', '1 d', '1 h', '5 min', '1 min'] as const;
const HEAD = ['model', 'published', 'AUC', 'NE', 'calibration', 'AUC over 1 d'];

export function renderFreshness(
  lines: readonly Line[],
  late: readonly LateLabelsResult[],
  real: readonly RealResult[],
): string[] {
  const fast = new Worlds(lines.filter(({ pace }) => pace === 'fast'));
  const slow = new Worlds(lines.filter(({ pace }) => pace === 'slow'));
  const clicked = (name: string, model: ModelKind): Source => ({ name, model, label: 'clicked' });
  const dcn = clicked('DCN-v2, ESMM', 'deep');
  const batch = 'DCN-v2, ESMM, batch';
  const purchased = (name: string): Source => ({ name, model: 'deep', label: 'purchased' });
  const some = ['frozen', '1 d', '5 min'] as const;
  return [
    'Clicked, ids alone:',
    ...textTable([
      HEAD,
      ...fast.rows('FTRL', clicked('DCN-v2, ESMM', 'ftrl'), PUBLISHED),
      ...fast.rows('FTRL, batch', clicked(batch, 'ftrl'), ['batch']),
      ...fast.rows('DeepFM', clicked('DeepFM, ESMM', 'deep'), PUBLISHED),
      ...fast.rows('DCN-v2', dcn, PUBLISHED),
      ...fast.rows('DCN-v2, batch', clicked(batch, 'deep'), ['batch']),
    ]),
    '',
    'Heads (DCN-v2, ids alone):',
    ...textTable([
      HEAD,
      ...fast.rows('purchased, FTRL', { ...purchased('DCN-v2, ESMM'), model: 'ftrl' }, some),
      ...fast.rows('purchased, single', purchased('DCN-v2, purchased'), some),
      ...fast.rows('purchased, ESMM', purchased('DCN-v2, ESMM'), some),
      ...fast.rows('clicked, single', clicked('DCN-v2, clicked', 'deep'), some),
      ...fast.rows('clicked, ESMM', dcn, some),
    ]),
    '',
    'Clicked, with counters that are always fresh:',
    ...textTable([
      HEAD,
      ...fast.rows('FTRL', clicked('DCN-v2, counters', 'ftrl'), some),
      ...fast.rows('DCN-v2', clicked('DCN-v2, counters', 'deep'), some),
    ]),
    '',
    'Clicked, ids alone, slow drift:',
    ...textTable([
      HEAD,
      ...slow.rows('FTRL', clicked('DCN-v2, clicked', 'ftrl'), some),
      ...slow.rows('DCN-v2', clicked('DCN-v2, clicked', 'deep'), some),
    ]),
    '',
    'Label policies (DCN-v2, and FTRL on the same rows):',
    ...lateTable(late),
    ...real.flatMap((each) => ['', `${each.title}:`, ...realTable(each)]),
    '',
    ...verdict(fast, dcn, clicked(batch, 'deep')),
  ];
}

/** Lines of several worlds, by name. */
class Worlds {
  readonly #lines: readonly Line[];

  constructor(lines: readonly Line[]) {
    this.#lines = lines;
  }

  /** By world. */
  values({ name, model, label }: Source, published: string, what: 'auc' | 'ne' | 'calibration') {
    return this.#lines
      .filter((line) => line.name === name)
      .map(({ measured }) => measured[published]![model][label]![what] ?? Number.NaN);
  }

  rows(title: string, source: Source, published: readonly string[]): string[][] {
    return published.map((each) => {
      const auc = this.values(source, each, 'auc');
      // A batch is held against the same model trained online and published once a day.
      const online = { ...source, name: source.name.replace(/, batch$/, '') };
      const daily = this.values(online, '1 d', 'auc');
      return [
        ...[title, each === 'batch' ? 'retrained each day' : each, interval(auc, 4)],
        interval(this.values(source, each, 'ne'), 4),
        interval(this.values(source, each, 'calibration'), 3),
        each === '1 d' ? '1' : interval(ratios(auc, daily), 4),
      ];
    });
  }
}

function ratios(values: readonly number[], others: readonly number[]): number[] {
  return values.map((value, i) => value / others[i]!);
}

function lateTable(results: readonly LateLabelsResult[]): string[] {
  const of = (name: string, model: ModelKind, what: 'auc' | 'ne' | 'calibration') =>
    results.map(({ lines }) => lines[name]![model][what] ?? Number.NaN);
  const recovered = (name: string, model: ModelKind) =>
    results.map((_, i) => {
      const at = (who: string) => of(who, model, 'ne')[i]!;
      return (at(name) - at('vanilla')) / (at('oracle') - at('vanilla'));
    });
  const rows = Object.keys(CONTESTANTS).map((name) => [
    ...[name, interval(of(name, 'deep', 'auc'), 4), interval(of(name, 'deep', 'ne'), 4)],
    ...[interval(of(name, 'deep', 'calibration'), 3), interval(recovered(name, 'deep'), 3)],
    ...[interval(of(name, 'ftrl', 'auc'), 4), interval(recovered(name, 'ftrl'), 3)],
  ]);
  const head = ['policy', 'AUC', 'NE', 'calibration', 'NLL gap', 'FTRL: AUC', 'NLL gap'];
  return textTable([head, ...rows]);
}

function realTable({ measured }: RealResult): string[] {
  const rows = (['ftrl', 'deep'] as const).flatMap((model) =>
    PUBLISHED.map((published) => {
      const [quality] = Object.values(measured[published]![model]) as [Quality];
      const [daily] = Object.values(measured['1 d']![model]) as [Quality];
      const { auc, ne, calibration, overDaily } = quality;
      const sure =
        overDaily === null ? '' : ` (${overDaily.map((x) => x.toFixed(3)).join(' to ')})`;
      return [
        ...[model === 'ftrl' ? 'FTRL' : 'DCN-v2', published],
        ...[auc!.toFixed(4), ne!.toFixed(4), calibration!.toFixed(3)],
        `${(auc! / daily.auc!).toFixed(4)}${sure}`,
      ];
    }),
  );
  const [{ rows: anchors, positives }] = Object.values(measured['1 d']!.deep) as [Quality];
  return [...textTable([HEAD, ...rows]), `${anchors} anchors, ${positives} positives`];
}

/** Online at 5 minutes against the better of the two daily models, world by world. */
function verdict(worlds: Worlds, online: Source, batch: Source): string[] {
  const fresh = worlds.values(online, '5 min', 'auc');
  const incremental = worlds.values(online, '1 d', 'auc');
  const retrained = worlds.values(batch, 'batch', 'auc');
  const gains = fresh.map((auc, i) => auc / Math.max(incremental[i]!, retrained[i]!));
  const off = Math.abs(mean(worlds.values(online, '5 min', 'calibration')) - 1);
  return [
    `Online at 5 min over the better daily model: ${interval(gains, 4)}.`,
    `online_calibration_error: ${off.toFixed(4)}`,
    `online_vs_daily_auc: ${mean(gains).toFixed(4)}`,
  ];
}
