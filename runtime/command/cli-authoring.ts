/** What authors type: init, check, fmt, test, explain, diff. */

import type { Console } from '../console-output.ts';
import { collect } from '../option-values.ts';
import type { Command } from './command.ts';

export const PATHS = '.feat files, or folders of them; all together are one program';

export const SCHEMA = 'protobuf files of a stream: FILE.proto:package.Message, or a descriptor set';

type CheckOptions = { json?: boolean; from?: string[]; schema?: string[] };

export function addAuthoring(program: Command, out: Console, done: (code: number) => void): void {
  program
    .command('init')
    .argument('<dir>', 'a folder to make')
    .description('a project to start from: streams, features, a test, sample data')
    .action(async (dir: string) => {
      const { initCommand } = await import('./init.ts');
      done(await initCommand(dir, out));
    });
  program
    .command('check')
    .argument('<path...>', PATHS)
    .option('--json', 'diagnostics as JSON')
    .option('--from <stream=files>', 'sample data, as in run: proposes checks that fit it', collect)
    .option('--schema <stream=file>', SCHEMA, collect)
    .description('diagnostics; exit 1 if any is an error')
    .action(async (paths: string[], { json, from, schema = [] }: CheckOptions) => {
      const { checkCommand } = await import('./author-commands.ts');
      const code = checkCommand(paths, { json: json === true }, out);
      if (code !== 0 || from === undefined) return done(code);
      const { proposeChecks } = await import('./check-samples.ts');
      done(await proposeChecks(paths, { from, schema }, out));
    });
  program
    .command('fmt')
    .argument('<path...>', PATHS)
    .option('--check', 'change nothing; exit 1 if a file is not in canonical form')
    .description('rewrite files in canonical form')
    .action(async (paths: string[], options: { check?: boolean }) => {
      const { fmtCommand } = await import('./author-commands.ts');
      done(fmtCommand(paths, { check: options.check === true }, out));
    });
  program
    .command('test')
    .argument('<path...>', PATHS)
    .option('--filter <text>', 'only tests whose title holds the text')
    .description('run the test blocks')
    .action(async (paths: string[], options: { filter?: string }) => {
      const { testCommand } = await import('./test-command.ts');
      done(testCommand(paths, options.filter ?? null, out));
    });
  program
    .command('explain')
    .argument('<path...>', `${PATHS}; a last argument that is no path is a NAME of the program`)
    .option('--dot', 'the plan as a Graphviz graph')
    .option('--json', 'the plan as JSON')
    .description(
      'what the engine will do: scans, sharing, windows and their errors, state per key, cost',
    )
    .action(async (paths: string[], options: { dot?: boolean; json?: boolean }) => {
      const { explainCommand } = await import('./author-commands.ts');
      const form = options.dot ? 'dot' : options.json ? 'json' : 'text';
      done(explainCommand(paths, form, out));
    });
  program
    .command('diff')
    .argument('<old>', 'a program')
    .argument('<new>', 'the same one, changed')
    .description('what a change reuses, rebuilds and drops')
    .action(async (before: string, after: string) => {
      const { diffCommand } = await import('./author-commands.ts');
      done(diffCommand(before, after, out));
    });
}
