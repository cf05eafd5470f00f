import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { detach } from '../shell/detach.js';
import { identity } from '../shell/process-table.js';
import { temporaryFolder, until } from '../shell/programs.spec-support.js';
import { startedWith, writersBelow } from '../shell/open-files.js';
import { findInstances } from './find-instances.js';

const root = temporaryFolder('find');
const started: number[] = [];
afterEach(() => {
  for (const pid of started.splice(0)) process.kill(-pid, 'SIGKILL');
});

/** Stands in for a shim whose output goes to that file, with a program in its session. */
async function shim(file: string, env: Readonly<Record<string, string>>): Promise<number> {
  await mkdir(join(file, '..'), { recursive: true });
  const output = await open(file, 'a');
  const program = `require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { env: ${JSON.stringify(env)}, stdio: 'ignore' }); setInterval(() => {}, 1000);`;
  const { pid } = await detach(process.execPath, ['-e', program], { env: {}, output: output.fd });
  started.push(pid);
  await output.close();
  return pid;
}

test('instances are found with their release, slot and port; what else writes there is none', async () => {
  const logs = join(root, 'logs');
  const web = await shim(join(logs, 'raaaaaaaaaaaa/web.2.log.shim'), { PORT: '4321', NX_DEPLOY_INSTANCE: 'web.2' });
  const worker = await shim(join(logs, 'raaaaaaaaaaaa/mail-worker.1.log.shim'), { NX_DEPLOY_INSTANCE: 'mail-worker.1' });
  await shim(join(logs, 'raaaaaaaaaaaa/other.txt'), {});
  await shim(join(root, 'logs-of-another/raaaaaaaaaaaa/web.1.log.shim'), { PORT: '1', NX_DEPLOY_INSTANCE: 'web.1' });
  // The programs are not there at once.
  const found = await until('both programs', async () => {
    const now = await findInstances(logs);
    return now.some(({ port }) => port === 4321) ? now : undefined;
  });
  expect([...found].sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual([
    { id: 'mail-worker.1', release: 'raaaaaaaaaaaa', process: 'mail-worker', slot: 1, port: 0, pid: worker, identity: await identity(worker) },
    { id: 'web.2', release: 'raaaaaaaaaaaa', process: 'web', slot: 2, port: 4321, pid: web, identity: await identity(web) },
  ]);
});

test('a folder that is not there, and a process that is gone, have nothing', async () => {
  expect(await findInstances(join(root, 'nowhere'))).toEqual([]);
  expect(await writersBelow(join(root, 'nowhere'))).toEqual([]);
  expect(await startedWith(2 ** 30, 'PORT')).toBeUndefined();
  expect(await startedWith(process.pid, 'PATH')).toBe(process.env['PATH']);
  expect(await startedWith(process.pid, 'NX_DEPLOY_NEVER_SET')).toBeUndefined();
});
