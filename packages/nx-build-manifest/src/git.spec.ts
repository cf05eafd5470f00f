import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildFacts, serviceName } from './build-facts.js';
import { commitsBetween, MOST_COMMITS } from './commits-between.js';
import { gitFacts } from './git.js';

let root: string;
const saved = { ...process.env };
/** Commits at fixed times, with no configuration of this machine. */
const settled = {
  GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@example.org', GIT_COMMITTER_NAME: 'c', GIT_COMMITTER_EMAIL: 'c@example.org',
  GIT_AUTHOR_DATE: '2026-03-04T05:06:07+05:30', GIT_COMMITTER_DATE: '2026-03-04T05:06:07+05:30',
};
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'build-manifest-'));
  Object.assign(process.env, settled);
});
afterEach(async () => {
  process.env = { ...saved };
  await rm(root, { recursive: true, force: true });
});

const git = (args: string[], cwd = root): string => execFileSync('git', args, { cwd, env: process.env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
async function commit(subject: string, file = 'a.txt', text = subject): Promise<string> {
  await writeFile(join(root, file), text);
  git(['add', '-A']);
  git(['commit', '-q', '-m', subject]);
  return git(['rev-parse', 'HEAD']);
}
const facts = async (projectRoot = '.', projectName = 'api') => buildFacts({ workspaceRoot: root, projectRoot, projectName });

describe('gitFacts', () => {
  it('states the commit, its branch and its time in UTC', async () => {
    git(['init', '-q', '-b', 'feature/x']);
    const id = await commit('one');
    expect(await gitFacts(root)).toEqual({ commit: id, shortCommit: id.slice(0, 12), branch: 'feature/x', dirty: false, commitTime: '2026-03-03T23:36:07Z' });
  });

  it('calls changed tracked files dirty, and untracked ones not', async () => {
    git(['init', '-q']);
    await commit('one');
    await writeFile(join(root, 'new.txt'), '');
    expect((await gitFacts(root))?.dirty).toBe(false);
    await writeFile(join(root, 'a.txt'), 'changed');
    expect((await gitFacts(root))?.dirty).toBe(true);
    git(['checkout', '-q', 'a.txt']);
    git(['add', 'new.txt']);
    expect((await gitFacts(root))?.dirty).toBe(true);
  });

  it('has no branch on a detached HEAD', async () => {
    git(['init', '-q']);
    const id = await commit('one');
    git(['checkout', '-q', '--detach']);
    const found = await gitFacts(root);
    expect(found?.commit).toBe(id);
    expect(found).not.toHaveProperty('branch');
  });

  it('knows nothing without a repository, without a commit, in a folder that a repository around it does not track', async () => {
    expect(await gitFacts(root)).toBeUndefined();
    git(['init', '-q']);
    expect(await gitFacts(root)).toBeUndefined();
    await commit('one');
    await mkdir(join(root, 'untracked'));
    expect(await gitFacts(join(root, 'untracked'))).toBeUndefined();
    expect(await gitFacts(join(root, 'missing'))).toBeUndefined();
  });

  it('knows nothing without git', async () => {
    git(['init', '-q']);
    await commit('one');
    process.env['PATH'] = root;
    expect(await gitFacts(root)).toBeUndefined();
    expect(await commitsBetween('a'.repeat(40), 'b'.repeat(40), root)).toBeUndefined();
    const found = await facts();
    expect(found).not.toHaveProperty('git');
    expect(found).not.toHaveProperty('buildId');
    expect(found.tools).not.toHaveProperty('npm');
  });

  it('works in a shallow clone and in one with 64 digit ids', async () => {
    git(['init', '-q']);
    const first = await commit('one');
    const second = await commit('two');
    const clone = join(root, 'clone');
    git(['clone', '-q', '--depth', '1', `file://${root}`, clone]);
    expect((await gitFacts(clone))?.commit).toBe(second);
    expect(await commitsBetween(first, second, clone)).toBeUndefined();
    const wide = join(root, 'wide');
    git(['init', '-q', '--object-format=sha256', wide]);
    await writeFile(join(wide, 'f'), '');
    git(['add', 'f'], wide);
    git(['commit', '-q', '-m', 'one'], wide);
    expect((await gitFacts(wide))?.commit).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is not led elsewhere by the variables that git sets in a hook, nor by the configuration', async () => {
    git(['init', '-q', '-b', 'here']);
    const id = await commit('one');
    git(['config', 'log.showSignature', 'true']);
    git(['config', 'status.short', 'false']);
    git(['config', 'color.ui', 'always']);
    process.env['GIT_DIR'] = join(root, 'elsewhere');
    process.env['GIT_INDEX_FILE'] = join(root, 'no-index');
    expect(await gitFacts(root)).toMatchObject({ commit: id, branch: 'here', dirty: false });
  });

  it('starts no program that the repository names, and takes no lock', async () => {
    git(['init', '-q']);
    await commit('one');
    const program = join(root, '.git', 'monitor.sh');
    await writeFile(program, `#!/bin/sh\ntouch "${join(root, '.git', 'started')}"\n`);
    await chmod(program, 0o755);
    git(['config', 'core.fsmonitor', program]);
    await writeFile(join(root, '.git', 'index.lock'), '');
    expect((await gitFacts(root))?.dirty).toBe(false);
    expect(() => git(['-c', 'core.fsmonitor=false', 'ls-files', '--error-unmatch', '.git/started'])).toThrow();
    await expect(rm(join(root, '.git', 'started'))).rejects.toThrow('ENOENT');
  });
});

describe('commitsBetween', () => {
  it('lists what the second has and the first has not, newest first, as plain text', async () => {
    git(['init', '-q']);
    const first = await commit('one');
    await commit('two $(id) "quoted"', 'b.txt');
    const third = await commit('\u001b[31mred\u0007 \u00e9 \ud83d\ude80\u009b tail');
    const found = await commitsBetween(first, third, root);
    expect(found?.map(({ subject }) => subject)).toEqual(['[31mred ? ? tail', 'two $(id) "quoted"']);
    expect(found?.[0]?.hash).toBe(third.slice(0, 12));
    expect(await commitsBetween(third, first, root)).toEqual([]);
    expect(await commitsBetween(first.slice(0, 10), first, root)).toEqual([]);
  });

  it('lists commits without a subject', async () => {
    git(['init', '-q']);
    const first = await commit('one');
    await writeFile(join(root, 'b'), '');
    git(['add', '-A']);
    git(['commit', '-q', '--allow-empty-message', '-m', '']);
    expect(await commitsBetween(first, git(['rev-parse', 'HEAD']), root)).toMatchObject([{ subject: '' }]);
  });

  it('stops at the most, and cuts long subjects', async () => {
    git(['init', '-q']);
    const first = await commit('one');
    const stream = Array.from({ length: MOST_COMMITS + 10 }, (_, index) => {
      const subject = `c${index} ${'x'.repeat(400)}`;
      return `commit refs/heads/many\ncommitter c <c@example.org> ${1_700_000_000 + index} +0000\ndata ${subject.length}\n${subject}\n${index === 0 ? `from ${first}\n` : ''}`;
    }).join('');
    execFileSync('git', ['fast-import', '--quiet'], { cwd: root, env: process.env, input: stream });
    const found = await commitsBetween(first, git(['rev-parse', 'many']), root);
    expect(found).toHaveLength(MOST_COMMITS);
    expect(found?.[0]?.subject).toMatch(/^c59 x+\.\.\.$/);
    expect(found?.[0]?.subject).toHaveLength(200);
  });

  it.each(['', 'HEAD', '--output=x', 'abc', 'ABCDEF1', `${'a'.repeat(40)}\n`, '../..', 'g'.repeat(40)])('refuses %j as an id', async (id) => {
    await expect(commitsBetween(id, 'a'.repeat(40), root)).rejects.toThrow(TypeError);
    await expect(commitsBetween('a'.repeat(40), id, root)).rejects.toThrow('hexadecimal');
  });

  it('cannot tell for an unknown commit', async () => {
    git(['init', '-q']);
    const first = await commit('one');
    expect(await commitsBetween('0123456789', first, root)).toBeUndefined();
  });
});

describe('buildFacts', () => {
  it('makes the build id of the commit time, and names the tools', async () => {
    git(['init', '-q']);
    await commit('one');
    const found = await facts('.', '@org/api');
    expect(found).toMatchObject({ service: 'org-api', version: '0.0.0', buildId: 'org-api-0.0.0-20260303.233607' });
    expect(found.tools.node).toBe(process.version.slice(1));
    expect(found.platform).toEqual({ os: process.platform, arch: process.arch });
    expect(found.tools).not.toHaveProperty('nx');
    expect(await facts('.', '@org/api')).toEqual(found);
  });

  it('takes the version of the project, else of the workspace', async () => {
    await mkdir(join(root, 'apps/api'), { recursive: true });
    await writeFile(join(root, 'package.json'), '\ufeff{"version":"2.0.0-rc.1+b"}');
    expect((await facts('apps/api')).version).toBe('2.0.0-rc.1+b');
    await writeFile(join(root, 'apps/api/package.json'), '{"name":"api"}');
    expect((await facts('apps/api')).version).toBe('2.0.0-rc.1+b');
    await writeFile(join(root, 'apps/api/package.json'), '{"version":"../evil"}');
    expect((await facts('apps/api')).version).toBe('2.0.0-rc.1+b');
    await writeFile(join(root, 'apps/api/package.json'), '{"version":"3.1.0"}');
    expect((await facts(join(root, 'apps/api'))).version).toBe('3.1.0');
  });

  it.each([['{', 'is not valid JSON'], ['[]', 'must hold a JSON object'], ['null', 'must hold a JSON object']])('does not pass over a package.json of %j', async (text, message) => {
    await writeFile(join(root, 'package.json'), text);
    await expect(facts()).rejects.toThrow(message);
  });

  it('does not pass over a package.json that cannot be read', async () => {
    await mkdir(join(root, 'package.json'));
    await expect(facts()).rejects.toThrow('EISDIR');
  });

  it('finds the nx of the workspace and the npm of the PATH', async () => {
    await mkdir(join(root, 'node_modules/nx'), { recursive: true });
    await writeFile(join(root, 'node_modules/nx/package.json'), '{"name":"nx","version":"23.0.1"}');
    await mkdir(join(root, 'bin/node_modules/npm'), { recursive: true });
    await writeFile(join(root, 'bin/npm'), '');
    await writeFile(join(root, 'bin/node_modules/npm/package.json'), '{"name":"npm","version":"9.9.9"}');
    process.env['PATH'] = `${join(root, 'none')}:${join(root, 'bin')}:`;
    expect((await facts()).tools).toMatchObject({ nx: '23.0.1', npm: '9.9.9' });
    await writeFile(join(root, 'bin/node_modules/npm/package.json'), '{"name":"other"}');
    expect((await facts()).tools).not.toHaveProperty('npm');
  });
});

describe('serviceName', () => {
  it.each([['api', 'api'], ['@org/api', 'org-api'], ['a b/c', 'a-b-c'], ['../x', 'x'], ['\u00e9', 'service'], ['', 'service'], ['a.b_c', 'a.b_c']])('%j: %s', (name, expected) => {
    expect(serviceName(name)).toBe(expected);
  });
});
