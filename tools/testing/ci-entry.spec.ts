import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Stands in for npm: writes down how it was called; `FAIL` names a command that fails, `HANG` one that does not end. */
const standIn = `#!/usr/bin/env bash
input=$(cat)
echo "$1 ci=$CI daemon=$NX_DAEMON home=$NX_DEPLOY_HOME pwd=$PWD input=[$input] engine=$DOCKER_HOST" >> "$CALLS"
if [ "$1" = "$HANG" ]; then sleep 600 & echo $! > "$CALLS.pid"; wait; fi
if [ "$1" = test ]; then echo '3 passed, 0 failed, 0 skipped'; else echo "did $1"; fi
if [ "$1" = "$FAIL" ]; then exit 7; fi
`;

/** Stands in for the program that keeps an engine: `ENGINE` is what it finds, and it notes how it ends. */
const engineStandIn = `#!/usr/bin/env bash
echo "engine $1 $$" >> "$CALLS.engine"
if [ -z "$ENGINE" ]; then exit 1; fi
trap 'echo stopped >> "$CALLS.engine"; exit 0' TERM
echo "$ENGINE" > "$2/host"
while :; do sleep 0.05; done
`;

describe('the CI entry', () => {
  let root = '';
  const started: ChildProcess[] = [];

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'ci entry-'));
    for (const folder of ['repo/.ci', 'bin', 'tmp']) mkdirSync(join(root, folder), { recursive: true });
    copyFileSync(join(__dirname, '../../.ci/run'), join(root, 'repo/.ci/run'));
    // The last two are only looked for.
    for (const [name, text] of [['npm', standIn], ['node', engineStandIn], ['cosign', ''], ['pyspdxtools', '']] as const) {
      writeFileSync(join(root, 'bin', name), text);
      chmodSync(join(root, 'bin', name), 0o755);
    }
  });
  afterEach(() => {
    for (const child of started.splice(0)) child.kill('SIGKILL');
    rmSync(root, { recursive: true });
  });

  function start(env: Record<string, string> = {}) {
    const child = spawn('bash', [join(root, 'repo/.ci/run')], {
      cwd: root,
      env: { PATH: `${join(root, 'bin')}:${process.env['PATH'] ?? ''}`, TMPDIR: join(root, 'tmp'), CALLS: join(root, 'calls'), FAIL: '', HANG: '', ENGINE: 'unix:///spec.sock', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child.stdin.write('what a terminal holds\n');
    child.stdin.on('error', () => undefined);
    started.push(child);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise<{ code: number | null; output: string }>((resolve) => child.once('close', (code) => resolve({ code, output })));
    return { child, ended };
  }
  const calls = (): string[] => readFileSync(join(root, 'calls'), 'utf8').trim().split('\n');

  it('installs, tests, and ends with the last line of the tests', async () => {
    const { code, output } = await start().ended;
    expect(code).toBe(0);
    expect(output).toBe('did ci\n3 passed, 0 failed, 0 skipped\n');
    expect(calls().map((call) => call.split(' ')[0])).toEqual(['ci', 'install', 'test']);
  });

  it('runs from the root of the repository, without input, with a state folder of its own that goes afterwards', async () => {
    await start().ended;
    for (const call of calls()) {
      expect(call).toContain('ci=true daemon=false ');
      expect(call).toContain(` home=${join(root, 'tmp')}/`);
      expect(call).toContain(` pwd=${join(root, 'repo')} input=[] `);
    }
    expect(readdirSync(join(root, 'tmp'))).toEqual([]);
  });

  it('passes on the exit code of the tests, and does not test what it could not install', async () => {
    expect((await start({ FAIL: 'test' }).ended).code).toBe(7);
    rmSync(join(root, 'calls'));
    expect((await start({ FAIL: 'ci' }).ended).code).toBe(7);
    expect(calls()).toHaveLength(1);
  });

  it('gives the tests one engine, which it ends afterwards, and tests without one too', async () => {
    expect((await start().ended).code).toBe(0);
    expect(calls().map((call) => call.split(' engine=')[1])).toEqual(['', '', 'unix:///spec.sock']);
    expect(readFileSync(join(root, 'calls.engine'), 'utf8')).toMatch(/^engine dist\/tools\/images\/engine-main\.js \d+\nstopped\n$/);
    rmSync(join(root, 'calls'));
    expect((await start({ ENGINE: '' }).ended).code).toBe(0);
    expect(calls().map((call) => call.split(' engine=')[1])).toEqual(['', '', '']);
  });

  it('ends what it started when it is ended', async () => {
    const { child, ended } = start({ HANG: 'test' });
    const pidFile = join(root, 'calls.pid');
    while (!existsSync(pidFile) || readFileSync(pidFile, 'utf8') === '') await delay(20);
    child.kill('SIGTERM');
    expect((await ended).code).toBe(143);
    expect(readFileSync(join(root, 'calls.engine'), 'utf8')).toContain('stopped');
    const status = `/proc/${readFileSync(pidFile, 'utf8').trim()}/status`;
    if (existsSync(status)) expect(readFileSync(status, 'utf8')).toMatch(/^State:\s+Z/m);
    expect(readdirSync(join(root, 'tmp'))).toEqual([]);
  });
});
