import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../errors.js';
import { bundle } from '../../shell/programs.spec-support.js';

/** A program in a process of its own: `body` has `store`, `args`, `storeLayer` and `say`. Its first message is `go`. */
export function program(file: string, body: string): string {
  return bundle(`import { openBlobs } from './image/blobs/store.js'; import { storeLayer } from './image/layer/stored.js';
    const [folder, ...args] = process.argv.slice(2);
    const store = openBlobs(folder);
    const say = (message) => process.send(message);
    (async () => { say('go'); ${body} })().then(() => process.disconnect(), (error) => { console.error(error); process.exit(1); });`, file);
}

export class Children {
  readonly #running = new Set<ChildProcess>();

  start(file: string, ...args: readonly string[]): ChildProcess {
    const child = fork(file, [...args], { execArgv: [] });
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
    return child;
  }

  async end(): Promise<void> {
    await Promise.all([...this.#running].map(async (child) => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }));
  }
}

/** What a process says after `go`, and its exit code. */
export async function finished(child: ChildProcess): Promise<{ readonly said: readonly unknown[]; readonly code: unknown }> {
  const said: unknown[] = [];
  child.on('message', (message) => { if (message !== 'go') said.push(message); });
  const [code] = await once(child, 'exit') as [unknown];
  return { said, code };
}

/** All files below a folder, relative to it. */
export async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)).sort();
}
