/** The comparison over all seeds as a table: means, with 95 % intervals (Student's t over seeds). */
import { textTable } from '../../../runtime/text-table.ts';
import { interval, mean } from '../student.ts';
import { CONTESTANTS, type ContestResult, type Quality } from './contest.ts';

type Source = 'audit' | 'truth';

export function renderContest(results: readonly ContestResult[]): string[] {
  const of = (name: string, source: Source, what: keyof Quality) =>
    results.map((result) => result.contestants[name]![source][what] ?? Number.NaN);
  const against = (name: string, what: 'auc' | 'logLoss', from: string) =>
    results.map((_, seed) => {
      const at = (who: string) => of(who, 'audit', what)[seed]!;
      return (at(name) - at(from)) / (at('oracle') - at(from));
    });
  const head = [
    'weights',
    'policy',
    'AUC',
    'PR-AUC',
    'NLL',
    'calibration',
    'of truth',
    'NLL gap',
    'RI-AUC',
  ];
  const rows = CONTESTANTS.map(({ name, policy }) => [
    name,
    policy,
    interval(of(name, 'audit', 'auc'), 4),
    interval(of(name, 'audit', 'prAuc'), 4),
    interval(of(name, 'audit', 'logLoss'), 4),
    interval(of(name, 'audit', 'calibration'), 3),
    interval(of(name, 'truth', 'calibration'), 3),
    interval(against(name, 'logLoss', 'vanilla'), 3),
    interval(against(name, 'auc', 'pre-trained'), 3),
  ]);
  const learnt = CONTESTANTS.filter(({ set, name }) => set !== null && name !== 'oracle');
  const loss = (name: string) => mean(of(name, 'audit', 'logLoss'));
  const best = learnt.reduce((a, b) => (loss(b.name) < loss(a.name) ? b : a)).name;
  const off = Math.abs(mean(of(best, 'truth', 'calibration')) - 1);
  return [
    ...textTable([head, ...rows]),
    '',
    `Conversions within an hour, within a day, after two weeks: ${shares(results)}.`,
    `Best: ${best}.`,
    `policy_nll_gap_recovered: ${mean(against(best, 'logLoss', 'vanilla')).toFixed(3)}`,
    `policy_calibration_error: ${off.toFixed(4)}`,
  ];
}

function shares(results: readonly ContestResult[]): string {
  return [0, 1, 2]
    .map((i) => `${Math.round(mean(results.map(({ delays }) => delays[i]!)) * 100)} %`)
    .join(', ');
}
