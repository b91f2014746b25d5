/** `millrace export` on the command line. */

import type { Console } from '../console-output.ts';
import type { ExportFormat } from '../export/export.ts';
import type { Command } from './command.ts';

type Options = { format: ExportFormat; to: string; set?: string; fresh?: boolean };

export function addExport(program: Command, out: Console, done: (code: number) => void): void {
  program
    .command('export')
    .argument('<from>', 'a file of blocks, or a folder of them (a run with --format block)')
    .description('example blocks as files that other tools read: one for each example set')
    .addOption(
      program
        .createOption('--format <format>', 'what to write')
        .choices(['ndjson', 'parquet', 'tfrecord', 'csv'])
        .makeOptionMandatory(),
    )
    .requiredOption('--to <dir>', 'output folder')
    .option('--set <name>', 'only this example set')
    .option('--fresh', 'replace files that are there')
    .action(async (from: string, { format, to, set, fresh }: Options) => {
      const { exportCommand } = await import('../export/export.ts');
      done(await exportCommand(from, { format, to, set: set ?? null, fresh: fresh === true }, out));
    });
}
