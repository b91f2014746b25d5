/** Every declared name of the program, from all files, independent of their order. */
import type {
  DerivedStreamDecl,
  EnrichDecl,
  ExamplesDecl,
  FeatureDecl,
  File,
  LabelDecl,
  ModelDecl,
  Name,
  SetDecl,
  StreamDecl,
  TableDecl,
  TestDecl,
} from '../../dsl/ast.ts';
import * as say from '../../dsl/messages-names.ts';
import type { Report } from './report.ts';

/** What a bare name can mean: these share one namespace. Example sets and models have their own. */
export type ValueDecl =
  | StreamDecl
  | DerivedStreamDecl
  | TableDecl
  | FeatureDecl
  | SetDecl
  | LabelDecl;

export type Symbols = {
  readonly values: ReadonlyMap<string, ValueDecl>;
  /** Names declared twice: which of them is meant is unknown, so little is said where they are used. */
  readonly repeated: ReadonlySet<string>;
  readonly examples: ReadonlyMap<string, ExamplesDecl>;
  readonly models: ReadonlyMap<string, ModelDecl>;
  /** Sorted by stream, source and place, so that the order of files has no part in it. */
  readonly enrichments: readonly EnrichDecl[];
  readonly tests: readonly TestDecl[];
};

/** Reports names declared twice or reserved; the first one in the text stands. */
export function collectSymbols(files: readonly File[], report: Report): Symbols {
  const values = new Map<string, ValueDecl>();
  const repeated = new Set<string>();
  const examples = new Map<string, ExamplesDecl>();
  const models = new Map<string, ModelDecl>();
  const enrichments: EnrichDecl[] = [];
  const tests: TestDecl[] = [];
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  for (const decl of sorted.flatMap((file) => file.declarations)) {
    if (decl.kind === 'enrich') enrichments.push(decl);
    else if (decl.kind === 'test') tests.push(decl);
    else if (decl.kind === 'examples') declare(examples, decl, report);
    else if (decl.kind === 'model') declare(models, decl, report);
    else if (!declare(values, decl, report)) repeated.add(decl.name.text);
  }
  enrichments.sort((a, b) => {
    const [x, y] = [enrichKey(a), enrichKey(b)];
    return x < y ? -1 : x > y ? 1 : 0;
  });
  return { values, repeated, examples, models, enrichments, tests };
}

/** False if the name stands for something already. */
function declare<D extends { readonly kind: string; readonly name: Name }>(
  into: Map<string, D>,
  decl: D,
  report: Report,
): boolean {
  const { text } = decl.name;
  if (text === 'anchor') report.add(say.reservedName(decl.name));
  const first = into.get(text);
  if (first === undefined) {
    into.set(text, decl);
    return true;
  }
  report.add(say.duplicateName(decl.name, decl.kind, first.kind, report.place(first.name.span)));
  return false;
}

function enrichKey(e: EnrichDecl): string {
  const keys = e.on.map((k) => `${k.field.text}:${k.as?.text ?? ''}`).join(',');
  return [e.stream.text, e.source.text, keys, String(e.within.ms)].join('\n');
}

/** The declared names of some kinds, for suggestions. */
export function namesOf(symbols: Symbols, ...kinds: readonly ValueDecl['kind'][]): string[] {
  const names: string[] = [];
  for (const [name, decl] of symbols.values) if (kinds.includes(decl.kind)) names.push(name);
  return names.sort();
}
