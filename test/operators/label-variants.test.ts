/** Labels that differ in windows and credit alone: one join, whatever their number. */
import { describe, expect, it } from 'vitest';
import { explain } from '../../compiler/explain/explain.ts';
import { NdjsonDecoder } from '../../operators/decode/ndjson.ts';
import { SLACK_BYTES } from '../../operators/decode/ndjson-scanner.ts';
import { Pipeline } from '../../operators/pipeline.ts';
import { SlabSet } from '../../operators/state/slab.ts';
import { programOf } from '../compiler/programs.ts';
import { rng } from '../random.ts';
import { planOf } from '../run-in-memory.ts';

const STREAMS = `
stream imp from "imps" { id iid : string; time ts : timestamp; user : string }
stream clk from "clks" { id cid : string; time ts : timestamp; user : string }
`;
const VARIANTS = [
  'label seen = clk on user within 1m of imp',
  'label soon = clk on user within 10s of imp',
  'label early = clk on user within 1m of imp credit first',
  'label each = clk on user within 30s of imp credit every',
];

function textOf(labels: readonly string[]): string {
  const clauses = labels.map((line) => `label ${line.split(' ')[1]} wait horizon`);
  return `${STREAMS}${labels.join('\n')}\nexamples e for imp { ${['features imp.user', ...clauses].join('; ')} }\n`;
}

/** Bytes of the rings, and bytes of the anchors' records, after 3,000 impressions of which some are clicked. */
function stateOf(labels: readonly string[]): { rings: number; ringSlabs: number; anchors: number } {
  const plan = planOf(textOf(labels));
  const slabs = new SlabSet();
  const scanSlabs = new SlabSet();
  const options = { codegen: true, spill: null, bufferBytesMax: Number.POSITIVE_INFINITY };
  const pipeline = new Pipeline(plan, { slabs: [slabs], scanSlabs, ...options });
  const random = rng(3);
  const lines: Record<string, string[]> = { imp: [], clk: [] };
  for (let i = 0; i < 3_000; i++) {
    const [ts, user] = [1_000_000 + i * 20, `u${random.below(500)}`];
    lines.imp!.push(JSON.stringify({ iid: `i${i}`, ts, user }));
    if (random.chance(0.1)) lines.clk!.push(JSON.stringify({ cid: `c${i}`, ts: ts + 5, user }));
  }
  for (const [index, { name, scan }] of plan.streams.entries()) {
    if (scan < 0) continue;
    const text = Buffer.from(`${lines[name]!.join('\n')}\n`);
    const bytes = new Uint8Array(text.length + SLACK_BYTES);
    bytes.set(text);
    const decoder = new NdjsonDecoder(plan.scans[scan]!.fields);
    decoder.load(bytes, 0, text.length);
    pipeline.addPartition(index, 0);
    pipeline.accept(index, 0, decoder.decode(3_000, 0)!);
  }
  for (const _ of pipeline.advance(pipeline.frontier()));
  const bytesOf = (pattern: RegExp) =>
    [...slabs.all()].filter(({ name }) => pattern.test(name)).map(({ bytes }) => bytes);
  const sum = (all: readonly number[]) => all.reduce((total, bytes) => total + bytes, 0);
  const rings = bytesOf(/^label\//);
  return { rings: sum(rings), ringSlabs: rings.length, anchors: sum(bytesOf(/\/anchors$/)) };
}

describe('labels side by side', () => {
  it('are matched in the rings of the first of them; other keys or streams are not', () => {
    const plan = planOf(
      textOf([...VARIANTS, 'label own = clk where user != "u1" on user within 1m of imp']),
    );
    const rings = plan.labels.map(({ name, rings: of }) => [name, plan.labels[of]!.name]);
    expect(Object.fromEntries(rings)).toEqual({
      ...{ each: 'each', early: 'each', seen: 'each', soon: 'each', own: 'own' },
    });
  });

  it('four of them keep no more rows than one, and at most 32 bytes each for an anchor', () => {
    const [one, four] = [stateOf(VARIANTS.slice(0, 1)), stateOf(VARIANTS)];
    expect(one.ringSlabs).toBe(1);
    expect(four.ringSlabs).toBe(1);
    expect(four.rings).toBe(one.rings);
    expect(four.anchors).toBeGreaterThan(one.anchors);
    expect(four.anchors).toBeLessThan(one.anchors * 2.5);
  });

  it('explain says so', () => {
    const program = programOf(textOf(VARIANTS));
    expect(explain(program, { name: 'soon' })).toContain(
      'one join with each, early, seen: shared rings, 32 bytes more for each anchor that waits',
    );
    expect(explain(programOf(textOf(VARIANTS.slice(0, 1))), { name: 'seen' })).not.toContain(
      'one join',
    );
  });
});
