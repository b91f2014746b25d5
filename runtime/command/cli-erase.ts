import type { Console } from '../console-output.ts';
import { collect } from '../option-values.ts';
import { UsageError } from '../usage-error.ts';
import type { Command } from './command.ts';

type EraseOptions = { key: string[]; quiet?: boolean; kafka?: string; app?: string };

/** `millrace erase`. */
export function addErase(program: Command, out: Console, done: (code: number) => void): void {
  program
    .command('erase')
    .argument('[dir]', 'output folder of a run over files')
    .requiredOption(
      '--key <field=value>',
      'who it is: events with this value go; repeat where streams name the field otherwise',
      collect,
    )
    .option('--quiet', 'no progress display')
    .option('--kafka <brokers>', 'not there: says what does it on Kafka')
    .option('--app <name>', 'likewise')
    .description(
      'make the run again without the events of a person; a decision that a rerun obeys, and a receipt',
    )
    .action(async (dir: string | undefined, options: EraseOptions) => {
      const { eraseCommand, notOnKafka } = await import('./erase-command.ts');
      const { kafka, app } = options;
      if (kafka !== undefined || app !== undefined) throw notOnKafka(app ?? kafka!);
      if (dir === undefined) throw new UsageError('erase DIR: the output folder of which run?');
      done(await eraseCommand(dir, options.key, { quiet: options.quiet === true }, out));
    });
}
