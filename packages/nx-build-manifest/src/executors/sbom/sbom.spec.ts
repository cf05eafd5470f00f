import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { workspaceOf, type TestWorkspace } from '../../sbom/workspace.spec-support.js';
import sbomExecutor, { type SbomContext, type SbomOptions } from './executor.js';

let workspace: TestWorkspace;
let printed: string;
beforeAll(async () => { workspace = await workspaceOf('npm'); });
afterAll(() => workspace.remove());
beforeEach(() => {
  printed = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  process.env['SOURCE_DATE_EPOCH'] = '1700000000';
});
afterEach(() => {
  jest.restoreAllMocks();
  delete process.env['SOURCE_DATE_EPOCH'];
});

const run = async (options: SbomOptions = {}): Promise<boolean> => {
  const projectGraph = workspace.graph as NonNullable<SbomContext['projectGraph']>;
  return (await sbomExecutor(options, { root: workspace.root, projectName: 'shop', projectGraph, projectsConfigurations: { version: 2, projects: { shop: { root: 'apps/shop' } } } })).success;
};
const page = async (): Promise<string> => readFile(join(__dirname, '../../../../../docs/executors/sbom.md'), 'utf8');

describe('executor sbom', () => {
  it('does what its page shows', async () => {
    const [, json = ''] = /```json\n([\s\S]*?)```/.exec(await page()) ?? [];
    const { targets } = JSON.parse(json) as { targets: { sbom: { options: SbomOptions } } };
    expect(await run(targets.sbom.options)).toBe(true);
    expect(printed).toBe([
      'wrote dist/manifests/apps/shop/sbom.cdx.json: 21 packages, 1 of the workspace', 'wrote dist/manifests/apps/shop/sbom.spdx.json: 21 packages, 1 of the workspace',
      'licenses: 21 allowed, 0 excepted, 0 denied', '  - the exception for left-pad is needed by no package', '',
    ].join('\n'));
    expect((JSON.parse(await readFile(join(workspace.root, 'dist/manifests/apps/shop/sbom.spdx.json'), 'utf8')) as { spdxVersion: string }).spdxVersion).toBe('SPDX-2.3');
  });

  it('writes CycloneDX, and judges nothing, unless asked', async () => {
    expect(await run()).toBe(true);
    expect(printed).toBe('wrote dist/manifests/apps/shop/sbom.cdx.json: 21 packages, 1 of the workspace\n');
  });

  it('tells every package that is denied, at once', async () => {
    const licenses = { allow: ['MIT'], exceptions: [{ package: 'wrappy', reason: 'tiny' }] };
    expect(await run({ licenses })).toBe(false);
    expect(printed.split('\n').slice(1)).toEqual([
      'licenses: 18 allowed, 1 excepted, 2 denied', '  - excepted: wrappy@1.0.2 (ISC): tiny', ...['anymatch@3.1.3', 'glob-parent@5.1.2'].map((name) => `  - denied: ${name} (ISC): ISC is not allowed`),
      'error: 2 packages denied by the license policy; replace each, or name it in licenses.exceptions with a reason', '',
    ]);
    printed = '';
    expect(await run({ licenses: { ...licenses, mode: 'warn' } })).toBe(true);
    expect(printed).toContain('warning: 2 packages denied by the license policy');
  });

  it.each<[SbomOptions, string]>([
    [{ outputPath: '../x' }, 'outputPath must lie in the workspace, got ../x'],
    [{ licenses: { allow: ['Apache 2'] } }, 'licenses.allow[0]: "Apache 2" is no SPDX license'],
  ])('fails for %j with one line', async (options, message) => {
    expect(await run(options)).toBe(false);
    expect(printed).toBe(`error: no bill of materials: ${message}\n`);
  });

  it('has a closed schema that its page describes', async () => {
    const schema = JSON.parse(await readFile(join(__dirname, 'schema.json'), 'utf8')) as { properties: Record<string, unknown>; additionalProperties: unknown };
    expect(schema.additionalProperties).toBe(false);
    expect([...(await page()).matchAll(/^\| `([a-zA-Z]+)` \|/gm)].map(([, option]) => option)).toEqual(Object.keys(schema.properties));
  });
});

describe('executor sbom, given what is hostile or broken', () => {
  const start = async (options: SbomOptions, context: Partial<SbomContext> & { readonly graph?: unknown } = {}): Promise<boolean> => {
    const { graph = workspace.graph, ...rest } = context;
    return (await sbomExecutor(options, { root: workspace.root, projectName: 'shop', projectGraph: graph as NonNullable<SbomContext['projectGraph']>, projectsConfigurations: { version: 2, projects: { shop: { root: 'apps/shop' } } }, ...rest })).success;
  };
  const external = (packageName: string, version: string) => ({ data: { packageName, version } });

  it('prints names of packages as plain ASCII, and writes what they are', async () => {
    const graph = { nodes: { shop: { data: { root: 'nowhere' } } }, externalNodes: { 'npm:x': external('ev\u001b[31m\u202eil', '1.0.0'), 'npm:git': external('fork', 'git+ssh://git@example.com/a.git#1') }, dependencies: { shop: [{ target: 'npm:x' }, { target: 'npm:git' }] } };
    await workspace.install('.', { name: 'fixture', dependencies: { 'ev\u001b[31m\u202eil': '1', fork: '1' } });
    expect(await start({ formats: ['cyclonedx', 'cyclonedx', 'spdx'], outputPath: 'out/{projectName}', licenses: { allow: ['MIT'], unknown: 'deny' } }, { graph })).toBe(false);
    expect(printed).toMatch(/^[\x20-\x7e\n]+$/);
    expect(printed.split('\n').slice(0, 3)).toEqual(['wrote out/shop/sbom.cdx.json: 2 packages, 2 without a license', 'wrote out/shop/sbom.spdx.json: 2 packages, 2 without a license', 'licenses: 0 allowed, 0 excepted, 2 denied']);
    expect(printed).toContain('fork@? (');
    expect((JSON.parse(await readFile(join(workspace.root, 'out/shop/sbom.cdx.json'), 'utf8')) as { components: { name: string }[] }).components[0]?.name).toBe('ev\u001b[31m\u202eil');
  });

  it.each<[string, SbomOptions, object, RegExp]>([
    ['a graph without the project', {}, { graph: { nodes: {}, dependencies: {} } }, /there is no project shop in the project graph/],
    ['a project that is called like a way out', { outputPath: 'out/{projectName}' }, { projectName: '../../../x', projectsConfigurations: { version: 2, projects: {} } }, /outputPath must lie in the workspace/],
    ['an output that is a file', { outputPath: 'package.json' }, {}, /ENOTDIR|EEXIST/],
    ['no project, in a workspace that the graph does not call so', {}, { projectName: undefined }, /there is no project workspace/],
    ['a graph of another workspace', {}, { projectGraph: undefined }, /the project graph is that of/],
    ['exceptions without a reason', { licenses: { deny: ['MIT'], exceptions: [{ package: 'x', reason: '' }] } }, {}, /reason/],
  ])('%s is one line, and no stack', async (_, options, context, why) => {
    expect(await start(options, context)).toBe(false);
    expect(printed).toMatch(/^error: no bill of materials: [\x20-\x7e]+\n$/);
    expect(printed).toMatch(why);
  });

  it('a time that is none is told by its variable', async () => {
    process.env['SOURCE_DATE_EPOCH'] = 'yesterday';
    expect(await start({})).toBe(false);
    expect(printed).toBe('error: no bill of materials: SOURCE_DATE_EPOCH must be a whole number of seconds, got "yesterday"\n');
  });
});
