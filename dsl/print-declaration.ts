/** The declarations of one logical line: features, derived streams, sets, labels, enrichments. */
import type {
  AggregateNode,
  CreditNode,
  DerivedStreamDecl,
  EnrichDecl,
  FeatureDecl,
  LabelDecl,
  SetDecl,
} from './ast.ts';
import { printArgs, printExpr, printItem, printKeys, printWindow } from './print-expr.ts';
import { commaList, fill, flat, HANG, SOFT } from './print-line.ts';

export type LineDecl = DerivedStreamDecl | EnrichDecl | FeatureDecl | SetDecl | LabelDecl;

/** A longer call does not push the `by` of its neighbours to the right. */
const ALIGNED_CALL_MAX = 20;

/**
 * The texts of a run of neighbours of one kind, aligned: `=` in one column, and `by` in one column
 * for the aggregates whose calls are short.
 */
export function printRun(run: readonly LineDecl[]): string[] {
  const nameWidth = Math.max(...run.map((d) => (d.kind === 'enrich' ? 0 : d.name.text.length)));
  const callWidth = Math.max(0, ...run.map((d) => alignedCall(d)));
  return run.map((declaration) => {
    if (declaration.kind === 'enrich') return fill(printEnrich(declaration));
    const word = declaration.kind === 'derived' ? 'stream' : declaration.kind;
    const head = `${word} ${declaration.name.text.padEnd(nameWidth)} = ${HANG}`;
    return fill(head + printBody(declaration, callWidth));
  });
}

function alignedCall(declaration: LineDecl): number {
  if (declaration.kind !== 'feature' || declaration.body.kind !== 'aggregate') return 0;
  const { length } = flat(printCall(declaration.body));
  return length > ALIGNED_CALL_MAX ? 0 : length;
}

function printBody(declaration: Exclude<LineDecl, EnrichDecl>, callWidth: number): string {
  switch (declaration.kind) {
    case 'derived':
      return `${declaration.base.text} where ${printExpr(declaration.where)}`;
    case 'set':
      return commaList(declaration.items.map(printItem));
    case 'label':
      return printLabel(declaration);
    case 'feature': {
      const { body } = declaration;
      if (body.kind === 'aggregate') return printAggregate(body, callWidth);
      const fallback = body.fallback === null ? '' : `${SOFT}default ${printExpr(body.fallback)}`;
      return printExpr(body.expr) + fallback;
    }
  }
}

function printEnrich(enrich: EnrichDecl): string {
  const head = `enrich ${enrich.stream.text} from ${enrich.source.text}`;
  return `${head}${SOFT}on ${printKeys(enrich.on)}${SOFT}within ${enrich.within.text}`;
}

/** `count(click where pos == 1)`, `last(click.ad_id, 20)`. */
function printCall(aggregate: AggregateNode): string {
  const where = aggregate.where === null ? '' : `${SOFT}where ${printExpr(aggregate.where)}`;
  const rest = printArgs(aggregate.args, aggregate.named);
  const of = printExpr(aggregate.of) + where;
  return `${aggregate.fn.text}(${rest === '' ? of : `${of},${SOFT}${rest}`})`;
}

function printAggregate(aggregate: AggregateNode, callWidth: number): string {
  const call = printCall(aggregate);
  const { length } = flat(call);
  const padding = length <= callWidth ? ' '.repeat(callWidth - length) : '';
  const keys = printKeys(aggregate.by);
  const by = aggregate.by.length === 1 ? keys : `(${keys})`;
  const head = aggregate.head === null ? '' : `${SOFT}head ${aggregate.head.text}`;
  const fallback =
    aggregate.fallback === null ? '' : `${SOFT}default ${printExpr(aggregate.fallback)}`;
  return `${call}${padding}${SOFT}by ${by}${SOFT}over ${printWindow(aggregate.over)}${head}${fallback}`;
}

function printCredit({ rule, args, named }: CreditNode): string {
  const given = printArgs(args, named);
  return given === '' ? rule.text : `${rule.text}(${given})`;
}

function printLabel(label: LabelDecl): string {
  const where = label.where === null ? '' : `${SOFT}where ${printExpr(label.where)}`;
  const routes = label.routes.map(({ within, of }, i) => {
    const word = i === 0 ? 'within' : 'else';
    const duration = within === null ? '' : `${SOFT}${word} ${within.text}`;
    return `${duration}${of === null ? '' : ` of ${of.text}`}`;
  });
  const credit = label.credit === null ? '' : `${SOFT}credit ${printCredit(label.credit)}`;
  const keys = printKeys(label.on);
  const { unless } = label;
  const refund =
    unless === null
      ? ''
      : `${SOFT}unless ${unless.stream.text} on ${printKeys(unless.on)} within ${unless.within.text}`;
  return `${label.stream.text}${where}${SOFT}on ${keys}${routes.join('')}${credit}${refund}`;
}
