/** One column of an exchange section as bytes; see exchange-block.ts for how they lie. */
import type { Physical } from '../../dsl/types.ts';
import { assert } from '../../operators/assert.ts';
import type { Column, TextColumn } from '../../operators/column/column.ts';
import type { PackedReader, PackedWriter } from './packed-bytes.ts';

/** Rows 0 .. n of the column. */
export function writeColumn(out: PackedWriter, column: Column, n: number): void {
  switch (column.kind) {
    case 'f64':
      out.numbers(column.data, n);
      return;
    case 'bool':
      out.blob(column.data.subarray(0, n));
      return;
    case 'hash':
      out.lanes(column.lo, n);
      out.lanes(column.hi, n);
      return;
    case 'text':
      writeTexts(out, column, 0, n);
      return;
    case 'list_f64':
    case 'list_text': {
      const { offsets, isNull } = column;
      const counts = new Int32Array(n);
      for (let i = 0; i < n; i++) {
        const values = offsets[i + 1] - offsets[i];
        assert(values === 0 || !isNull?.[i], 'a null row has no values');
        counts[i] = isNull?.[i] ? 0 : values + 1;
      }
      out.numbers(counts, n);
      const [from, to] = [offsets[0], offsets[n]];
      if (column.kind === 'list_text') writeTexts(out, column.values, from, to);
      else out.numbers(column.values.subarray(from, to), to - from);
    }
  }
}

export function readColumn(input: PackedReader, physical: Physical, n: number): Column {
  switch (physical) {
    case 'f64':
      return { kind: 'f64', data: input.numbers(n) };
    case 'bool':
      return { kind: 'bool', data: input.blob(n).slice() };
    case 'hash':
      return { kind: 'hash', lo: input.lanes(n), hi: input.lanes(n) };
    case 'text':
      return readTexts(input, n);
    case 'list_f64':
    case 'list_text': {
      const counts = input.numbers(n);
      const offsets = new Int32Array(n + 1);
      const isNull = new Uint8Array(n);
      for (let i = 0; i < n; i++) {
        if (counts[i] === 0) isNull[i] = 1;
        offsets[i + 1] = offsets[i] + Math.max(0, counts[i] - 1);
      }
      if (physical === 'list_text') {
        return { kind: 'list_text', offsets, values: readTexts(input, offsets[n]), isNull };
      }
      return { kind: 'list_f64', offsets, values: input.numbers(offsets[n]), isNull };
    }
  }
}

function writeTexts(out: PackedWriter, column: TextColumn, from: number, to: number): void {
  const { bytes, start, end } = column;
  const lengths = new Int32Array(to - from);
  for (let i = from; i < to; i++) lengths[i - from] = start[i] < 0 ? 0 : end[i] - start[i] + 1;
  out.numbers(lengths, to - from);
  for (let i = from; i < to; i++) {
    if (start[i] >= 0) out.blob(bytes.subarray(start[i], end[i]));
  }
}

function readTexts(input: PackedReader, n: number): TextColumn {
  const lengths = input.numbers(n);
  const start = new Int32Array(n);
  const end = new Int32Array(n);
  let at = 0;
  for (let i = 0; i < n; i++) {
    start[i] = lengths[i] === 0 ? -1 : at;
    at += Math.max(0, lengths[i] - 1);
    end[i] = lengths[i] === 0 ? -1 : at;
  }
  return { kind: 'text', bytes: input.blob(at).slice(), start, end };
}
