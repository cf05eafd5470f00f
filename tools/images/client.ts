/** Which of the Docker clients of a machine to use. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Absolute path of a client that can use BuildKit, else of the first one. Clients from 23 on need the buildx plugin for it; an older one that has it built in may stand behind
 * such a client on the PATH. Throws when there is none.
 */
export function dockerClient(): { readonly file: string; readonly buildKit: boolean } {
  const clients = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin'].map((folder) => join(folder, 'docker')).filter((file) => existsSync(file));
  const works = (argv: readonly string[], file: string): string | undefined => {
    try {
      return execFileSync(file, [...argv], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], env: { PATH: process.env['PATH'] } });
    } catch {
      return undefined;
    }
  };
  const able = (file: string): boolean => Number(/version (\d+)\./.exec(works(['--version'], file) ?? '')?.[1] ?? 99) < 23 || works(['buildx', 'version'], file) !== undefined;
  const found = clients.find(able);
  const file = found ?? clients[0];
  if (file === undefined) throw new Error('not installed: docker');
  return { file, buildKit: found !== undefined };
}
