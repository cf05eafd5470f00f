/** What the executors say where the facts of a repository are absent for want of git. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { workspaceOf, type TestWorkspace } from '../sbom/workspace.spec-support.js';
import { ecdsaKey, folderWith, PACKAGE } from '../signing/signing.spec-support.js';
import sbom, { type SbomContext } from './sbom/executor.js';
import sign from './sign/executor.js';

const PATH = process.env['PATH'];
let printed = '';
beforeEach(() => {
  printed = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(() => {
  jest.restoreAllMocks();
  process.env['PATH'] = PATH;
  delete process.env['SOURCE_DATE_EPOCH'];
});

/** Makes the folder one of a repository, and takes git away. */
async function withoutGit(root: string): Promise<string> {
  await mkdir(join(root, '.git'), { recursive: true });
  process.env['PATH'] = join(root, 'empty');
  return `warning: ${root} is a git repository, but git is not installed: commit and branch are not known, and nothing tells that they exist; install git\n`;
}

it('sign warns, and signs', async () => {
  const { folder: root, remove } = await folderWith({ ...Object.fromEntries(Object.entries(PACKAGE).map(([path, content]) => [`out/${path}`, content])), 'keys/release.pem': ecdsaKey().secret });
  try {
    const warning = await withoutGit(root);
    const { success } = await sign({ folder: 'out', key: 'keys/release.pem' }, { root, projectName: 'api', projectsConfigurations: { version: 2, projects: { api: { root: 'apps/api' } } } });
    expect([success, printed]).toEqual([true, expect.stringContaining(`${warning}signed out with `)]);
  } finally {
    await remove();
  }
});

describe('sbom', () => {
  let workspace: TestWorkspace;
  beforeAll(async () => { workspace = await workspaceOf('npm'); });
  afterAll(() => workspace.remove());
  const run = async (): Promise<boolean> => (await sbom({}, { root: workspace.root, projectName: 'shop', projectGraph: workspace.graph as NonNullable<SbomContext['projectGraph']>, projectsConfigurations: { version: 2, projects: { shop: { root: 'apps/shop' } } } })).success;

  it('warns where the time would be that of the commit, and not where it is stated', async () => {
    const warning = await withoutGit(workspace.root);
    expect(await run()).toBe(true);
    expect(printed.startsWith(`${warning}wrote `)).toBe(true);
    printed = '';
    process.env['SOURCE_DATE_EPOCH'] = '1700000000';
    expect(await run()).toBe(true);
    expect(printed).toMatch(/^wrote [^]*$/);
    expect(printed).not.toContain('warning');
  });
});
