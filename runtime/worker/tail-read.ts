import type { Cluster, ClusterReader, Partition } from './cluster.ts';

const BUFFER_BYTES = 4 << 20;
const WAIT_MS = 1_000;

/** Offsets that are looked at first; where no record is found among them, more. */
const TAIL = 16;

/** Every committed record from the offset to the end, in order; `see` gets the value, lent. */
export async function readToEnd(
  cluster: Cluster,
  of: Partition,
  from: number | null,
  see: (value: Uint8Array) => void,
): Promise<void> {
  const [{ start, end }] = (await cluster.bounds([of], 'committed')) as [Bounds];
  const begin = Math.max(start, from ?? start);
  if (begin >= end) return;
  const reader = cluster.reader({ isolation: 'committed', bufferBytes: BUFFER_BYTES });
  try {
    reader.add(of, begin);
    await drain(reader, of, end, see);
  } finally {
    await reader.close();
  }
}

/** The value of the last committed record; null: there is none. */
export async function readLast(cluster: Cluster, of: Partition): Promise<Uint8Array | null> {
  const [{ start, end }] = (await cluster.bounds([of], 'committed')) as [Bounds];
  let last: Uint8Array | null = null;
  for (let length = TAIL; last === null; length *= 64) {
    const from = Math.max(start, end - length);
    await readToEnd(cluster, of, from, (value) => {
      last = value.slice();
    });
    // Markers and aborted records take offsets too: the last record may lie far before the end.
    if (from === start) break;
  }
  return last;
}

type Bounds = { readonly start: number; readonly end: number };

async function drain(
  reader: ClusterReader,
  of: Partition,
  end: number,
  see: (value: Uint8Array) => void,
): Promise<void> {
  while (reader.position(of).next < end) {
    const records = reader.take(of);
    if (records === null) {
      await reader.wait(WAIT_MS);
      continue;
    }
    for (let i = 0; i < records.n; i++) {
      const { bytes, valueStart, valueEnd } = records;
      if (valueStart[i]! >= 0) see(bytes.subarray(valueStart[i], valueEnd[i]));
    }
  }
}
