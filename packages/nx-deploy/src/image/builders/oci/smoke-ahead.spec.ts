import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { temporaryFolder } from '../../../shell/programs.spec-support.js';
import { storeLayer } from '../../layer/index.js';
import { options, siteIn } from './oci.spec-support.js';
import { thisMachine } from './platforms.js';
import { preloadProgram } from './preload.js';
import { ServiceProcess } from './service-process.js';
import { SmokeAhead } from './smoke-ahead.js';
import { smokeImport } from './smoke.js';

const root = temporaryFolder('ahead');
const output = join(root, 'output');
const site = siteIn(root);
const ahead = (platform = thisMachine()): SmokeAhead => new SmokeAhead(options('oci:base', { path: output }), [platform], site);
const left = (): string[] => readdirSync(root).filter((name) => name.startsWith('nx-deploy-smoke-'));
/** Of processes that were started in this spec's folder. */
const running = (): string[] => readdirSync('/proc').filter((pid) => {
  try {
    return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(root);
  } catch {
    return false;
  }
});
let line = 0;
const change = (): void => writeFileSync(join(output, 'main.js'), `// ${line += 1}\n${'x'.repeat(line)}`);

beforeAll(() => mkdirSync(output));
beforeEach(change);
afterEach(() => {
  expect(left()).toEqual([]);
  expect(running()).toEqual([]);
});

it('starts a process for an entry that is not known, which is given away once', async () => {
  const one = ahead();
  const process = await one.take();
  expect(process).toBeInstanceOf(ServiceProcess);
  expect(await one.take()).toBeUndefined();
  expect(running()).toHaveLength(1);
  await process?.end();
  await one.close();
});

it('ends a process that nobody took', async () => {
  const one = ahead();
  while (running().length === 0) await wait(10);
  await one.close();
});

it('starts none for the entry of the last smoke import that went well', async () => {
  const starts = async (passes: boolean): Promise<boolean> => {
    const one = ahead();
    const process = await one.take();
    await process?.end();
    if (passes) await one.passed();
    await one.close();
    return process !== undefined;
  };
  expect(await starts(false)).toBe(true);
  expect(await starts(true)).toBe(true);
  expect(await starts(false)).toBe(false);
  change();
  expect(await starts(false)).toBe(true);
});

it('starts none for another machine, or without an entry', async () => {
  for (const one of [ahead({ os: 'linux', architecture: 'ppc64le' }), new SmokeAhead(options('oci:base', { path: join(root, 'gone') }), [thisMachine()], site)]) {
    expect(await one.take()).toBeUndefined();
    await one.close();
  }
});

it('a smoke import takes it, and what it finds is the same', async () => {
  const text = 'if (process.uptime() < 0.5) require("fresh"); if (process.env.A !== "1") require("a"); require("node:net").createServer().listen(0);';
  const { digest } = await storeLayer(site.store, [{ path: 'app/main.js', type: 'file', mode: 0o644, source: Buffer.from(text) }]);
  const one = new SmokeAhead(options('oci:base', { path: output, env: { A: '1' } }), [thisMachine()], site);
  await wait(600);
  const smoke = { platform: thisMachine(), layers: [digest], workingDirectory: '/app', entry: 'main.js', env: { A: '1' }, limit: 10_000 };
  expect(await smokeImport({ ...smoke, waiting: () => one.take() }, site)).toEqual([]);
  await expect(smokeImport(smoke, site)).rejects.toMatchObject({ code: 'ND-IMAGE-SMOKE', parts: { where: '/app/main.js', why: expect.stringContaining("Cannot find module 'fresh'") } });
  await one.close();
});

it('ends with the one who started it', () => {
  const paths = { report: join(root, 'report'), link: join(root, 'link.js') };
  const preload = join(root, 'preload.cjs');
  writeFileSync(preload, preloadProgram(paths));
  writeFileSync(paths.link, 'console.log("loaded")');
  const { signal, stdout } = spawnSync(process.execPath, ['--require', preload, paths.link], { input: '{"folder"', encoding: 'utf8', timeout: 10_000 });
  expect({ signal, stdout }).toEqual({ signal: 'SIGKILL', stdout: '' });
});
