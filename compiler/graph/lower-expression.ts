import type { FnName } from '../../dsl/builtins.ts';
import { scalar, type Type } from '../../dsl/types.ts';
import type { Const, LExpr } from '../check/logical.ts';
import type { GraphBuilder } from './graph.ts';
import type { NodeId } from './ir.ts';
import { plainType } from './plain-type.ts';

type Of<K extends LExpr['kind']> = LExpr & { readonly kind: K };

/** What the names in an expression mean where it stands. A reader that cannot be there is left out. */
export type Scope = {
  readonly frame: NodeId;
  readonly field?: (name: string) => NodeId;
  readonly anchor?: (name: string) => NodeId;
  readonly column?: (name: string) => NodeId;
  readonly table?: (read: Of<'table'>) => NodeId;
};

/** An expression node by node; nothing is simplified here. */
export function lowerExpression(builder: GraphBuilder, scope: Scope, expr: LExpr): NodeId {
  switch (expr.kind) {
    case 'field':
      return reader(scope.field, expr.kind)(expr.name);
    case 'anchor':
      return reader(scope.anchor, expr.kind)(expr.name);
    case 'column':
      return reader(scope.column, expr.kind)(expr.name);
    case 'table':
      return reader(scope.table, expr.kind)(expr);
    case 'const':
      return builder.add({
        kind: 'const',
        value: expr.value,
        type: constType(expr.value, expr.type),
      });
    case 'list':
      return builder.add({
        kind: 'list',
        values: expr.values.map(item),
        type: plainType(expr.type),
      });
    case 'call':
      return builder.add({
        kind: 'call',
        frame: scope.frame,
        fn: expr.fn as FnName,
        args: expr.args.map((arg) => lowerExpression(builder, scope, arg)),
        type: plainType(expr.type),
      });
  }
}

function reader<F>(read: F | undefined, kind: string): F {
  if (read === undefined) throw new Error(`an expression reads a ${kind} where there is none`);
  return read;
}

/** Lists hold numbers and texts; a bool counts as 0 or 1. */
function item(value: number | boolean | string | null): number | string {
  if (value === null) throw new Error('a list constant holds a null');
  return typeof value === 'boolean' ? Number(value) : value;
}

/** Constants carry no unit: what is equal to the engine is one node. */
export function constType(value: Const, type: Type): Type {
  if (typeof value === 'string') return scalar('string');
  if (typeof value === 'boolean') return scalar('bool');
  if (type.kind !== 'scalar') return type;
  const name = type.name === 'string' || type.name === 'bool' ? type.name : 'float';
  return scalar(name, { nullable: value === null });
}
