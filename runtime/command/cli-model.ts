import type { Console } from '../console-output.ts';
import { folder } from '../option-values.ts';
import type { Command } from './command.ts';

/** `millrace model list|rollback|export`. */
export function addModel(program: Command, out: Console, done: (code: number) => void): void {
  const model = program
    .command('model')
    .description('snapshots of a deep model: list them, take one back, export one');
  const DIR = 'folder of the model (<set>.deep), or the one it lies in';
  model
    .command('list')
    .argument('<dir>', DIR)
    .option('--json', 'one snapshot a line, as JSON')
    .description('versions, where each stands, how good it is, what its gates said')
    .action(async (dir: string, options: { json?: boolean }) => {
      const { listVersions } = await import('../training/model-versions.ts');
      done(await listVersions(dir, { json: options.json === true }, out));
    });
  model
    .command('rollback')
    .argument('<dir>', DIR)
    .requiredOption('--to <version>', 'a snapshot, as list names it, or its number of rows')
    .option('--skip', 'training does not see again what was seen since')
    .description(
      'make an earlier snapshot the published one, and the one that training goes on from',
    )
    .action(async (dir: string, { to, skip }: { to: string; skip?: boolean }) => {
      const { rollBack } = await import('../training/model-versions.ts');
      done(await rollBack(dir, { to, skip: skip === true }, out));
    });
  model
    .command('export')
    .argument('<dir>', DIR)
    .requiredOption('--to <dir>', 'folder for the files', folder)
    .option('--of <version>', 'a snapshot (default: the published one)')
    .description('rows and weights as Parquet, the net as a TensorFlow.js graph model')
    .action(async (dir: string, { to, of }: { to: string; of?: string }) => {
      const { exportModel } = await import('../training/model-export.ts');
      done(await exportModel(dir, { to, of: of ?? null }, out));
    });
}
