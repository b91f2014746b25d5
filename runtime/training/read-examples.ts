/** The rows of an example file, in order, some thousands at a time, from any committed place on. */
import { type FileHandle, open } from 'node:fs/promises';
import type { ExamplePlan } from '../../compiler/plan/plan.ts';
import type { Value } from '../../operators/column/column.ts';
import { readBlocks } from '../block/block-reader.ts';
import { BlockRow } from '../block/block-row.ts';
import type { EmittedLabel, ExampleRow } from '../block/example-row.ts';
import { EXAMPLE_READ_BYTES, READ_ROWS } from '../config.ts';
import { Fault } from '../fault.ts';
import { fileFault } from '../files.ts';
import type { OutputPosition } from '../log/progress.ts';

/** Some rows, and the place behind the last of them. */
export type ExamplePiece = { readonly rows: readonly ExampleRow[]; readonly end: OutputPosition };

/** Where an example file begins. */
export const EXAMPLES_START: OutputPosition = { bytes: 0, rows: 0 };

/**
 * Reads rows from `from` (a place this function gave, or the start) up to byte `to`, which must end a row; null: the end
 * of the file. `path`: `.ndjson` or `.block`. Lines say nothing of deadlines: those are NaN. Faults: a file shorter than
 * `from` (`examples_cut`), a line that is none of ours (`examples_damaged`), `block_damaged`.
 */
export async function* readExamples(
  path: string,
  set: ExamplePlan,
  range: { readonly from: OutputPosition; readonly to: number | null },
): AsyncGenerator<ExamplePiece> {
  const handle = await open(path, 'r').catch((error) => {
    throw fileFault('read', path, error);
  });
  try {
    const { size } = await handle.stat();
    const to = range.to ?? size;
    if (size < Math.max(to, range.from.bytes)) {
      const message = `${path} has ${size} bytes, but ${Math.max(to, range.from.bytes)} were written or read before: somebody cut or replaced it`;
      throw new Fault('examples_cut', message, { context: { path, bytes: size } });
    }
    if (range.from.bytes === to) return;
    if (path.endsWith('.block')) yield* blockPieces(path, range.from, to);
    else yield* linePieces({ handle, path, set }, range.from, to);
  } finally {
    await handle.close();
  }
}

async function* blockPieces(
  path: string,
  from: OutputPosition,
  to: number,
): AsyncGenerator<ExamplePiece> {
  let rows: ExampleRow[] = [];
  let end = from;
  for await (const block of readBlocks(path, from.bytes)) {
    if (block.end > to) break;
    for (let row = 0; row < block.rows; row++) rows.push(new BlockRow(block, row));
    end = { bytes: block.end, rows: end.rows + block.rows };
    if (rows.length < READ_ROWS) continue;
    yield { rows, end };
    rows = [];
  }
  if (rows.length > 0) yield { rows, end };
}

type LineFile = {
  readonly handle: FileHandle;
  readonly path: string;
  readonly set: ExamplePlan;
};

/** A piece is the whole lines of one read; a line longer than that makes the read grow. */
async function* linePieces(
  file: LineFile,
  from: OutputPosition,
  to: number,
): AsyncGenerator<ExamplePiece> {
  let buffer = Buffer.allocUnsafe(EXAMPLE_READ_BYTES);
  let end = from;
  while (end.bytes < to) {
    const wanted = Math.min(buffer.length, to - end.bytes);
    const { bytesRead } = await file.handle.read(buffer, 0, wanted, end.bytes);
    const whole = buffer.lastIndexOf(0x0a, bytesRead - 1) + 1;
    if (bytesRead === 0 || (whole === 0 && end.bytes + bytesRead >= to)) {
      throw damaged(file.path, end, 'its last line is cut');
    }
    if (whole === 0) {
      buffer = Buffer.allocUnsafe(buffer.length * 2);
      continue;
    }
    const lines = buffer.toString('utf8', 0, whole - 1).split('\n');
    const rows = lines.map((text, i) => parseRow(text, file, { ...end, rows: end.rows + i }));
    end = { bytes: end.bytes + whole, rows: end.rows + rows.length };
    yield { rows, end };
  }
}

type Line = {
  readonly id: string;
  readonly time: number;
  readonly emitted: number;
  readonly kind?: 'shown' | 'audit';
  readonly labels: Readonly<
    Record<
      string,
      {
        readonly value: number | null;
        readonly kind: string;
        readonly was?: number;
        readonly at_wait?: number | null;
        readonly ever?: number | null;
      }
    >
  >;
  readonly features: Readonly<Record<string, Value>>;
  readonly sample_rate: number;
};

function parseRow(text: string, { path, set }: LineFile, at: OutputPosition): ExampleRow {
  let line: Line;
  try {
    line = JSON.parse(text);
  } catch {
    throw damaged(path, at, 'it is no JSON');
  }
  const elapsed = line.emitted - line.time;
  const labels: Record<string, EmittedLabel> = {};
  for (const [name, { value, kind, was, at_wait, ever }] of Object.entries(line.labels)) {
    labels[name] = {
      ...{ value, kind, elapsed, deadline: Number.NaN },
      ...(was === undefined ? {} : { was }),
      ...(ever === undefined ? {} : { atWait: at_wait ?? null, ever }),
    };
  }
  return {
    set: set.name,
    id: line.id,
    time: line.time,
    emitted: line.emitted,
    ...(line.kind === undefined ? {} : { kind: line.kind }),
    labels,
    features: set.features.map(({ name }) => line.features[name] ?? null),
    sampleRate: line.sample_rate,
  };
}

function damaged(path: string, { rows }: OutputPosition, why: string): Fault {
  return new Fault('examples_damaged', `${path}: row ${rows + 1} cannot be read: ${why}`, {
    context: { path, row: rows + 1 },
  });
}
