/** Real database servers, each with a folder and a port of its own, run by nobody in particular. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { errorCode } from '../../errors.js';
import { find } from '../../../../../tools/bench/programs.js';
import { closedPort } from './peers.spec-support.js';

export interface Database {
  readonly port: number;
  /** The process, and those that it has started, stop in the middle of what they do. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

export const PASSWORD = 'sup3r-s3cret';

/** Debian keeps them where no PATH leads. */
const POSTGRES = ['/usr/lib/postgresql/15/bin', '/usr/lib/postgresql/17/bin', '/usr/lib/postgresql/16/bin'].find((folder) => existsSync(join(folder, 'initdb')));

export function lacksPostgres(): string | undefined {
  if (POSTGRES === undefined) return 'not installed: postgresql (apt-get install postgresql)';
  return process.getuid?.() === 0 && find('setpriv') === undefined ? 'not installed: setpriv' : undefined;
}

/** PostgreSQL refuses to run as root. */
const unprivileged = (argv: readonly string[]): [string, string[]] => {
  const [program = '', ...rest] = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', ...argv] : argv;
  return [program, rest];
};

/** A database `postgres` with the users `postgres` and, with the same password, `shop`. `connections`: how many there may be, three of them for postgres alone. */
export async function startPostgres(connections: number): Promise<Database> {
  const folder = mkdtempSync(join(tmpdir(), 'nx-health-pg-'));
  chmodSync(folder, 0o777);
  writeFileSync(join(folder, 'password'), PASSWORD, { mode: 0o644 });
  const data = join(folder, 'data');
  const [initdb, words] = unprivileged([join(POSTGRES ?? '', 'initdb'), '-D', data, '-U', 'postgres', '-A', 'scram-sha-256', '--pwfile', join(folder, 'password'), '-E', 'UTF8', '--no-locale', '--no-sync', '--no-instructions']);
  execFileSync(initdb, words, { stdio: ['ignore', 'ignore', 'pipe'], cwd: folder });
  const port = await closedPort();
  const [program, rest] = unprivileged([join(POSTGRES ?? '', 'postgres'), '-D', data, '-p', String(port), '-k', folder, '-h', '127.0.0.1', '-c', `max_connections=${connections}`, '-c', 'superuser_reserved_connections=3', '-c', 'fsync=off', '-c', 'shared_buffers=1MB', '-c', 'max_wal_senders=0', '-c', 'autovacuum=off']);
  return run(spawn(program, rest, { stdio: ['ignore', 'ignore', 'pipe'], cwd: folder }), port, folder, /ready to accept connections/, 'stderr');
}

export function lacksRedis(): string | undefined {
  return find('redis-server') === undefined ? 'not installed: redis-server (apt-get install redis-server)' : undefined;
}

export async function startRedis(clients: number): Promise<Database> {
  const folder = mkdtempSync(join(tmpdir(), 'nx-health-redis-'));
  const port = await closedPort();
  // By its standard input: an argument is for everybody to see.
  const child = spawn(find('redis-server') ?? 'redis-server', ['-'], { stdio: ['pipe', 'pipe', 'ignore'], cwd: folder });
  child.stdin.end([`port ${port}`, 'bind 127.0.0.1', `requirepass ${PASSWORD}`, `maxclients ${clients}`, 'save ""', 'appendonly no', ''].join('\n'));
  return run(child, port, folder, /Ready to accept connections/, 'stdout');
}

async function run(child: ChildProcess, port: number, folder: string, ready: RegExp, stream: 'stdout' | 'stderr'): Promise<Database> {
  let said = '';
  const ended = once(child, 'exit');
  child[stream]?.on('data', (chunk: Buffer) => { said += chunk.toString(); });
  for (let left = 1_000; !ready.test(said); left -= 1) {
    if (left === 0 || child.exitCode !== null) throw new Error(`the server did not become ready: ${said}`);
    await wait(20);
  }
  const signal = (name: NodeJS.Signals): void => { [child.pid ?? 0, ...childrenOf(child.pid ?? 0)].forEach((pid) => { send(pid, name); }); };
  return {
    port,
    freeze: () => { signal('SIGSTOP'); },
    thaw: () => { signal('SIGCONT'); },
    stop: async () => {
      signal('SIGCONT');
      // To postgres: at once, without waiting for those who are connected.
      child.kill('SIGQUIT');
      const late = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await ended;
      clearTimeout(late);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** It may have ended since it was listed. */
function send(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}

function childrenOf(pid: number): readonly number[] {
  try {
    return execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' }).split('\n').filter((line) => line.trim() !== '').map(Number);
  } catch {
    return [];
  }
}
