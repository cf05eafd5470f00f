/** Facts about running processes: is it the same one, is it alive, who listens, how much memory. Linux by /proc, elsewhere by ps and lsof. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { readLine, run } from './run.js';

const LINUX = process.platform === 'linux';
const PS_TIMEOUT = 5_000;

interface Stat {
  readonly pid: number;
  readonly state: string;
  readonly session: number;
  readonly start: string;
}

let bootId: Promise<string> | undefined;

/**
 * A text that is the same for as long as this very process lives, and differs for a later one with the same number (also after a reboot).
 * Undefined when there is none; a zombie counts as gone.
 */
export async function identity(pid: number): Promise<string | undefined> {
  if (!LINUX) {
    const line = await readLine(['ps', '-o', 'state=,lstart=', '-p', String(pid)], '/', PS_TIMEOUT);
    return line === undefined || line.trim().startsWith('Z') ? undefined : line.trim().replace(/^\S+\s+/, '');
  }
  const stat = await readStat(pid);
  if (stat === undefined || stat.state === 'Z' || stat.state === 'X') return undefined;
  return `${await boot()}:${stat.start}`;
}

/** Differs after a reboot. */
function boot(): Promise<string> {
  bootId ??= readFile('/proc/sys/kernel/random/boot_id', 'utf8').then((text) => text.trim(), () => 'boot');
  return bootId;
}

/** Was it stopped (SIGSTOP, a frozen terminal job), so that it does nothing until it is told to go on? */
export async function isStopped(pid: number): Promise<boolean> {
  if (LINUX) return (await readStat(pid))?.state === 'T';
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
  return known.startsWith(`${await boot()}:`);
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
  const sizes = await Promise.all(members.map((pid) => residentBytes(pid)));
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

/** Is the process that answers a connection to 127.0.0.1 on this TCP port one of that session? `nobody`: no one listens. */
export async function listenerOf(port: number, leader: number): Promise<'session' | 'other' | 'nobody'> {
  if (!LINUX) return listenerByLsof(port, leader);
  const inodes = await listeningInodes(port);
  if (inodes.size === 0) return 'nobody';
  for (const pid of await sessionMembers(leader)) {
    const held = await socketInodes(pid);
    if ([...held].some((inode) => inodes.has(inode))) return 'session';
  }
  return 'other';
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

async function sessionStats(leader: number): Promise<readonly Stat[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(names.map((name) => readStat(Number(name))));
  return stats.filter((stat): stat is Stat => stat !== undefined && stat.session === leader && stat.state !== 'Z');
}

/** /proc/<pid>/stat, proc(5): the command in parentheses may hold anything, so the fields are counted from its last `)`. */
async function readStat(pid: number): Promise<Stat | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).trim().split(' ');
  const [state = '', , , session = ''] = fields;
  return { pid, state, session: Number(session), start: fields[19] ?? '' };
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

/** Local addresses as /proc/net/tcp and tcp6 spell them; the kernel prefers the listener with the more exact one. */
const LOOPBACK: readonly string[] = ['0100007F', '0000000000000000FFFF00000100007F'];
const ANY: readonly string[] = ['00000000', '0'.repeat(32)];

/** Socket inodes in state LISTEN (0A) on this port, IPv4 and IPv6: those that a connection to 127.0.0.1 reaches, else all. */
async function listeningInodes(port: number): Promise<ReadonlySet<string>> {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map((file) => readFile(file, 'utf8').catch(() => '')));
  const listeners = tables.join('\n').split('\n').flatMap((line) => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
    const [address = '', port] = local.split(':');
    return state === '0A' && port === hex ? [{ address, inode }] : [];
  });
  const reached = [LOOPBACK, ANY].map((addresses) => listeners.filter(({ address }) => addresses.includes(address))).find((some) => some.length > 0);
  return new Set((reached ?? listeners).map(({ inode }) => inode));
}

async function socketInodes(pid: number): Promise<ReadonlySet<string>> {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(() => []);
  const links = await Promise.all(names.map((name) => readlink(`${folder}/${name}`).catch(() => '')));
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
}
