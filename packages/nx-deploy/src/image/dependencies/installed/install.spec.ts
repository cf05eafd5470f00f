/** What an install is given and what is taken of it, with managers that are scripts of the test: their real installs are in closure.spec.ts. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ELSEWHERE, HERE, workspace, type Fixture } from '../dependencies.spec-support.js';
import { installedEntries } from './install.js';

/** An output with the lock file of a manager, and that manager: `body` is the shell script of its install. */
function withManager(name: string, version: string, body: string, files: Readonly<Record<string, string>>): { readonly fixture: Fixture; readonly variables: NodeJS.ProcessEnv } {
  const fixture = workspace();
  const bin = join(fixture.root, '../bin');
  fixture.write({
    'apps/api/dist/main.js': '', 'apps/api/dist/package.json': '{"dependencies":{"a":"1.0.0"},"devDependencies":{"b":"1.0.0"}}', ...files,
    [`../bin/${name}`]: `#!/bin/sh\nif [ "$1" = --version ]; then echo ${version}; exit; fi\n${body}\n`,
  });
  chmodSync(join(bin, name), 0o755);
  return { fixture, variables: { PATH: `${bin}:/usr/bin:/bin`, HOME: bin } };
}

const SEES = 'mkdir -p node_modules/a; for file in .npmrc .yarnrc.yml pnpm-workspace.yaml package.json; do [ -e $file ] && cp $file node_modules/a/$(echo $file | sed s/^[.]//); done; true';
const YARN = '__metadata:\n  version: 8\n\n"a@npm:1.0.0":\n  version: 1.0.0\n  resolution: "a@npm:1.0.0"\n\n"b@npm:1.0.0":\n  version: 1.0.0\n  resolution: "b@npm:1.0.0"\n';
const PNPM = "lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n      a:\n        specifier: 1.0.0\n        version: 1.0.0\n    devDependencies:\n      b:\n        specifier: 1.0.0\n        version: 1.0.0\n";

/** The files that the script found, by name. */
async function seen({ fixture, variables }: ReturnType<typeof withManager>, platform = HERE): Promise<Record<string, string>> {
  const files = await fixture.collect({ dependencies: 'installed' }, platform, { variables });
  try {
    const entries = await files.layers[0]?.entries() ?? [];
    return Object.fromEntries(entries.flatMap((entry) => (entry.type === 'file' && typeof entry.source === 'string' ? [[entry.path.replace('app/node_modules/a/', ''), readFileSync(entry.source, 'utf8')]] : [])));
  } finally {
    await files.close();
  }
}

async function failure({ fixture, variables }: ReturnType<typeof withManager>): Promise<unknown> {
  const files = await fixture.collect({ dependencies: 'installed' }, HERE, { variables });
  const error: unknown = await files.layers[0]?.entries().then(() => undefined, (thrown: unknown) => thrown);
  await files.close();
  return error;
}

describe('an install by yarn 4', () => {
  const files = { 'apps/api/dist/yarn.lock': YARN };

  it('has a node_modules, whatever the workspace says, and no development dependencies', async () => {
    const found = await seen(withManager('yarn', '4.0.0', SEES, { ...files, '.yarnrc.yml': 'nodeLinker: pnp\nyarnPath: .yarn/releases/yarn.cjs\nnpmScopes: {}' }));
    expect(found['yarnrc.yml']).toBe('npmScopes: {}\nnodeLinker: node-modules\nenableTelemetry: false\n');
    expect(found['package.json']).toBe('{"dependencies":{"a":"1.0.0"}}');
  });

  it('names another platform', async () => {
    expect((await seen(withManager('yarn', '4.0.0', SEES, files), ELSEWHERE))['yarnrc.yml']).toContain('supportedArchitectures:\n  os:\n    - linux\n');
  });

  it('may write the lock file in its own way, and is refused when it resolved anything else', async () => {
    expect(await failure(withManager('yarn', '4.0.0', 'printf \'__metadata:\\n  version: 10\\n\\n"a@npm:1.0.0, a@npm:^1.0.0":\\n  resolution: "a@npm:1.0.0"\\n\\n"api@workspace:.":\\n  resolution: "api@workspace:."\\n\' > yarn.lock', files))).toBeUndefined();
    expect(await failure(withManager('yarn', '4.0.0', 'printf \'\\n"c@npm:9.9.9":\\n  resolution: "c@npm:9.9.9"\\n\' >> yarn.lock', files))).toMatchObject({
      code: 'ND-LOCKFILE', parts: { what: 'the lock file does not know all that the service needs', problems: ['"c@npm:9.9.9"'], next: expect.stringContaining('yarn install') as string },
    });
  });
});

describe('an install by pnpm', () => {
  const files = { 'apps/api/dist/pnpm-lock.yaml': PNPM };

  it('is told of another platform where its release looks for it', async () => {
    expect((await seen(withManager('pnpm', '10.1.0', SEES, { ...files, 'apps/api/dist/pnpm-workspace.yaml': 'overrides: {}' }), ELSEWHERE))['pnpm-workspace.yaml']).toMatch(/^overrides: \{\}\nsupportedArchitectures:\n/);
    const old = await seen(withManager('pnpm', '9.1.0', SEES, files), ELSEWHERE);
    expect(JSON.parse(old['package.json'] ?? '')).toMatchObject({ dependencies: { a: '1.0.0' }, pnpm: { supportedArchitectures: { os: ['linux'] } } });
    expect((await seen(withManager('pnpm', '10.1.0', SEES, files)))['pnpm-workspace.yaml']).toBeUndefined();
  });

  it('says that scripts do not run for another platform', async () => {
    const { fixture, variables } = withManager('pnpm', '10.1.0', SEES, files);
    const image = await fixture.collect({ dependencies: 'installed' }, ELSEWHERE, { variables });
    expect(image.warnings).toEqual(['install scripts of packages do not run for another platform than this machine\'s']);
    await image.close();
  });
});

describe('a lock file of the build that does not fit its package.json', () => {
  it.each([
    ['npm', '10.8.0', 'package-lock.json', '{"lockfileVersion":3,"packages":{"":{"dependencies":{"a":"2.0.0"}}}}'], ['pnpm', '10.0.0', 'pnpm-lock.yaml', PNPM.replace('specifier: 1.0.0', 'specifier: 2.0.0')],
    ['yarn', '1.22.0', 'yarn.lock', '# yarn lockfile v1\n\na@2.0.0:\n  version "2.0.0"\n\nb@1.0.0:\n  version "1.0.0"\n'], ['yarn', '4.0.0', 'yarn.lock', YARN.replace('"a@npm:1.0.0":', '"a@npm:2.0.0":')],
    ['bun', '1.2.0', 'bun.lock', '{"lockfileVersion":1,"workspaces":{"":{"dependencies":{"a":"2.0.0"},"devDependencies":{"b":"1.0.0"}}},"packages":{}}'],
  ])('is found before anything is installed: %s %s', async (name, version, lockFile, text) => {
    const { fixture, variables } = withManager(name, version, 'touch "$HOME/ran"', { [`apps/api/dist/${lockFile}`]: text });
    const { code, parts } = await fixture.refusal({ dependencies: 'installed' }, HERE, { variables });
    expect([code, parts.problems?.[0], parts.next]).toEqual(['ND-LOCKFILE', `"package.json": dependencies.a is "1.0.0", which ${lockFile} does not know`, `run: ${name} install`]);
    expect(existsSync(join(fixture.root, '../bin/ran'))).toBe(false);
  });

  it('is refused when its version is newer than the manager', async () => {
    const { fixture, variables } = withManager('bun', '1.3.14', '', { 'apps/api/dist/bun.lock': '{"lockfileVersion":2,"workspaces":{"":{"dependencies":{"a":"1.0.0"},"devDependencies":{"b":"1.0.0"}}},"packages":{}}' });
    const { code, parts } = await fixture.refusal({ dependencies: 'installed' }, HERE, { variables });
    expect([code, parts.what, parts.why]).toEqual(['ND-TOOL-MISSING', 'bun 1.3.14 is too old', 'at least 1.4 is needed for a lock file of version 2']);
  });
});

describe('an install that fails', () => {
  const npm = { 'apps/api/dist/package-lock.json': '{"lockfileVersion":3,"packages":{"":{"dependencies":{"a":"1.0.0"},"devDependencies":{"b":"1.0.0"}}}}' };

  it.each([
    ['exit 3', 'it ended with exit code 3'], ['kill -9 $$', 'it ended with SIGKILL'],
  ])('says how: %s', async (body, why) => {
    expect(await failure(withManager('npm', '10.8.0', `echo; printf '\\033[31mred\\033[0m \\342\\202\\254\\n'; ${body}`, npm))).toMatchObject({ code: 'ND-INSTALL-FAILED', parts: { why, problems: ['red ?'] } });
  });

  it('says so when the manager is gone', async () => {
    const made = withManager('npm', '10.8.0', '', npm);
    const files = await made.fixture.collect({ dependencies: 'installed' }, HERE, { variables: made.variables });
    rmSync(join(made.fixture.root, '../bin/npm'));
    symlinkSync('/nowhere', join(made.fixture.root, '../bin/npm'));
    made.variables['PATH'] = '';
    const error: unknown = await files.layers[0]?.entries().then(() => undefined, (thrown: unknown) => thrown);
    await files.close();
    expect(error).toMatchObject({ code: 'ND-INSTALL-FAILED', parts: { what: expect.stringContaining('npm could not install') as string } });
  });

  it('shows the last lines alone, and leaves no folder', async () => {
    const before = new Set(readdirSync(tmpdir()).filter((name) => name.startsWith('nx-deploy-install-')));
    const error = await failure(withManager('npm', '10.8.0', 'for i in $(seq 40); do echo line $i; done; exit 1', npm)) as { parts: { problems: string[] } };
    expect(error.parts.problems).toEqual(Array.from({ length: 15 }, (_, index) => `line ${index + 26}`));
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('nx-deploy-install-') && !before.has(name))).toEqual([]);
  });
});

describe('what is taken of an install', () => {
  let folder: string;
  beforeEach(() => { folder = realpathSync(mkdtempSync(join(tmpdir(), 'nd-install-'))); });
  afterEach(() => { rmSync(folder, { recursive: true, force: true }); });
  const write = (path: string, text = ''): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const link = (path: string, target: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    symlinkSync(target, join(folder, path));
  };
  const paths = async (): Promise<string[]> => (await installedEntries(folder)).map((entry) => (entry.type === 'symlink' ? `${entry.path} -> ${entry.target}` : entry.path)).sort();

  it('is nothing without a node_modules', async () => {
    expect(await paths()).toEqual([]);
    write('node_modules', 'a file');
    expect(await paths()).toEqual([]);
  });

  it('holds no record of the install, nothing of node-gyp, and no script that names the folder', async () => {
    write('package.json');
    write('node_modules/.package-lock.json');
    write('node_modules/.yarn-state.yml');
    write('node_modules/.pnpm/lock.yaml');
    write('node_modules/.cache/x/y');
    write('node_modules/a/index.js');
    write('node_modules/a/build/config.gypi');
    write('node_modules/a/build/Release/obj.target/a.o');
    write('node_modules/a/build/Release/a.node');
    write('node_modules/.bin/shim', `#!/bin/sh\nexec node ${folder}/node_modules/a/index.js\n`);
    write('node_modules/.bin/script', '#!/bin/sh\nexec node "$(dirname "$0")/../a/index.js"\n');
    link('node_modules/.bin/a', '../a/index.js');
    expect(await paths()).toEqual(['app/node_modules/.bin/a -> ../a/index.js', 'app/node_modules/.bin/script', 'app/node_modules/a/build/Release/a.node', 'app/node_modules/a/index.js']);
  });

  it('can be read, whatever the package says', async () => {
    write('node_modules/a/secret');
    chmodSync(join(folder, 'node_modules/a/secret'), 0o000);
    const [entry] = await installedEntries(folder);
    expect(entry).toMatchObject({ path: 'app/node_modules/a/secret', mode: expect.any(Number) as number });
    expect(readFileSync(join(folder, 'node_modules/a/secret'), 'utf8')).toBe('');
  });

  it('keeps links within it, leaves out those to libraries, and refuses those that leave it or never end', async () => {
    write('workspace_modules/lib/index.js');
    write('other/index.js');
    write('node_modules/a/index.js');
    link('node_modules/lib', '../workspace_modules/lib');
    link('node_modules/other', '../other');
    expect(await paths()).toEqual(['app/node_modules/a/index.js', 'app/node_modules/lib -> ../workspace_modules/lib']);
    link('node_modules/out', '../../..');
    link('node_modules/round', 'round');
    await expect(installedEntries(folder)).rejects.toMatchObject({ code: 'ND-ARTIFACT-UNSAFE', parts: { problems: [expect.stringContaining('"node_modules/out"') as string, expect.stringContaining('"node_modules/round"') as string] } });
  });

  it('is refused with a pipe in it', async () => {
    write('node_modules/a/index.js');
    execFileSync('mkfifo', [join(folder, 'node_modules/a/pipe')]);
    await expect(installedEntries(folder)).rejects.toMatchObject({ code: 'ND-ARTIFACT-UNSAFE' });
    expect(existsSync(join(folder, 'node_modules/a/pipe'))).toBe(true);
  });
});
