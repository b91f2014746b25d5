/** Which features, sets and anchors go with which: from the syntax alone, before anything is typed. */
import type { Expr, FeatureDecl, FeatureItem, SetDecl } from '../../dsl/ast.ts';
import * as say from '../../dsl/messages-names.ts';
import { orderByDependency } from './cycles.ts';
import type { Report } from './report.ts';
import type { Streams } from './streams.ts';
import type { Symbols } from './symbols.ts';
import type { RefExpr } from './type-expression.ts';

/** An entry of a features list with the sets in it taken apart. */
export type FlatItem = {
  readonly item: FeatureItem;
  /** The entry of the list itself, where `item` stands in a set. */
  readonly through: FeatureItem | null;
};

/** All references in an expression, in the order of the text. */
export function refsIn(expr: Expr): RefExpr[] {
  const parts = (exprs: readonly Expr[]) => exprs.flatMap(refsIn);
  switch (expr.kind) {
    case 'ref':
      return [expr];
    case 'unary':
    case 'is_null':
      return refsIn(expr.operand);
    case 'binary':
      return parts([expr.left, expr.right]);
    case 'in':
      return parts([expr.operand, ...expr.items]);
    case 'if':
      return parts([expr.test, expr.then, expr.else]);
    case 'list':
      return parts(expr.items);
    case 'call':
      return parts([...expr.args, ...expr.named.map((n) => n.value)]);
    default:
      return [];
  }
}

/** Features in dependency order; those on a cycle are reported, and listed in `broken`. */
export function featureOrder(
  symbols: Symbols,
  report: Report,
): { order: FeatureDecl[]; broken: ReadonlySet<string> } {
  const decls = new Map<string, FeatureDecl>();
  for (const [name, decl] of symbols.values) if (decl.kind === 'feature') decls.set(name, decl);
  const names = [...decls.keys()].sort();
  const found = orderByDependency(names, (n) => featureRefs(decls.get(n)!, symbols));
  for (const members of found.cycles) {
    const first = decls.get(members[0]!)!;
    report.add(say.cycle('features are made of each other', first.name.span, members));
  }
  return {
    order: found.order.map((name) => decls.get(name)!),
    broken: new Set(found.cycles.flat()),
  };
}

/** Reports sets that contain each other; gives the names on a cycle. */
export function setCycles(symbols: Symbols, report: Report): ReadonlySet<string> {
  const decls = new Map<string, SetDecl>();
  for (const [name, decl] of symbols.values) if (decl.kind === 'set') decls.set(name, decl);
  const inner = (name: string) =>
    decls.get(name)!.items.flatMap((item) => (item.path.length === 1 ? [item.path[0]!.text] : []));
  const { cycles } = orderByDependency([...decls.keys()].sort(), inner);
  for (const members of cycles) {
    const first = decls.get(members[0]!)!;
    report.add(say.cycle('sets contain each other', first.name.span, members));
  }
  return new Set(cycles.flat());
}

/** A features list with its sets taken apart, in order. A set within itself is entered once. */
export function flattenItems(items: readonly FeatureItem[], symbols: Symbols): FlatItem[] {
  const flat: FlatItem[] = [];
  const open = new Set<string>();
  const walk = (item: FeatureItem, through: FeatureItem | null): void => {
    const name = item.path[0]!.text;
    const decl = item.path.length === 1 ? symbols.values.get(name) : undefined;
    if (decl?.kind !== 'set') {
      flat.push({ item, through });
      return;
    }
    if (open.has(name)) return;
    open.add(name);
    for (const inner of decl.items) walk(inner, through ?? item);
    open.delete(name);
  };
  for (const item of items) walk(item, null);
  return flat;
}

/** For each feature, the anchor streams of the example sets that use it, through sets and other features too. */
export function featureAnchors(
  symbols: Symbols,
  streams: Streams,
): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const set of symbols.examples.values()) {
    const anchor = streams.views.get(set.anchor.text);
    if (anchor?.kind !== 'stream' || anchor.broken) continue;
    const waiting = flattenItems(set.features, symbols)
      .filter(({ item }) => item.path.length === 1)
      .map(({ item }) => item.path[0]!.text);
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      const decl = symbols.values.get(name);
      if (decl?.kind !== 'feature') continue;
      const anchors = found.get(name) ?? new Set();
      found.set(name, anchors);
      if (anchors.has(anchor.name)) continue;
      anchors.add(anchor.name);
      waiting.push(...featureRefs(decl, symbols));
    }
  }
  return found;
}

/** The features that an expression feature is made of. */
function featureRefs(decl: FeatureDecl, symbols: Symbols): string[] {
  if (decl.body.kind === 'aggregate') return [];
  const names = refsIn(decl.body.expr)
    .filter((ref) => ref.path.length === 1)
    .map((ref) => ref.path[0]!.text);
  return [...new Set(names)].filter((name) => symbols.values.get(name)?.kind === 'feature');
}
