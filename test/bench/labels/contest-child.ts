/** One seed in a process of its own: options as JSON in, the result as JSON out. */
import { type ContestOptions, runContest } from './contest.ts';

const options = JSON.parse(process.argv.at(-1)!) as ContestOptions;
process.stdout.write(`${JSON.stringify(runContest(options))}\n`);
