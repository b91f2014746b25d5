/** How example sets differ: what their readers will notice. */
export type ExampleShape = {
  readonly name: string;
  readonly settings: Readonly<Record<string, string>>;
  /** Signatures of what is computed: of the anchor, and of each column and label. */
  readonly anchor: string;
  readonly columns: readonly Column[];
  readonly labels: readonly Column[];
  readonly checks: string;
};

type Column = { readonly name: string; readonly type: string; readonly value: string };

export type ExamplesDiff = {
  readonly name: string;
  readonly change: 'added' | 'removed' | 'changed' | 'unchanged';
  readonly reasons: readonly string[];
  readonly columns: readonly {
    readonly change: 'added' | 'removed' | 'changed';
    readonly name: string;
    readonly reason: string | null;
  }[];
};

/** Sets by name, in the order of the new program; removed ones last. */
export function diffExamples(
  old: readonly ExampleShape[],
  now: readonly ExampleShape[],
): readonly ExamplesDiff[] {
  const kept = now.map((set): ExamplesDiff => {
    const before = old.find((one) => one.name === set.name);
    return before === undefined ? whole(set, 'added') : compare(before, set);
  });
  const removed = old.filter((set) => now.every((one) => one.name !== set.name));
  return [...kept, ...removed.map((set) => whole(set, 'removed'))];
}

function whole(set: ExampleShape, change: 'added' | 'removed'): ExamplesDiff {
  return { name: set.name, change, reasons: [], columns: [] };
}

function compare(old: ExampleShape, now: ExampleShape): ExamplesDiff {
  const settings = Object.keys(now.settings)
    .filter((key) => old.settings[key] !== now.settings[key])
    .map((key) => `${key} was ${old.settings[key]}, is ${now.settings[key]}`);
  const reasons = [
    ...settings,
    ...(old.anchor === now.anchor || old.settings.anchor !== now.settings.anchor
      ? []
      : ['the anchor’s filter changed']),
    ...labelReasons(old.labels, now.labels),
    ...(old.checks === now.checks ? [] : ['its checks changed']),
    ...orderReason(old.columns, now.columns),
  ];
  const columns = columnChanges(old.columns, now.columns);
  const change = reasons.length + columns.length === 0 ? 'unchanged' : 'changed';
  return { name: now.name, change, reasons, columns };
}

function columnChanges(old: readonly Column[], now: readonly Column[]): ExamplesDiff['columns'] {
  const before = new Map(old.map((column) => [column.name, column]));
  const names = new Set(now.map((column) => column.name));
  const changed = now.flatMap((column): ExamplesDiff['columns'] => {
    const was = before.get(column.name);
    if (was === undefined) return [{ change: 'added' as const, name: column.name, reason: null }];
    const reasons = [
      ...(was.type === column.type ? [] : [`its type was ${was.type}, is ${column.type}`]),
      ...(was.value === column.value ? [] : ['what it computes changed']),
    ];
    return reasons.length === 0
      ? []
      : [{ change: 'changed' as const, name: column.name, reason: reasons.join('; ') }];
  });
  const removed = old.filter((column) => !names.has(column.name));
  return [
    ...changed,
    ...removed.map(({ name }) => ({ change: 'removed' as const, name, reason: null })),
  ];
}

function labelReasons(old: readonly Column[], now: readonly Column[]): readonly string[] {
  const before = new Map(old.map((label) => [label.name, label]));
  const names = new Set(now.map((label) => label.name));
  const changed = now.flatMap((label) => {
    const was = before.get(label.name);
    if (was === undefined) return [`label ${label.name} added`];
    const parts = [
      ...(was.type === label.type
        ? []
        : [`label ${label.name}: its policy was ${was.type}, is ${label.type}`]),
      ...(was.value === label.value ? [] : [`label ${label.name}: its definition changed`]),
    ];
    return parts;
  });
  return [
    ...changed,
    ...old.filter((label) => !names.has(label.name)).map((label) => `label ${label.name} removed`),
  ];
}

function orderReason(old: readonly Column[], now: readonly Column[]): readonly string[] {
  const both = new Set(
    old.map((column) => column.name).filter((name) => now.some((column) => column.name === name)),
  );
  const order = (columns: readonly Column[]) =>
    columns
      .filter(({ name }) => both.has(name))
      .map(({ name }) => name)
      .join('\n');
  return order(old) === order(now) ? [] : ['its columns are in another order'];
}
