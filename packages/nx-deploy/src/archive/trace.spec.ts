import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { FilesArtifact } from '../config/resolved.js';
import { collectFiles } from './collect.js';

let root: string;
beforeEach(async () => { root = await realpath(await mkdtemp(join(tmpdir(), 'nd trace '))); });
afterEach(async () => { await rm(root, { recursive: true, force: true }); });

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
}

const collect = (path = 'ws/apps/api/dist', entry = 'main.js', workspaceRoot = join(root, 'ws')): ReturnType<typeof collectFiles> => {
  const artifact: FilesArtifact = { type: 'files', path: join(root, path), entry, dependencies: 'traced' };
  return collectFiles({ artifact, workspaceRoot });
};

describe('collectFiles, traced', () => {
  it('takes along what the entry loads, at its place in the workspace', async () => {
    await write({
      'ws/apps/api/package.json': '{"name":"api"}',
      'ws/apps/api/src/main.ts': 'not taken',
      'ws/apps/api/dist/main.js': 'require("lib"); require("third"); require("./own");',
      'ws/apps/api/dist/own.js': '',
      'ws/apps/api/dist/static/page.html': 'taken, though nothing loads it',
      'ws/apps/api/dist/node_modules/unused/index.js': '',
      'ws/packages/lib/package.json': '{"name":"lib","main":"dist/index.js"}',
      'ws/packages/lib/dist/index.js': 'require("third")',
      'ws/packages/lib/src/index.ts': 'not taken',
      'ws/node_modules/third/package.json': '{"name":"third"}',
      'ws/node_modules/third/index.js': '',
      'ws/node_modules/third/README.md': 'not taken',
      'ws/node_modules/unused/index.js': '',
    });
    await symlink('../packages/lib', join(root, 'ws/node_modules/lib'));
    const result = await collect();
    expect(result.files.map((file) => ('link' in file ? `${file.path} -> ${file.link}` : file.path))).toEqual([
      'apps/api/dist/main.js', 'apps/api/dist/own.js', 'apps/api/dist/static/page.html', 'apps/api/package.json',
      'node_modules/lib -> ../packages/lib', 'node_modules/third/index.js', 'node_modules/third/package.json',
      'packages/lib/dist/index.js', 'packages/lib/package.json',
    ]);
    expect(result).toMatchObject({ cwd: 'apps/api', entry: 'dist/main.js', warnings: [] });
  });

  it('reports what could not be traced', async () => {
    await write({
      'ws/apps/api/dist/main.js': 'require("./gone"); try { require("optional") } catch {} require("../../../../outside.js");',
      'outside.js': '',
    });
    const result = await collect();
    expect(result).toMatchObject({ cwd: '.', entry: 'apps/api/dist/main.js' });
    expect(result.warnings).toEqual([
      '"../outside.js" lies outside the workspace and was left out',
      "Failed to resolve dependency \"./gone\": Cannot find module 'apps/api/dist/gone' loaded from apps/api/dist/main.js",
      "Failed to resolve dependency \"optional\": Cannot find module 'optional' loaded from apps/api/dist/main.js",
    ]);
  });

  it('says nothing of what a package can do without by its own word, nor of declarations', async () => {
    const asking = (peers: object | null): string => JSON.stringify({ name: 'asking', peerDependenciesMeta: peers });
    await write({
      'ws/apps/api/dist/main.js': 'require("asking"); require("@of/asking"); require("odd"); try { require("peer") } catch {} const { join } = require("node:path"); require("node:fs").readdirSync(join(__dirname, "plugins"));',
      'ws/apps/api/dist/plugins/a.d.ts': 'export declare const a: string;',
      'ws/node_modules/asking/package.json': asking({ peer: { optional: true }, '@of/peer': { optional: true }, needed: { optional: false } }),
      'ws/node_modules/asking/index.js': 'try { require("peer/deep"); require("peer"); require("@of/peer/deep"); require("needed"); require("./gone") } catch {}',
      'ws/node_modules/@of/asking/package.json': asking(null),
      'ws/node_modules/@of/asking/index.js': 'require("peer")',
      'ws/node_modules/odd/package.json': 'null',
      'ws/node_modules/odd/index.js': 'require("peer")',
    });
    const told = (await collect()).warnings.map((warning) => warning.replace(/^Failed to resolve dependency "(.+?)": .* loaded from /, '$1 of '));
    expect(told).toEqual([
      './gone of node_modules/asking/index.js', 'needed of node_modules/asking/index.js',
      'peer of apps/api/dist/main.js', 'peer of node_modules/@of/asking/index.js', 'peer of node_modules/odd/index.js',
    ]);
  });

  it.each([
    ['as @nx/esbuild resolves it', true],
    ['and says so where nothing resolves it', false],
  ])('follows a library that lies in the output, %s', async (_how, resolved) => {
    const manifest = [{ module: '@ws/lib', exactMatch: 'libs/lib/src/index.js', pattern: './libs/lib/src/index.ts' }, { module: '@all/*', pattern: './libs/*' }, { module: '@odd/*', pattern: './libs/*/src' }, { module: 'elsewhere', exactMatch: 'libs/elsewhere.js' }];
    const register = `const Module = require("module");\nconst manifest = ${JSON.stringify(resolved ? manifest : {})};\nModule._resolveFilename = function(request, parent) {};\n`;
    await write({
      'ws/dist/apps/api/main.js': `${register}module.exports = require("./apps/api/src/main.js");`,
      'ws/dist/apps/api/apps/api/src/main.js': 'require("@ws/lib"); require("@all/other"); require("elsewhere")',
      'ws/dist/apps/api/libs/lib/src/index.js': 'require("third")',
      'ws/dist/apps/api/libs/other/index.js': 'require("fourth")',
      'ws/node_modules/third/index.js': '',
      'ws/node_modules/fourth/index.js': '',
      'ws/node_modules/elsewhere/index.js': '',
    });
    const { files, warnings } = await collect('ws/dist/apps/api');
    expect(files.map(({ path }) => path).filter((path) => path.startsWith('node_modules/'))).toEqual(['node_modules/elsewhere/index.js', ...resolved ? ['node_modules/fourth/index.js', 'node_modules/third/index.js'] : []]);
    expect(warnings).toHaveLength(resolved ? 0 : 2);
  });

  it('follows the layout of pnpm and a workspace behind a link', async () => {
    await write({
      'ws/apps/api/package.json': '{}',
      'ws/apps/api/dist/main.js': 'require("third")',
      'ws/node_modules/.pnpm/third@1/node_modules/third/package.json': '{"main":"./lib/index.js"}',
      'ws/node_modules/.pnpm/third@1/node_modules/third/lib/index.js': 'require("fourth")',
      'ws/node_modules/.pnpm/fourth@1/node_modules/fourth/index.js': '',
    });
    await mkdir(join(root, 'ws/apps/api/node_modules'));
    await symlink('../../../node_modules/.pnpm/third@1/node_modules/third', join(root, 'ws/apps/api/node_modules/third'));
    await symlink('../../fourth@1/node_modules/fourth', join(root, 'ws/node_modules/.pnpm/third@1/node_modules/fourth'));
    await symlink('ws', join(root, 'alias'));
    const result = await collect('alias/apps/api/dist', 'main.js', join(root, 'alias'));
    expect(result.warnings).toEqual([]);
    expect(result.files.map(({ path }) => path)).toEqual([
      'apps/api/dist/main.js', 'apps/api/node_modules/third', 'apps/api/package.json',
      'node_modules/.pnpm/fourth@1/node_modules/fourth/index.js',
      'node_modules/.pnpm/third@1/node_modules/fourth',
      'node_modules/.pnpm/third@1/node_modules/third/lib/index.js',
      'node_modules/.pnpm/third@1/node_modules/third/package.json',
    ]);
  });

  it('refuses a build output outside the workspace', async () => {
    await write({ 'dist/main.js': '', 'ws/x': '' });
    await expect(collect('dist')).rejects.toMatchObject({ code: 'ND-ARTIFACT-UNSAFE' });
  });

  it('leaves out a library that lies outside the workspace, and refuses the link to it', async () => {
    await write({ 'ws/apps/api/dist/main.js': 'require("linked")', 'elsewhere/index.js': '' });
    await mkdir(join(root, 'ws/node_modules'));
    await symlink('../../elsewhere', join(root, 'ws/node_modules/linked'));
    await expect(collect()).rejects.toMatchObject({ code: 'ND-ARTIFACT-UNSAFE', parts: { problems: ['"node_modules/linked": the link to "../../elsewhere" leaves the artifact or never ends'] } });
  });
});
