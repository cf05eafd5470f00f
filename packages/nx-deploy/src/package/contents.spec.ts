/** What goes into a package besides what was built, and what may not. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { PackageArtifact } from '../config/resolved.js';
import { DeployError } from '../errors.js';
import type { BuildSite } from '../image/builder.js';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import type { Application, PackedFile } from './application.js';
import { contentsOf, entriesOf, inMemory, type Contents } from './contents.js';
import type { VersionCompatibility } from './documents.js';

const root = temporaryFolder('contents');
const COMPATIBILITY: VersionCompatibility = { schema: 1, service: 'api', version: '1', database: { schema: { from: null, to: null } }, services: [] };

async function made(files: Readonly<Record<string, string | Buffer>>, artifact: Partial<PackageArtifact> = {}, own: readonly PackedFile[] = [], documents: ReadonlyMap<string, string> = new Map()): Promise<Contents> {
  const workspaceRoot = mkdtempSync(join(root, 'of-'));
  for (const [path, content] of Object.entries({ 'package.json': '{}', ...files })) {
    mkdirSync(join(workspaceRoot, 'apps/api', dirname(path)), { recursive: true });
    writeFileSync(join(workspaceRoot, 'apps/api', path), content);
  }
  const application: Application = { files: [inMemory('application/main.js', 'x'), ...own], cwd: 'application', entry: 'main.js', warnings: [] };
  return contentsOf({ folders: { scripts: [], docs: [], tests: [] }, templates: [], exclude: [], command: ['node', 'main.js'], entry: 'main.js', ...artifact } as unknown as PackageArtifact, application, { workspaceRoot, projectRoot: 'apps/api' } as unknown as BuildSite, {
    service: 'api', build: { version: '1' }, health: '/health', secrets: ['KEY'], compatibility: COMPATIBILITY, documents,
  });
}
const refusal = async (work: Promise<unknown>): Promise<readonly string[]> => work.then(() => [], (thrown: unknown) => {
  if (thrown instanceof DeployError && thrown.code === 'ND-ARTIFACT-UNSAFE') return thrown.parts.problems ?? [];
  throw thrown;
});
const TEMPLATES = { templates: ['config/**'] };

test('templates are listed with what they need, wherever they stand; what has a value of its own needs none', async () => {
  const { info } = await made({ 'config/b.txt.template': '${B} ${A} ${C:-c} $${D}', 'config/a/deep.json.template': '{}' }, TEMPLATES);
  expect(info.templates).toEqual([{ path: 'application/config/a/deep.json.template', variables: [] }, { path: 'application/config/b.txt.template', variables: ['A', 'B'] }]);
});

test.each<[string, Readonly<Record<string, string | Buffer>>, Partial<PackageArtifact>, readonly PackedFile[], RegExp[]]>([
  ['a template that is nothing but its ending', { 'config/.template': 'x' }, TEMPLATES, [], [/"application\/config\/\.template": a template's name ends with/]],
  ['a template without its ending', { 'config/app.json': '{}', 'config/b.template.bak': '' }, TEMPLATES, [], [/app\.json": a template's name/, /b\.template\.bak": a template's name/]],
  ['a template of more than 1 MiB', { 'config/a.template': Buffer.alloc(1024 * 1024 + 1) }, TEMPLATES, [], [/"application\/config\/a\.template": a template has at most 1048576 bytes/]],
  ['a template that is filled in where the build put a file', { 'main.js.template': '' }, { templates: ['*.template'] }, [], [/"application\/main\.js": a template is filled in there/]],
  ['a template that is filled in where a link is', { 'current.template': '' }, { templates: ['*.template'] }, [{ path: 'application/current', link: 'main.js' }], [/"application\/current": a template is filled in there/]],
  ['a file of the build and one of the project in one place', { 'main.js': 'y' }, { templates: ['main.js'] }, [], [/"application\/main\.js": a template's name/]],
  ['a document where a file of the project is', { 'docs/api.json': 'x' }, { folders: { scripts: [], docs: ['docs/*'], tests: [] } }, [], [/"docs\/api\.json": two files would have this place/]],
])('%s is refused by its name', async (_, files, artifact, own, problems) => {
  const documents = 'docs/api.json' in files ? new Map([['docs/api.json', '{}']]) : new Map<string, string>();
  expect(await refusal(made(files, artifact, own, documents))).toEqual(problems.map((one) => expect.stringMatching(one) as string));
});

test('a native addon says for which machine, executables are listed, links have their list, and the folders are there', async () => {
  const { info, files } = await made({}, { command: ['node', '--enable-source-maps', 'main.js', 'main.js'] }, [
    { ...inMemory('application/b.node', 'x'), mode: 0o755 }, { ...inMemory('application/a.sh', 'x'), mode: 0o755 }, { path: 'application/z', link: 'a.sh' }, { path: 'application/y', link: '.' },
  ]);
  expect(info).toMatchObject({ machine: { os: process.platform, architecture: expect.any(String) as string }, executables: ['application/a.sh', 'application/b.node'], secrets: ['KEY'], command: ['node', '--enable-source-maps', 'main.js', 'main.js'] });
  const list = files.find(({ path }) => path === 'checksums.links.json');
  expect(JSON.parse(list !== undefined && 'source' in list ? list.source.toString() : '')).toEqual({ schema: 1, links: [{ path: 'application/y', target: '.' }, { path: 'application/z', target: 'a.sh' }] });
  expect(entriesOf([]).map(({ path, type }) => `${path} ${type}`)).toEqual(['application', 'database', 'scripts', 'docs', 'tests'].map((path) => `${path} directory`));
  expect((await made({})).info).not.toHaveProperty('machine');
});
