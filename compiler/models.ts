/** Model blocks: where their examples come from. Their clauses are the trainer's. */
import * as say from '../dsl/messages-names.ts';
import type { LogicalModel } from './logical.ts';
import type { Report } from './report.ts';
import type { Symbols } from './symbols.ts';

/** Every model, by name; `from` must be an example set. */
export function resolveModels(symbols: Symbols, report: Report): LogicalModel[] {
  const names = [...symbols.models.keys()].sort();
  return names.map((name) => {
    const { from, clauses } = symbols.models.get(name)!;
    if (!symbols.examples.has(from.text)) {
      const decl = symbols.values.get(from.text);
      const known = [...symbols.examples.keys()].sort();
      report.add(
        decl === undefined
          ? say.unknownName(from, 'example set', known)
          : say.wrongKind(from, 'example set', decl.kind, null),
      );
    }
    return { name, from: from.text, clauses: clauses.map((clause) => clause.text) };
  });
}
