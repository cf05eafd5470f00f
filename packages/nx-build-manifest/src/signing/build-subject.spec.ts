import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildSubject, lockFileInputs, type StatedOrigin } from './build-subject.js';
import { folderWith } from './signing.spec-support.js';

const git = { commit: 'c'.repeat(40), shortCommit: 'c'.repeat(12), dirty: false, commitTime: '2026-03-03T23:36:07Z' };
const facts = { service: 'api', version: '1.0.0', tools: { node: '24.1.0' }, platform: { os: 'linux', arch: 'x64' } };

let folder: string;
let remove: () => Promise<void>;
beforeEach(async () => { ({ folder, remove } = await folderWith({ 'package-lock.json': '{}' })); });
afterEach(async () => remove());

describe('the build that is signed', () => {
  it('has what git knows, the lock files, and what was stated', async () => {
    await writeFile(join(folder, 'yarn.lock'), '');
    expect(await lockFileInputs(folder)).toEqual([
      { name: 'package-lock.json', sha256: '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a' },
      { name: 'yarn.lock', sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' },
    ]);
    const stated = { builder: 'https://ci.example.com/b', invocation: 'urn:run:7', repository: 'git+ssh://git@example.com/shop.git' };
    expect(await buildSubject({ ...facts, buildId: 'api-1', git: { ...git, branch: 'main' } }, folder, stated)).toEqual({
      name: 'api', version: '1.0.0', buildId: 'api-1', inputs: await lockFileInputs(folder), builder: stated.builder, invocation: stated.invocation,
      source: { commit: git.commit, dirty: false, branch: 'main', repository: stated.repository },
    });
  });

  it('has the branch that was stated where none is checked out, or another one', async () => {
    expect((await buildSubject({ ...facts, git }, folder)).source).toEqual({ commit: git.commit, dirty: false });
    expect((await buildSubject({ ...facts, git }, folder, { branch: 'release/1.x' })).source).toMatchObject({ branch: 'release/1.x' });
    expect((await buildSubject({ ...facts, git: { ...git, branch: 'build' } }, folder, { branch: 'main' })).source).toMatchObject({ branch: 'main' });
  });

  it.each<[StatedOrigin, string]>([
    [{ branch: 'refs/heads/main' }, 'branch is named without refs/heads/, got refs/heads/main'],
    ...['', 'a b', 'a..b', '-a', 'a/', '/a', 'a//b', '.a', 'a/.b', 'a.lock', 'a.', 'a@{1}', '@', 'a\n', 'a~1', 'a\\b'].map((branch): [StatedOrigin, string] => [{ branch }, `branch must be the name of a branch, got ${JSON.stringify(branch)}`]),
    [{ repository: 'git@example.com:shop.git' }, 'repository must be a URI'],
    [{ repository: 'git+https://ghp_x@example.com/shop.git' }, 'repository must hold no user name and no token'],
    [{ repository: 'https://example.com/shop.git@refs/heads/main' }, 'repository must hold no branch; name it with branch'],
    [{ builder: 'me' }, 'builder must be a URI, got me'],
    [{ invocation: 'https://a:b@example.com' }, 'invocation must hold no password'],
  ])('is not made with %j', async (stated, message) => {
    await expect(buildSubject({ ...facts, git }, folder, stated)).rejects.toThrow(message);
  });

  it('does not pass over where to find a commit when there is none', async () => {
    await expect(buildSubject(facts, folder, { branch: 'main' })).rejects.toThrow('branch says where the commit can be found, and the workspace stands on no commit');
    await expect(buildSubject(facts, folder, { repository: 'https://example.com/a.git' })).rejects.toThrow('repository says where');
    expect(await buildSubject(facts, folder)).not.toHaveProperty('source');
  });
});
