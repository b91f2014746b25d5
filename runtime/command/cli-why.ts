/** `millrace why` on the command line. */

import type { Console } from '../console-output.ts';
import { collect } from '../option-values.ts';
import { UsageError } from '../usage-error.ts';
import { SCHEMA } from './cli-authoring.ts';
import type { Command } from './command.ts';

type Options = {
  set?: string;
  json?: boolean;
  all?: boolean;
  from?: string[];
  schema?: string[];
  kafka?: string;
  app?: string;
};

export function addWhy(program: Command, out: Console, done: (code: number) => void): void {
  program
    .command('why')
    .argument('[dir]', 'output folder of a run over files, finished or stopped')
    .argument('[id]', 'of the example')
    .argument('[column]', 'a feature column or a label; without it: what there is')
    .option('--set <name>', 'the example set, where several have the example')
    .option('--all', 'every event, not the first and last few')
    .option('--json', 'the same as data')
    .option('--from <stream=files>', 'where the inputs of the run are now, as in run', collect)
    .option('--schema <stream=file>', SCHEMA, collect)
    .option('--kafka <brokers>', 'not there: says what does it on Kafka')
    .option('--app <name>', 'likewise')
    .description(
      'why a value is what it is: reads the inputs again and lists the events that count, and those that nearly do',
    )
    .action(async (dir?: string, id?: string, column?: string, options: Options = {}) => {
      const { notOnKafka, whyCommand } = await import('../why/why-command.ts');
      const { set = null, json = false, all = false, from = [], schema = [] } = options;
      const { kafka, app } = options;
      if (kafka !== undefined || app !== undefined) throw notOnKafka(app ?? kafka!);
      if (dir === undefined || id === undefined) {
        throw new UsageError('why DIR EXAMPLE_ID [COLUMN]: which example of which run?');
      }
      const flags = { set, json, all, from, schema };
      done(await whyCommand({ folder: dir, id, column: column ?? null }, flags, out));
    });
}
