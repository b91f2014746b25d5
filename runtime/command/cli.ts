/** The command line: its words, and which command answers. Exit codes: 0 done, 1 the program, 2 the command line, 3 the world. */
import type { Console } from '../console-output.ts';
import { Fault } from '../fault.ts';
import { UsageError } from '../usage-error.ts';
import { addAuthoring } from './cli-authoring.ts';
import { addErase } from './cli-erase.ts';
import { addExport } from './cli-export.ts';
import { addModel } from './cli-model.ts';
import { addQuarantine } from './cli-quarantine.ts';
import { addRunning } from './cli-run.ts';
import { addTraining } from './cli-train.ts';
import { addWhy } from './cli-why.ts';
import { type Command, CommanderError, rootCommand } from './command.ts';

/** Runs one command line (without `node` and the script) and gives the exit code. Never throws for the user's mistakes. */
export async function main(
  args: readonly string[],
  out: Console,
  version: string,
): Promise<number> {
  const state = { code: 0 };
  const program = describe(out, version, (code) => {
    state.code = code;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return state.code;
  } catch (error) {
    return explainError(error, out);
  }
}

function explainError(error: unknown, out: Console): number {
  // Commander has written its message already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof UsageError) {
    out.error(`millrace: ${error.message}`);
    return 2;
  }
  if (error instanceof Fault) {
    out.error(`millrace: ${error.message}`);
    return 3;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  out.error(
    `${stack}\nmillrace: this is a mistake of millrace itself, not of yours; please report it.`,
  );
  return INTERNAL_ERROR;
}

/** An assertion of ours did not hold (sysexits' EX_SOFTWARE): none of the documented four. */
const INTERNAL_ERROR = 70;

function describe(out: Console, version: string, done: (code: number) => void): Command {
  const program = rootCommand(out, version);
  program.commandsGroup('Programs:');
  addAuthoring(program, out, done);
  program.commandsGroup('Runs:');
  addRunning(program, out, done);
  program.commandsGroup('What a run has made:');
  addWhy(program, out, done);
  addQuarantine(program, out, done);
  addErase(program, out, done);
  addExport(program, out, done);
  program.commandsGroup('Models:');
  addTraining(program, out, done);
  addModel(program, out, done);
  return program;
}
