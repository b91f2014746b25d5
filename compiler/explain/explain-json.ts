import type { LogicalProgram } from '../check/logical.ts';
import { explanation } from './explain-model.ts';

/** The explanation as JSON, for tools; shape: `Explanation`. */
export function explainJson(
  program: LogicalProgram,
  texts: ReadonlyMap<string, string> = new Map(),
): string {
  return `${JSON.stringify(explanation(program, texts), null, 2)}\n`;
}
