import type { FeatureColumn, LExpr, LogicalExamples, LogicalProgram } from './logical.ts';

/** Feature names in the order of the program's columns, each once; roles count as features of their own. */
export function featureNames(program: LogicalProgram): readonly string[] {
  return [...new Set(program.columns.map(ownerOf))];
}

/** `user_imps` for `user_imps[5m]`, `owner_imps` for `owner_imps[5m]`. */
export function ownerOf(column: FeatureColumn): string {
  return column.name.replace(/\[[^\]]*\]/, '');
}

/** Columns an expression reads, through other columns. */
export function columnsRead(program: LogicalProgram, exprs: readonly LExpr[]): ReadonlySet<string> {
  const byName = new Map(program.columns.map((column) => [column.name, column]));
  const found = new Set<string>();
  const open: LExpr[] = [...exprs];
  for (let expr = open.pop(); expr !== undefined; expr = open.pop()) {
    if (expr.kind === 'call') open.push(...expr.args);
    if (expr.kind !== 'column' || found.has(expr.name)) continue;
    found.add(expr.name);
    const def = byName.get(expr.name)?.def;
    if (def?.kind === 'expression') open.push(def.expr);
  }
  return found;
}

/** The example sets that read a feature, directly or through others. */
export function setsOf(program: LogicalProgram, feature: string): readonly LogicalExamples[] {
  const mine = program.columns
    .filter((column) => ownerOf(column) === feature)
    .map((column) => column.name);
  return program.examples.filter((set) => {
    const read = columnsRead(
      program,
      set.features.map((one) => one.value),
    );
    return mine.some((name) => read.has(name));
  });
}

/**
 * The program with nothing but one feature, read by the anchors that read it now; null if no set does.
 * States keep their names in it: that is how features are compared.
 */
export function onlyFeature(program: LogicalProgram, feature: string): LogicalProgram | null {
  const sets = setsOf(program, feature);
  if (sets.length === 0) return null;
  const examples = sets.map((set) => {
    const read = columnsRead(
      program,
      set.features.map((one) => one.value),
    );
    const columns = program.columns.filter(
      (column) => ownerOf(column) === feature && read.has(column.name),
    );
    const features = columns.map(({ name, type }) => ({
      as: name,
      value: { kind: 'column', name, type } as const,
      type,
    }));
    return { ...set, features, labels: [], checks: [] };
  });
  return { ...program, examples };
}
