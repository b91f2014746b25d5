#!/usr/bin/env node
import './process-flags.ts';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { main } from './command/cli.ts';
import { processConsole } from './console-output.ts';

/** The nearest package.json above this file: it lies one folder higher once it is built. */
function packageVersion(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    try {
      const found: { version: string } = JSON.parse(
        readFileSync(join(folder, 'package.json'), 'utf8'),
      );
      return found.version;
    } catch {
      if (folder === dirname(folder)) return 'unknown';
    }
  }
}

// `millrace explain | head` closes the pipe early: that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

// Whoever read the progress (`2>&1 | head`) has gone: the work goes on without it.
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

// `npm run millrace` runs in the package's folder; paths are meant from where it was typed.
if (process.env.npm_lifecycle_event === 'millrace' && process.env.INIT_CWD !== undefined) {
  process.chdir(process.env.INIT_CWD);
}

process.exitCode = await main(process.argv.slice(2), processConsole, packageVersion());
