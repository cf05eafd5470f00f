import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { baseEnvironment, pick } from './environment.js';
import { lives, temporaryFolder, until } from './programs.spec-support.js';
import { killGroup, readLine, run, type RunOptions, type RunResult } from './run.js';

const root = temporaryFolder('run');
const PATH = process.env['PATH'] ?? '';

async function start(argv: readonly string[], options: Partial<RunOptions> = {}): Promise<{ result: RunResult; lines: string[] }> {
  const lines: string[] = [];
  const result = await run(argv, { cwd: root, env: { PATH }, timeout: 20_000, onLine: (line) => lines.push(line), ...options });
  return { result, lines };
}

const script = (text: string): string[] => [process.execPath, '-e', text];

describe('run', () => {
  it('gives code and lines of both streams', async () => {
    const { result, lines } = await start(script('console.log("one\\r\\ntwo\\rstill two"); console.error("three"); process.stdout.write("no end"); process.exitCode = 7'));
    expect(result).toEqual({ exitCode: 7, timedOut: false, cancelled: false });
    expect(lines.sort()).toEqual(['no end', 'one', 'three', 'two\rstill two']);
  });

  it('passes arguments as they are and no more environment than was given', async () => {
    const given = { PATH, A: 'x y', EMPTY: '', QUOTE: '"$(id)"' };
    process.env['NX_DEPLOY_RUN_SPEC'] = 'must not be seen';
    const { lines } = await start([process.execPath, '-e', 'console.log(JSON.stringify([process.argv.slice(1), process.env, process.cwd()]))', '$HOME', '; id', '*', ''], { env: given });
    delete process.env['NX_DEPLOY_RUN_SPEC'];
    expect(JSON.parse(lines[0] ?? '')).toEqual([['$HOME', '; id', '*', ''], given, root]);
    expect((await start(['/usr/bin/env'], { env: {} })).lines).toEqual([]);
  });

  it('leads a group of its own and has no stdin', async () => {
    const { lines } = await start(script(`
      console.log(require("fs").readFileSync("/proc/self/stat", "utf8").split(") ")[1].split(" ")[2] === String(process.pid));
      console.log(require("fs").readFileSync(0, "utf8") === "");
    `));
    expect(lines).toEqual(['true', 'true']);
  });

  it('reads what it is given, piece by piece, also from a buffer that is used again', async () => {
    const { result, lines } = await start(script('let n = 0; let sum = 0; process.stdin.on("data", (c) => { n += c.length; for (const b of c) sum += b; }).on("end", () => console.log(n, sum))'), {
      input: async (write) => {
        const buffer = Buffer.alloc(1_000_000);
        for (let value = 1; value <= 5; value += 1) await write(buffer.fill(value));
      },
    });
    expect({ code: result.exitCode, lines }).toEqual({ code: 0, lines: ['5000000 15000000'] });
  });

  it('ends well when it does not want all that it is given', async () => {
    let written = 0;
    const { result } = await start(script('process.exit(3)'), { input: async (write) => { for (; written < 100; written += 1) await write(Buffer.alloc(1_000_000)); } });
    expect({ code: result.exitCode, written }).toEqual({ code: 3, written: 100 });
  });

  it('is ended when what it is given breaks off', async () => {
    const begun = Date.now();
    await expect(start(script('process.stdin.resume(); setInterval(() => 0, 1000)'), { input: async (write) => { await write(Buffer.from('half')); throw new Error('no more'); } })).rejects.toThrow('no more');
    expect(Date.now() - begun).toBeLessThan(10_000);
  });

  it('needs nobody who listens', async () => {
    expect(await run(['echo', 'x'], { cwd: root, env: { PATH }, timeout: 5_000 })).toEqual({ exitCode: 0, timedOut: false, cancelled: false });
  });

  it('tells which signal ended it', async () => {
    expect((await start(script('process.kill(process.pid, "SIGSEGV")'))).result).toEqual({ signal: 'SIGSEGV', timedOut: false, cancelled: false });
  });

  it.each([
    ['no such program', ['no-such-program-here'], 'ENOENT'],
    ['no such file', ['/nowhere/at/all'], 'ENOENT'],
    ['no right to run it', [join(root, 'plain.txt')], 'EACCES'],
    ['a folder', [root], 'EACCES'],
  ])('says why it could not be started: %s', async (_name, argv, code) => {
    await writeFile(join(root, 'plain.txt'), 'text');
    const { result, lines } = await start(argv);
    expect(result).toEqual({ startError: expect.stringContaining(code), timedOut: false, cancelled: false });
    expect(lines).toEqual([]);
  });

  it('says that the working directory is missing', async () => {
    expect((await start(['true'], { cwd: join(root, 'gone') })).result).toMatchObject({ startError: expect.stringContaining('ENOENT'), timedOut: false });
  });

  const family = (name: string, more = ''): string[] => script(`
    const { spawn } = require("child_process");
    const child = spawn(process.execPath, ["-e", ${JSON.stringify('process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log("up")')}], { stdio: "inherit"${more} });
    require("fs").writeFileSync(${JSON.stringify(join(root, name))}, process.pid + " " + child.pid);
    process.on("SIGTERM", () => {});
    setInterval(() => {}, 1000);
  `);
  const pids = async (name: string): Promise<number[]> => (await readFile(join(root, name), 'utf8')).split(' ').map(Number);

  it('ends the whole family at the timeout', async () => {
    const { result } = await start(family('timeout'), { timeout: 600 });
    expect(result).toEqual({ signal: 'SIGKILL', timedOut: true, cancelled: false });
    for (const pid of await pids('timeout')) await until('it is gone', () => !lives(pid));
  });

  it('ends the whole family when it is cancelled', async () => {
    const abort = new AbortController();
    const { result } = await start(family('abort'), { signal: abort.signal, onLine: () => abort.abort() });
    expect(result).toEqual({ signal: 'SIGKILL', timedOut: false, cancelled: true });
    for (const pid of await pids('abort')) await until('it is gone', () => !lives(pid));
  });

  it('does not wait for a stranger that holds the pipes', async () => {
    const since = performance.now();
    const { result } = await start(family('stranger', ', detached: true'), { timeout: 700 });
    const [, stranger = 0] = await pids('stranger');
    try {
      expect(result).toEqual({ signal: 'SIGKILL', timedOut: true, cancelled: false });
      expect(performance.now() - since).toBeLessThan(5_000);
    } finally {
      process.kill(stranger, 'SIGKILL');
    }
  });

  it('takes a program that leaves a server behind for ended, and leaves the server alone', async () => {
    const since = performance.now();
    const { result, lines } = await start(['sh', '-c', 'sleep 30 & echo $!']);
    try {
      expect(result).toEqual({ exitCode: 0, timedOut: false, cancelled: false });
      expect(performance.now() - since).toBeLessThan(5_000);
      expect(lives(Number(lines[0]))).toBe(true);
    } finally {
      process.kill(Number(lines[0]), 'SIGKILL');
    }
  });

  it('starts nothing when it was cancelled before', async () => {
    const file = join(root, 'started');
    expect((await start(['touch', file], { signal: AbortSignal.abort() })).result).toEqual({ timedOut: false, cancelled: true });
    await expect(readFile(file)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it.each([
    ['lines', 'const line = "x".repeat(999) + "\\n"; const text = line.repeat(1000);', 100_000],
    ['one line', 'const text = "x".repeat(1e6);', 1],
  ])('keeps none of 100 MB of output: %s', async (_name, text, expected) => {
    let lines = 0;
    let longest = 0;
    let most = 0;
    const before = process.memoryUsage().rss;
    const watch = setInterval(() => { most = Math.max(most, process.memoryUsage().rss - before); }, 20);
    const { result } = await start(script(`${text} let left = 100; const more = () => { while (left > 0) { left -= 1; if (!process.stdout.write(text)) return process.stdout.once("drain", more); } }; more();`), {
      onLine: (line) => { lines += 1; longest = Math.max(longest, line.length); },
    });
    clearInterval(watch);
    expect(result.exitCode).toBe(0);
    expect(lines).toBe(expected);
    expect(longest).toBe(expected === 1 ? 2_000 + ' [cut]'.length : 999);
    expect(most).toBeLessThan(60e6);
  });
});

describe('readLine', () => {
  it('is the first line of a program that succeeds, else undefined', async () => {
    expect(await readLine(['printf', 'a\\nb\\n'], root, 5_000)).toBe('a');
    expect(await readLine(['true'], root, 5_000)).toBeUndefined();
    expect(await readLine(['sh', '-c', 'echo no; exit 1'], root, 5_000)).toBeUndefined();
    expect(await readLine(['no-such-program-here'], root, 5_000)).toBeUndefined();
    expect(await readLine(['sleep', '20'], root, 200)).toBeUndefined();
  });
});

describe('killGroup', () => {
  it('is silent about what is gone', () => {
    expect(() => killGroup(undefined)).not.toThrow();
    expect(() => killGroup(2 ** 22 + 1)).not.toThrow();
  });
});

describe('baseEnvironment', () => {
  it('passes on what a program needs and no credential', () => {
    const from = { PATH: '/bin', HOME: '/root', TZ: 'UTC', AWS_SECRET_ACCESS_KEY: 'x', NPM_TOKEN: 'x', CI_JOB_TOKEN: 'x', NODE_OPTIONS: '--require x', LD_PRELOAD: 'x', LANG: undefined };
    expect(baseEnvironment(from)).toEqual({ PATH: '/bin', HOME: '/root', TZ: 'UTC' });
    expect(pick(from, ['NPM_TOKEN', 'LANG', 'NONE'])).toEqual({ NPM_TOKEN: 'x' });
  });
});
