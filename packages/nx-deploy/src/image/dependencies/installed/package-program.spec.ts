import { DeployError } from '../../../errors.js';
import { HERE, workspace } from '../dependencies.spec-support.js';
import { installArguments, majorVersion, managerOf, platformSettings, type InstallRequest } from './package-program.js';
import { readSettings } from './settings.js';
import { assertFresh } from './stale.js';

const alpine = { os: 'linux', architecture: 'amd64', libc: 'musl' } as const;
const request = (manager: InstallRequest['manager'], change: Partial<InstallRequest> = {}): InstallRequest => ({ manager, major: 10, target: undefined, scripts: true, ...change });
const npm = { name: 'npm', lockFile: 'package-lock.json' } as const;
const pnpm = { name: 'pnpm', lockFile: 'pnpm-lock.yaml' } as const;
const yarn1 = { name: 'yarn', lockFile: 'yarn.lock', classic: true } as const;
const yarn4 = { name: 'yarn', lockFile: 'yarn.lock' } as const;
const bun = { name: 'bun', lockFile: 'bun.lock' } as const;

async function refusal(work: Promise<unknown>): Promise<DeployError> {
  const error: unknown = await work.then(() => undefined, (thrown: unknown) => thrown);
  if (error instanceof DeployError) return error;
  throw error ?? new Error('it was not refused');
}

describe('the command of an install', () => {
  it('changes no lock file and takes no development dependencies', () => {
    expect(installArguments(request(npm))).toEqual(['npm', 'ci', '--omit=dev', '--no-audit', '--no-fund', '--no-update-notifier', '--progress=false']);
    expect(installArguments(request(pnpm)).slice(0, 4)).toEqual(['pnpm', 'install', '--frozen-lockfile', '--prod']);
    expect(installArguments(request(yarn1))).toEqual(['yarn', 'install', '--frozen-lockfile', '--production', '--non-interactive', '--no-progress']);
    expect(installArguments(request(yarn4))).toEqual(['yarn', 'install', '--no-immutable']);
    expect(installArguments(request(bun))).toEqual(['bun', 'install', '--frozen-lockfile', '--production', '--no-progress']);
  });

  it('names another platform where the manager knows how', () => {
    const foreign = { target: alpine, scripts: false };
    expect(installArguments(request(npm, foreign)).slice(-4)).toEqual(['--os=linux', '--cpu=x64', '--libc=musl', '--ignore-scripts']);
    expect(installArguments(request(bun, foreign)).slice(-3)).toEqual(['--os=linux', '--cpu=x64', '--ignore-scripts']);
    expect(installArguments(request(yarn4, foreign)).at(-1)).toBe('--mode=skip-build');
    expect(() => installArguments(request(yarn1, foreign))).toThrow(DeployError);
    expect(platformSettings(request(pnpm, { ...foreign, major: 9 })).manifest).toEqual({ pnpm: { supportedArchitectures: { os: ['linux'], cpu: ['x64'], libc: ['musl'] } } });
    expect(platformSettings(request(pnpm, foreign)).text).toEqual(['pnpm-workspace.yaml', 'supportedArchitectures:\n  os:\n    - linux\n  cpu:\n    - x64\n  libc:\n    - musl\n']);
    expect(platformSettings(request(yarn4, foreign)).text?.[1]).toContain('nodeLinker: node-modules\n');
    expect(platformSettings(request(npm, foreign))).toEqual({});
  });
});

describe('the package manager', () => {
  it('is known by its lock file, and by package.json where there are several', async () => {
    const { root, write } = workspace();
    expect(await managerOf(root)).toBeUndefined();
    write({ 'yarn.lock': '# yarn lockfile v1\n' });
    expect(await managerOf(root)).toEqual(yarn1);
    write({ 'yarn.lock': '__metadata:\n  version: 8\n' });
    expect(await managerOf(root)).toEqual(yarn4);
    write({ 'package-lock.json': '{}' });
    expect(await refusal(managerOf(root))).toMatchObject({ code: 'ND-LOCKFILE', parts: { why: 'yarn.lock, package-lock.json' } });
    write({ 'package.json': '{"packageManager":"npm@11.0.0"}' });
    expect(await managerOf(root)).toEqual(npm);
  });

  it('is refused when it is missing, too old or not the one of the lock file', async () => {
    const { root, write } = workspace();
    const fake = (version: string): Promise<NodeJS.ProcessEnv> => {
      write({ 'bin/yarn': `#!/bin/sh\necho "! a notice"\necho ${version}\n`, 'bin/npm': `#!/bin/sh\necho ${version}\n` });
      return import('node:fs').then(({ chmodSync }) => {
        ['npm', 'yarn'].forEach((name) => { chmodSync(`${root}/bin/${name}`, 0o755); });
        return { PATH: `${root}/bin:/usr/bin:/bin` };
      });
    };
    expect(await majorVersion(npm, root, await fake('10.8.0'))).toBe(10);
    expect((await refusal(majorVersion(npm, root, await fake('10.7.9')))).parts.what).toBe('npm 10.7.9 is too old');
    expect(await majorVersion(yarn1, root, await fake('1.22.22'))).toBe(1);
    expect((await refusal(majorVersion(yarn4, root, await fake('3.6.0')))).parts.why).toBe('at least 4.0 is needed');
    expect(await refusal(majorVersion(yarn1, root, await fake('4.5.0')))).toMatchObject({ code: 'ND-LOCKFILE' });
    expect((await refusal(majorVersion(npm, root, await fake('none')))).parts.why).toBe('"none"');
    expect(await refusal(majorVersion(npm, root, { PATH: `${root}/none` }))).toMatchObject({ code: 'ND-TOOL-MISSING', parts: { what: 'npm cannot be run' } });
  });
});

describe('a stale lock file', () => {
  const manifests = (range = '^1.0.0'): Record<string, string> => ({
    'package.json': `{"name":"root","devDependencies":{"jest":"30.0.0"}}`, 'apps/api/package.json': `{"name":"api","dependencies":{"ms":"${range}","@s/lib":"*","@s/other":"workspace:*","@s/c":"~2.0.0"}}`, 'libs/lib/package.json': '{"name":"@s/lib"}',
  });
  const folders = ['.', 'apps/api', 'libs/lib'];
  const LOCKS = [
    [npm, '{"lockfileVersion":3,"packages":{"":{"devDependencies":{"jest":"30.0.0"}},"apps/api":{"dependencies":{"ms":"^1.0.0","@s/c":"~2.0.0"}},"node_modules/ms":{}}}'],
    [bun, '{"lockfileVersion":1,"workspaces":{"":{"devDependencies":{"jest":"30.0.0",},},"apps/api":{"dependencies":{"ms":"^1.0.0","@s/c":"~2.0.0",},},},}'],
    [pnpm, "lockfileVersion: '9.0'\n\noverrides:\n  '@s/c': 2.1.0\n\nimporters:\n\n  .:\n    devDependencies:\n      jest:\n        specifier: 30.0.0\n        version: 30.0.0\n\n  apps/api:\n    dependencies:\n      '@s/c':\n        specifier: 2.1.0\n        version: 2.1.0\n      ms:\n        specifier: ^1.0.0\n        version: 1.0.0\n\npackages:\n\n  ms@1.0.0:\n    resolution: {}\n"],
    [yarn1, '# yarn lockfile v1\n\n"@s/c@~2.0.0":\n  version "2.0.0"\n\njest@30.0.0:\n  version "30.0.0"\n\nms@0.9, ms@^1.0.0:\n  version "1.0.0"\n'],
    [yarn4, '__metadata:\n  version: 8\n\n"@s/c@npm:~2.0.0":\n  version: 2.0.0\n\n"jest@npm:30.0.0":\n  version: 30.0.0\n\n"ms@npm:0.9, ms@npm:^1.0.0":\n  version: 1.0.0\n'],
  ] as const;

  it.each(LOCKS.map(([manager, text]) => [`${manager.name} ${'classic' in manager ? '1' : ''}`, manager, text] as const))('of %s is told by what differs', async (_name, manager, text) => {
    const { root, write } = workspace();
    write({ ...manifests(), [manager.lockFile]: text });
    await assertFresh(manager, root, folders);
    write(manifests('^2.0.0'));
    const { code, parts } = await refusal(assertFresh(manager, root, folders));
    expect(code).toBe('ND-LOCKFILE');
    expect(parts.problems).toEqual([`"apps/api/package.json": dependencies.ms is "^2.0.0", which ${manager.lockFile} does not know`]);
    expect(parts.next).toBe(`run: ${manager.name} install`);
  });

  it('tells all of it at once, up to a limit', async () => {
    const { root, write } = workspace();
    write({ 'package.json': JSON.stringify({ dependencies: Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`p${index}`, '1'])) }), 'package-lock.json': '{"lockfileVersion":3,"packages":{"":{}}}' });
    const { parts } = await refusal(assertFresh(npm, root, ['.', 'none']));
    expect(parts.problems).toHaveLength(21);
    expect(parts.problems?.at(-1)).toBe('and 5 more');
    write({ 'package-lock.json': '{"lockfileVersion":3}' });
    expect((await refusal(assertFresh(npm, root, ['.']))).parts.problems).toEqual(['it names no package.json files']);
    write({ 'pnpm-lock.yaml': "lockfileVersion: '9.0'\n" });
    expect((await refusal(assertFresh(pnpm, root, ['.']))).parts.problems).toEqual(['it names no package.json files']);
    write({ 'package.json': '{' });
    write({ 'yarn.lock': '# yarn lockfile v1\n' });
    expect(await refusal(assertFresh(yarn1, root, ['.']))).toMatchObject({ code: 'ND-LOCKFILE', parts: { what: 'a package.json cannot be read' } });
  });

  it('of bun that is binary is left to bun', async () => {
    const { root, write } = workspace();
    write({ 'package.json': '{"dependencies":{"ms":"1"}}', 'bun.lockb': 'binary' });
    await assertFresh({ name: 'bun', lockFile: 'bun.lockb' }, root, ['.']);
  });
});

describe('what an install sees', () => {
  it('is named, and its secrets are replaced in what is printed', async () => {
    const { root, write } = workspace();
    write({ '.npmrc': '//r.example/:_authToken=${COMPANY_TOKEN}\n//s.example/:_authToken=literal-secret\nregistry=https://r.example/\n; comment\nhoist=false\n', home: '' });
    const settings = await readSettings(root, {
      HOME: root, PATH: '/bin', COMPANY_TOKEN: 'from-the-environment', OTHER_SECRET: 'never', NODE_ENV: 'production', HTTPS_PROXY: 'http://me:pass-word@proxy:1', npm_config_registry: 'https://m.example/',
    });
    expect(settings.environment).toEqual({ HOME: root, PATH: '/bin', COMPANY_TOKEN: 'from-the-environment', HTTPS_PROXY: 'http://me:pass-word@proxy:1', npm_config_registry: 'https://m.example/' });
    const printed = settings.redact.replace('a from-the-environment b literal-secret c pass-word d https://m.example/');
    expect(printed).not.toMatch(/from-the-environment|literal-secret|pass-word/);
    expect(printed).toContain('https://m.example/');
    expect(settings.relevant).toBe('.npmrc\nregistry=https://r.example/\nhoist=false');
  });
});

describe('installed', () => {
  it('is refused with the way out when @nx/js is missing, there is no lock file, or it is a binary one', async () => {
    const { write, refusal: refused } = workspace();
    write({ 'apps/api/dist/main.js': '', 'package.json': '{}' });
    expect(await refused({ dependencies: 'installed' })).toMatchObject({ code: 'ND-LOCKFILE', parts: { what: 'there is no lock file' } });
    write({ 'bun.lockb': '{}' });
    expect((await refused({ dependencies: 'installed' })).parts).toMatchObject({ why: 'a binary lock file of bun cannot be pruned', next: expect.stringContaining('--save-text-lockfile') as string });
    write({ 'package-lock.json': '{}', 'package.json': '{"packageManager":"npm@10.8.0"}' });
    expect(await refused({ dependencies: 'installed' }, HERE)).toMatchObject({ code: 'ND-TOOL-MISSING', parts: { next: expect.stringContaining('nx add @nx/js') as string } });
  });
});
