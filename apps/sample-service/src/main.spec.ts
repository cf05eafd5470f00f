import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { build } from 'esbuild';
import { send } from './started.spec-support.js';

let folder: string;
let program: string;
const running = new Set<ChildProcess>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sample-service-'));
  program = join(folder, 'main.js');
  await build({ entryPoints: [join(__dirname, 'main.ts')], outfile: program, bundle: true, platform: 'node', target: 'node20', format: 'cjs', logLevel: 'error' });
});
afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Running {
  readonly child: ChildProcess;
  readonly lines: () => Record<string, unknown>[];
  readonly exit: Promise<unknown[]>;
}

/** The bundle alone in a folder, with nothing but `env` in its environment. */
function run(env: Record<string, string>): Running {
  const child = spawn(process.execPath, [program], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const exit = once(child, 'close').finally(() => running.delete(child));
  return { child, exit, lines: () => text.split('\n').slice(0, -1).map((line) => JSON.parse(line) as Record<string, unknown>) };
}

async function listening({ lines, exit }: Running): Promise<string> {
  let over = false;
  void exit.then(() => (over = true));
  for (;;) {
    const line = lines().find(({ msg }) => msg === 'listening');
    if (line !== undefined) return `http://127.0.0.1:${String(line['port'])}`;
    if (over) throw new Error('the service ended');
    await delay(20);
  }
}

describe('the bundled program', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('finishes what is in flight at %s and exits 0', async (signal) => {
    const service = run({ PORT: '0', NX_DEPLOY_RELEASE: 'r1', API_TOKEN: 'a-token-of-a-test' });
    const url = await listening(service);
    const slow = send(`${url}/slow?ms=700`);
    await delay(150);
    service.child.kill(signal);
    await delay(50);
    service.child.kill(signal);
    expect(await slow).toMatchObject({ status: 200, headers: { 'x-release': 'r1' } });
    expect(await service.exit).toEqual([0, null]);
    expect(service.lines().map(({ msg }) => msg)).toEqual(['listening', 'shutting down', 'stopped']);
    expect(service.lines().every(({ release, service: name }) => release === 'r1' && name === 'sample-service')).toBe(true);
    expect(JSON.stringify(service.lines())).not.toContain('a-token-of-a-test');
  });

  it('names what is wrong with its environment and exits 1', async () => {
    const service = run({ PORT: 'http', SHUTDOWN_TIMEOUT: 'soon' });
    expect(await service.exit).toEqual([1, null]);
    expect(service.lines()).toEqual([expect.objectContaining({ level: 60, msg: 'invalid environment', problems: [expect.stringContaining('PORT'), expect.stringContaining('SHUTDOWN_TIMEOUT')] })]);
  });

  it('crashes when that fault is switched on, after it has listened', async () => {
    const service = run({ PORT: '0', FAULT_CRASH_AFTER: '1' });
    await listening(service);
    expect(await service.exit).toEqual([70, null]);
    expect(service.lines().map(({ msg }) => msg)).toEqual(['listening', 'a fault that was switched on: crash']);
  });

  it('exits 1 when its port is taken', async () => {
    const first = run({ PORT: '0' });
    const { port } = new URL(await listening(first));
    const second = run({ PORT: port });
    expect(await second.exit).toEqual([1, null]);
    expect(second.lines().map(({ msg }) => msg)).toEqual(['cannot listen']);
  });
});
