import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { faulty, good, type Faulty } from './faulty.spec-support.js';
import { endLoads, startLoad } from './launch.js';

let server: Faulty;
beforeEach(async () => {
  server = await faulty(good);
});
afterEach(() => server.close());

const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('startLoad', () => {
  it('runs the load in a process of its own and brings its report', async () => {
    const run = await startLoad({ url: server.url, rate: 100, mix: { get: 3, fresh: 1 } });
    expect(run.pid).not.toBe(process.pid);
    expect(alive(run.pid)).toBe(true);
    await delay(300);
    const report = await run.stop();
    expect(report).toMatchObject({ failures: 0, url: server.url, releases: { r1: report.sent } });
    expect(report.kinds.get.sent).toBeGreaterThan(10);
    expect(await run.stop()).toBe(report);
    expect(alive(run.pid)).toBe(false);
  });

  it('refuses what makes no load', async () => {
    await expect(startLoad({ url: server.url, rate: 0 })).rejects.toThrow('the rate must be above 0');
    await expect(startLoad({ url: 'nowhere' })).rejects.toThrow('Invalid URL');
  });

  it('tells when the process was killed', async () => {
    const run = await startLoad({ url: server.url });
    process.kill(run.pid, 'SIGKILL');
    await expect(run.stop()).rejects.toThrow(/the load client (ended|had ended)/);
  });

  it('tells when the process was killed some time before', async () => {
    const run = await startLoad({ url: server.url });
    process.kill(run.pid, 'SIGKILL');
    await delay(200);
    await expect(run.stop()).rejects.toThrow('the load client had ended before');
  });

  it('ends what nobody stopped', async () => {
    const run = await startLoad({ url: server.url });
    endLoads();
    for (let waited = 0; alive(run.pid) && waited < 5000; waited += 50) await delay(50);
    expect(alive(run.pid)).toBe(false);
  });

  it('leaves nothing behind when the one who started it dies', async () => {
    const launch = join(__dirname, '../../dist/tools/load/launch.js');
    const code = `require(${JSON.stringify(launch)}).startLoad({ url: ${JSON.stringify(server.url)} }).then(({ pid }) => console.log(pid));`;
    const parent = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    expect(alive(pid)).toBe(true);
    parent.kill('SIGKILL');
    for (let waited = 0; alive(pid) && waited < 5000; waited += 50) await delay(50);
    expect(alive(pid)).toBe(false);
  });
});
