/** `npm run search:workers -- --seeds N --from SEED --units U`: the worker over a simulated cluster, seed after seed; stops at the first that fails. */
import { simulate } from '../worker/simulator/simulate.ts';

const value = (name: string, otherwise: number) => {
  const at = process.argv.indexOf(name);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const seeds = value('--seeds', 500);
const from = value('--from', 0);
const units = value('--units', 1);
const sum = { lives: 0, kills: 0, floors: 0, restores: 0, truncations: 0 };
for (let seed = from; seed < from + seeds; seed++) {
  const { wrong, lives, kills, floors, restores, truncations } = await simulate(
    seed,
    'none',
    units,
  );
  if (wrong !== null) {
    process.stdout.write(
      `seed ${seed}: ${wrong}\n  again: --from ${seed} --seeds 1 --units ${units}\n`,
    );
    process.exit(1);
  }
  sum.lives += lives;
  sum.kills += kills;
  sum.floors += floors;
  sum.restores += restores;
  sum.truncations += truncations;
}
process.stdout.write(
  `${seeds} seeds from ${from}: nothing lost, nothing doubled (${sum.lives} lives, ${sum.kills} kills, ${sum.floors} floors, ${sum.restores} restores, ${sum.truncations} truncations)\n`,
);
process.exit(0);
