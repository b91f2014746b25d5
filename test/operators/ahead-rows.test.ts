/** Rows that are far ahead wait beside the others: they hold up neither the place to read on from nor each other. */
import { describe, expect, it } from 'vitest';
import { Pipeline } from '../../operators/pipeline.ts';
import { type PartitionRows, PartitionScan } from '../../operators/scan/partition-scan.ts';
import { SlabSet } from '../../operators/state/slab.ts';
import { decode, planOf } from '../run-in-memory.ts';

const PROGRAM = `
stream imp from "imp" { id id : string; time ts : timestamp; user : string; late 1s; ahead 1h }
feature n = count(imp) by user over 1h
examples s for imp { features n, imp.user }
`;
const START = 1_700_000_000_000;
const YEAR_MS = 31_536_000_000;

function rowAt(i: number, ts: number, user = 'u'): string {
  return JSON.stringify({ id: `e${i}`, ts, user });
}

describe('one event of next year', () => {
  it('holds neither the place nor memory, and comes in its time after a restart from there', () => {
    const plan = planOf(PROGRAM);
    const lines = Array.from({ length: 3_000 }, (_, i) =>
      rowAt(i, START + i * 1000 + (i === 100 ? YEAR_MS : 0)),
    );
    const source = { stream: 0, lines, at: 0 };
    const make = () =>
      new Pipeline(plan, {
        ...{ slabs: [new SlabSet()], scanSlabs: new SlabSet(), codegen: false, spill: null },
        bufferBytesMax: Number.POSITIVE_INFINITY,
      });
    const pipeline = make();
    pipeline.addPartition(0, 0);
    const emitted: number[] = [];
    const advance = (of: Pipeline) => {
      for (const [batch] of of.advance(of.frontier())) emitted.push(...batch!.emitted);
    };
    for (let at = 0; at < lines.length; at += 100) {
      pipeline.accept(0, 0, decode(plan, { ...source, at }, 100)!);
      advance(pipeline);
    }
    expect(pipeline.lowestUnapplied(0, 0)).toBeGreaterThan(2_990);
    expect(pipeline.sizes().bufferedRows).toBeLessThan(10);
    const state = JSON.parse(JSON.stringify(pipeline.scanState(0, 0)));
    const again = make();
    again.addPartition(0, 0, state);
    again.skipBelow(pipeline.frontier());
    again.end(0, 0);
    advance(again);
    expect(emitted.at(-1)).toBe(START + 100_000 + YEAR_MS);
    expect(emitted).toHaveLength(lines.length - 2);
  });
});

describe('as many as may be', () => {
  const plan = planOf(PROGRAM);
  const accept = (scan: PartitionScan, lines: readonly string[]): PartitionRows => {
    const at = scan.state().next;
    const all = [...Array.from({ length: at }, () => ''), ...lines];
    return scan.accept(decode(plan, { stream: 0, lines: all, at }, lines.length)!);
  };
  const wrongClocks = (scan: PartitionScan, count: number, user?: string) => {
    // A right one between two wrong ones: none of them is believed.
    const lines = Array.from({ length: count }, (_, i) => [
      rowAt(i, START),
      rowAt(-1 - i, START + YEAR_MS + i, user),
    ]).flat();
    return accept(scan, [rowAt(10_000, START), rowAt(10_001, START), ...lines]);
  };

  it('are kept back, in rows and in bytes; the rest is set aside and says why', () => {
    const many = new PartitionScan(plan, 0, 0, new SlabSet());
    const rows = wrongClocks(many, 300);
    expect(rows.keptBack.length - 2).toBe(256);
    expect(rows.late).toHaveLength(300 - 256);
    expect(rows.late.every(({ isAhead }) => isAhead)).toBe(true);
    expect(rows.late[0]).toMatchObject({ bound: START + 3_600_000 });
    const large = new PartitionScan(plan, 0, 0, new SlabSet());
    wrongClocks(large, 100, 'x'.repeat(10_000));
    expect(JSON.stringify(large.state()).length).toBeLessThan(500_000);
    expect(large.state().ahead!.rows.length).toBeLessThan(30);
  });

  it('time goes on behind a gap even then, and the first rows of a partition are kept whatever their size', () => {
    const scan = new PartitionScan(plan, 0, 0, new SlabSet());
    wrongClocks(scan, 300);
    const gap = START + YEAR_MS / 2;
    const behind = [0, 1, 2, 3].map((i) => rowAt(20_000 + i, gap + i));
    const rows = accept(scan, [rowAt(10_002, START), ...behind]);
    expect(scan.newest).toBe(gap + 3);
    expect(rows.late.map(({ row }) => row)).toEqual([1, 2]);
    const first = new PartitionScan(plan, 0, 0, new SlabSet());
    const large = accept(
      first,
      [0, 1, 2].map((i) => rowAt(i, START, 'x'.repeat(400_000))),
    );
    expect(large.late).toEqual([]);
    expect(large.released.map(({ n }) => n)).toEqual([2]);
  });
});
