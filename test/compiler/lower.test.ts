import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { lower } from '../../compiler/graph/lower.ts';
import { optimise } from '../../compiler/graph/optimise.ts';
import { showGraph, showPlan } from '../../compiler/graph/show.ts';
import { place } from '../../compiler/plan/place.ts';
import { goldenText, programOf } from './programs.ts';

/** UPDATE=1 rewrites the golden files; read the difference before you keep it. */
const update = process.env.UPDATE === '1';
const folder = new URL('golden/', import.meta.url);
const names = readdirSync(folder).flatMap((file) =>
  file.endsWith('.feat') ? [file.slice(0, -5)] : [],
);

describe('golden programs: the graph as lowered, after each pass that changed it, and the plan', () => {
  test.each(names)('%s', (name) => {
    const graph = lower(programOf(goldenText(`${name}.feat`)));
    const sections = [`--- lower\n${showGraph(graph)}`];
    let last = showGraph(graph);
    const final = optimise(graph, (pass, after) => {
      const text = showGraph(after);
      if (text !== last) sections.push(`--- ${pass}\n${text}`);
      last = text;
    });
    const plan = place(final);
    sections.push(`--- plan\n${showPlan(plan)}`);
    matches(`${name}.txt`, sections.join('\n'));
    matches(`${name}.json.txt`, `${JSON.stringify(plan, null, 1)}\n`);
  });
});

function matches(file: string, text: string): void {
  const path = new URL(file, folder);
  if (update) writeFileSync(path, text);
  expect(text).toBe(readFileSync(path, 'utf8'));
}
