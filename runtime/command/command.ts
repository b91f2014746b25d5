/** The library that reads command lines, for all files that add commands, and the command they are added to. */
import { Command } from 'commander';
import type { Console } from '../console-output.ts';

export { Command, CommanderError, Option } from 'commander';

/** What ends a command: its exit code. */
export type Done = (code: number) => void;

export function rootCommand(out: Console, version: string): Command {
  return new Command('millrace')
    .description('Turns ad events into features, labels and examples, as .feat files declare them.')
    .version(version)
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show help for a command')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 the program is wrong, 2 the command line is wrong, 3 the world is.',
    )
    .configureOutput({
      writeOut: (text) => out.print(text.trimEnd()),
      writeErr: (text) => out.error(text.trimEnd().replace(/^error: /, 'millrace: ')),
    })
    .showSuggestionAfterError()
    .exitOverride();
}
