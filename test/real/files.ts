/** The real data, where it has been laid beside the repository: see features/README.md. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect } from 'vitest';
import { parseFile } from '../../dsl/parse.ts';
import { printFile } from '../../dsl/print.ts';
import type { Row } from './brute-force.ts';

const DATA = resolve(import.meta.dirname, '../../../shared/data');

export function hasData(folder: string): boolean {
  return existsSync(resolve(DATA, folder));
}

/** The rows of a gzipped NDJSON file: the caller says what they are. */
export function readRows<T>(path: string): T[] {
  const text = gunzipSync(readFileSync(resolve(DATA, path))).toString('utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line): T => JSON.parse(line));
}

/** The text of a shipped program. */
export function programText(name: string): string {
  return readFileSync(resolve(import.meta.dirname, '../../features', name), 'utf8');
}

/** A shipped program stands in the one canonical layout. */
export function expectCanonical(name: string): void {
  const text = programText(name);
  const { file, diagnostics } = parseFile(name, text);
  expect(diagnostics).toEqual([]);
  expect(printFile(file)).toBe(text);
}

/** Byte for byte; says where and in which columns the first difference lies. */
export function expectRows(actual: readonly string[], expected: readonly Row[]): void {
  const at = expected.findIndex((row, i) => actual[i] !== JSON.stringify(row));
  if (at >= 0) {
    const got: Row = JSON.parse(actual[at] ?? '{}');
    expect({ line: at + 1, ...got }).toEqual({ line: at + 1, ...expected[at] });
    expect(actual[at]).toBe(JSON.stringify(expected[at]));
  }
  expect(actual.length).toBe(expected.length);
}
