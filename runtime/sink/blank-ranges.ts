import type { Files } from '../files.ts';
import type { OutputFile } from './output-file.ts';

/** Bytes [from, to) of a file. */
export type ByteRange = { readonly from: number; readonly to: number };

const COPY_BYTES = 1024 * 1024;

/**
 * Overwrites ranges, which ascend, with one byte: every other byte stays where it is, so whoever committed the file by its
 * length finds it. A copy takes its place: cut off anywhere, the file is the old one or the new one. `file` itself goes on
 * showing the old one.
 */
export async function blankRanges(
  files: Files,
  file: OutputFile,
  { ranges, byte }: { readonly ranges: readonly ByteRange[]; readonly byte: number },
): Promise<void> {
  if (ranges.length === 0) return;
  const copy = await files.open(`${file.path}.blanked`);
  await copy.truncate(0);
  let next = 0;
  for (let at = 0; at < file.length; ) {
    const bytes = await file.readAt(at, COPY_BYTES);
    const end = at + bytes.length;
    while (next < ranges.length && ranges[next]!.from < end) {
      const { from, to } = ranges[next]!;
      bytes.fill(byte, Math.max(0, from - at), to - at);
      if (to > end) break;
      next++;
    }
    await copy.append(bytes);
    at = end;
  }
  await copy.sync();
  await copy.close();
  await files.rename(copy.path, file.path);
}
