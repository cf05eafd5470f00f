import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { attach, detach, orphan } from './detach.js';
import { bundle, lives, node, temporaryFolder, until } from './programs.spec-support.js';

const root = temporaryFolder('detach');

/** Runs a Node text with its output in a file. */
async function start(name: string, text: string, options: { input?: string; before?: (pid: number) => Promise<void>; env?: Record<string, string> } = {}): Promise<{ pid: number; ended: Promise<{ code: number | null; signal: string | null }>; output: () => Promise<string> }> {
  const file = join(root, name);
  const output = openSync(file, 'w');
  try {
    return { ...await detach(process.execPath, ['-e', text], { env: {}, output, ...options }), output: () => readFile(file, 'utf8') };
  } finally {
    closeSync(output);
  }
}

describe('detach', () => {
  it('gives a session of its own, the root folder and no environment', async () => {
    const { pid, ended, output } = await start('session', `
      const session = require("fs").readFileSync("/proc/self/stat", "utf8").split(") ")[1].split(" ")[3];
      console.log(JSON.stringify([session === String(process.pid), process.cwd(), process.env, require("fs").readFileSync(0, "utf8")]));
      console.error("error");
    `);
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(await output()).toBe('[true,"/",{},""]\nerror\n');
    expect(lives(pid)).toBe(false);
  });

  it('hands over an input of any size, and tells the end', async () => {
    const input = 'x'.repeat(3_000_000);
    const { ended, output } = await start('input', 'console.log(require("fs").readFileSync(0, "utf8").length); process.exit(3)', { input });
    expect(await ended).toEqual({ code: 3, signal: null });
    expect(await output()).toBe('3000000\n');
  });

  it('needs neither input nor output', async () => {
    const { ended } = await detach(process.execPath, ['-e', 'console.log("seen by nobody")'], { env: {} });
    expect(await ended).toEqual({ code: 0, signal: null });
  });

  it('stands a program that dies before it has read', async () => {
    const { ended } = await start('deaf', 'process.kill(process.pid, "SIGKILL")', { input: 'x'.repeat(3_000_000) });
    expect(await ended).toEqual({ code: null, signal: 'SIGKILL' });
    await new Promise((resolve) => setTimeout(resolve, 50));
  });

  it('gives the input only when what must be done before is done', async () => {
    let known = 0;
    const { pid, ended, output } = await start('before', 'const text = require("fs").readFileSync(0, "utf8"); console.log(text, Date.now())', {
      input: 'go', before: async (its) => {
        await new Promise((resolve) => setTimeout(resolve, 300));
        known = its;
      },
    });
    const allowed = Date.now();
    expect(known).toBe(pid);
    await ended;
    const [text, at] = (await output()).trim().split(' ');
    expect([text, Number(at) >= allowed - 5]).toEqual(['go', true]);
  });

  it('ends the program when what must be done before fails', async () => {
    let pid = 0;
    await expect(start('failed', 'setInterval(() => {}, 1000)', { input: '', before: (its) => { pid = its; return Promise.reject(new Error('disk full')); } })).rejects.toThrow('disk full');
    await until('it is gone', () => !lives(pid));
  });

  it.each([['ENOENT', '/nowhere/program'], ['EACCES', root]])('rejects when there is no such program: %s', async (code, file) => {
    await expect(detach(file, [], { env: {}, input: 'secret' })).rejects.toMatchObject({ code });
  });

  it('outlives the kill of its starter, and lets it end by itself', async () => {
    const program = bundle(`
      import { detach } from './shell/detach.js';
      void detach(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { env: {}, input: 'x' }).then(({ pid }) => {
        console.log(pid);
        if (process.argv[2] === 'stay') setInterval(() => undefined, 1_000);
      });
    `, join(root, 'starter.cjs'));
    const quiet = node([program]);
    const first = Number(await quiet.output);
    expect(await quiet.code).toBe(0);
    const killed = node([program, 'stay']);
    let second = 0;
    killed.child.stdout?.on('data', (chunk: Buffer) => { second = Number(chunk.toString()); });
    try {
      await until('it has started', () => second > 0);
      process.kill(killed.child.pid ?? 0, 'SIGKILL');
      await killed.code;
      expect([lives(first), lives(second)]).toEqual([true, true]);
    } finally {
      for (const pid of [first, second]) process.kill(pid, 'SIGKILL');
    }
  });
});

describe('orphan', () => {
  const begin = async (name: string, text: string): Promise<Awaited<ReturnType<typeof orphan>> & { readonly output: () => Promise<string> }> => {
    const file = join(root, name);
    const output = openSync(file, 'w');
    try {
      return { ...await orphan([process.execPath, '-e', text, 'a b', '$(id); "'], { env: { KEPT: 'x' }, output }), output: () => readFile(file, 'utf8') };
    } finally {
      closeSync(output);
    }
  };

  it('is a program with its arguments as they are and its whole input, whose parent is gone', async () => {
    const { stdin, gone, output } = await begin('orphan', `
      const input = require('fs').readFileSync(0, 'utf8');
      console.log(JSON.stringify([process.argv.slice(1), input.length, process.cwd(), process.env.KEPT]));
    `);
    stdin.end('y'.repeat(1_000_000));
    await gone;
    expect(JSON.parse(await output())).toEqual([['a b', '$(id); "'], 1_000_000, '/', 'x']);
  });

  it('tells when the program ends, however it does, and no sooner', async () => {
    let ended = false;
    const { stdin, gone, output } = await begin('ended', 'console.log(process.pid); process.stdin.resume()');
    void gone.then(() => { ended = true; });
    const pid = await until('its number', async () => /^\d+/.exec(await output())?.[0]);
    await new Promise((wake) => setTimeout(wake, 200));
    expect(ended).toBe(false);
    process.kill(Number(pid), 'SIGKILL');
    await gone;
    stdin.end();
  });
});

describe('attach', () => {
  it('runs in the folder with the environment that was given', async () => {
    const child = attach([process.execPath, '-e', 'console.log(process.cwd(), JSON.stringify(process.env))'], { cwd: root, env: { A: 'b' } });
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => { text += chunk.toString(); });
    await new Promise((resolve) => child.once('close', resolve));
    expect(text).toBe(`${root} {"A":"b"}\n`);
  });

  it('tells by an event that there is nothing to run', async () => {
    const child = attach(['/nowhere/program'], { cwd: root, env: {} });
    expect(await new Promise((resolve) => child.once('error', resolve))).toMatchObject({ code: 'ENOENT' });
  });
});
