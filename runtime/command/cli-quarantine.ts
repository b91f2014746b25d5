import type { Console } from '../console-output.ts';
import { UsageError } from '../usage-error.ts';
import type { Command } from './command.ts';

/** `millrace quarantine list|show|release|drop|expire`. */
export function addQuarantine(program: Command, out: Console, done: (code: number) => void): void {
  const quarantine = program
    .command('quarantine')
    .description('rows that checks kept aside: list, show, release, drop or expire them');
  quarantine
    .command('list')
    .argument('<dir>', 'output folder of a run')
    .option('--json', 'one lot a line, as JSON')
    .description('what is kept aside, by lot, and why')
    .action(async (dir: string, options: { json?: boolean }) => {
      const { listLots } = await import('./quarantine-command.ts');
      done(await listLots(dir, { json: options.json === true }, out));
    });
  quarantine
    .command('show')
    .argument('<dir>', 'output folder of a run')
    .argument('<set>', 'an example set')
    .argument('<lot>', 'as list names it')
    .description('the rows of a lot, each with its reason')
    .action(async (dir: string, set: string, lot: string) => {
      const { showLot } = await import('./quarantine-command.ts');
      done(await showLot(dir, { set, lot }, out));
    });
  const decisions = [
    ['release', 'let lots go: their rows follow what is out already, once'],
    ['drop', 'give lots up: their rows never land'],
  ] as const;
  for (const [kind, description] of decisions) {
    quarantine
      .command(kind)
      .argument('<dir>', 'output folder of a run')
      .argument('<set>', 'an example set')
      .argument('[lot...]', 'as list names them')
      .option('--all', 'every lot of the set that is still kept')
      .description(`${description}; a decision of the folder's log, which a rerun obeys`)
      .action(async (dir: string, set: string, lots: string[], options: { all?: boolean }) => {
        if (lots.length > 0 === (options.all === true))
          throw new UsageError(`name the lots to ${kind}, or say --all`);
        const { decideLots } = await import('./quarantine-command.ts');
        done(await decideLots(dir, { kind, set, lots }, out));
      });
  }
  quarantine
    .command('expire')
    .argument('<dir>', 'output folder of a run')
    .option('--as-of <time>', 'ages are told by this time, as ISO 8601 (default: now)')
    .description('give up and blank rows whose anchors are older than the `retain` of their stream')
    .action(async (dir: string, { asOf }: { asOf?: string }) => {
      const now = asOf === undefined ? Date.now() : Date.parse(asOf);
      if (Number.isNaN(now)) {
        throw new UsageError(`--as-of ${asOf}: write a time as in 2025-01-31T00:00:00Z`);
      }
      const { expireLots } = await import('./expire-command.ts');
      done(await expireLots(dir, now, out));
    });
}
