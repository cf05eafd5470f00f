import { Ajv } from 'ajv';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BuildManifest } from '../../manifest.js';
import generate, { type GenerateContext, type GenerateOptions } from './generate.js';

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
