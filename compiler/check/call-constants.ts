/** Constants that a function takes and that only some values of make sense. */
import type { Expr } from '../../dsl/ast.ts';
import type { FnName } from '../../dsl/builtins.ts';
import * as say from '../../dsl/messages-expressions.ts';
import type { LExpr } from './logical.ts';
import type { Report } from './report.ts';

type Call = {
  readonly args: readonly LExpr[];
  readonly written: readonly Expr[];
  readonly report: Report;
};

/** Reports constants out of their range; whether all are in it. */
export function checkConstants(fn: FnName, { args, written, report }: Call): boolean {
  let sound = true;
  const need = (index: number, holds: boolean, what: string): void => {
    if (holds) return;
    report.add(say.constantRange(written[index]!.span, what));
    sound = false;
  };
  const value = (index: number) => {
    const arg = args[index];
    return arg?.kind === 'const' ? arg.value : null;
  };
  const number = (index: number) => {
    const v = value(index);
    return typeof v === 'number' ? v : null;
  };
  if (fn === 'hour_of_day' || fn === 'day_of_week') {
    const zone = value(1);
    if (typeof zone === 'string') need(1, isTimeZone(zone), `\`${zone}\` is no time zone`);
  } else if (fn === 'div' || fn === 'mod') {
    need(1, number(1) !== 0, 'whatever is divided by 0 is null, in every row');
  } else if (fn === 'smooth') {
    const weight = number(3);
    if (weight !== null) need(3, weight >= 0, 'a weight is not below 0');
  } else if (fn === 'clip') {
    const [low, high] = [number(1), number(2)];
    if (low !== null && high !== null)
      need(2, low <= high, 'the upper bound is below the lower one');
  } else if (fn === 'bucketize') {
    const bounds = args[1];
    if (bounds?.kind === 'list') {
      const holds = bounds.values.length > 0 && isAscending(bounds.values);
      need(1, holds, 'the bounds must be ascending, and at least one');
    }
  }
  return sound;
}

function isAscending(values: readonly unknown[]): boolean {
  return values.every((v, i) => {
    const before = values[i - 1];
    return typeof v === 'number' && (typeof before !== 'number' || before < v);
  });
}

function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
