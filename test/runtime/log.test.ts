import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EmbeddedLog } from '../../runtime/log/embedded-log.ts';
import type { Log, LogPartition } from '../../runtime/log/log.ts';
import { MemoryLog } from '../../runtime/log/memory-log.ts';
import { crc32, crc32ByTable } from '../../runtime/store/checksum.ts';
import { rng } from '../random.ts';
import { Crash, SimulatedDisk } from './simulated-disk.ts';

const text = (value: string) => Buffer.from(value);
const SEGMENT = '/log/t-0/00000000000000000000.log';

async function readAll(log: LogPartition, from = log.start, bytesMax = 64): Promise<string[]> {
  const out: string[] = [];
  for (let at = from; ; ) {
    const records = await log.read(at, bytesMax);
    if (records.length === 0) return out;
    for (const record of records) {
      expect(record.offset).toBe(at++);
      out.push(Buffer.from(record.value).toString());
    }
  }
}

describe.each<[string, () => Log]>([
  ['memory', () => new MemoryLog()],
  [
    'embedded',
    () => new EmbeddedLog('/log', { files: new SimulatedDisk(rng(1)), segmentBytes: 200 }),
  ],
])('the %s log', (_, make) => {
  it('gives back what was appended, from any offset', async () => {
    const log = await make().open('t', 0);
    expect(log.end).toBe(0);
    expect(await log.read(0, 100)).toEqual([]);
    const values: string[] = [];
    const random = rng(7);
    for (let batch = 0; batch < 50; batch++) {
      const more = Array.from(
        { length: random.below(4) },
        (_, i) => 'x'.repeat(random.below(40)) + i,
      );
      expect(await log.append(more.map(text))).toBe(values.length);
      values.push(...more);
      expect(log.end).toBe(values.length);
    }
    for (let from = 0; from <= values.length; from++) {
      expect(await readAll(log, from)).toEqual(values.slice(from));
    }
  });

  it('drops records from the front only when told, and never the newer ones', async () => {
    const log = await make().open('t', 0);
    for (let i = 0; i < 40; i++) await log.append([text(`record ${i}`)]);
    await log.truncateBefore(25);
    expect(log.start).toBeLessThanOrEqual(25);
    expect(log.end).toBe(40);
    expect((await readAll(log, 25))[0]).toBe('record 25');
    await log.append([text('more')]);
    expect((await readAll(log)).at(-1)).toBe('more');
  });

  it('keeps partitions apart', async () => {
    const log = make();
    await (await log.open('a', 0)).append([text('a0')]);
    await (await log.open('a', 1)).append([text('a1')]);
    await (await log.open('b', 0)).append([text('b0')]);
    expect(await readAll(await log.open('a', 0))).toEqual(['a0']);
    expect(await readAll(await log.open('a', 1))).toEqual(['a1']);
    expect(await readAll(await log.open('b', 0))).toEqual(['b0']);
  });
});

describe('the embedded log after a crash', () => {
  it('keeps every record whose append returned, and none in part', async () => {
    for (let seed = 0; seed < 300; seed++) {
      const random = rng(seed);
      const disk = new SimulatedDisk(random);
      const done: string[] = [];
      let tried = 0;
      for (let life = 0; life < 4; life++) {
        disk.actsLeft = 1 + random.below(30);
        try {
          const log = await new EmbeddedLog('/log', { files: disk, segmentBytes: 150 }).open(
            't',
            0,
          );
          const kept = await readAll(log);
          // A batch whose append did not return may be there or not, but only whole.
          expect(kept.slice(0, done.length), `seed ${seed}`).toEqual(done);
          expect(kept.length - done.length, `seed ${seed}`).toBeLessThanOrEqual(2);
          done.splice(0, done.length, ...kept);
          for (;;) {
            const batch = [`${seed}:${tried++}`, 'y'.repeat(random.below(50))];
            await log.append(batch.map(text));
            done.push(...batch);
          }
        } catch (error) {
          if (!(error instanceof Crash)) throw error;
        }
        disk.restart();
      }
    }
  });

  it('cuts a torn tail at every byte', async () => {
    const disk = new SimulatedDisk(rng(2));
    const log = await new EmbeddedLog('/log', { files: disk }).open('t', 0);
    await log.append([text('first'), text('second')]);
    const whole = disk.nodes.get(SEGMENT)!.length;
    await log.append([text('third')]);
    const full = disk.nodes.get(SEGMENT)!;
    for (let length = whole; length < full.length; length++) {
      const cut = new SimulatedDisk(rng(2));
      cut.nodes.set(SEGMENT, { bytes: full.bytes.slice(), length, synced: length });
      const again = await new EmbeddedLog('/log', { files: cut }).open('t', 0);
      expect(await readAll(again)).toEqual(['first', 'second']);
      await again.append([text('other')]);
      expect(await readAll(again)).toEqual(['first', 'second', 'other']);
    }
  });

  it('takes a flipped bit before good records for damage, not for a torn tail', async () => {
    const disk = new SimulatedDisk(rng(3));
    const log = await new EmbeddedLog('/log', { files: disk }).open('t', 0);
    await log.append([text('first')]);
    await log.append([text('second')]);
    disk.nodes.get(SEGMENT)!.bytes[45]! ^= 1;
    await expect(new EmbeddedLog('/log', { files: disk }).open('t', 0)).rejects.toMatchObject({
      name: 'Fault',
      kind: 'log_damaged',
    });
  });

  it('reads a long segment’s bytes once: damage is found when they are read, a torn tail at open', async () => {
    const disk = new SimulatedDisk(rng(6));
    const megabyte = (i: number) => new Uint8Array(1 << 20).fill(i);
    const log = await new EmbeddedLog('/log', { files: disk }).open('t', 0);
    for (let i = 0; i < 8; i++) await log.append([megabyte(i)]);
    const node = disk.nodes.get(SEGMENT)!;
    const intact = node.bytes.slice(0, node.length);
    const open = () => new EmbeddedLog('/log', { files: disk }).open('t', 0);
    node.bytes[3_500_000]! ^= 1;
    const damaged = await open();
    expect(damaged.end).toBe(8);
    expect((await damaged.read(0, 1))[0]?.value).toEqual(megabyte(0));
    await expect(damaged.read(3, 1)).rejects.toMatchObject({ kind: 'log_damaged' });
    // The last two batches were half written: neither is kept, nor anything behind them.
    node.bytes.set(intact);
    node.bytes.fill(0, intact.length - 1_500_000);
    const torn = await open();
    expect(torn.end).toBe(6);
    await torn.append([megabyte(9)]);
    expect((await (await open()).read(6, 1))[0]?.value).toEqual(megabyte(9));
  });

  it('says when the disk is full and goes on when it is not', async () => {
    const disk = new SimulatedDisk(rng(4));
    const log = await new EmbeddedLog('/log', { files: disk }).open('t', 0);
    await log.append([text('first')]);
    disk.bytesLeft = 10;
    await expect(log.append([text('second')])).rejects.toMatchObject({ kind: 'disk_full' });
    disk.bytesLeft = 1e9;
    await log.append([text('third')]);
    expect(await readAll(await new EmbeddedLog('/log', { files: disk }).open('t', 0))).toEqual([
      'first',
      'third',
    ]);
  });
});

it('works on a real disk', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-log-'));
  try {
    const log = new EmbeddedLog(folder, { segmentBytes: 100 });
    const partition = await log.open('ads.clicks', 3);
    for (let i = 0; i < 30; i++) await partition.append([text(`record ${i}`)]);
    await partition.truncateBefore(20);
    await log.close();
    const again = await new EmbeddedLog(folder).open('ads.clicks', 3);
    expect(again.end).toBe(30);
    expect((await readAll(again)).at(-1)).toBe('record 29');
    await again.close();
  } finally {
    await rm(folder, { recursive: true });
  }
});

it('computes the published CRC-32, with and without the library', () => {
  const random = rng(5);
  expect(crc32(text('123456789'))).toBe(0xcbf43926);
  for (let i = 0; i < 100; i++) {
    const bytes = Uint8Array.from({ length: random.below(300) }, () => random.below(256));
    expect(crc32ByTable(bytes)).toBe(crc32(bytes));
  }
});
