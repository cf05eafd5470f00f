import { createProjectGraphAsync, type ProjectGraph } from '@nx/devkit';
import { mkdirSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { findProject, findRoots, findTargets, findWorkspace } from './project.js';

jest.mock('@nx/devkit', () => ({ createProjectGraphAsync: jest.fn() }));

const root = temporaryFolder('project');
const before = process.cwd();
let workspace: string;
beforeEach(() => {
  workspace = realpathSync(mkdtempSync(join(root, 'workspace-')));
  writeFileSync(join(workspace, 'nx.json'), '{}');
  const node = (name: string, folder: string, targets?: object): object => ({ name, type: 'app', data: { root: folder, ...(targets === undefined ? {} : { targets }) } });
  const nodes = { '@acme/api': node('@acme/api', 'apps/api', { build: { executor: 'x' } }), '@acme/web': node('@acme/web', 'apps/web'), '@acme/api-e2e': node('@acme/api-e2e', 'e2e/api') };
  jest.mocked(createProjectGraphAsync).mockResolvedValue({ nodes, dependencies: {} } as unknown as ProjectGraph);
});
afterEach(() => { process.chdir(before); });

describe('the workspace', () => {
  it('is the nearest folder upwards that has an nx.json', () => {
    const deep = join(workspace, 'apps/api/src');
    mkdirSync(deep, { recursive: true });
    expect(findWorkspace(deep)).toBe(workspace);
    writeFileSync(join(workspace, 'apps/nx.json'), '{}');
    expect(findWorkspace(deep)).toBe(join(workspace, 'apps'));
  });

  it('is none where no folder upwards has one', () => {
    expect(() => findWorkspace(root)).toThrow(expect.objectContaining({ code: 'ND-PROJECT-UNKNOWN', parts: expect.objectContaining({ what: 'this is no Nx workspace', where: root }) as object }));
  });
});

describe('a project', () => {
  it('is found by its name or a part that no other has, where Nx says that it lies', async () => {
    expect(await findProject(workspace, '@acme/api')).toEqual({ name: '@acme/api', root: 'apps/api' });
    expect(await findProject(workspace, 'web')).toEqual({ name: '@acme/web', root: 'apps/web' });
    expect(process.cwd()).toBe(workspace);
  });

  it('that a name may mean several of is asked for by its whole name', async () => {
    jest.mocked(createProjectGraphAsync).mockResolvedValue({ nodes: { '@acme/api': { data: { root: 'a' } }, '@other/api': { data: { root: 'b' } } }, dependencies: {} } as unknown as ProjectGraph);
    await expect(findProject(workspace, 'api')).rejects.toMatchObject({ code: 'ND-PROJECT-UNKNOWN', parts: { what: '"api" may be several projects of this workspace', why: 'they are: @acme/api, @other/api', next: 'write the whole name of one' } });
  });

  it('that is not there is answered with those that are, and with one that may have been meant', async () => {
    await expect(findProject(workspace, '@acme/wep')).rejects.toMatchObject({ parts: { what: 'there is no project "@acme/wep" in this workspace', why: 'did you mean @acme/web?', next: 'projects: @acme/api, @acme/api-e2e, @acme/web' } });
    const { parts } = await findProject(workspace, 'something-else-entirely').then(() => { throw new Error('found'); }, (error: unknown) => error as { readonly parts: object });
    expect(parts).not.toHaveProperty('why');
  });

  it('has the targets that Nx knows of it, also where those are none', async () => {
    expect(await findTargets('@acme/api')).toEqual({ build: { executor: 'x' } });
    expect(await findTargets('@acme/web')).toEqual({});
    expect(await findTargets('gone')).toEqual({});
    expect(await findRoots()).toEqual(['apps/api', 'apps/web', 'e2e/api']);
  });
});
