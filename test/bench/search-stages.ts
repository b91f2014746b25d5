/**
 * The long search for a difference between one process and a cluster of shards that crash and come back:
 *   npx vite-node test/bench/search-stages.ts -- --seeds 5000 --from 1
 * Prints each seed that differs and a tally; exits 1 if there is any.
 */
import { clusterDifference, showClusterCase } from '../stages/cluster-trial.ts';

const argument = (name: string, otherwise: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};

const from = argument('from', 1);
const seeds = argument('seeds', 1000);
const shownMax = argument('show', 1);
const failed: number[] = [];
for (let seed = from; seed < from + seeds; seed++) {
  const found = clusterDifference(seed);
  if (found === null) continue;
  failed.push(seed);
  if (failed.length <= shownMax) console.log(`${showClusterCase(seed, found)}\n${'-'.repeat(80)}`);
  else console.log(`seed ${seed}: ${found.split('\n').slice(0, 3).join(' | ').slice(0, 400)}`);
}
console.log(`${seeds - failed.length} of ${seeds} seeds pass; differ: ${failed.join(' ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
