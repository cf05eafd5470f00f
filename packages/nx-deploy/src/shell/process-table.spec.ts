import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import type * as Table from './process-table.js';
import { lives, until } from './programs.spec-support.js';

const started: ChildProcess[] = [];
const servers: Server[] = [];

afterEach(async () => {
  for (const child of started.splice(0)) {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    } catch {
      // It has ended.
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

/** A Node program that leads a session; resolves with its pid once it has printed a line. */
async function leader(text: string, command = process.execPath, args: readonly string[] = ['-e', text]): Promise<{ pid: number; line: string; child: ChildProcess }> {
  const child = spawn(command, [...args], { detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
  started.push(child);
  const [chunk] = await once(child.stdout, 'data') as [Buffer];
  return { pid: child.pid ?? 0, line: chunk.toString().trim(), child };
}

const listen = (host: string, port = 0, more = ''): string =>
  `const s = require("net").createServer().listen({ port: ${port}, host: ${JSON.stringify(host)}${more} }, () => console.log(s.address().port));`;

async function ownServer(host: string, port = 0, more: object = {}): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen({ host, port, ...more }, resolve));
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}

/** The module as another system has it. */
function on(platform: NodeJS.Platform): typeof Table {
  const real = Object.getOwnPropertyDescriptor(process, 'platform') ?? {};
  Object.defineProperty(process, 'platform', { ...real, value: platform });
  try {
    let table: typeof Table | undefined;
    jest.isolateModules(() => { table = jest.requireActual<typeof Table>('./process-table.js'); });
    return table!;
  } finally {
    Object.defineProperty(process, 'platform', real);
  }
}

// The ways of macOS (ps, lsof) work here too.
describe.each(['linux', 'darwin'] as const)('process table by the means of %s', (platform) => {
  const { identity, isAlive, isStopped, listenerOf, sessionMembers, sessionMemory } = on(platform);
  const family = 'const { spawn } = require("child_process"); const c = spawn("sleep", ["60"]); setInterval(() => {}, 1000); console.log(c.pid);';

  it('tells the same process by the same text, and another by another', async () => {
    const mine = await identity(process.pid);
    expect(mine).toMatch(/\S/);
    expect(await identity(process.pid)).toBe(mine);
    expect(await isAlive(process.pid, mine ?? '')).toBe(true);
    // The same number with another start time is another process.
    expect(await isAlive(process.pid, `${mine ?? ''}0`)).toBe(false);
    expect(await identity(2 ** 22 + 1)).toBeUndefined();
    const { pid } = await leader('console.log(1); setInterval(() => {}, 1000)');
    expect(await identity(pid)).not.toBe(platform === 'linux' ? mine : undefined);
  });

  it('tells a stopped process from one that runs', async () => {
    const { pid } = await leader('console.log(1); setInterval(() => {}, 1000)');
    expect([await isStopped(pid), await isStopped(2 ** 22 + 1)]).toEqual([false, false]);
    process.kill(pid, 'SIGSTOP');
    await until('it is stopped', () => isStopped(pid));
    process.kill(pid, 'SIGCONT');
    await until('it goes on', async () => !await isStopped(pid));
  });

  it('takes a zombie for gone', async () => {
    // The shell becomes a program that never waits for its child.
    const { line, pid } = await leader('', 'sh', ['-c', 'sh -c "exit 0" & echo $!; exec sleep 60']);
    const zombie = Number(line);
    await until('it has ended', () => !lives(zombie));
    expect(await identity(zombie)).toBeUndefined();
    if (platform === 'linux') expect(await sessionMembers(pid)).toEqual([pid]);
  });

  it('finds all of a session and its memory without the leader', async () => {
    const { pid, line } = await leader(family);
    expect([...await sessionMembers(pid)].sort()).toEqual([pid, Number(line)].sort());
    const memory = await sessionMemory(pid);
    expect(memory).toBeGreaterThan(100_000);
    expect(memory).toBeLessThan(20_000_000);
    expect(await sessionMembers(2 ** 22 + 1)).toEqual([]);
    expect(await sessionMemory(2 ** 22 + 1)).toBe(0);
  });

  it.each(['127.0.0.1', '0.0.0.0', '::', '::1'])('knows the listener of a session on %s', async (host) => {
    const { pid, line } = await leader(listen(host));
    expect(await listenerOf(Number(line), pid)).toBe('session');
    expect(await listenerOf(Number(line), process.pid)).toBe('other');
  });

  it('knows a listener that a forked child holds', async () => {
    const { pid, line } = await leader(`const { spawn } = require("child_process"); spawn(process.execPath, ["-e", ${JSON.stringify(listen('127.0.0.1'))}], { stdio: "inherit" }); setInterval(() => {}, 1000);`);
    expect(await listenerOf(Number(line), pid)).toBe('session');
  });

  it('knows a listener whose parent has ended, and takes none that left the session for one of it', async () => {
    const start = (more: string): string => `require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(listen('127.0.0.1'))}], { stdio: "inherit"${more} })`;
    const orphaned = await leader(`require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(`${start('')}.once("spawn", () => process.exit())`)}], { stdio: "inherit" }); setInterval(() => {}, 1000);`);
    expect(await listenerOf(Number(orphaned.line), orphaned.pid)).toBe('session');
    if (platform !== 'linux') return;
    const left = await leader(`${start(', detached: true')}; setInterval(() => {}, 1000);`);
    expect(await listenerOf(Number(left.line), left.pid)).toBe('other');
    for (const pid of readFileSync(`/proc/${left.pid}/task/${left.pid}/children`, 'utf8').trim().split(' ')) process.kill(Number(pid), 'SIGKILL');
  });

  it('knows a stranger, and nobody', async () => {
    const { pid } = await leader('console.log(1); setInterval(() => {}, 1000)');
    const port = await ownServer('127.0.0.1');
    expect(await listenerOf(port, pid)).toBe('other');
    const gone = servers.splice(0);
    await Promise.all(gone.map((server) => new Promise((resolve) => server.close(resolve))));
    expect(await listenerOf(port, pid)).toBe('nobody');
  });
});

describe('listenerOf on linux', () => {
  const { listenerOf, identity } = on('linux');

  it('asks who answers on 127.0.0.1, not who else has the port', async () => {
    const { pid, line } = await leader(listen('::', 0, ', ipv6Only: true'));
    expect(await listenerOf(Number(line), pid)).toBe('session');
    await ownServer('127.0.0.1', Number(line));
    expect(await listenerOf(Number(line), pid)).toBe('other');
  });

  it('finds a listener among more of them, and connections, than one piece of the table holds', async () => {
    const { pid, line } = await leader(listen('127.0.0.1'));
    const others = await Promise.all(Array.from({ length: 80 }, () => ownServer('127.0.0.1')));
    const sockets = others.map((port) => connect(port, '127.0.0.1'));
    try {
      await Promise.all(sockets.map((socket) => once(socket, 'connect')));
      const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n');
      expect(rows.filter((row) => / 0A /.test(row)).length).toBeGreaterThan(80);
      expect(rows.filter((row) => / 01 /.test(row)).length).toBeGreaterThan(80);
      const { pid: later, line: latest } = await leader(listen('127.0.0.1'));
      expect(await Promise.all([listenerOf(Number(line), pid), listenerOf(Number(latest), later), listenerOf(others[0] ?? 0, pid)])).toEqual(['session', 'session', 'other']);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });

  it('counts fields from the end of a name that looks like fields', async () => {
    // Spaces and brackets, and as many fields as would put another number in the place of the start time.
    const { pid } = await leader('process.title = "a) R 1 2 3 4"; console.log(1); setInterval(() => {}, 1000)');
    const stat = (): string => readFileSync(`/proc/${pid}/stat`, 'utf8');
    await until('the name is set', () => stat().startsWith(`${pid} (a) R 1 2 3 4) `));
    // Field 22, proc(5); what the name would hide is cut off by its known length.
    const start = stat().slice(`${pid} (a) R 1 2 3 4) `.length).split(' ')[22 - 3];
    // Ticks of 10 ms since boot: the process is some seconds old.
    const age = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) - Number(start) / 100;
    expect(age).toBeGreaterThanOrEqual(-1);
    expect(age).toBeLessThan(60);
    expect(await identity(pid)).toBe(`${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${start ?? ''}`);
  });
});
