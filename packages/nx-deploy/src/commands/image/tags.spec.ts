import { execFileSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { destinations, tagFacts } from './tags.js';

let root = '';
beforeEach(() => { root = realpathSync(mkdtempSync(join(tmpdir(), 'nd tags '))); });
afterEach(() => rmSync(root, { recursive: true }));

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;
const facts = (templates: readonly string[], variables: NodeJS.ProcessEnv = {}): ReturnType<typeof tagFacts> =>
  tagFacts({ workspaceRoot: root, projectRoot: '.', projectName: 'api', environment: undefined, variables }, DIGEST, templates);

test('a tag that tells nothing of the build asks neither for a version nor for a commit', async () => {
  writeFileSync(join(root, 'package.json'), '{');
  expect(await facts(['{hash}', 'latest'])).toEqual({ hash: '0123456789ab' });
  expect(destinations([{ repository: 'a/b', tags: ['{hash}', 'latest'] }], await facts(['{hash}', 'latest']))[0]?.tags).toEqual(['0123456789ab', 'latest']);
  await expect(facts(['latest', 'v{version}'])).rejects.toThrow('package.json is not valid JSON');
});

test('each of the others does', async () => {
  writeFileSync(join(root, 'package.json'), '{"version":"1.2.3"}');
  execFileSync('git', ['init', '--quiet', '--initial-branch=main', root]);
  execFileSync('git', ['-C', root, 'add', '.']);
  execFileSync('git', ['-C', root, '-c', 'user.name=spec', '-c', 'user.email=spec@example.com', 'commit', '--quiet', '--message=one']);
  for (const template of ['{version}', 'x-{commit}', '{branch}']) {
    expect(await facts([template])).toEqual({ version: '1.2.3', branch: 'main', hash: '0123456789ab', commit: expect.stringMatching(/^[0-9a-f]{12}$/) as string });
  }
});
