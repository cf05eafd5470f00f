import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findEngine, lackOfEngine, startEngine } from './engine.js';
import { describeUnless } from './needs.spec-support.js';

const own = (pattern: string): string[] => execFileSync('ps', ['-eo', 'stat=,args='], { encoding: 'utf8' }).split('\n').filter((line) => line.includes(pattern) && !line.startsWith('Z'));

describeUnless(lackOfEngine(), 'an engine for tests', () => {
  let folder = '';

  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'nxd-')); });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('runs two beside each other, and leaves no process, mount, bridge, cgroup or file', async () => {
    const engines = await Promise.all(['a', 'b'].map((name) => startEngine(join(folder, name))));
    expect(await Promise.all(engines.map(async ({ host }) => (await findEngine({ DOCKER_HOST: host }))?.host))).toEqual(engines.map(({ host }) => host));
    expect(own(folder).length).toBeGreaterThanOrEqual(4);
    await Promise.all(engines.map(({ stop }) => stop()));
    expect(own(folder)).toEqual([]);
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(folder);
    expect(readdirSync('/sys/class/net').filter((name) => name.startsWith(`nxd${process.pid}x`))).toEqual([]);
    expect(readdirSync('/sys/fs/cgroup').filter((name) => existsSync(`/sys/fs/cgroup/${name}/nxd${process.pid}x1`))).toEqual([]);
    expect(readdirSync(folder)).toEqual(['a', 'b']);
  });

  it('ends with the process that started it, however that ends', async () => {
    const program = join(__dirname, '../../dist/tools/images/engine-main.js');
    const { DOCKER_HOST: _, ...env } = process.env;
    const child = spawn(process.execPath, [program, folder], { env, stdio: 'ignore' });
    while (!existsSync(join(folder, 'host'))) await delay(20);
    expect(own(folder).length).toBeGreaterThan(2);
    child.kill('SIGKILL');
    for (let left = 100; own(folder).length > 0 && left > 0; left -= 1) await delay(50);
    expect(own(folder)).toEqual([]);
    // What cannot end by itself is removed by the next one.
    await (await startEngine(join(folder, 'next'))).stop();
    expect(readdirSync('/sys/class/net').filter((name) => name.startsWith(`nxd${String(child.pid)}x`))).toEqual([]);
  });
});
