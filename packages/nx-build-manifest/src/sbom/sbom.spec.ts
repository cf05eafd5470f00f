import { Ajv, type ValidateFunction } from 'ajv';
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { inventoryOf } from './inventory.js';
import { sbom, type Sbom, type SbomFormat, type SbomQuery } from './sbom.js';
import { MANAGERS, workspaceOf, type ManagerName, type TestWorkspace } from './workspace.spec-support.js';
import { describeWith } from '../../../../tools/images/needs.spec-support.js';

const MANAGER_NAMES = Object.keys(MANAGERS) as ManagerName[];
const PURLS = [
  '%40jridgewell/resolve-uri@3.1.3', '%40jridgewell/sourcemap-codec@1.6.0', '%40jridgewell/trace-mapping@0.3.25', 'anymatch@3.1.3', 'binary-extensions@2.3.0', 'braces@3.0.3',
  'chokidar@3.6.0', 'debug@4.4.1', 'fill-range@7.1.1', 'fsevents@2.3.3', 'glob-parent@5.1.2', 'is-binary-path@2.1.0', 'is-extglob@2.1.1', 'is-glob@4.0.3', 'is-number@7.0.0', 'ms@2.1.3',
  'normalize-path@3.0.0', 'picomatch@2.3.2', 'readdirp@3.6.0', 'to-regex-range@5.0.1', 'wrappy@1.0.2',
].map((name) => `pkg:npm/${name}`);
/** Yarn 4 writes node-gyp into its lock file as a dependency of each package that is compiled when it is installed (here fsevents), whatever its package.json says. */
const NODE_GYP = [
  '%40isaacs/fs-minipass@4.0.1', 'abbrev@5.0.0', 'chownr@3.0.0', 'env-paths@2.2.1', 'exponential-backoff@3.1.3', 'fdir@6.5.0', 'graceful-fs@4.2.12', 'isexe@4.0.0', 'minipass@7.1.3', 'minizlib@3.1.0',
  'node-gyp@13.1.0', 'nopt@10.0.1', 'picomatch@4.0.7', 'proc-log@7.0.0', 'semver@7.8.6', 'tar@7.5.23', 'tinyglobby@0.2.17', 'undici@8.13.1', 'which@7.0.0', 'yallist@5.0.0',
].map((name) => `pkg:npm/${name}`);
const refs = (name: ManagerName): string[] => [...PURLS, ...(name === 'yarn 4' ? NODE_GYP : []), 'workspace:libs/money'].sort();

interface Cdx {
  readonly serialNumber: string;
  readonly metadata: { readonly timestamp?: string; readonly component: { readonly name: string; readonly version: string } };
  readonly components: readonly (Readonly<Record<string, unknown>> & { readonly 'bom-ref': string })[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
}
interface Spdx {
  readonly documentNamespace: string;
  readonly creationInfo: { readonly created: string };
  readonly packages: readonly (Readonly<Record<string, unknown>> & { readonly name: string; readonly SPDXID: string })[];
  readonly relationships: readonly Readonly<Record<string, string>>[];
  readonly hasExtractedLicensingInfos?: readonly unknown[];
}

let workspace: TestWorkspace | undefined;
afterEach(async () => {
  await workspace?.remove();
  workspace = undefined;
});

async function opened(name: ManagerName = 'npm'): Promise<TestWorkspace> {
  workspace = await workspaceOf(name);
  return workspace;
}

const EPOCH = { SOURCE_DATE_EPOCH: '1700000000' };
const queryOf = ({ root, graph }: TestWorkspace, more: Partial<SbomQuery> = {}): SbomQuery =>
  ({ workspaceRoot: root, projectRoot: 'apps/shop', projectName: 'shop', graph, format: 'cyclonedx', variables: EPOCH, ...more });
const made = async (format: SbomFormat, own: TestWorkspace): Promise<Sbom> => sbom(queryOf(own, { format }));
const cdx = async (own: TestWorkspace): Promise<Cdx> => JSON.parse((await made('cyclonedx', own)).document) as Cdx;
const spdxOf = async (own: TestWorkspace): Promise<Spdx> => JSON.parse((await made('spdx', own)).document) as Spdx;

/** The schema that the CycloneDX project publishes, as its own library ships it. */
async function cycloneDxSchema(): Promise<ValidateFunction> {
  const folder = join(dirname(require.resolve('@cyclonedx/cyclonedx-library/package.json')), 'res/schema');
  const schemaOf = async (name: string): Promise<object> => JSON.parse(await readFile(join(folder, name), 'utf8')) as object;
  const others = ['spdx.SNAPSHOT.schema.json', 'jsf-0.82.SNAPSHOT.schema.json', 'cryptography-defs.SNAPSHOT.schema.json'];
  const schemas = Object.fromEntries(await Promise.all(others.map(async (name) => [`http://cyclonedx.org/schema/${name}`, await schemaOf(name)] as const)));
  return new Ajv({ strict: false, allErrors: true, validateFormats: false, addUsedSchema: false, schemas }).compile(await schemaOf('bom-1.6.SNAPSHOT.schema.json'));
}

let schema: ValidateFunction;
beforeAll(async () => { schema = await cycloneDxSchema(); });
const cycloneDxErrors = (document: string): unknown => (schema(JSON.parse(document)) ? undefined : schema.errors);

/** Every kind of license, an optional package, and one whose lock file entry is found in a nested folder. */
async function install({ install: write }: TestWorkspace): Promise<void> {
  await write('node_modules/chokidar', { name: 'chokidar', version: '3.6.0', license: 'MIT', optionalDependencies: { fsevents: '~2.3.2' } });
  await write('node_modules/debug', { name: 'debug', version: '4.4.1', license: '(MIT OR Apache-2.0)' });
  await write('node_modules/ms', { name: 'ms', version: '9.9.9', license: 'GPL-3.0-only' });
  await write('node_modules/debug/node_modules/ms', { name: 'ms', version: '2.1.3', license: { type: 'ISC' } });
  await write('node_modules/braces', { name: 'braces', version: '3.0.3', licenses: [{ type: 'MIT' }, { type: 'Apache-2.0' }] });
  await write('node_modules/anymatch', { name: 'anymatch', version: '3.1.3', license: 'SEE LICENSE IN LICENSE.md' });
  await write('node_modules/readdirp', { name: 'readdirp', version: '3.6.0', license: 'LicenseRef-Own' });
  await write('node_modules/picomatch', { name: 'picomatch', version: '2.3.2' });
  await write('node_modules/wrap', { name: 'wrappy', version: '1.0.2', license: 'ISC' });
}

describe.each(MANAGER_NAMES)('a bill of materials from the lock file of %s', (name) => {
  it('holds the production dependencies, all that they need, and nothing else', async () => {
    const own = await opened(name);
    const { inventory } = await made('cyclonedx', own);
    expect(inventory.components.map(({ ref }) => ref)).toEqual(refs(name));
    expect(inventory.subject).toMatchObject({ name: '@org/shop', version: '1.2.3', kind: 'application' });
    expect(inventory.needs.get('workspace:apps/shop')?.map(({ ref }) => ref)).toEqual(['pkg:npm/chokidar@3.6.0', 'pkg:npm/debug@4.4.1', 'workspace:libs/money']);
    expect(inventory.needs.get('workspace:libs/money')?.map(({ ref }) => ref)).toEqual(['pkg:npm/%40jridgewell/trace-mapping@0.3.25', 'pkg:npm/wrappy@1.0.2']);
    expect(inventory.needs.get('pkg:npm/to-regex-range@5.0.1')).toEqual([{ ref: 'pkg:npm/is-number@7.0.0', optional: false }]);
  });

  it('has the digests that the lock file has, and none that it has not', async () => {
    const { inventory } = await made('cyclonedx', await opened(name));
    const ms = inventory.components.find(({ ref }) => ref === 'pkg:npm/ms@2.1.3');
    const digest = Buffer.from('6FlzubTLZG3J2a/NVCAleEhjzq5oxgHyaCU9yYXvcLsvoVaHJq/s5xXI6/XXP6tz7R9xAOtHnSO/tXtF3WRTlA==', 'base64').toString('hex');
    expect(ms?.hashes).toEqual(name === 'yarn 4' ? [] : [{ algorithm: 'SHA-512', hex: digest }]);
    expect(ms?.yarnChecksum).toEqual(name === 'yarn 4' ? expect.stringMatching(/^10c0\/[0-9a-f]{128}$/) : undefined);
    expect(inventory.components.filter(({ kind, hashes, yarnChecksum }) => kind === 'package' && hashes.length === 0 && yarnChecksum === undefined)).toEqual([]);
  });

  it('is the same each time, valid by the schema of CycloneDX, and says what is optional and licensed how', async () => {
    const own = await opened(name);
    await install(own);
    const { document } = await made('cyclonedx', own);
    expect((await made('cyclonedx', own)).document).toBe(document);
    expect(cycloneDxErrors(document)).toBeUndefined();
    const { components } = JSON.parse(document) as Cdx;
    const facts = (purl: string): unknown => components.find((component) => component['bom-ref'] === `pkg:npm/${purl}`);
    expect(facts('fsevents@2.3.3')).toMatchObject({ scope: 'optional' });
    expect(facts('chokidar@3.6.0')).toMatchObject({ scope: 'required', licenses: [{ license: { id: 'MIT', acknowledgement: 'declared' } }] });
    expect(facts('ms@2.1.3')).toMatchObject({ licenses: [{ license: { id: 'ISC' } }] });
    expect(facts('debug@4.4.1')).toMatchObject({ licenses: [{ expression: '(MIT OR Apache-2.0)', acknowledgement: 'declared' }] });
    expect(facts('braces@3.0.3')).toMatchObject({ licenses: [{ license: { name: 'Apache-2.0' } }, { license: { name: 'MIT' } }] });
    expect(facts('anymatch@3.1.3')).toMatchObject({ licenses: [{ license: { name: 'SEE LICENSE IN LICENSE.md' } }] });
    expect(facts('picomatch@2.3.2')).not.toHaveProperty('licenses');
    expect(facts('wrappy@1.0.2')).toMatchObject({ licenses: [{ license: { id: 'ISC' } }] });
  });
});

describe('a bill of materials', () => {
  it('lists what npm itself lists', async () => {
    const { root } = await opened('npm');
    const theirs = JSON.parse(execFileSync('npm', ['sbom', '--package-lock-only', '--omit=dev', '--sbom-format=cyclonedx', '--offline'], { cwd: root, encoding: 'utf8' })) as { components: { purl: string }[] };
    // npm counts all projects as packages.
    expect(theirs.components.map(({ purl }) => purl).filter((purl) => !purl.includes('%40org/')).sort()).toEqual(PURLS);
  }, 30_000);

  it('takes licenses of packages that are locked and not installed from the lock file of npm', async () => {
    const own = await opened('npm');
    const { unlicensed, inventory } = await made('cyclonedx', own);
    expect(unlicensed).toEqual([]);
    expect(inventory.components.find(({ name }) => name === 'fsevents')).toMatchObject({ optional: true, license: { kind: 'expression', expression: 'MIT' } });
  });

  it('finds packages behind the links of pnpm', async () => {
    const own = await opened('pnpm');
    const link = async (from: string, to: string): Promise<void> => {
      await mkdir(dirname(join(own.root, from)), { recursive: true });
      await symlink(join(own.root, to), join(own.root, from));
    };
    await own.install('node_modules/.pnpm/debug@4.4.1/node_modules/debug', { name: 'debug', version: '4.4.1', license: 'MIT' });
    await own.install('node_modules/.pnpm/ms@2.1.3/node_modules/ms', { name: 'ms', version: '2.1.3', license: 'ISC' });
    await link('node_modules/.pnpm/debug@4.4.1/node_modules/ms', 'node_modules/.pnpm/ms@2.1.3/node_modules/ms');
    await link('apps/shop/node_modules/debug', 'node_modules/.pnpm/debug@4.4.1/node_modules/debug');
    const { unlicensed } = await made('cyclonedx', own);
    expect(unlicensed).toEqual(PURLS.filter((purl) => !/\/(?:debug|ms)@/.test(purl)));
  });

  it('tells which packages name no license that could be found', async () => {
    expect((await made('cyclonedx', await opened('bun'))).unlicensed).toEqual(PURLS);
  });

  it('has an id of its content and a time of the commit or of SOURCE_DATE_EPOCH', async () => {
    const own = await opened();
    const first = await cdx(own);
    expect(first.serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(first.metadata.timestamp).toBe('2023-11-14T22:13:20.000Z');
    await own.install('node_modules/debug', { name: 'debug', version: '4.4.1', license: 'BSD-3-Clause' });
    expect((await cdx(own)).serialNumber).not.toBe(first.serialNumber);
    const undated = JSON.parse((await sbom(queryOf(own, { variables: {} }))).document) as Cdx;
    expect(undated.metadata.timestamp).toBeUndefined();
    await expect(sbom(queryOf(own, { variables: {}, format: 'spdx' }))).rejects.toThrow('SPDX requires a time of creation and there is no commit: set SOURCE_DATE_EPOCH');
    await expect(sbom(queryOf(own, { variables: { SOURCE_DATE_EPOCH: 'now' } }))).rejects.toThrow('SOURCE_DATE_EPOCH must be a whole number of seconds, got "now"');
    const git = (...args: string[]): unknown => execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], { cwd: own.root, env: { ...process.env, GIT_COMMITTER_DATE: '2026-03-03T23:36:07Z' } });
    git('init', '-q');
    git('add', '-A');
    git('commit', '-q', '-m', 'one');
    expect((JSON.parse((await sbom(queryOf(own, { variables: {}, format: 'spdx' }))).document) as Spdx).creationInfo.created).toBe('2026-03-03T23:36:07Z');
  });

  it('is refused when the lock file does not hold what package.json declares', async () => {
    const own = await opened();
    await own.install('apps/shop', { name: '@org/shop', version: '1.2.3', dependencies: { debug: '4.4.1', express: '5', koa: '2', local: 'file:../x', '@org/money': '*' } });
    await expect(made('cyclonedx', own)).rejects.toThrow(
      'not in the lock file: express (dependencies of apps/shop/package.json); koa (dependencies of apps/shop/package.json); install');
    await expect(sbom(queryOf(own, { projectName: 'none' }))).rejects.toThrow('there is no project none in the project graph');
  });

  it('needs the graph of the workspace it is asked about', async () => {
    const { root } = await opened();
    await expect(sbom({ workspaceRoot: root, projectRoot: 'apps/shop', projectName: 'shop', format: 'cyclonedx' })).rejects.toThrow(/^the project graph is that of .+: give the graph of /);
  });
});

describe('SPDX', () => {
  it('names what is declared, what is not known, and how one needs another', async () => {
    const own = await opened('yarn 4');
    await install(own);
    const document = await spdxOf(own);
    const one = (name: string): Readonly<Record<string, unknown>> => document.packages.find((each) => each.name === name) ?? {};
    expect(one('debug')).toMatchObject({ licenseDeclared: '(MIT OR Apache-2.0)', licenseConcluded: 'NOASSERTION', downloadLocation: 'NOASSERTION', filesAnalyzed: false, versionInfo: '4.4.1' });
    expect(one('picomatch')).toMatchObject({ licenseDeclared: 'NOASSERTION' });
    expect(one('braces')).toMatchObject({ licenseDeclared: 'NOASSERTION', licenseComments: 'package.json lists, without saying whether one may choose: MIT, Apache-2.0' });
    expect(one('anymatch')['licenseDeclared']).toMatch(/^LicenseRef-SEE-LICENSE-IN-LICENSE\.md-[0-9a-f]{12}$/);
    expect(one('ms')['comment']).toMatch(/^checksum of yarn, of an archive of its own: 10c0\//);
    expect(document.hasExtractedLicensingInfos).toHaveLength(3);
    const ids = new Map(document.packages.map(({ SPDXID, name }) => [SPDXID, name]));
    const pairs = document.relationships.map(({ spdxElementId = '', relationshipType = '', relatedSpdxElement = '' }) => `${ids.get(spdxElementId) ?? spdxElementId} ${relationshipType} ${ids.get(relatedSpdxElement) ?? ''}`);
    expect(pairs).toEqual(expect.arrayContaining(['SPDXRef-DOCUMENT DESCRIBES @org/shop', 'debug DEPENDS_ON ms', 'fsevents OPTIONAL_DEPENDENCY_OF chokidar', '@org/shop DEPENDS_ON @org/money']));
    expect(ids.size).toBe(document.packages.length);
  });

  describeWith(['pyspdxtools'], 'by the validator of the SPDX project', () => {
    // Starting it takes longer than all the rest: one lock file with digests, one with checksums of another kind.
    it.each<ManagerName>(['npm', 'yarn 4'])('is valid for %s, and no longer when it is changed', async (name) => {
      const own = await opened(name);
      await install(own);
      const { document } = await made('spdx', own);
      const file = join(own.root, 'sbom.spdx.json');
      const accepts = async (text: string): Promise<string> => {
        await writeFile(file, text);
        try {
          return execFileSync('pyspdxtools', ['--infile', file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
        } catch (error) {
          return `refused: ${String((error as { readonly stderr?: unknown }).stderr)}`;
        }
      };
      expect(await accepts(document)).not.toContain('refused');
      if (name === 'npm') expect(await accepts(document.replace('"MIT"', '"No-Such-License"'))).toContain('refused');
    }, 30_000);
  });
});

describe('the schema of CycloneDX', () => {
  it('refuses a document with something wrong', async () => {
    const { document } = await made('cyclonedx', await opened());
    expect(cycloneDxErrors(document.replace('"id":"MIT"', '"id":"No-Such-License"'))).toBeDefined();
    expect(cycloneDxErrors(document.replace('"serialNumber":"urn:uuid:', '"serialNumber":"'))).toBeDefined();
  });
});

describe('the inventory', () => {
  const node = (packageName: string, version = '1.0.0'): { data: { packageName: string; version: string } } => ({ data: { packageName, version } });
  const to = (...targets: string[]): { target: string; type: string }[] => targets.map((target) => ({ target, type: 'static' }));

  it('takes what files import and the workspace declares, of a project without a package.json', async () => {
    const { root, install: write } = await opened();
    await write('.', { dependencies: { used: '1' }, optionalDependencies: { spare: '1' }, devDependencies: { jest: '1' } });
    await write('libs/dev', { name: '@org/dev' });
    await write('libs/plain/src', {});
    const graph = {
      nodes: { plain: { data: { root: 'libs/plain' } }, tests: { data: { root: 'apps/tests' } } },
      externalNodes: { 'npm:used': node('used'), 'npm:spare': node('spare'), 'npm:jest': node('jest') },
      dependencies: { plain: [...to('npm:used', 'npm:spare', 'npm:jest'), { target: 'tests', type: 'implicit' }] },
    };
    const { components } = inventoryOf({ workspaceRoot: root, projectName: 'plain', version: '0.0.0', graph });
    expect(components.map(({ ref, optional }) => [ref, optional])).toEqual([['pkg:npm/spare@1.0.0', true], ['pkg:npm/used@1.0.0', false]]);
  });

  it('leaves out projects for development and peers that may be missing, and keeps peers that must be there', async () => {
    const { root, install: write } = await opened();
    await write('libs/plain', { dependencies: {}, peerDependencies: { must: '1', may: '1' }, peerDependenciesMeta: { may: { optional: true } }, devDependencies: { '@org/dev': '1' }, optionalDependencies: { extra: '1' } });
    await write('libs/dev', { name: '@org/dev' });
    await write('node_modules/must', { name: 'must', version: '1.0.0', peerDependenciesMeta: { may: { optional: true } } });
    const graph = {
      nodes: { plain: { data: { root: 'libs/plain' } }, dev: { data: { root: 'libs/dev' } } },
      externalNodes: { 'npm:must': node('must'), 'npm:may': node('may'), 'npm:extra': node('extra') },
      dependencies: { plain: to('npm:must', 'npm:may', 'npm:extra', 'dev'), 'npm:must': to('npm:may') },
    };
    const { components } = inventoryOf({ workspaceRoot: root, projectName: 'plain', version: '0.0.0', graph });
    expect(components.map(({ ref, optional }) => [ref, optional])).toEqual([['pkg:npm/extra@1.0.0', true], ['pkg:npm/must@1.0.0', false]]);
  });

  it('ends where packages need each other, and makes one of a package and its alias', async () => {
    const { root } = await opened();
    const graph = {
      nodes: { plain: { data: { root: 'libs/plain' } } },
      externalNodes: { 'npm:a': node('a'), 'npm:alias': node('alias', 'npm:a@1.0.0'), 'npm:b': node('b') },
      dependencies: { plain: to('npm:b'), 'npm:a': to('npm:b'), 'npm:alias': to('npm:b'), 'npm:b': to('npm:a', 'npm:alias', 'npm:b') },
    };
    await writeFile(join(root, 'package.json'), '{"dependencies":{"b":"1"}}');
    const { components, needs } = inventoryOf({ workspaceRoot: root, projectName: 'plain', version: '0.0.0', graph });
    expect(components.map(({ ref }) => ref)).toEqual(['pkg:npm/a@1.0.0', 'pkg:npm/b@1.0.0']);
    expect([...needs.get('pkg:npm/b@1.0.0') ?? []]).toEqual([{ ref: 'pkg:npm/a@1.0.0', optional: false }]);
  });
});
