import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

/** Starts a TypeScript file in a process of its own (by vite-node, which vitest brings along: Node 20 runs none itself). */
export function startChild(
  script: string,
  args: readonly string[],
): ChildProcessByStdio<null, Readable, Readable> {
  const runner = fileURLToPath(
    new URL('../../node_modules/vite-node/vite-node.mjs', import.meta.url),
  );
  const path = fileURLToPath(new URL(script, import.meta.url));
  return spawn(process.execPath, [runner, path, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Runs it to its end. */
export async function runChild(
  script: string,
  args: readonly string[],
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = startChild(script, args);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (bytes) => {
    stdout += bytes;
  });
  child.stderr.on('data', (bytes) => {
    stderr += bytes;
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, stdout, stderr };
}
