import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where `millrace setup tensorflow` puts a native package: MILLRACE_CACHE, else the user's cache folder. */
export function tensorflowFolder(packageName: string): string {
  const cache =
    process.env.MILLRACE_CACHE ??
    join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'millrace');
  return join(cache, packageName.replace('@tensorflow/', ''));
}
