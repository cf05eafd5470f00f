import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { bundleFile, lives, temporaryFolder, until } from '../shell/programs.spec-support.js';
import { superviseOne, type ShimExit, type ShimOrder } from './shim.js';

const root = temporaryFolder('shim');
const shim = bundleFile('agent/shim.ts', join(root, 'shim.js'));
let count = 0;
const started: ChildProcess[] = [];

interface Run {
  readonly child: ChildProcess;
  readonly folder: string;
  readonly log: () => string[];
  readonly exit: () => ShimExit;
  readonly ended: Promise<number | string | null>;
}

function order(text: string, more: Partial<ShimOrder> = {}): ShimOrder {
  const folder = join(root, String(count += 1));
  mkdirSync(folder);
  return { argv: [process.execPath, '-e', text], cwd: folder, env: {}, secrets: {}, logFile: join(folder, 'log/web.1.log'), exitFile: join(folder, 'web.1.exit'), ...more };
}

/** A shim as the agent starts it: leader of a session. */
function start(asked: ShimOrder, input = JSON.stringify(asked)): Run {
  const child = spawn(process.execPath, [shim, 'nx-deploy: spec'], { detached: true, cwd: '/', env: {}, stdio: ['pipe', 'ignore', 'pipe'] });
  started.push(child);
  child.stdin?.end(input);
  const ended = once(child, 'exit').then(([code, signal]: (number | string | null)[]) => code ?? signal ?? null);
  return {
    child, ended, folder: asked.cwd,
    log: () => (existsSync(asked.logFile) ? readFileSync(asked.logFile, 'utf8') : '').split('\n').slice(0, -1).map((line) => line.slice(25)),
    exit: () => JSON.parse(readFileSync(asked.exitFile, 'utf8')) as ShimExit,
  };
}

afterEach(() => {
  for (const child of started.splice(0)) {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    } catch {
      // All of it has ended.
    }
  }
});

describe('shim', () => {
  it('keeps the log of a program and notes its end', async () => {
    const run = start(order('console.log("out", process.cwd(), JSON.stringify(process.env)); console.error("err"); process.stdout.write("no end"); process.exitCode = 3', { env: { PORT: '1' } }));
    expect(await run.ended).toBe(3);
    expect(run.exit()).toEqual({ code: 3, signal: null, at: expect.stringMatching(/^\d{4}-.*Z$/) });
    const lines = run.log();
    expect(lines[0]).toMatch(/^o \[nx-deploy: starting ".*" "-e" .*\]$/);
    expect(lines.slice(1, -1).sort()).toEqual(['e err', 'o no end', `o out ${run.folder} {"PORT":"1"}`]);
    expect(lines.at(-1)).toBe('o [nx-deploy: exited with code 3]');
    expect(statSync(join(run.folder, 'web.1.exit')).mode & 0o777).toBe(0o600);
    expect(readdirSync(run.folder).sort()).toEqual(['log', 'web.1.exit']);
  });

  it('notes a signal', async () => {
    const run = start(order('process.kill(process.pid, "SIGKILL")'));
    expect(await run.ended).toBe(1);
    expect(run.exit()).toMatchObject({ code: null, signal: 'SIGKILL' });
    expect(run.log().at(-1)).toBe('o [nx-deploy: ended by SIGKILL]');
  });

  it.each([
    ['no such program', { argv: ['/nowhere/program'] }],
    ['no such folder', { cwd: '/nowhere' }],
  ])('notes that a program could not be started: %s', async (_name, more) => {
    const run = start(order('', more));
    expect(await run.ended).toBe(1);
    expect(JSON.parse(readFileSync(join(root, String(count), 'web.1.exit'), 'utf8'))).toMatchObject({ code: null, signal: null, error: expect.stringMatching(/^could not be started: spawn .* ENOENT$/) });
    expect(run.log().at(-1)).toMatch(/^o \[nx-deploy: could not be started: /);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('passes %s on as SIGTERM and waits for the end', async (signal) => {
    const run = start(order('process.on("SIGTERM", () => { console.log("finishing"); setTimeout(() => process.exit(0), 200); }); setInterval(() => {}, 1000); console.log("up")'));
    await until('it runs', () => run.log().includes('o up'));
    run.child.kill('SIGHUP');
    run.child.kill(signal);
    expect(await run.ended).toBe(0);
    expect(run.log().slice(-2)).toEqual(['o finishing', 'o [nx-deploy: exited with code 0]']);
  });

  it('does not wait for a grandchild that holds the pipes', async () => {
    const run = start(order('const { spawn } = require("child_process"); const c = spawn("sleep", ["60"], { stdio: "inherit" }); console.log(c.pid); c.unref(); process.exitCode = 5'));
    expect(await run.ended).toBe(5);
    const grandchild = Number(run.log()[1]?.slice(2));
    expect(lives(grandchild)).toBe(true);
    // Its group is the shim's: whoever watches the shim ends what it left.
    expect(readFileSync(`/proc/${grandchild}/stat`, 'utf8').split(') ')[1]?.split(' ')[2]).toBe(String(run.child.pid));
  });

  it('shows no secret, however a program prints it', async () => {
    const secrets = { TOKEN: 'tok-0123456789', KEY: '-----BEGIN-----\nMIIEvQIBADANBg\n-----END-----' };
    const run = start(order(`
      const { TOKEN, KEY } = process.env;
      console.log(TOKEN + ' ' + KEY);
      console.error(JSON.stringify({ KEY }));
      process.stdout.write('x'.repeat(16 * 1024 - 5) + TOKEN + 'y'.repeat(40000) + TOKEN);
      process.stdout.write('\\n' + TOKEN.slice(0, 7)); setTimeout(() => process.stdout.write(TOKEN.slice(7) + '\\n' + process.argv[1]), 100);
    `, { env: secrets, secrets }));
    await run.ended;
    const text = run.log().map((line) => line.slice(2)).join('');
    for (const secret of ['tok-0123456789', 'MIIEvQIBADANBg', '6789']) expect(text).not.toContain(secret);
    expect(text.split('[TOKEN]')).toHaveLength(5);
  });

  it('shows no secret of an argument', async () => {
    const run = start({ ...order(''), argv: [process.execPath, '-e', '0', '--token=tok-0123456789'], secrets: { TOKEN: 'tok-0123456789' } });
    await run.ended;
    expect(run.log()[0]).toContain('--token=[TOKEN]');
  });

  it('rotates the log of a program that writes without pause, and slows it rather than growing', async () => {
    const run = start(order('const line = "x".repeat(999) + "\\n"; let left = 60; const more = () => { while (left > 0) { left -= 1; if (!process.stdout.write(line.repeat(1000))) return process.stdout.once("drain", more); } }; more();', { logMaxBytes: 1_000_000 }));
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${run.child.pid ?? 0}/status`, 'utf8'))?.[1] ?? 0));
    }, 20);
    expect(await run.ended.finally(() => clearInterval(watch))).toBe(0);
    const sizes = readdirSync(join(run.folder, 'log')).map((name) => statSync(join(run.folder, 'log', name)).size);
    expect(sizes).toHaveLength(4);
    expect(Math.max(...sizes)).toBeLessThan(1_002_000);
    expect(most).toBeLessThan(200_000);
  });

  it.each([['nothing', ''], ['half an order', '{"argv":["/bin/true"],"env":{"TOKEN":"tok-012345']])('starts nothing and tells no value when it is given %s', async (_name, input) => {
    const run = start(order(''), input);
    let text = '';
    run.child.stderr?.on('data', (chunk: Buffer) => { text += chunk.toString(); });
    expect(await run.ended).toBe(1);
    await until('its words', () => text !== '');
    expect(text).not.toContain('tok-');
    expect(run.log()).toEqual([]);
  });
});

describe('superviseOne', () => {
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
  const before = signals.map((signal) => process.listeners(signal));

  afterEach(() => {
    signals.forEach((signal, index) => {
      for (const listener of process.listeners(signal)) if (before[index]?.includes(listener) === false) process.removeListener(signal, listener);
    });
  });

  const supervise = (asked: ShimOrder): Promise<number> => new Promise((resolve) => superviseOne(asked, resolve));

  it('works within a process as well', async () => {
    const fine = order('console.log("x")');
    expect(await supervise(fine)).toBe(0);
    expect(readFileSync(fine.logFile, 'utf8')).toContain(' o x\n');
    expect(await supervise(order('process.kill(process.pid, "SIGTERM")'))).toBe(1);
    expect(await supervise(order('', { argv: ['/nowhere/program'] }))).toBe(1);
    expect(await supervise(order('const c = require("child_process").spawn("sleep", ["1"], { stdio: "inherit" }); c.unref()'))).toBe(0);
  });

  it('passes signals on', async () => {
    const asked = order('process.on("SIGTERM", () => process.exit(4)); setInterval(() => {}, 1000); console.log("up")');
    const ended = supervise(asked);
    await until('it runs', () => readFileSync(asked.logFile, 'utf8').includes(' o up'));
    const added = process.listeners('SIGTERM').find((listener) => before[0]?.includes(listener) === false);
    process.listeners('SIGHUP').at(-1)?.('SIGHUP');
    added?.('SIGTERM');
    expect(await ended).toBe(4);
  });
});
