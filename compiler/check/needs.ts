/** What a column needs of its anchor: the fields it is looked up by and the fields it reads. */
import type { Type } from '../../dsl/types.ts';
import type { FeatureColumn, LExpr } from './logical.ts';

export type Need = {
  readonly field: string;
  readonly type: Type;
  /** A key must be there for the look-up; a field is read for its value. */
  readonly as: 'key' | 'field';
};

/** Every need of an expression at an anchor, through the columns and tables it reads. */
export function needsOf(
  expr: LExpr,
  columns: ReadonlyMap<string, FeatureColumn>,
  keyType: (table: string) => Type,
): Need[] {
  const found = new Map<string, Need>();
  const seen = new Set<string>();
  const add = (need: Need) => {
    const slot = `${need.as} ${need.field}`;
    if (!found.has(slot)) found.set(slot, need);
  };
  const walk = (e: LExpr): void => {
    if (e.kind === 'anchor') add({ field: e.name, type: e.type, as: 'field' });
    else if (e.kind === 'table') add({ field: e.key, type: keyType(e.table), as: 'key' });
    else if (e.kind === 'call') e.args.forEach(walk);
    else if (e.kind === 'column' && !seen.has(e.name)) {
      seen.add(e.name);
      const def = columns.get(e.name)?.def;
      if (def?.kind === 'expression') walk(def.expr);
      else if (def?.kind === 'aggregate') {
        for (const key of def.by) add({ field: key.anchor, type: key.type, as: 'key' });
      }
    }
  };
  walk(expr);
  return [...found.values()];
}
