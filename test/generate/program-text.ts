/** A generated program in pieces, so that a failing one can be made smaller by leaving pieces out. */

export type GeneratedSet = {
  /** `examples one for imp`. */
  readonly head: string;
  readonly features: readonly string[];
  /** Labels, sampling, audit. */
  readonly clauses: readonly string[];
};

export type GeneratedProgram = {
  /** Streams with their options: heads and lines. */
  readonly streams: readonly { readonly head: string; readonly lines: readonly string[] }[];
  /** Derived streams, enrichments, features, labels: a line each. */
  readonly lines: readonly string[];
  readonly sets: readonly GeneratedSet[];
};

export function programText({ streams, lines, sets }: GeneratedProgram): string {
  const blocks = [
    ...streams.map((stream) => block(stream.head, stream.lines)),
    lines.join('\n'),
    ...sets.map(({ head, features, clauses }) =>
      block(head, [`features ${features.join(',\n           ')}`, ...clauses]),
    ),
  ];
  return `${blocks.join('\n\n')}\n`;
}

/** The program without the features whose text matches, and without those made of them. */
export function withoutFeatures(program: GeneratedProgram, text: RegExp): GeneratedProgram {
  const gone = new Set<string>();
  const isGone = (line: string) =>
    line.startsWith('feature ') &&
    (text.test(line) || line.split(/[^\w]+/).some((word) => gone.has(word)));
  for (let before = -1; before < gone.size; ) {
    before = gone.size;
    for (const line of program.lines) if (isGone(line)) gone.add(line.split(' ')[1]);
  }
  const stays = (item: string) => !gone.has(item.split(/[^\w]+/)[0]);
  const sets = program.sets.map((set) => ({ ...set, features: set.features.filter(stays) }));
  return {
    ...program,
    lines: program.lines.filter((line) => !isGone(line)),
    sets: sets.filter(({ features }) => features.length > 0),
  };
}

/** Every program that has one piece less; some of them do not compile. */
export function* smallerPrograms(program: GeneratedProgram): Generator<GeneratedProgram> {
  for (const sets of without(program.sets)) yield { ...program, sets };
  for (const [s, set] of program.sets.entries()) {
    const replace = (changed: GeneratedSet) => program.sets.with(s, changed);
    for (const half of halves(set.features)) {
      yield { ...program, sets: replace({ ...set, features: half }) };
    }
    for (const features of without(set.features)) {
      yield { ...program, sets: replace({ ...set, features }) };
    }
    for (const clauses of without(set.clauses)) {
      yield { ...program, sets: replace({ ...set, clauses }) };
    }
  }
  for (const lines of without(program.lines)) yield { ...program, lines };
  for (const streams of without(program.streams)) yield { ...program, streams };
  for (const [s, stream] of program.streams.entries()) {
    for (const lines of without(stream.lines)) {
      yield { ...program, streams: program.streams.with(s, { ...stream, lines }) };
    }
  }
}

/** Both halves of a list of two or more. */
export function halves<T>(items: readonly T[]): (readonly T[])[] {
  const middle = items.length >> 1;
  return middle === 0 ? [] : [items.slice(0, middle), items.slice(middle)];
}

function without<T>(items: readonly T[]): (readonly T[])[] {
  return items.map((_, i) => items.toSpliced(i, 1));
}

function block(head: string, lines: readonly string[]): string {
  return `${head} {\n${lines.map((line) => `  ${line}`).join('\n')}\n}`;
}
