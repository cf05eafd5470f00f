/** Facts about running processes: is it the same one, is it alive, who listens, how much memory. Linux by /proc, elsewhere by ps and lsof. */
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { readLine, run } from './run.js';

const LINUX = process.platform === 'linux';
const PS_TIMEOUT = 5_000;
/** Files of /proc that are read before others get their turn. They are answered from memory: reading one at once takes a fifth of what handing it to a thread does. */
const BATCH = 200;
/** Bytes; the kernel gives no more of a table at a time. */
const PIECE = 4_096;

interface Stat {
  readonly pid: number;
  readonly state: string;
  readonly session: number;
  readonly start: string;
}

let bootId: string | undefined;

/**
 * A text that is the same for as long as this very process lives, and differs for a later one with the same number (also after a reboot).
 * Undefined when there is none; a zombie counts as gone.
 */
export async function identity(pid: number): Promise<string | undefined> {
  if (!LINUX) {
    const line = await readLine(['ps', '-o', 'state=,lstart=', '-p', String(pid)], '/', PS_TIMEOUT);
    return line === undefined || line.trim().startsWith('Z') ? undefined : line.trim().replace(/^\S+\s+/, '');
  }
  const stat = readStat(pid);
  if (stat === undefined || stat.state === 'Z' || stat.state === 'X') return undefined;
  return `${boot()}:${stat.start}`;
}

/** Differs after a reboot. */
function boot(): string {
  bootId ??= attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()) ?? 'boot';
  return bootId;
}

/** Was it stopped (SIGSTOP, a frozen terminal job), so that it does nothing until it is told to go on? */
export async function isStopped(pid: number): Promise<boolean> {
  if (LINUX) return readStat(pid)?.state === 'T';
  return (await readLine(['ps', '-o', 'state=', '-p', String(pid)], '/', PS_TIMEOUT))?.trim().startsWith('T') === true;
}

/** Is this very process alive? */
export async function isAlive(pid: number, wanted: string): Promise<boolean> {
  return (await identity(pid)) === wanted;
}

/**
 * May processes of this session be left although its leader is gone? Not when another process has the leader's number now, since the kernel gives no number
 * away while a session bears it, and not after a reboot.
 */
export async function isOrphaned(leader: number, known: string | undefined): Promise<boolean> {
  if (!LINUX || known === undefined || await identity(leader) !== undefined) return false;
  return known.startsWith(`${boot()}:`);
}

/** Numbers of all live processes in the session that `leader` opened (elsewhere than Linux: in its group). */
export async function sessionMembers(leader: number): Promise<readonly number[]> {
  if (!LINUX) {
    const members: number[] = [];
    await run(['ps', '-A', '-o', 'pid=,pgid='], {
      cwd: '/', env: { PATH: process.env['PATH'] ?? '' }, timeout: PS_TIMEOUT,
      onLine: (line) => {
        const [pid, group] = line.trim().split(/\s+/).map(Number);
        if (pid !== undefined && group === leader) members.push(pid);
      },
    });
    return members;
  }
  const stats = await sessionStats(leader);
  return stats.map((stat) => stat.pid);
}

/** Resident memory in bytes of the session without its leader (which is the shim, not the service). */
export async function sessionMemory(leader: number): Promise<number> {
  const members = (await sessionMembers(leader)).filter((pid) => pid !== leader);
  if (!LINUX) {
    if (members.length === 0) return 0;
    let kilobytes = 0;
    await run(['ps', '-o', 'rss=', '-p', members.join(',')], {
      cwd: '/', env: { PATH: process.env['PATH'] ?? '' }, timeout: PS_TIMEOUT, onLine: (line) => { kilobytes += Number(line.trim()) || 0; },
    });
    return kilobytes * 1024;
  }
  return members.reduce((sum, pid) => sum + residentBytes(pid), 0);
}

/** Is the process that answers a connection to 127.0.0.1 on this TCP port one of that session? `nobody`: no one listens. */
export async function listenerOf(port: number, leader: number): Promise<'session' | 'other' | 'nobody'> {
  if (!LINUX) return listenerByLsof(port, leader);
  const inodes = listeningInodes(port);
  if (inodes.size === 0) return 'nobody';
  const held = async (pids: readonly number[]): Promise<boolean> => {
    for (const pid of pids) if ((await socketInodes(pid)).some((inode) => inodes.has(inode))) return true;
    return false;
  };
  // Most of the time it is a child of the leader, and the other processes of the machine need not be looked at.
  return await held(children(leader)) || await held(await sessionMembers(leader)) ? 'session' : 'other';
}

async function listenerByLsof(port: number, leader: number): Promise<'session' | 'other' | 'nobody'> {
  const pids: number[] = [];
  await run(['lsof', '-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fp'], {
    cwd: '/', env: { PATH: process.env['PATH'] ?? '' }, timeout: PS_TIMEOUT,
    onLine: (line) => { if (line.startsWith('p')) pids.push(Number(line.slice(1))); },
  });
  if (pids.length === 0) return 'nobody';
  const members = new Set(await sessionMembers(leader));
  return pids.some((pid) => members.has(pid)) ? 'session' : 'other';
}

/** Undefined for a file or folder that is gone by now. */
function attempt<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** What is read of each name of a folder of /proc that is still there. */
async function readEach<Value>(folder: string, read: (name: string) => Value | undefined): Promise<readonly Value[]> {
  const values: Value[] = [];
  for (const [index, name] of (attempt(() => readdirSync(folder)) ?? []).entries()) {
    if (index % BATCH === BATCH - 1) await turn();
    const value = read(name);
    if (value !== undefined) values.push(value);
  }
  return values;
}

async function sessionStats(leader: number): Promise<readonly Stat[]> {
  const stats = await readEach('/proc', (name) => (/^\d+$/.test(name) ? readStat(Number(name)) : undefined));
  return stats.filter((stat) => stat.session === leader && stat.state !== 'Z');
}

/** Those that `leader` started itself and that stayed in its session; none where the kernel was built without this list. */
function children(leader: number): readonly number[] {
  const list = attempt(() => readFileSync(`/proc/${leader}/task/${leader}/children`, 'utf8')) ?? '';
  return list.split(' ').filter((pid) => pid !== '').map(Number).filter((pid) => readStat(pid)?.session === leader);
}

/** /proc/<pid>/stat, proc(5): the command in parentheses may hold anything, so the fields are counted from its last `)`. */
function readStat(pid: number): Stat | undefined {
  const text = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).trim().split(' ');
  const [state = '', , , session = ''] = fields;
  return { pid, state, session: Number(session), start: fields[19] ?? '' };
}

function residentBytes(pid: number): number {
  const status = attempt(() => readFileSync(`/proc/${pid}/status`, 'utf8')) ?? '';
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

/** Local addresses as /proc/net/tcp and tcp6 spell them; the kernel prefers the listener with the more exact one. */
const LOOPBACK: readonly string[] = ['0100007F', '0000000000000000FFFF00000100007F'];
const ANY: readonly string[] = ['00000000', '0'.repeat(32)];

/** States of the rows that come first in them: the heading, LISTEN, and in older kernels connections that are being made. */
const FIRST: readonly string[] = ['st', '0A', '03'];

/** Socket inodes in state LISTEN on this port, IPv4 and IPv6: those that a connection to 127.0.0.1 reaches, else all. */
function listeningInodes(port: number): ReadonlySet<string> {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const listeners = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap(listeningRows).flatMap(([, local = '', , , , , , , , inode = '']) => {
    const [address = '', port] = local.split(':');
    return port === hex ? [{ address, inode }] : [];
  });
  const reached = [LOOPBACK, ANY].map((addresses) => listeners.filter(({ address }) => addresses.includes(address))).find((some) => some.length > 0);
  return new Set((reached ?? listeners).map(({ inode }) => inode));
}

/** The fields of each row in state LISTEN. They come first (networking/proc_net_tcp of the kernel's documentation); under load thousands follow, which are not read. */
function listeningRows(table: string): readonly (readonly string[])[] {
  const file = attempt(() => openSync(table, 'r'));
  if (file === undefined) return [];
  const listeners: (readonly string[])[] = [];
  const piece = Buffer.alloc(PIECE);
  try {
    for (let rest = ''; ;) {
      const length = readSync(file, piece);
      if (length === 0) return listeners;
      const lines = (rest + piece.toString('latin1', 0, length)).split('\n');
      rest = lines.pop() ?? '';
      const rows = lines.map((line) => line.trim().split(/\s+/));
      listeners.push(...rows.filter(([, , , state]) => state === '0A'));
      if (rows.some(([, , , state = '']) => !FIRST.includes(state))) return listeners;
    }
  } finally {
    closeSync(file);
  }
}

async function socketInodes(pid: number): Promise<readonly string[]> {
  const folder = `/proc/${pid}/fd`;
  const links = await readEach(folder, (name) => attempt(() => readlinkSync(`${folder}/${name}`)));
  return links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []);
}
