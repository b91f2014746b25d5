/** What the blocks of one set hold together: plans change, and so do their columns. */

import { Fault } from '../fault.ts';
import type { ExampleBlock } from './block-decode.ts';

export type ExportSchema = {
  readonly set: string;
  /** In the order in which they first come. */
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly labels: readonly { readonly name: string; readonly isFraction: boolean }[];
};

/** Adds what a block has to a schema; null begins one. A Fault where a column is of another type than before. */
export function widened(schema: ExportSchema | null, block: ExampleBlock): ExportSchema {
  const columns = [...(schema?.columns ?? [])];
  for (const { name, type } of block.columns) {
    const at = columns.findIndex((column) => column.name === name);
    if (at < 0) columns.push({ name, type });
    else if (bare(columns[at]!.type) !== bare(type)) {
      throw new Fault(
        'column_retyped',
        `${block.set}: column ${name} is ${columns[at]!.type} in earlier blocks and ${type} from row ${block.firstRow + 1} on (plan ${block.planDigest.slice(0, 12)}). Export the two parts apart.`,
        { context: { set: block.set, column: name } },
      );
    }
  }
  const labels = [...(schema?.labels ?? [])];
  for (const { name, credit } of block.labels) {
    const at = labels.findIndex((label) => label.name === name);
    const isFraction = credit !== null || labels[at]?.isFraction === true;
    labels[at < 0 ? labels.length : at] = { name, isFraction };
  }
  return { set: block.set, columns, labels };
}

const KINDS: Readonly<Record<string, 'text' | 'bool' | 'whole' | 'double'>> = {
  ...{ string: 'text', bool: 'bool', float: 'double', rate: 'double' },
  ...{ int: 'whole', count: 'whole', money: 'whole', timestamp: 'whole', duration: 'whole' },
};

/** What a column's values, or its lists' items, are. */
export function scalarKind(type: string): 'text' | 'bool' | 'whole' | 'double' {
  return KINDS[bare(type)] ?? 'double';
}

export function isList(type: string): boolean {
  return type.replace(/\?$/, '').endsWith('[]');
}

/** Without what makes it a list, or nullable. */
function bare(type: string): string {
  return type.replace(/\?$/, '').replace(/\[\]$/, '');
}

/** Takes the blocks of one set, in order. */
export type Exporter = {
  write(block: ExampleBlock): Promise<void>;
  /** The file is whole when this returns. */
  finish(): Promise<void>;
  /** After an error. */
  abandon(): Promise<void>;
};
