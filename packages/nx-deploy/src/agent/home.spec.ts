import { chmod, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { baseEnvironment } from '../shell/environment.js';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { agentHome, assertPrivate } from './home.js';

describe('agentHome', () => {
  it('lies where the environment says', () => {
    expect(agentHome({ NX_DEPLOY_HOME: '/x/home' })).toMatchObject({ folder: '/x/home', socket: '/x/home/agent.sock', targetKey: '/x/home/target.key' });
    expect(agentHome({ XDG_STATE_HOME: '/x/state' }).folder).toBe('/x/state/nx-deploy');
    expect(agentHome({ XDG_STATE_HOME: 'relative' }).folder).toMatch(/^\/.*\/\.local\/state\/nx-deploy$/);
    expect(agentHome().folder).toMatch(/^\//);
  });

  it.each(['home', './home', '../home', '~/home'])('is refused where NX_DEPLOY_HOME=%s would name another folder in each folder', (relative) => {
    expect(() => agentHome({ NX_DEPLOY_HOME: relative })).toThrow(expect.objectContaining({ code: 'ND-OPTION-INVALID', message: expect.stringContaining(`NX_DEPLOY_HOME=${relative} is no absolute path`) }));
  });

  it('is not where a command happens to run when a variable is set to nothing', () => {
    expect(agentHome({ NX_DEPLOY_HOME: '', XDG_STATE_HOME: '/x/state' }).folder).toBe('/x/state/nx-deploy');
    const before = process.env['HOME'];
    try {
      process.env['HOME'] = '';
      expect(agentHome({}).folder).toBe(join(userInfo().homedir, '.local/state/nx-deploy'));
    } finally {
      if (before === undefined) delete process.env['HOME'];
      else process.env['HOME'] = before;
    }
  });

  it('has a socket path that any system takes, one for each home', () => {
    const long = `/${'very-long/'.repeat(20)}`;
    const folder = `${long}a`;
    const [one, two] = ['a', 'b'].map((name) => agentHome({ NX_DEPLOY_HOME: `${long}${name}` }).socket);
    expect(one).not.toBe(two);
    expect(Buffer.byteLength(one ?? '')).toBeLessThan(104);
    expect(agentHome({ NX_DEPLOY_HOME: folder }).socket).toBe(one);
    expect(one?.startsWith(join(tmpdir(), `nx-deploy-${process.getuid?.() ?? ''}-`))).toBe(true);
  });

  it('is the same for a process that is given the allow-listed variables alone', () => {
    const variables = { NX_DEPLOY_HOME: `/${'very-long/'.repeat(20)}`, XDG_RUNTIME_DIR: '/run/user/1000', OTHER: 'x' };
    expect(agentHome({ ...baseEnvironment(variables), NX_DEPLOY_HOME: variables.NX_DEPLOY_HOME }).socket).toBe(agentHome(variables).socket);
  });

  it('has no socket in a folder that goes with the login', () => {
    for (const folder of ['/x/home', `/${'very-long/'.repeat(20)}home`]) {
      expect(agentHome({ NX_DEPLOY_HOME: folder, XDG_RUNTIME_DIR: '/run/user/1000' }).socket).toBe(agentHome({ NX_DEPLOY_HOME: folder }).socket);
    }
  });
});

describe('assertPrivate', () => {
  const root = temporaryFolder('home');
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(root, 'socket-'));
  });
  afterEach(() => jest.restoreAllMocks());

  it.each([0o700, 0o755, 0o711])('takes a folder of this user alone (mode %i)', async (mode) => {
    await chmod(folder, mode);
    await expect(assertPrivate(folder)).resolves.toBeUndefined();
  });

  it.each([[0o770, '770'], [0o775, '775'], [0o1777, '777'], [0o702, '702']])('refuses one that others may write in (mode %i)', async (mode, shown) => {
    await chmod(folder, mode);
    await expect(assertPrivate(folder)).rejects.toMatchObject({ code: 'ND-AGENT-FAILED', parts: { where: folder, why: `others may write in it (mode ${shown})` } });
  });

  it('refuses one of another user', async () => {
    const owner = process.getuid?.() ?? 0;
    jest.spyOn(process, 'getuid').mockReturnValue(owner + 1);
    await expect(assertPrivate(folder)).rejects.toMatchObject({ code: 'ND-AGENT-FAILED', parts: { why: `it belongs to another user (${owner})` } });
  });

  it('refuses a link, wherever it leads, and a file', async () => {
    await symlink(folder, `${folder}-link`);
    await writeFile(`${folder}-file`, '');
    for (const path of [`${folder}-link`, `${folder}-file`]) {
      await expect(assertPrivate(path)).rejects.toMatchObject({ code: 'ND-AGENT-FAILED', parts: { where: path, why: 'it is a link or a file, not a folder' } });
    }
  });

  it('leaves it to the caller what it means that there is none', async () => {
    await expect(assertPrivate(`${folder}-none`)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
