/** Cycles and order among names that depend on each other. */

/**
 * A dependency order (what is depended on comes first, ties by the order of `names`), and the names that stand on a
 * cycle, one list per cycle, each starting at its first name in the order of `names`. Names on a cycle are in `order` too.
 */
export function orderByDependency(
  names: readonly string[],
  dependsOn: (name: string) => readonly string[],
): { order: string[]; cycles: string[][] } {
  const state = new Map<string, 'open' | 'done'>();
  const known = new Set(names);
  const order: string[] = [];
  const cycles: string[][] = [];
  const onCycle = new Set<string>();
  for (const start of names) {
    if (state.has(start)) continue;
    // An explicit stack: a chain of declarations may be longer than the call stack is deep.
    const stack = [{ name: start, next: 0, edges: dependsOn(start) }];
    state.set(start, 'open');
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!;
      if (top.next === top.edges.length) {
        state.set(top.name, 'done');
        order.push(top.name);
        stack.pop();
        continue;
      }
      const target = top.edges[top.next++]!;
      if (!known.has(target)) continue;
      if (!state.has(target)) {
        state.set(target, 'open');
        stack.push({ name: target, next: 0, edges: dependsOn(target) });
      } else if (state.get(target) === 'open') {
        const members = stack.slice(stack.findIndex((s) => s.name === target)).map((s) => s.name);
        if (members.some((m) => onCycle.has(m))) continue;
        for (const m of members) onCycle.add(m);
        cycles.push(startAtFirst(members, names));
      }
    }
  }
  return { order, cycles };
}

function startAtFirst(members: string[], names: readonly string[]): string[] {
  const rank = (m: string) => names.indexOf(m);
  let first = 0;
  for (let i = 1; i < members.length; i++) if (rank(members[i]!) < rank(members[first]!)) first = i;
  return [...members.slice(first), ...members.slice(0, first)];
}
