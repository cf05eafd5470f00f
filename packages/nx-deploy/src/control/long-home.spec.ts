import { chmod, chown, mkdir, mkdtemp, readdir, realpath, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { agentCommand } from '../commands/agent.js';
import { BUNDLES, Recorder } from '../commands/workbench.spec-support.js';
import { agentHome, type Home } from '../agent/home.js';
import { startAgent } from './agent.js';
import { findAgent } from './client.js';
import { connectAgent } from './launch.js';

/** A home whose path is too long for a socket: that lies where others can make folders too. */
let folder: string;
let variables: NodeJS.ProcessEnv;
let home: Home;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'nx-deploy-long-')));
  variables = { NX_DEPLOY_HOME: join(folder, 'a-folder-of-a-long-name/'.repeat(6), 'home'), XDG_RUNTIME_DIR: join(folder, 'runtime') };
  home = agentHome(variables);
});
afterEach(async () => {
  for (const path of [dirname(home.socket), folder]) await rm(path, { recursive: true, force: true });
});

test('agent and commands meet on a socket in a folder that only this user may enter', async () => {
  expect(dirname(dirname(home.socket))).toBe(tmpdir());
  try {
    const { hello } = await connectAgent(home, BUNDLES);
    expect((await findAgent(agentHome({ ...variables, XDG_RUNTIME_DIR: undefined })))?.hello).toEqual(hello);
    const { mode, uid } = await stat(dirname(home.socket));
    expect([mode & 0o777, uid]).toEqual([0o700, process.getuid?.()]);
  } finally {
    await agentCommand('stop', {}, new Recorder(), variables);
  }
}, 30_000);

const asRoot = process.getuid?.() === 0 ? test : test.skip;
const refused = { code: 'ND-AGENT-FAILED', parts: { where: expect.stringContaining('nx-deploy-') as string, next: expect.any(String) as string } };

/** Neither side uses it, and nothing is put into it. */
async function isRefused(target: string): Promise<void> {
  await expect(findAgent(home)).rejects.toMatchObject(refused);
  await expect(connectAgent(home, BUNDLES)).rejects.toMatchObject(refused);
  await mkdir(home.folder, { recursive: true });
  const options = { home, shim: 'none', version: 'test' };
  await expect(startAgent(options)).rejects.toMatchObject(refused);
  expect(await readdir(target)).toEqual([]);
}

test('a folder that somebody made before and that others may write in is refused', async () => {
  await mkdir(dirname(home.socket));
  await chmod(dirname(home.socket), 0o777);
  await isRefused(dirname(home.socket));
});

test('a link that somebody made before is refused', async () => {
  const target = join(folder, 'target');
  await mkdir(target, { mode: 0o700 });
  await symlink(target, dirname(home.socket));
  await isRefused(target);
});

asRoot('a folder of another user is refused', async () => {
  await mkdir(dirname(home.socket), { mode: 0o700 });
  await chown(dirname(home.socket), 65_534, 65_534);
  await isRefused(dirname(home.socket));
});
