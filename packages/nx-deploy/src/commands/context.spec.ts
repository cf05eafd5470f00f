import { rm } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { run } from '../shell/run.js';
import { actor, projectFolder, readNxJson, resolveProject, serviceTarget } from './context.js';
import { findWorkspace } from './project.js';
import { deployFile, Workbench } from './workbench.spec-support.js';

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
  await bench.project();
});
afterEach(() => bench.close());

const resolved = { service: 'api', environment: 'staging' };

async function workspaceName(): Promise<string> {
  return (await serviceTarget(bench.context(), resolved)).key.workspace;
}

describe('the workspace of a service', () => {
  test('is the name in the root package.json', async () => {
    expect(await serviceTarget(bench.context(), resolved)).toEqual({ key: { workspace: 'acme', ...resolved }, owner: `path:${bench.root}` });
  });

  test.each([['no name', {}], ['an empty name', { name: '' }], ['a name that is no text', { name: 7 }], ['no object', '"acme"'], ['no JSON', '{'], ['null', 'null']])(
    'is the folder when package.json has %s', async (_what, content) => {
      await bench.write('package.json', typeof content === 'string' ? content : JSON.stringify(content));
      expect(await workspaceName()).toBe('acme');
      await rm(join(bench.root, 'package.json'));
      expect(await workspaceName()).toBe('acme');
    });

  test('is the option workspaceId, which is the owner as well', async () => {
    await bench.write('package.json', { name: 'something-else' });
    await bench.write('nx.json', { plugins: ['other', { plugin: 'nx-deploy/plugin', options: { workspaceId: 'two' } }] });
    expect(await serviceTarget(bench.context(), resolved)).toEqual({ key: { workspace: 'two', ...resolved }, owner: 'id:two' });
  });

  test('its owner is the remote of the repository, without the credentials in it', async () => {
    const options = { cwd: bench.root, env: { PATH: process.env['PATH'] ?? '' }, timeout: 20_000 };
    expect((await run(['git', 'init', '--quiet'], options)).exitCode).toBe(0);
    expect((await run(['git', 'remote', 'add', 'origin', 'https://ann:planted-token@Example.com/acme/shop.git'], options)).exitCode).toBe(0);
    expect((await serviceTarget(bench.context(), resolved)).owner).toBe('git:example.com/acme/shop');
  });
});

test.each([['// a comment\n{ "plugins": [], }', { plugins: [] }], ['null', {}], ['7', {}], ['', {}]])('nx.json %j', async (content, expected) => {
  await bench.write('nx.json', content);
  expect(readNxJson(bench.root)).toEqual(expected);
});

test('without nx.json there are no options', async () => {
  await rm(join(bench.root, 'nx.json'));
  expect(readNxJson(bench.root)).toEqual({});
  expect(resolveProject(bench.context()).keep).toBe(5);
});

test('defaults of the workspace hold unless deploy.json says otherwise, and the strategy can be overridden', async () => {
  await bench.write('nx.json', { plugins: [{ plugin: 'nx-deploy/plugin', options: { defaults: { keep: 9, strategy: 'recreate' } } }] });
  expect(resolveProject(bench.context())).toMatchObject({ keep: 9, strategy: { type: 'recreate' } });
  expect(resolveProject(bench.context(), 'rolling').strategy.type).toBe('rolling');
  await bench.write('apps/api/deploy.json', deployFile({ keep: 2 }));
  expect(resolveProject(bench.context()).keep).toBe(2);
});

test('the actor is this process, and a service that was never deployed says how', () => {
  expect(actor()).toMatchObject({ pid: process.pid, user: expect.stringMatching(/./), host: expect.stringMatching(/./) });
  expect(projectFolder(bench.context())).toBe(join(bench.root, 'apps/api'));
});

test('a user id without a name acts under its number', () => {
  const nameless = jest.spyOn(os, 'userInfo').mockImplementation(() => { throw new Error('uv_os_get_passwd returned ENOENT'); });
  expect(actor().user).toBe(String(process.getuid?.() ?? 'unknown'));
  nameless.mockRestore();
});

test('findWorkspace looks upwards', () => {
  expect(findWorkspace(join(bench.root, 'apps/api/dist'))).toBe(bench.root);
  expect(() => findWorkspace(bench.folder)).toThrow(expect.objectContaining({ code: 'ND-PROJECT-UNKNOWN' }));
});
