/**
 * The checker: syntax trees of all files to one logical program, or to every mistake in them.
 * Names first, then streams, enrichments, labels, features, example sets, models and tests: each needs those before it.
 */
import type { File } from '../../dsl/ast.ts';
import { type Diagnostic, hasErrors } from '../../dsl/diagnostic.ts';
import { checkTest } from './check-tests.ts';
import { resolveEnrichments } from './enrich.ts';
import { resolveExamples } from './examples.ts';
import { setCycles } from './feature-graph.ts';
import { type Feature, resolveFeatures } from './features.ts';
import { checkSetItem, type ItemContext } from './items.ts';
import { resolveLabels } from './labels.ts';
import type { FeatureColumn, LogicalProgram } from './logical.ts';
import { resolveModels } from './models.ts';
import { createReport } from './report.ts';
import { logicalStreams, resolveStreams } from './streams.ts';
import { collectSymbols } from './symbols.ts';

/** The program is null iff a diagnostic is an error. The order of files and declarations changes nothing in it. */
export function check(files: readonly File[]): {
  program: LogicalProgram | null;
  diagnostics: Diagnostic[];
} {
  const report = createReport(files);
  const symbols = collectSymbols(files, report);
  const streams = resolveStreams(symbols, report);
  const enrichments = resolveEnrichments(streams, symbols, report);
  for (const name of [...streams.views.keys()].sort()) streams.where(name);
  const labels = resolveLabels(streams, symbols, report);
  const features = resolveFeatures({ streams, symbols, labels, report });
  const columns = columnsOf(features);
  const roles = new Map<string, FeatureColumn>();
  const context: ItemContext = { streams, symbols, labels, report, features, columns, roles };
  checkSets(context);
  const examples = resolveExamples(context);
  const models = resolveModels(files, { symbols, report, labels, examples });
  for (const test of symbols.tests) checkTest(test, { ...context, examples });
  const diagnostics = report.list();
  if (hasErrors(diagnostics)) return { program: null, diagnostics };
  const program: LogicalProgram = {
    streams: logicalStreams(streams),
    enrichments,
    columns: sortedColumns([...columns.values(), ...roles.values()]),
    labels: labels.logical,
    examples,
    models,
    tests: symbols.tests,
  };
  return { program, diagnostics };
}

function columnsOf(features: ReadonlyMap<string, Feature>): Map<string, FeatureColumn> {
  const columns = new Map<string, FeatureColumn>();
  for (const feature of features.values()) {
    for (const { column } of feature.columns) columns.set(column.name, column);
  }
  return columns;
}

/** What is wrong with a set whoever uses it. */
function checkSets(context: ItemContext): void {
  setCycles(context.symbols, context.report);
  for (const decl of context.symbols.values.values()) {
    if (decl.kind === 'set') for (const item of decl.items) checkSetItem(item, context);
  }
}

function sortedColumns(columns: FeatureColumn[]): FeatureColumn[] {
  return columns.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}
