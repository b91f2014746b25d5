/** Rules about the source itself, checked by reading it. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
const layers = ['dsl', 'compiler', 'operators', 'runtime'] as const;

type Source = { readonly file: string; readonly text: string; readonly imports: readonly string[] };

function sourcesOf(folder: string): Source[] {
  return readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => {
      const file = `${folder}/${name}`;
      const text = readFileSync(path.join(root, file), 'utf8');
      const imports = [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map(
        (match) => match[1]!,
      );
      return { file, text, imports };
    });
}

/** A line without its comment; a block comment's lines are comments throughout. */
function codeOf(line: string): string {
  return /^\s*(?:\/?\*|\/\/)/.test(line) ? '' : line;
}

function wordsOf(line: string): readonly string[] {
  return codeOf(line).match(/\w+/g) ?? [];
}

/** A public member, as it is declared; one that begins with `_` is for the library whose class it extends. */
const MEMBER =
  /^ {2}(?!private |constructor\b|_)(?:(?:static|override|async|readonly|get|set) |\*)*([a-zA-Z]\w*)[?!]?(?:<.*?>)?(?:[(:;]| =)/gm;

const sources = layers.flatMap(sourcesOf);
const tests = sourcesOf('test');

describe('layers', () => {
  it('imports point left: dsl <- compiler <- operators <- runtime', () => {
    const wrong = sources.flatMap(({ file, imports }) => {
      const layer = layers.findIndex((name) => file.startsWith(`${name}/`));
      return imports
        .filter((name) => name.startsWith('.'))
        .map((name) => path.posix.join(path.posix.dirname(file), name))
        .filter(
          (target) =>
            layers.findIndex((name) => target.startsWith(`${name}/`)) > layer ||
            target.startsWith('test/'),
        )
        .map((target) => `${file} -> ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  it('operators know of the compiler only the plan, and of the language only types and built-ins', () => {
    const allowed = new Set([
      'compiler/plan/plan.ts',
      'compiler/plan/exchange-plan.ts',
      'dsl/types.ts',
      'dsl/credit.ts',
      'dsl/builtins.ts',
    ]);
    const wrong = sources
      .filter(({ file }) => file.startsWith('operators/'))
      .flatMap(({ file, imports }) =>
        imports
          .filter((name) => name.startsWith('.'))
          .map((name) => path.posix.join(path.posix.dirname(file), name))
          .filter((target) => !target.startsWith('operators/') && !allowed.has(target))
          .map((target) => `${file} -> ${target}`),
      );
    expect(wrong).toEqual([]);
  });

  it('within the runtime they point left too, folder by folder', () => {
    const order = [
      ...['.', 'store', 'log', 'block', 'sink', 'export', 'run', 'source', 'simulator', 'trainer'],
      ...['training', 'worker', 'kafka', 'why', 'command', 'demo'],
    ];
    // Entry points stand in the root and import from anywhere.
    const entries = ['runtime/main.ts', 'runtime/examples.ts'];
    const rank = (file: string) => order.indexOf(path.posix.dirname(file).split('/')[1] ?? '.');
    const wrong = sources
      .filter(({ file }) => file.startsWith('runtime/') && !entries.includes(file))
      .flatMap(({ file, text }) =>
        [...text.matchAll(/^(?:import|export) [^;]*?from '(\.[^']+)'/gm)]
          .map(([, name]) => path.posix.join(path.posix.dirname(file), name!))
          .filter((target) => target.startsWith('runtime/') && rank(target) > rank(file))
          .map((target) => `${file} -> ${target}`),
      );
    expect(wrong).toEqual([]);
  });

  it('each third-party library is imported by one file', () => {
    const importers = new Map<string, string[]>();
    for (const { file, imports } of sources) {
      for (const name of new Set(
        imports.filter((each) => !each.startsWith('.') && !each.startsWith('node:')),
      )) {
        importers.set(name, [...(importers.get(name) ?? []), file]);
      }
    }
    expect([...importers].filter(([, files]) => files.length > 1)).toEqual([]);
  });
});

describe('start-up', () => {
  it('loads no library that a plain run does without', () => {
    const byFile = new Map(sources.map((source) => [source.file, source]));
    const reached = new Set(['runtime/main.ts', 'runtime/command/run-command.ts']);
    const libraries = new Set<string>();
    for (const file of reached) {
      const { text } = byFile.get(file)!;
      for (const [, name] of text.matchAll(/^(?:import|export) (?!type)[^;]*?from '([^']+)'/gm)) {
        if (name!.startsWith('.')) reached.add(path.posix.join(path.posix.dirname(file), name!));
        else if (!name!.startsWith('node:')) libraries.add(name!);
      }
    }
    expect([...libraries]).toEqual(['commander']);
  });
});

describe('text', () => {
  it('has no loose ends', () => {
    const banned =
      /\bas any\b|: any\b|@ts-ignore|@ts-expect-error|\bTODO\b|\bFIXME\b|console\.debug/;
    const wrong = [...sources, ...tests]
      .filter(({ file }) => file !== 'test/tidy.test.ts')
      .flatMap(({ file, text }) =>
        text
          .split('\n')
          .flatMap((line, index) =>
            banned.test(codeOf(line)) ? [`${file}:${index + 1} ${line.trim()}`] : [],
          ),
      );
    expect(wrong).toEqual([]);
  });

  it('skips no test and singles none out', () => {
    const wrong = tests
      .filter(({ file }) => file !== 'test/tidy.test.ts')
      .filter(({ text }) => /\b(?:it|test|describe)\.(?:skip|only|todo)\b/.test(text));
    expect(wrong.map(({ file }) => file)).toEqual([]);
  });

  it('names no file utils, helpers, common or manager', () => {
    const wrong = [...sources, ...tests].filter(({ file }) =>
      /utils|helpers|common|manager|(^|\/)index\.ts/i.test(file),
    );
    expect(wrong.map(({ file }) => file)).toEqual([]);
  });

  it('exports no function and no class that nobody imports', () => {
    const files = [...sources, ...tests].map(({ file, text }) => ({
      file,
      words: new Set(text.match(/\w+/g)),
    }));
    const dead = sources.flatMap(({ file, text }) =>
      [...text.matchAll(/^export (?:async )?(?:function\*?|let|class) (\w+)/gm)]
        .map((match) => match[1]!)
        .filter((name) => !files.some((other) => other.file !== file && other.words.has(name)))
        .map((name) => `${file}: ${name}`),
    );
    expect(dead).toEqual([]);
  });

  it('has no member of a class that neither the source nor a benchmark names', () => {
    const programs = [...sources, ...tests.filter(({ file }) => file.startsWith('test/bench/'))];
    const named = new Map<string, number>();
    for (const word of programs.flatMap(({ text }) => text.split('\n').flatMap(wordsOf))) {
      named.set(word, (named.get(word) ?? 0) + 1);
    }
    const members = sources.flatMap(({ file, text }) =>
      [...text.matchAll(/^(?:export )?(?:abstract )?class [\s\S]*?^}/gm)]
        .flatMap(([body]) => [...body.matchAll(MEMBER)])
        .map(([, name]) => ({ file, name: name! })),
    );
    expect(members.length).toBeGreaterThan(1000);
    // Members of one name count as one: whoever names it may mean any of them.
    for (const { name } of members) named.set(name, named.get(name)! - 1);
    const dead = members.filter(({ name }) => named.get(name)! <= 0);
    expect(dead.map(({ file, name }) => `${file}: ${name}`)).toEqual([]);
  });

  it('keeps files at a size one can read', () => {
    const long = sources.filter(({ text }) => text.split('\n').length > 400);
    expect(long.map(({ file, text }) => `${file}: ${text.split('\n').length}`)).toEqual([]);
  });
});
