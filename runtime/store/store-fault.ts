import { Fault } from '../fault.ts';

/** The Fault for an error of the state store's library: `state_locked`, `state_damaged`, `disk_full` or `state_io`. */
export function storeFault(act: string, folder: string, error: unknown): Fault {
  const text = allMessages(error);
  const more = { context: { path: folder, act }, cause: error };
  if (/no space left|ENOSPC|disk quota/i.test(text)) {
    return new Fault(
      'disk_full',
      `no space left on the disk that holds ${folder}. What was committed is whole: free some space and run the same command again.`,
      { ...more, retriable: true },
    );
  }
  // A file that the store's own list names is gone.
  const gone = act === 'open' && /no such file/i.test(text);
  if (gone || /corrupt|checksum|bad block|not an sstable|truncated|magic|mismatch/i.test(text)) {
    return new Fault(
      'state_damaged',
      `the state in ${folder} is damaged (${firstLine(text)}). Start over with --fresh: it deletes the output, and the inputs are read again from their beginning.`,
      more,
    );
  }
  // After damage, whose texts speak of blocks.
  if (/\block\b/i.test(text)) {
    return new Fault(
      'state_locked',
      `the state in ${folder} is in use by another process. Wait for it, or stop it, then run the same command again.`,
      { ...more, retriable: true },
    );
  }
  return new Fault('state_io', `cannot ${act} the state in ${folder}: ${firstLine(text)}`, more);
}

function allMessages(error: unknown): string {
  const lines: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) lines.push(at.message);
  return lines.length === 0 ? String(error) : lines.reverse().join('\n');
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
