/** `millrace init DIR`: a small project that runs at once, with data to run it on. */
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Console } from '../console-output.ts';
import { fileFault } from '../files.ts';
import { UsageError } from '../usage-error.ts';

/** Makes the files in DIR, which must be new or empty. */
export async function initCommand(dir: string, out: Console): Promise<number> {
  const info = statSync(dir, { throwIfNoEntry: false });
  if (info !== undefined && (!info.isDirectory() || readdirSync(dir).length > 0)) {
    throw new UsageError(`${dir} exists and is not an empty folder`);
  }
  const files: Readonly<Record<string, string>> = {
    'features/streams.feat': STREAMS,
    'features/ads.feat': FEATURES,
    'data/impressions.ndjson': impressions(),
    'data/clicks.ndjson': clicks(),
    'README.md': readme(),
  };
  for (const [name, text] of Object.entries(files)) {
    const path = join(dir, name);
    try {
      mkdirSync(join(path, '..'), { recursive: true });
      writeFileSync(path, text);
    } catch (error) {
      throw fileFault('write', path, error);
    }
    out.print(`made ${path}`);
  }
  out.print(['', `Next, in ${dir}:`, ...COMMANDS.map((line) => `  ${line}`)].join('\n'));
  return 0;
}

const COMMANDS = [
  'millrace check features',
  'millrace test features',
  'millrace run features --from impression=data/impressions.ndjson --from click=data/clicks.ndjson --to out --complete',
];

const STREAMS = `stream impression from "ads.impressions" {
  id   impression_id : string
  time ts            : timestamp
  user_id, ad_id : string
  late 5s
}

stream click from "ads.clicks" {
  id   click_id : string
  time ts       : timestamp
  impression_id, user_id, ad_id : string
  late 5s
}
`;

const FEATURES = `feature user_imps   = count(impression)    by user_id over [5m, 1h]
feature user_clicks = count(click)         by user_id over [5m, 1h]
feature user_ctr    = smooth(user_clicks, user_imps, prior: 0.05, weight: 20)
feature recent_ads  = last(click.ad_id, 5) by user_id over 1h
feature hour        = hour_of_day(anchor.ts)

label clicked = click on impression_id within 10m

examples ads_ctr for impression {
  features user_imps, user_ctr, recent_ads, hour, impression.ad_id
  label clicked wait horizon
}

test "a click counts for later impressions only" {
  impression { impression_id: "i1", user_id: "u", ts: 0s }
  click      { impression_id: "i1", user_id: "u", ad_id: "a", ts: 10s }
  impression { impression_id: "i2", user_id: "u", ts: 11s }
  expect user_clicks[5m] at "i1", "i2" = 0, 1
  expect clicked         at "i1", "i2" = true, false
}
`;

const START_MS = 1_730_000_000_000;
const ROWS = 500;
const EVERY_MS = 7_000;

/** A fixed little traffic: 20 users, 8 ads, ads with low numbers are clicked more. */
function impressions(): string {
  return lines(ROWS, (i) => ({
    impression_id: `i${i}`,
    ts: START_MS + i * EVERY_MS,
    ...whoAndWhat(i),
  }));
}

function clicks(): string {
  return lines(ROWS, (i) => {
    const { user_id, ad_id } = whoAndWhat(i);
    if (scatter(i, 3) % 40 >= 8 - Number(ad_id.slice(1))) return null;
    const ts = START_MS + i * EVERY_MS + 2_000 + (scatter(i, 4) % 60_000);
    return { click_id: `c${i}`, ts, impression_id: `i${i}`, user_id, ad_id };
  });
}

function whoAndWhat(i: number): { user_id: string; ad_id: string } {
  return { user_id: `u${scatter(i, 1) % 20}`, ad_id: `a${scatter(i, 2) % 8}` };
}

/** A whole number that looks random and is always the same (Knuth's multiplicative hash). */
function scatter(i: number, salt: number): number {
  return (Math.imul(i * 4 + salt, 2_654_435_761) >>> 0) >>> 8;
}

/** NDJSON in time order; null rows are left out. */
function lines(n: number, row: (i: number) => { readonly ts: number } | null): string {
  const rows = Array.from({ length: n }, (_, i) => row(i)).filter((r) => r !== null);
  rows.sort((a, b) => a.ts - b.ts);
  return `${rows.map((r) => JSON.stringify(r)).join('\n')}\n`;
}

function readme(): string {
  return [
    '# A millrace project',
    '',
    'Features, labels and example sets are declared in `features/`; `data/` holds an hour of made-up ad traffic.',
    '',
    '```',
    ...COMMANDS,
    '```',
    '',
  ].join('\n');
}
