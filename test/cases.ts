/**
 * Text cases: input and expected output in one file that reads as documentation.
 *
 *     --- the name of the case
 *     the input, any number of lines
 *     ==>
 *     the expected output
 *     --- the next one
 *
 * A case without `==>` expects its input back. Blank lines at the ends of input and output do not count; what is
 * above the first `---` is a preface. `UPDATE_CASES=1` rewrites the expected outputs with what came out:
 * read the diff before you keep it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';

export type Case = {
  readonly name: string;
  readonly input: string;
  readonly expected: string;
};

/** Declares one test for each case of a file; `produce` turns an input into the text that is compared. */
export function runCases(
  path: string | URL,
  produce: (input: string, name: string) => string | Promise<string>,
): void {
  const text = readFileSync(path, 'utf8');
  const cases = parseCases(text);
  const made = new Map<string, string>();
  describe(String(path).split('/').pop()!, () => {
    for (const { name, input, expected } of cases) {
      it(name, async () => {
        const output = trimLines(await produce(input, name));
        made.set(name, output);
        if (process.env.UPDATE_CASES !== '1') expect(output).toBe(expected);
      });
    }
    afterAll(() => {
      if (process.env.UPDATE_CASES === '1')
        writeFileSync(path, showCases(preface(text), cases, made));
    });
  });
}

/** The cases of a text, in order; two of one name are a mistake. */
export function parseCases(text: string): Case[] {
  const sections = text.split(/^--- /m).slice(1);
  const cases = sections.map((section) => {
    const [head, ...lines] = section.split('\n');
    const [input, output] = lines.join('\n').split(/^==>$/m);
    const trimmed = trimLines(input!);
    return {
      name: head!.trim(),
      input: trimmed,
      expected: output === undefined ? trimmed : trimLines(output),
    };
  });
  const names = new Set(cases.map((c) => c.name));
  if (names.size !== cases.length) throw new Error('two cases have one name');
  return cases;
}

function preface(text: string): string {
  return text.slice(0, Math.max(0, text.search(/^--- /m)));
}

function showCases(
  above: string,
  cases: readonly Case[],
  made: ReadonlyMap<string, string>,
): string {
  const shown = cases.map(({ name, input, expected }) => {
    const output = made.get(name) ?? expected;
    return output === input ? `--- ${name}\n${input}\n` : `--- ${name}\n${input}\n==>\n${output}\n`;
  });
  return above + shown.join('\n');
}

function trimLines(text: string): string {
  return text.replace(/^(?:[ \t]*\n)+/, '').replace(/\s+$/, '');
}
