/** A worker process of the small application, to be stopped and killed, and what it has said. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

const SAYS_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 50;

export class WorkerChild {
  output = '';
  readonly #process: ChildProcess;

  /** `script` is a file of this folder. */
  constructor(script: string, args: readonly string[]) {
    const cli = join(import.meta.dirname, '../../node_modules/vite-node/vite-node.mjs');
    const path = join(import.meta.dirname, script);
    this.#process = spawn(process.execPath, [cli, path, '--', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#process.stdout!, this.#process.stderr!]) {
      stream.on('data', (bytes: Buffer) => {
        this.output += bytes.toString();
      });
    }
  }

  get hasEnded(): boolean {
    return this.#process.exitCode !== null;
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  /** Until it has said the word. */
  async says(word: string): Promise<void> {
    const giveUpAt = Date.now() + SAYS_WITHIN_MS;
    while (!this.output.includes(` ${word} `)) {
      if (Date.now() > giveUpAt) throw new Error(`no ${word} in:\n${this.output.slice(-3_000)}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }
}
