import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ManifestDiff } from '../../diff/diff.js';
import { later, manifest } from '../../sample.spec-support.js';
import { printedBy, testWorkspace } from '../../workspace.spec-support.js';
import diffExecutor, { type DiffOptions } from './executor.js';

const workspace = testWorkspace();
const start = async (options: DiffOptions): ReturnType<typeof printedBy<{ success: boolean }>> =>
  printedBy(async () => diffExecutor(options, { root: workspace.root, projectName: 'api', projectsConfigurations: { version: 2, projects: { api: { root: 'apps/api' } } } }));

describe('executor diff', () => {
  it('compares with the manifest of the project, with the commits between', async () => {
    const git = (...args: string[]): string => execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], { cwd: workspace.root, encoding: 'utf8' }).trim();
    git('init', '-q');
    const commits = ['one', 'two', 'three'].map((message) => {
      git('commit', '-q', '--allow-empty', '-m', message);
      return git('rev-parse', 'HEAD');
    });
    const at = (commit = ''): NonNullable<typeof manifest.git> => ({ commit, shortCommit: commit.slice(0, 12), dirty: false, commitTime: '2026-03-03T23:36:07Z' });
    workspace.write({ 'old.json': { ...manifest, git: at(commits[0]) }, 'dist/manifests/apps/api/build-manifest.json': { ...later, git: at(commits[2]) } });
    const { result, printed } = await start({ before: 'old.json' });
    expect(result.success).toBe(true);
    expect(printed).toContain(`${commits[2]?.slice(0, 12) ?? ''} three\n  ${commits[1]?.slice(0, 12) ?? ''} two\n`);
    expect(printed).toContain('~ pino 10.4.0 -> 10.5.0\n');
  });

  it('writes JSON where it is told', async () => {
    workspace.write({ 'old.json': manifest, 'new.json': later });
    const { printed } = await start({ before: join(workspace.root, 'old.json'), after: 'new.json', format: 'json', outputFile: 'out/diff.json' });
    expect(printed).toBe('wrote out/diff.json: org-api 1.4.0 -> 1.5.0\n');
    expect((JSON.parse(readFileSync(join(workspace.root, 'out/diff.json'), 'utf8')) as ManifestDiff).packages?.added).toEqual([{ name: 'big.js', version: '7.0.1', license: 'MIT' }]);
    expect(JSON.parse((await start({ before: 'old.json', after: 'new.json', format: 'json' })).printed)).toMatchObject({ service: 'org-api' });
  });

  it.each([
    [{ before: 'none.json', after: 'new.json' }, 'none.json: does not exist'], [{ before: 'old.json' }, 'build-manifest.json: does not exist'], [{ before: 'old.json', after: 'other.json' }, 'the manifests are of different services: org-api and web'],
    [{ before: 'old.json', after: 'new.json', outputFile: '../x' }, 'outputFile must lie in the workspace'], [{ before: 'old.json', after: 'new.json', outputFile: 'old.json' }, 'outputFile must be none of the manifests'],
  ])('fails for %j', async (options, message) => {
    workspace.write({ 'old.json': manifest, 'new.json': later, 'other.json': { ...later, service: 'web' } });
    const { result, printed } = await start(options);
    expect(result.success).toBe(false);
    expect(printed).toMatch(/^(?:error: no diff: [\x20-\x7e]+\n)+$/);
    expect(printed).toContain(message);
    expect(readFileSync(join(workspace.root, 'old.json'), 'utf8')).toBe(JSON.stringify(manifest));
  });
});
