/** Writes dsl/grammar-recipe.ts from dsl/grammar.ohm: `npx vite-node test/dsl/write-grammar-recipe.ts`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Grammar, grammar } from 'ohm-js';

const source = new URL('../../dsl/grammar.ohm', import.meta.url);
const target = new URL('../../dsl/grammar-recipe.ts', import.meta.url);

/** What the file should hold. */
export function recipeModule(): string {
  const parsed = grammar(readFileSync(source, 'utf8')) as Grammar & { toRecipe(): string };
  const recipe = parsed.toRecipe();
  const literal = recipe.replaceAll('\\', '\\\\').replaceAll("'", "\\'");
  return [
    '/**',
    ' * dsl/grammar.ohm, read: making a parser of the text takes 0.4 s, of this 0.01 s. Written by',
    ' * test/dsl/write-grammar-recipe.ts; where it is of another text than the grammar, it is not used.',
    ' */',
    'export const GRAMMAR_RECIPE =',
    `  '${literal}';`,
    '',
  ].join('\n');
}

if (process.argv.some((each) => pathToFileURL(each).href === import.meta.url)) {
  writeFileSync(fileURLToPath(target), recipeModule());
}
