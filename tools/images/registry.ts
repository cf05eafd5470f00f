/** A real registry in a folder of its own, on loopback: Debian's docker-registry. */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { freePort } from '../bench/programs.js';

export interface LocalRegistry {
  /** `127.0.0.1:port`, plain http. */
  readonly host: string;
  readonly folder: string;
  stop(): Promise<void>;
}

const START_MS = 30_000;

/**
 * @param folder keeps what is pushed; what was there from an earlier start is served again
 * @param auth lines of the configuration file below `auth:`
 */
export async function startRegistry(folder: string, auth?: string): Promise<LocalRegistry> {
  const port = await freePort();
  const file = join(folder, 'config.yml');
  mkdirSync(join(folder, 'storage'), { recursive: true });
  writeFileSync(file, ['version: 0.1', 'log:', '  level: error', '  accesslog:', '    disabled: true', 'storage:', '  filesystem:', `    rootdirectory: ${join(folder, 'storage')}`,
    'http:', `  addr: 127.0.0.1:${port}`, ...(auth === undefined ? [] : ['auth:', auth]), ''].join('\n'));
  const child = spawn('docker-registry', ['serve', file], { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: process.env['PATH'], OTEL_TRACES_EXPORTER: 'none' } });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => { said += chunk.toString(); });
  const ended = new Promise<void>((done) => { child.once('error', (error) => { said += error.message; done(); }).once('exit', () => done()); });
  let running = true;
  void ended.then(() => { running = false; });
  const stop = async (): Promise<void> => {
    if (running) child.kill('SIGKILL');
    await ended;
  };
  const end = performance.now() + START_MS;
  while (!await fetch(`http://127.0.0.1:${port}/v2/`).then(() => true, () => false)) {
    if (running && performance.now() < end) await wait(20);
    else {
      await stop();
      throw new Error(`docker-registry does not answer: ${said}`);
    }
  }
  return { host: `127.0.0.1:${port}`, folder, stop };
}
