import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, realpath, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { buildFacts } from './build-facts.js';
import { commitsBetween } from './commits-between.js';
import generate from './executors/generate/executor.js';
import { askGit, GitError, gitFacts, missingGit } from './git.js';
import { buildManifest } from './manifest.js';
import { sbom } from './sbom/sbom.js';
import { printedBy } from './workspace.spec-support.js';

let root: string;
const saved = { ...process.env };
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'build-manifest-')));
  Object.assign(process.env, {
    GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null',
    GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@example.org', GIT_COMMITTER_NAME: 'c', GIT_COMMITTER_EMAIL: 'c@example.org',
  });
  git('init', '-q', '-b', 'main');
});
afterEach(async () => {
  process.env = { ...saved };
  await rm(root, { recursive: true, force: true });
});

const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, env: process.env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
async function commit(): Promise<void> {
  await writeFile(join(root, 'a.txt'), 'one');
  git('add', 'a.txt');
  git('commit', '-q', '-m', 'one');
}

/** A commit of so many empty files that lie only in the index. git writes each byte of the names as four. */
function commitOf(count: number, name: (index: number) => string): void {
  const files = Array.from({ length: count }, (_, index) => `M 100644 inline ${name(index)}\ndata 0\n\n`).join('');
  execFileSync('git', ['fast-import', '--quiet'], { cwd: root, env: process.env, input: `commit refs/heads/main\ncommitter c <c@example.org> 1700000000 +0000\ndata 1\nx\n${files}` });
  git('reset', '-q', '--mixed');
}

/** A program in place of git. */
async function instead(script: string, mode = 0o755): Promise<string> {
  const folder = join(root, 'bin');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'git'), `#!/bin/sh\n${script}\n`);
  await chmod(join(folder, 'git'), mode);
  return folder;
}

describe('gitFacts of a large repository', () => {
  it('finds the commit whose root and whose changes are megabytes of names', async () => {
    commitOf(4_500, (index) => `${'\u00e9'.repeat(122)}${index}`);
    expect(execFileSync('git', ['status', '--porcelain'], { cwd: root, env: process.env, maxBuffer: 2 ** 26 }).length).toBeGreaterThan(4 * 1024 * 1024);
    expect(await gitFacts(root)).toMatchObject({ commit: git('rev-parse', 'HEAD'), branch: 'main', dirty: true });
    execFileSync('git', ['update-index', '--assume-unchanged', '-z', '--stdin'], { cwd: root, env: process.env, input: execFileSync('git', ['ls-files', '-z'], { cwd: root, env: process.env, maxBuffer: 2 ** 26 }) });
    expect(await gitFacts(root)).toMatchObject({ commit: git('rev-parse', 'HEAD'), dirty: false });
  });
});

describe('git that does not tell', () => {
  it('of a repository of somebody else is an error with what git says and what to do, and not a build without a commit', async () => {
    await commit();
    process.env['GIT_TEST_ASSUME_DIFFERENT_OWNER'] = '1';
    const message = `git does not tell the commit of ${root}: fatal: detected dubious ownership in repository at '${root}'; run: git config --global --add safe.directory ${root}`;
    await expect(gitFacts(root)).rejects.toThrow(new GitError(root, { output: '', complaint: `fatal: detected dubious ownership in repository at '${root}'\n\n\tgit config --global --add safe.directory ${root}\n` }));
    await expect(buildFacts({ workspaceRoot: root, projectRoot: '.', projectName: 'api' })).rejects.toThrow(message);
    const { result, printed } = await printedBy(async () => generate({}, { root, projectName: 'api', projectsConfigurations: { version: 2, projects: { api: { root: '.' } } } }));
    expect(result).toEqual({ success: false });
    expect(printed).toBe(`error: no build manifest: ${message}\n`);
    expect(await commitsBetween('a'.repeat(40), 'b'.repeat(40), root)).toBeUndefined();
  });

  it('is not asked where the commit is not needed', async () => {
    await commit();
    process.env['GIT_TEST_ASSUME_DIFFERENT_OWNER'] = '1';
    const place = { workspaceRoot: root, projectRoot: '.', projectName: 'api' };
    expect(await buildManifest({ ...place, outputFile: join(root, 'm.json'), facts: 'inputs' })).toMatchObject({ service: 'api', version: '0.0.0' });
    const graph = { nodes: { api: { type: 'app', name: 'api', data: { root: '.' } } }, dependencies: {}, externalNodes: {} } as const;
    await expect(sbom({ ...place, graph, format: 'spdx', variables: {} })).rejects.toThrow('git does not tell the commit');
    expect((await sbom({ ...place, graph, format: 'spdx', variables: { SOURCE_DATE_EPOCH: '1700000000' } })).document).toContain('2023-11-14T22:13:20Z');
  });

  it.each([
    ['a commit that is lost', async () => writeFile(join(root, '.git/HEAD'), `${'1'.repeat(40)}\n`), 'fatal: bad object HEAD'],
    ['a broken index', async () => writeFile(join(root, '.git/index'), 'x'.repeat(100)), 'error: bad signature 0x78787878'],
    ['a working tree of a repository that is elsewhere', async () => {
      await rm(join(root, '.git'), { recursive: true });
      await writeFile(join(root, '.git'), 'gitdir: /nowhere/git\n');
    }, 'fatal: not a git repository: /nowhere/git'],
    ['a git that is killed', async () => { process.env['PATH'] = `${await instead('kill -9 $$')}${delimiter}${saved['PATH'] ?? ''}`; }, 'git rev-parse was ended by SIGKILL'],
    ['a git that fails without a word', async () => { process.env['PATH'] = await instead('exit 7'); }, 'it said nothing (exit code 7)'],
    ['a git that says something else', async () => { process.env['PATH'] = await instead('echo true'); }, 'git log said true of the commit'],
    ['a git that may not be started', async () => { process.env['PATH'] = await instead('', 0o644); }, 'git cannot be started (EACCES)'],
  ])('of %s is an error', async (_, spoil, why) => {
    await commit();
    await spoil();
    await expect(gitFacts(root)).rejects.toThrow(`git does not tell the commit of ${root}: ${why}; see to it that "git status" works there`);
    await expect(gitFacts(root)).rejects.toMatchObject({ why, next: 'see to it that "git status" works there' });
  });

  it('is stopped when it takes too long or says too much, and its words are plain', async () => {
    process.env['PATH'] = `${await instead('sleep 3 & sleep 3')}${delimiter}${saved['PATH'] ?? ''}`;
    expect(await askGit(root, ['status'], { timeout: 100 })).toEqual({ output: '', complaint: 'git status had not ended after 0.1 s' });
    await instead('exec yes');
    expect(await askGit(root, ['log'])).toEqual({ output: '', complaint: 'git log said more than 4194304 bytes' });
    await instead('yes "$(printf "\\033[31m")" | head -c 300000 >&2; exit 3');
    const answer = await askGit(root, ['log']);
    expect(answer?.exitCode).toBe(3);
    expect(answer?.complaint.length).toBeLessThan(200_000);
    expect(new GitError(root, answer ?? { output: '', complaint: '' }).why).toMatch(/^[\x20-\x7e]{1,200}$/);
  });
});

describe('git that is missing', () => {
  it('is told in a repository, and nowhere else', async () => {
    await mkdir(join(root, 'apps/api'), { recursive: true });
    expect(await missingGit(join(root, 'apps/api'))).toBeUndefined();
    process.env['PATH'] = join(root, 'apps');
    const why = `${root} is a git repository, but git is not installed: commit and branch are not known, and nothing tells that they exist; install git`;
    expect(await missingGit(join(root, 'apps/api'))).toBe(why);
    const run = async (facts: 'all' | 'inputs') => printedBy(async () => generate({ facts }, { root, projectName: 'api', projectsConfigurations: { version: 2, projects: { api: { root: '.' } } } }));
    expect((await run('all')).printed).toMatch(new RegExp(`^warning: ${why}\nwrote `));
    expect((await run('inputs')).printed).not.toContain('warning');
    await rm(join(root, '.git'), { recursive: true });
    expect(await missingGit(join(root, 'apps/api'))).toBeUndefined();
  });
});

describe('a content filter', () => {
  it('decides whether a file that was touched differs from the commit', async () => {
    await writeFile(join(root, '.gitattributes'), '*.txt filter=pointer\n');
    git('config', 'filter.pointer.clean', 'tr a-z A-Z');
    await commit();
    expect(git('show', 'HEAD:a.txt')).toBe('ONE');
    await utimes(join(root, 'a.txt'), 1, 1);
    expect((await gitFacts(root))?.dirty).toBe(false);
    await writeFile(join(root, 'a.txt'), 'two');
    expect((await gitFacts(root))?.dirty).toBe(true);
  });
});
