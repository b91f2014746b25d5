import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../compiler/plan/plan.ts';
import type { ExampleRow } from '../../runtime/block/example-row.ts';
import { main } from '../../runtime/command/cli.ts';
import { FtrlTrainer } from '../../runtime/trainer/ftrl-trainer.ts';
import { ExampleTrainer } from '../../runtime/training/example-trainer.ts';
import { EXAMPLES_START, readExamples } from '../../runtime/training/read-examples.ts';
import { rng } from '../random.ts';

const PROGRAM = `stream impression from "imps" {
  id   imp_id : string
  time ts : timestamp
  user_id, ad_id : string
  is_new : bool?
}
stream click from "clicks" {
  id   click_id : string
  time ts       : timestamp
  imp_id, user_id, ad_id : string
}
feature user_imps  = count(impression) by user_id over [5m, 1h]
feature recent_ads = last(click.ad_id, 5) by user_id over 1h
feature hour       = hour_of_day(anchor.ts)
label clicked = click on imp_id within 10m
label soon    = click on imp_id within 20s
examples ctr for impression {
  features user_imps, recent_ads, hour, impression.ad_id, impression.is_new
  label clicked wait 1m then late positives
  label soon    wait horizon
  sample negatives 50%
  audit 10%
}
`;

let folder = '';
const at = (...parts: string[]) => join(folder, ...parts);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-train-'));
  await writeFile(at('ctr.feat'), PROGRAM);
  await writeTraffic(24_000);
  for (const format of ['ndjson', 'block']) await run(format);
});
afterAll(() => rm(folder, { recursive: true }));

/** Ads with low numbers are clicked more; texts go beyond ASCII. */
async function writeTraffic(n: number): Promise<void> {
  const random = rng(5);
  const imps: string[] = [];
  const clicks: { ts: number; text: string }[] = [];
  for (let i = 0; i < n; i++) {
    const ts = 1_767_571_200_000 + i * 300;
    const ad = random.below(30);
    const of = { user_id: `ü${random.below(200)}`, ad_id: `a${ad}` };
    const is_new = random.chance(0.3) ? null : random.chance(0.5);
    imps.push(JSON.stringify({ imp_id: `i${i}`, ts, ...of, is_new }));
    if (!random.chance(0.3 / (1 + ad))) continue;
    const late = ts + random.below(300_000);
    clicks.push({
      ts: late,
      text: JSON.stringify({ click_id: `c${i}`, ts: late, imp_id: `i${i}`, ...of }),
    });
  }
  clicks.sort((a, b) => a.ts - b.ts);
  await writeFile(at('imps.ndjson'), `${imps.join('\n')}\n`);
  await writeFile(at('clicks.ndjson'), `${clicks.map(({ text }) => text).join('\n')}\n`);
}

async function run(format: string): Promise<void> {
  const from = [
    '--from',
    `impression=${at('imps.ndjson')}`,
    '--from',
    `click=${at('clicks.ndjson')}`,
  ];
  const args = ['run', at('ctr.feat'), ...from, '--to', at(format), '--format', format];
  const { code, err } = await cli(...args, '--complete', '--quiet');
  expect(code, err).toBe(0);
}

async function cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const heard = { out: '', err: '' };
  const console = {
    print: (text: string) => {
      heard.out += `${text}\n`;
    },
    error: (text: string) => {
      heard.err += `${text}\n`;
    },
    progress: { write: () => true },
  };
  const code = await main(args, console, '0.0.0');
  return { code, ...heard };
}

async function planOf(format: string): Promise<Plan> {
  const plan: Plan = JSON.parse(await readFile(at(format, '.millrace', 'plan.json'), 'utf8'));
  return plan;
}

async function rowsOf(format: string): Promise<ExampleRow[]> {
  const set = (await planOf(format)).examples[0]!;
  const rows: ExampleRow[] = [];
  const path = at(format, `ctr.${format}`);
  for await (const piece of readExamples(path, set, { from: EXAMPLES_START, to: null })) {
    rows.push(...piece.rows);
    expect(piece.end.rows).toBe(rows.length);
  }
  return rows;
}

/** What a trainer sees of rows: lines say nothing of deadlines. */
const seen = ({ set, id, time, emitted, kind, features, sampleRate, labels }: ExampleRow) => ({
  ...{ set, id, time, emitted, kind, features, sampleRate },
  labels: Object.entries(labels).map(([name, { value, kind, ever }]) => [name, value, kind, ever]),
});

describe('reading examples', () => {
  it('gives the same rows from lines and from blocks', async () => {
    const [lines, blocks] = [await rowsOf('ndjson'), await rowsOf('block')];
    expect(lines.length).toBeGreaterThan(6_000);
    expect(new Set(lines.map(({ kind }) => kind))).toEqual(new Set([undefined, 'shown', 'audit']));
    expect(lines.map(seen)).toEqual(blocks.map(seen));
  });

  it.each(['ndjson', 'block'])('goes on from any place it gave (%s)', async (format) => {
    const set = (await planOf(format)).examples[0]!;
    const path = at(format, `ctr.${format}`);
    const pieces = [];
    for await (const piece of readExamples(path, set, { from: EXAMPLES_START, to: null }))
      pieces.push(piece);
    const all = pieces.flatMap(({ rows }) => rows);
    for (const { end } of pieces) {
      const before: ExampleRow[] = [];
      for await (const { rows } of readExamples(path, set, { from: EXAMPLES_START, to: end.bytes }))
        before.push(...rows);
      const after: ExampleRow[] = [];
      for await (const { rows } of readExamples(path, set, { from: end, to: null }))
        after.push(...rows);
      expect(before.length).toBe(end.rows);
      expect([...before, ...after].map(seen)).toEqual(all.map(seen));
    }
  });
});

describe('train', () => {
  it('prints the quality of each label and writes the model', async () => {
    const { code, out } = await cli('train', '--from', at('ndjson'));
    expect(code).toBe(0);
    expect(out).toMatch(/^ctr: [\d,]+ rows of .*ctr\.ndjson, model in .*ctr\.model/);
    for (const label of ['clicked', 'clicked \\(audit\\)', 'soon', 'soon \\(audit\\)']) {
      expect(out).toMatch(
        new RegExp(
          `^${label} +[\\d,]+ +[\\d,]+ +\\d\\.\\d{4} +\\d\\.\\d{3} +0\\.\\d{3} +0\\.\\d{3} +\\d\\.\\d{3}$`,
          'm',
        ),
      );
      expect(out).toMatch(new RegExp(`^${label}(?: +(?:\\d+\\.\\d\\d|-)){5,10}$`, 'm'));
    }
    const { trainer, offsets } = FtrlTrainer.restore(at('ndjson', 'ctr.model'));
    const rows = await rowsOf('ndjson');
    const bytes = (await readFile(at('ndjson', 'ctr.ndjson'))).length;
    expect(offsets).toMatchObject({ set: 'ctr', file: 'ctr.ndjson', bytes, rows: rows.length });
    expect(trainer.metrics().rows).toBe(rows.length);
    const { normalisedEntropy, calibration } = trainer.metrics().labels.clicked!.emissions;
    expect(normalisedEntropy).toBeLessThan(0.97);
    expect(calibration).toBeGreaterThan(0.8);
    expect(calibration).toBeLessThan(1.2);
  });

  it('learns the same from blocks as from lines', async () => {
    await cli('train', '--from', at('ndjson'), '--to', at('lines.model'));
    await cli('train', '--from', at('block'), '--to', at('blocks.model'));
    const [lines, blocks] = ['lines.model', 'blocks.model'].map(
      (name) => FtrlTrainer.restore(at(name)).trainer,
    );
    expect(blocks!.metrics()).toEqual(lines!.metrics());
    const row = (await rowsOf('ndjson')).at(-1)!;
    expect(blocks!.score(row.features)).toEqual(lines!.score(row.features));
  });

  it('takes weights by label, for all that can carry them, and says why not', async () => {
    const to = at('weights.model');
    const train = (...more: string[]) => cli('train', '--from', at('ndjson'), '--to', to, ...more);
    const weighting = () => FtrlTrainer.restore(to).trainer.config.weighting;
    await train();
    expect(weighting()).toEqual({ clicked: 'take_back', soon: 'none' });
    // The model that is there is given up by nobody who does not say so.
    const model = await readFile(to);
    const forgot = await train('--weights', 'es-dfm');
    expect(forgot).toMatchObject({
      code: 3,
      err: expect.stringMatching(/model already: --resume/),
    });
    expect((await readFile(to)).equals(model)).toBe(true);
    expect((await train('--fresh', '--weights', 'es-dfm')).code).toBe(0);
    expect(weighting()).toEqual({ clicked: 'es_dfm', soon: 'none' });
    const both = ['--weights', 'es-dfm', '--weights', 'clicked=none'];
    expect((await train('--fresh', ...both)).code).toBe(0);
    expect(weighting()).toEqual({ clicked: 'none', soon: 'none' });
    const other = await train('--resume', '--weights', 'elapsed');
    expect(other.code).toBe(3);
    expect(other.err).toMatch(/clicked is trained with the weights none, not elapsed/);
    const refusals: [string, RegExp][] = [
      [
        'fnw',
        /does not fit clicked of ctr: its policy `wait … then late positives` takes take-back/,
      ],
      ['soon=elapsed', /does not fit soon of ctr: its policy `wait horizon` takes none/],
      ['sooner=none', /there is no label sooner; did you mean soon\?/],
      ['es-dmf', /there is no weighting es-dmf; did you mean es-dfm\?/],
    ];
    for (const [weights, message] of refusals) {
      const { code, err } = await train('--weights', weights);
      expect(code).toBe(2);
      expect(err).toMatch(message);
    }
  });

  it.each(['ndjson', 'block'])('resumed is as uninterrupted, bit for bit (%s)', async (format) => {
    await cli('train', '--from', at(format), '--to', at(`whole-${format}.model`));
    const whole = await readFile(at(`whole-${format}.model`));
    const plan = await planOf(format);
    const set = plan.examples[0]!;
    const path = at(format, `ctr.${format}`);
    const pieces = [];
    for await (const piece of readExamples(path, set, { from: EXAMPLES_START, to: null }))
      pieces.push(piece);
    const snapshot = at(`cut-${format}.model`);
    const of = {
      path,
      set,
      planDigest: plan.digest,
      labels: ['clicked', 'soon'],
      snapshot,
      weighting: {},
    };
    const trainer = ExampleTrainer.open(of, false);
    await trainer.consume(pieces[0]!.end.bytes);
    trainer.save();
    const { code, err } = await cli('train', '--from', at(format), '--to', snapshot, '--resume');
    expect(code).toBe(0);
    expect(pieces.length).toBeGreaterThan(1);
    expect(err).toMatch(/going on after row [\d,]+/);
    expect((await readFile(snapshot)).equals(whole)).toBe(true);
    await cli('train', '--from', at(format), '--to', snapshot, '--resume');
    expect((await readFile(snapshot)).equals(whole)).toBe(true);
  });

  it('trains the labels it is told to', async () => {
    const args = ['train', '--from', at('ndjson'), '--to', at('one.model'), '--label', 'soon'];
    const { out } = await cli(...args);
    expect(out).not.toMatch(/^clicked/m);
    expect(FtrlTrainer.restore(at('one.model')).trainer.config.labels).toEqual(['soon']);
    const both = await cli('train', '--from', at('ndjson'), '--to', at('one.model'), '--resume');
    expect(both.code).toBe(3);
    expect(both.err).toMatch(/its labels are soon, not clicked, soon/);
  });

  it('says what is wrong', async () => {
    const label = await cli('train', '--from', at('ndjson'), '--label', 'clickd');
    expect([label.code, label.err]).toEqual([2, expect.stringMatching(/did you mean clicked\?/)]);
    const set = await cli('train', '--from', at('ndjson'), '--set', 'nothing');
    expect([set.code, set.err]).toEqual([2, expect.stringMatching(/there are ctr/)]);
    const none = await cli('train', '--from', at('nowhere'));
    expect([none.code, none.err]).toEqual([3, expect.stringMatching(/no finished run/)]);
    await cp(at('ndjson'), at('cut'), { recursive: true });
    const { length } = await readFile(at('cut', 'ctr.ndjson'));
    await truncate(at('cut', 'ctr.ndjson'), length - 5);
    const cut = await cli('train', '--from', at('cut'), '--to', at('cut.model'));
    expect([cut.code, cut.err]).toEqual([3, expect.stringMatching(/last line is cut/)]);
    const shorter = await cli('train', '--from', at('cut'), '--to', at('lines.model'), '--resume');
    expect([shorter.code, shorter.err]).toEqual([
      3,
      expect.stringMatching(/somebody cut or replaced/),
    ]);
  });
});
