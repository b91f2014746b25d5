/**
 * npm run bench:authors: 200 features in 20 files by 20 teams, 7 in 10 of which some other team has as well under another
 * name, as one merged plan and as one job for each team. CPU time of whole cold processes; the examples are the same.
 *
 *   --events N   impressions (default 100,000)   --teams N   (default 20)
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type Rng, rng } from '../random.ts';
import { ads60Program, writeAds60 } from './ads60-data.ts';
import { measure } from './measure.ts';

const FEATURES_PER_TEAM = 10;
const SHARED_PER_TEAM = 7;
/** Features that teams have in common: each is in several teams' files. */
const SHARED_FEATURES = 28;

const KEYS = ['user_id', 'ad_id', 'placement', 'campaign_id', '(user_id, campaign_id)'];
const AGGREGATES = [
  ['impression', 'count(impression where bid > $)'],
  ['click', 'count(click)'],
  ['impression', 'sum(impression.bid where bid > $)'],
  ['impression', 'max(impression.bid where bid > $)'],
  ['click', 'last(click.ad_id, 5)'],
] as const;
const WINDOWS = ['5m', '1h', '6h', '24h'];

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '100000' },
    teams: { type: 'string', default: '20' },
  },
});
const teams = Number(values.teams);
const folder = path.join(os.tmpdir(), 'millrace-authors');
const main = path.resolve(import.meta.dirname, '../../dist/runtime/main.js');
rmSync(folder, { recursive: true, force: true });
mkdirSync(path.join(folder, 'teams'), { recursive: true });
const data = await writeAds60(folder, Number(values.events));
const streams = path.join(folder, 'streams.feat');
writeFileSync(streams, ads60Program(12).split('\n\nfeature ')[0]!);
const files = writeTeams(rng(20));

const merged = run([streams, ...files], 'merged');
const each = files.map((file, team) => run([streams, file], `team-${team}`));
const separate = each.reduce((sum, report) => sum + report.cpuSeconds, 0);
// Blocks name their plan, so what is compared is NDJSON, unmeasured.
run([streams, ...files], 'merged', 'ndjson');
for (const team of [0, teams - 1]) {
  run([streams, files[team]!], `team-${team}`, 'ndjson');
  const [together, alone] = ['merged', `team-${team}`].map((to) =>
    readFileSync(path.join(folder, to, `team_${team}.ndjson`)),
  );
  if (!together!.equals(alone!)) throw new Error(`team ${team} got other examples when merged`);
}

const features = teams * FEATURES_PER_TEAM;
console.log(`${features} features in ${teams} files, ${data.events} events; examples equal`);
console.log(
  `one merged plan   ${merged.cpuSeconds.toFixed(1)} s CPU  ${merged.maxRssMb.toFixed(0)} MB`,
);
console.log(`a job each        ${separate.toFixed(1)} s CPU in ${each.length} processes`);
console.log(`merged_vs_separate: ${(separate / merged.cpuSeconds).toFixed(2)}`);

/** A file a team: a draw of the shared features, the rest with a filter nobody else has. */
function writeTeams(random: Rng): string[] {
  const shared = Array.from({ length: SHARED_FEATURES }, (_, i) => feature(random, i / 256));
  return Array.from({ length: teams }, (_, team) => {
    const pool = [...shared];
    const bodies = Array.from({ length: FEATURES_PER_TEAM }, (_, i) =>
      i < SHARED_PER_TEAM
        ? pool.splice(random.below(pool.length), 1)[0]!
        : feature(random, 2 + (team * FEATURES_PER_TEAM + i) / 256),
    );
    const names = bodies.map((_, i) => `t${team}_f${i}`);
    const text = [
      ...bodies.map((body, i) => `feature ${names[i]} = ${body}`),
      `examples team_${team} for impression {\n  features ${names.join(', ')}\n}\n`,
    ].join('\n');
    const file = path.join(folder, 'teams', `team-${team}.feat`);
    writeFileSync(file, text);
    return file;
  });
}

function feature(random: Rng, threshold: number): string {
  const [, aggregate] = AGGREGATES[random.below(AGGREGATES.length)]!;
  const key = KEYS[random.below(KEYS.length)]!;
  const window = WINDOWS[random.below(WINDOWS.length)]!;
  return `${aggregate.replace('$', threshold.toFixed(6))} by ${key} over ${window}`;
}

function run(program: readonly string[], to: string, format = 'block') {
  return measure([
    ...[main, 'run', ...program, '--to', path.join(folder, to), '--format', format],
    ...['--fresh', '--quiet'],
    ...['--from', `impression=${data.impressions}`, '--from', `click=${data.clicks}`],
  ]);
}
