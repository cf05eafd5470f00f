import { Ajv } from 'ajv';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BuildManifest } from '../../manifest.js';
import generate, { type GenerateContext, type GenerateOptions } from './executor.js';

let root: string;
let printed: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'build-manifest-'));
  await mkdir(join(root, 'apps/api/dist'), { recursive: true });
  printed = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(async () => {
  jest.restoreAllMocks();
  await rm(root, { recursive: true, force: true });
});

const run = async (options: GenerateOptions = {}, context: Partial<GenerateContext> = {}): Promise<boolean> =>
  (await generate(options, { root, projectName: 'api', projectsConfigurations: { version: 2, projects: { api: { root: 'apps/api' } } }, ...context })).success;
const DEFAULT = 'dist/manifests/apps/api/build-manifest.json';
const manifestText = async (file = DEFAULT): Promise<string> => readFile(join(root, file), 'utf8');
const git = (...args: string[]): string => execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], { cwd: root, encoding: 'utf8' });

async function schemaErrors(text: string): Promise<unknown> {
  const schema = JSON.parse(await readFile(join(__dirname, '../../../build-manifest.schema.json'), 'utf8')) as object;
  const validate = new Ajv({ strict: true, allErrors: true }).compile(schema);
  validate(JSON.parse(text));
  return validate.errors;
}

describe('executor generate', () => {
  it('writes facts and outputs that the published schema accepts, the same each time', async () => {
    await writeFile(join(root, 'apps/api/dist/main.js'), 'hi');
    await symlink('main.js', join(root, 'apps/api/dist/current.js'));
    git('init', '-q');
    git('add', '-A');
    git('commit', '-q', '-m', 'one');
    const options = { artifacts: ['apps/api/dist'] };
    expect(await run(options)).toBe(true);
    const first = await manifestText();
    expect(await schemaErrors(first)).toBeNull();
    const manifest = JSON.parse(first) as BuildManifest;
    expect(manifest.artifacts?.[0]?.files?.map(({ path }) => path)).toEqual(['current.js', 'main.js']);
    expect(manifest.git?.commit).toBe(git('rev-parse', 'HEAD').trim());
    expect(printed).toBe(`wrote ${DEFAULT}: api 0.0.0, commit ${manifest.git?.shortCommit ?? ''}, 2 files, 2 bytes\n`);
    expect(await run(options)).toBe(true);
    expect(await manifestText()).toBe(first);
    expect(await readdir(join(root, 'dist/manifests/apps/api'))).toEqual(['build-manifest.json']);
    await writeFile(join(root, 'apps/api/dist/main.js'), 'changed');
    printed = '';
    await run(options);
    expect(printed).toContain(' with changes, 2 files');
  });

  it('writes what is known without a repository, and no outputs unless asked', async () => {
    expect(await run()).toBe(true);
    const text = await manifestText();
    expect(await schemaErrors(text)).toBeNull();
    expect(Object.keys(JSON.parse(text) as object)).toEqual(['manifestVersion', 'service', 'version', 'tools', 'platform', 'components', 'quality']);
    expect(printed).toBe(`wrote ${DEFAULT}: api 0.0.0, no commit\n`);
  });

  it('replaces the tokens of Nx and creates folders', async () => {
    expect(await run({ outputFile: '{workspaceRoot}/out/{projectRoot}/m.json', artifacts: ['{projectRoot}/dist'] })).toBe(true);
    expect(await manifestText('out/apps/api/m.json')).toContain('"files": []');
  });

  it('leaves itself out, and what a killed run left behind', async () => {
    const outputFile = 'apps/api/dist/build-manifest.json';
    for (const name of ['.build-manifest.json.tmp-0123', 'build-manifest.run.json', 'build-manifest.json']) await writeFile(join(root, 'apps/api/dist', name), 'half');
    expect(await run({ artifacts: ['apps/api/dist'], outputFile })).toBe(true);
    expect((JSON.parse(await manifestText(outputFile)) as BuildManifest).artifacts?.[0]?.files).toEqual([]);
  });

  it.each([
    [{ outputFile: '../m.json' }, 'outputFile must lie in the workspace, got ../m.json'],
    [{ outputFile: '/tmp/m.json' }, 'outputFile must lie in the workspace'],
    [{ artifacts: ['..'] }, 'artifacts must lie in the workspace'],
    [{ artifacts: ['none\u001b[31m'] }, 'does not exist'],
  ])('fails for %j with one line', async (options, message) => {
    expect(await run(options)).toBe(false);
    expect(printed).toContain(message);
    expect(printed).toMatch(/^error: no build manifest: [\x20-\x7e]+\n$/);
  });

  it('leaves the old manifest and no rest when it cannot write', async () => {
    await mkdir(join(root, DEFAULT, 'x'), { recursive: true });
    expect(await run()).toBe(false);
    expect(await readdir(join(root, 'dist/manifests/apps/api'))).toEqual(['build-manifest.json']);
    expect(printed).toContain('error: no build manifest: ');
  });

  it('judges by the policy, tells what blocks, and fails when it is told to', async () => {
    await mkdir(join(root, 'apps/api/coverage'));
    await writeFile(join(root, 'apps/api/coverage/lcov.info'), 'SF:a\nLF:10\nLH:8\nend_of_record\n');
    const blockers = ['coverage < 90%', 'coverage < 10%', 'dirty tree'];
    expect(await run({ blockers })).toBe(true);
    const text = await manifestText();
    expect(await schemaErrors(text)).toBeNull();
    expect((JSON.parse(text) as BuildManifest).readiness?.ready).toBe(false);
    expect(printed).toMatch(/\nnot ready: coverage < 90% \(80%\)\nnot ready: dirty tree \(no commit\)\n$/);
    expect(await run({ blockers, failWhenBlocked: true })).toBe(false);
    expect(await run({ blockers: ['coverage < 10%'], failWhenBlocked: true })).toBe(true);
    expect(await run({ failWhenBlocked: true })).toBe(true);
  });

  it('never lets Nx cache a commit, and holds nothing of commit and machine when it is of inputs alone', async () => {
    const cached = { target: { executor: 'nx-build-manifest:generate', cache: true } };
    expect(await run({}, cached)).toBe(false);
    expect(printed).toContain('the target is cached, but the commit is no input that Nx hashes');
    git('init', '-q');
    git('add', '-A');
    git('commit', '-q', '--allow-empty', '-m', 'one');
    expect(await run({ facts: 'inputs', artifacts: ['apps/api/dist'], blockers: ['tests < 1'] }, cached)).toBe(true);
    const before = await manifestText();
    expect(Object.keys(JSON.parse(before) as object)).toEqual(['manifestVersion', 'service', 'version', 'components', 'artifacts', 'quality', 'readiness']);
    expect(await schemaErrors(before)).toBeNull();
    git('commit', '-q', '--allow-empty', '-m', 'two');
    git('checkout', '-q', '-b', 'other');
    await run({ facts: 'inputs', artifacts: ['apps/api/dist'], blockers: ['tests < 1'] }, cached);
    expect(await manifestText()).toBe(before);
    printed = '';
    expect(await run({ facts: 'inputs', blockers: ['dirty tree'] }, cached)).toBe(false);
    expect(await run({ facts: 'inputs', environment: 'staging' })).toBe(false);
    expect(printed).toBe('error: no build manifest: blockers: "dirty tree" asks about the commit, which facts "inputs" leave out\nerror: no build manifest: environment: facts "inputs" hold for every environment; leave it out\n');
  });

  it('tells environment, libraries by the graph, and components where they were named', async () => {
    await mkdir(join(root, 'db'));
    await writeFile(join(root, 'db/1.sql'), '');
    await writeFile(join(root, 'api.yaml'), 'openapi: 3.0.0\n');
    const project = (name: string, at: string): { name: string; type: 'lib'; data: { root: string } } => ({ name, type: 'lib', data: { root: at } });
    const projectGraph = { nodes: { api: project('api', 'apps/api'), core: project('core', 'libs/core') }, dependencies: { api: [{ source: 'api', target: 'core', type: 'static' }], core: [] } };
    expect(await run({ environment: 'staging', migrations: ['{workspaceRoot}/db'], openapi: ['api.yaml'] }, { projectGraph })).toBe(true);
    const text = await manifestText();
    expect(await schemaErrors(text)).toBeNull();
    expect(JSON.parse(text)).toMatchObject({ environment: 'staging', components: { database: [{ folder: 'db' }], api: [{ file: 'api.yaml' }], libraries: [{ name: 'core', root: 'libs/core' }] } });
  });

  it('tells all that is wrong at once, and leaves the old manifest', async () => {
    await run();
    const before = await manifestText();
    await writeFile(join(root, 'apps/api/junit.xml'), '<a>');
    await writeFile(join(root, 'apps/api/openapi.json'), '[');
    printed = '';
    expect(await run({ artifacts: ['none', 'neither'] })).toBe(false);
    expect(printed.split('\n').filter((line) => line !== '').sort()).toEqual([
      'error: no build manifest: apps/api/junit.xml: the root element must be testsuites or testsuite, got a', expect.stringContaining('error: no build manifest: apps/api/openapi.json: is not valid JSON'), 'error: no build manifest: artifact neither does not exist; was it built?', 'error: no build manifest: artifact none does not exist; was it built?',
    ]);
    expect(await manifestText()).toBe(before);
  });

  // 30,000 files take their time to write; the full size runs with the long tests.
  const files = process.env['NX_DEPLOY_SOAK'] === '1' ? 30_000 : 2_000;
  it(`lists ${files} files, with names that are long and of any letters`, async () => {
    const odd = ['\u00e9\u{1f600}'.repeat(30), 'x'.repeat(250), 'a"b\\c\u0007', '-rf', ' '];
    for (const name of odd) await writeFile(join(root, 'apps/api/dist', name), name);
    for (let index = 0; index < files - odd.length; index += 1) {
      if (index % 1_000 === 0) await mkdir(join(root, `apps/api/dist/folder-${index}`));
      await writeFile(join(root, `apps/api/dist/folder-${index - (index % 1_000)}/${index}`), String(index));
    }
    expect(await run({ artifacts: ['apps/api/dist'] })).toBe(true);
    const manifest = JSON.parse(await manifestText()) as BuildManifest;
    expect(manifest.artifacts?.[0]?.files).toHaveLength(files);
    expect(manifest.artifacts?.[0]?.files?.map(({ path }) => path)).toEqual(expect.arrayContaining(odd));
    expect(printed).toMatch(/^wrote [\x20-\x7e]+\n$/);
  });

  it('refuses a name that is not UTF-8, by name', async () => {
    await writeFile(Buffer.concat([Buffer.from(join(root, 'apps/api/dist/bad-')), Buffer.from([0xff])]), '');
    expect(await run({ artifacts: ['apps/api/dist'] })).toBe(false);
    expect(printed).toContain('bad-?: the name is not valid UTF-8, so no manifest can hold it; rename the file');
  });

  it('works for a workspace without projects', async () => {
    expect(await generate({}, { root, projectsConfigurations: { version: 2, projects: {} } })).toEqual({ success: true });
    expect(await manifestText('dist/manifests/workspace/build-manifest.json')).toContain('"service": "workspace"');
  });

  it('has a closed schema that describes each option', async () => {
    const schema = JSON.parse(await readFile(join(__dirname, 'schema.json'), 'utf8')) as { properties: Record<string, unknown>; additionalProperties: unknown };
    expect(schema.additionalProperties).toBe(false);
    expect(Object.keys(schema.properties)).toEqual(['outputFile', 'artifacts', 'environment', 'reports', 'blockers', 'failWhenBlocked', 'migrations', 'openapi', 'facts']);
  });
});

describe('build-manifest.schema.json', () => {
  it('refuses a manifest with a wrong or unknown fact', async () => {
    await run();
    const manifest = JSON.parse(await manifestText()) as BuildManifest;
    expect(await schemaErrors(JSON.stringify({ ...manifest, version: '' }))).not.toBeNull();
    expect(await schemaErrors(JSON.stringify({ ...manifest, extra: 1 }))).not.toBeNull();
    expect(await schemaErrors(JSON.stringify({ ...manifest, artifacts: [{ path: 'x', bytes: 1, sha256: 'short' }] }))).not.toBeNull();
  });
});
