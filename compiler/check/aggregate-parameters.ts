/** The arguments of an aggregate beyond what it reads: the k of last, the q of quantile, a half-life. */
import { AGGREGATES } from '../../dsl/aggregates.ts';
import type { AggregateNode, Expr } from '../../dsl/ast.ts';
import * as sayExpr from '../../dsl/messages-expressions.ts';
import * as say from '../../dsl/messages-features.ts';
import type { AggName, AggregateDef } from './logical.ts';
import type { Report } from './report.ts';
import { literal } from './type-expression.ts';

export type Parameters = Pick<AggregateDef, 'k' | 'q' | 'halfLifeMs'>;

/** Entries that last and topk may keep for one key and window. */
export const K_MAX = 1000;

/** What each aggregate takes: `needed` must be given, `allowed` may be. */
const TAKES: Readonly<
  Partial<Record<AggName, { name: 'k' | 'q' | 'half_life'; needed: boolean }>>
> = {
  last: { name: 'k', needed: false },
  topk: { name: 'k', needed: true },
  quantile: { name: 'q', needed: true },
  decayed_count: { name: 'half_life', needed: true },
  decayed_sum: { name: 'half_life', needed: true },
};

/** The arguments, in order or by name; null, reported, where one is missing, wrong or too many. */
export function parameters(agg: AggName, node: AggregateNode, report: Report): Parameters | null {
  const takes = TAKES[agg];
  const none: Parameters = { k: null, q: null, halfLifeMs: null };
  if (takes?.name === 'half_life' && node.over.kind !== 'all') {
    report.add(say.decayWindow(node.over.span, agg));
  }
  const given: Expr[] = [...node.args];
  let sound = true;
  for (const { name, value } of node.named) {
    if (name.text === takes?.name) given.push(value);
    else {
      report.add(sayExpr.unknownArgument(name, agg, takes === undefined ? [] : [takes.name]));
      sound = false;
    }
  }
  const extra = given[takes === undefined ? 0 : 1];
  if (extra !== undefined) {
    const most = takes === undefined ? 'no further argument' : 'one further argument';
    report.add(say.aggregateArguments(extra.span, `\`${agg}\` takes ${most}`, null));
    return null;
  }
  if (takes === undefined || !sound) return sound ? none : null;
  const value = given[0];
  if (value !== undefined) return takeValue(takes.name, value, none, report);
  if (!takes.needed) return none;
  const hint = `as in \`${AGGREGATES[agg].usage}\``;
  report.add(say.aggregateArguments(node.fn.span, `\`${agg}\` needs its ${takes.name}`, hint));
  return null;
}

function takeValue(
  name: 'k' | 'q' | 'half_life',
  expr: Expr,
  none: Parameters,
  report: Report,
): Parameters | null {
  const known = literal(expr);
  const value = typeof known?.value === 'number' ? known.value : Number.NaN;
  const isDuration = known?.type.kind === 'scalar' && known.type.name === 'duration';
  if (name === 'half_life') {
    if (isDuration && value > 0) return { ...none, halfLifeMs: value };
    report.add(say.aggregateArguments(expr.span, 'a half-life is a duration longer than 0', null));
    return null;
  }
  if (name === 'k') {
    if (!isDuration && Number.isInteger(value) && value >= 1 && value <= K_MAX) {
      return { ...none, k: value };
    }
    report.add(say.rowsRange(expr.span, 'the number of entries', K_MAX));
    return null;
  }
  if (!isDuration && value >= 0 && value <= 1) return { ...none, q: value };
  report.add(say.aggregateArguments(expr.span, 'a quantile is between 0 and 1', null));
  return null;
}
