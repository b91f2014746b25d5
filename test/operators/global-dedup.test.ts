/** `dedup global`: copies in other partitions, by the engine in all its guises and by the reference. */
import { describe, expect, it } from 'vitest';
import { type Case, difference, generateCase, runBoth, showCase } from '../generate/trial.ts';
import { rng } from '../random.ts';

const IDS: Readonly<Record<string, string>> = { imp: 'iid', clk: 'cid', pix: 'pid' };

/** The seed's case with every id compared over all partitions, and copies that cross them. */
function crossed(seed: number): Case {
  const { program, input } = generateCase(seed);
  const random = rng(seed + 500);
  const streams = program.streams.map(({ head, lines }) => {
    const isOurs = Object.keys(IDS).some((name) => head.startsWith(`stream ${name} `));
    return { head, lines: isOurs ? [...lines, 'dedup global'] : lines };
  });
  const ids = new Map<string, unknown[]>();
  const copied = input.map((partition) => {
    const field = IDS[partition.stream];
    if (field === undefined) return partition;
    const known = ids.get(partition.stream) ?? [];
    ids.set(partition.stream, known);
    const rows = partition.rows.map((row) => {
      if (typeof row !== 'object' || row === null || !(field in row)) return row;
      if (known.length > 0 && random.chance(0.25)) return { ...row, [field]: random.pick(known) };
      known.push((row as Record<string, unknown>)[field]);
      return row;
    });
    return { ...partition, rows };
  });
  return { seed, program: { ...program, streams }, input: copied };
}

describe('dedup global', () => {
  it('drops a copy in another partition, whoever is read first', () => {
    const text = `stream a from "a" {
  id x : string
  time ts : timestamp
  dedup 1h, dedup global
}
feature n = count(a) by x over 1h
examples e for a { features n }
`;
    const row = (x: string, ts: number) => ({ x, ts });
    const input = [
      { stream: 'a', partition: 0, rows: [row('p', 50), row('q', 60), row('r', 70)] },
      { stream: 'a', partition: 1, rows: [row('q', 40), row('s', 60), row('r', 70)] },
    ];
    const { engine, reference } = runBoth(text, input, true);
    const emitted = engine.lines.e!.map((line) => JSON.parse(line));
    expect(emitted.map(({ id, time }) => [id, time])).toEqual([
      ['q', 40],
      ['p', 50],
      ['s', 60],
      ['r', 70],
    ]);
    expect(engine.counts.a).toMatchObject({ duplicate: 2 });
    expect(reference.lines).toEqual(engine.lines);
  });

  it('is as the reference has it on random programs, in every guise', () => {
    for (let seed = 0; seed < 40; seed++) {
      const found = crossed(seed);
      const differs = difference(found);
      expect(differs === null ? null : showCase(found), `seed ${seed}`).toBe(null);
    }
  });
});
