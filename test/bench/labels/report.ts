/** The comparison over all seeds as a table: means, with 95 % intervals (Student's t over seeds). */
import { textTable } from '../../../runtime/text-table.ts';
import { CONTESTANTS, type ContestResult, type Quality } from './contest.ts';

/** 97.5 % points of Student's t, by degrees of freedom from 1 on. */
const STUDENT = [12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

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

function interval(values: readonly number[], digits: number): string {
  const middle = mean(values);
  const square = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  const t = STUDENT[Math.min(values.length - 1, STUDENT.length) - 1] ?? Number.NaN;
  const half = t * Math.sqrt(square / (values.length - 1) / values.length);
  return values.length < 2
    ? middle.toFixed(digits)
    : `${middle.toFixed(digits)} ± ${half.toFixed(digits)}`;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
