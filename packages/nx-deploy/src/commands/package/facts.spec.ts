/** What a package is told by variables and files that Nx does not see, what never goes into one, and what is left of one that was not finished. */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { chmodSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makePackage } from '../package.js';
import { Recorder, Workbench } from '../workbench.spec-support.js';
import { inputHash } from './input-hash.js';
import { commit, membersIn, names, pack, packageFile, packagesOf } from './packages.spec-support.js';
import { findArchive } from './place.js';

let bench: Workbench;
beforeEach(async () => { bench = await Workbench.open(); });
afterEach(() => bench.close());

const secretKey = (): string => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();

async function project(artifact: object = {}, extra: object = {}): Promise<void> {
  await bench.project(packageFile(artifact, extra));
  await bench.write('.gitignore', 'dist\n');
}

test('code of the output is packed whatever its folder is called, and what programs log in with is not', async () => {
  await project();
  const code = ['logs/index.js', 'tmp/a.js', 'coverage/index.js', 'logs/errors.json'];
  const not = ['.npmrc', '.envrc', '.env-cmdrc', '.ENV', 'production.env', '.netrc', 'server.log', '.cache/x.js', 'a.tsbuildinfo'];
  for (const path of [...code, ...not]) await bench.write(`apps/api/dist/${path}`, 'x');
  for (const path of ['.npmrc', 'logs/run.sh', 'seed.sh']) await bench.write(`apps/api/scripts/${path}`, 'x');
  await bench.write('apps/api/dist/node_modules/lib/.npmrc', 'x');
  const { document, output } = await pack(bench);
  const members = Object.keys(await membersIn(document.file));
  for (const path of code) expect(members).toContain(`application/${path}`);
  for (const path of not) expect(members).not.toContain(`application/${path}`);
  expect(members.filter((path) => path.startsWith('scripts/'))).toEqual(['scripts/seed.sh']);
  expect(JSON.stringify(output.events)).toContain('.npmrc');
});

test('the key that signs it is never in it, wherever a copy of it lies', async () => {
  await project();
  await bench.write('keys/release.key', secretKey());
  await bench.write('apps/api/scripts/copy.key', readFileSync(join(bench.root, 'keys/release.key'), 'utf8'));
  const { document } = await pack(bench, { key: 'keys/release.key' });
  expect(document.error).toMatchObject({ code: 'ND-ARTIFACT-UNSAFE', problems: ['"scripts/copy.key": it is the secret key that the package is signed with'] });
  expect(names(packagesOf(bench))).toEqual([]);
});

test('a link that a pattern names is packed as the file behind it; one that leads to no file of the project is refused', async () => {
  await project();
  await bench.write('apps/api/scripts/run-1.sh', 'one');
  symlinkSync('run-1.sh', join(bench.root, 'apps/api/scripts/run.sh'));
  expect((await membersIn((await pack(bench)).document.file))['scripts/run.sh']).toMatchObject({ type: 'File', content: 'one' });
  for (const target of ['/etc/hostname', '../../../package.json', 'none', '../environments', '../.env']) {
    await bench.write('apps/api/environments/x.txt', '');
    await bench.write('apps/api/.env', 'A=1');
    const link = join(bench.root, 'apps/api/scripts/bad.sh');
    symlinkSync(target, link);
    expect([target, (await pack(bench)).document.error?.problems]).toEqual([target, ['"scripts/bad.sh": it is a link that leads to no file of the project']]);
    renameSync(link, join(bench.folder, `gone-${createHash('sha256').update(target).digest('hex')}`));
  }
});

test('key, builder, run, repository and branch come from variables, and lock files are among its materials', async () => {
  await project();
  await bench.write('keys/release.key', secretKey());
  await bench.write('package-lock.json', '{"lockfileVersion": 3}');
  await commit(bench);
  const variables = { NX_DEPLOY_SIGN_KEY: 'keys/release.key', NX_DEPLOY_BUILDER: 'https://ci.example.com/builder', NX_DEPLOY_INVOCATION: 'https://ci.example.com/run/7', NX_DEPLOY_REPOSITORY: 'git+https://example.com/shop.git', NX_DEPLOY_BRANCH: 'release' };
  const { document } = await pack(bench, {}, {}, variables);
  const statement = JSON.parse((await membersIn(document.file))['provenance.intoto.json']?.content ?? '') as { predicate: object };
  expect(statement.predicate).toMatchObject({
    buildDefinition: { resolvedDependencies: [{ uri: 'git+https://example.com/shop.git@refs/heads/release' }, { name: 'package-lock.json', digest: { sha256: createHash('sha256').update('{"lockfileVersion": 3}').digest('hex') } }] },
    runDetails: { builder: { id: 'https://ci.example.com/builder' }, metadata: { invocationId: 'https://ci.example.com/run/7' } },
  });
  for (const [name, value, why] of [['NX_DEPLOY_BUILDER', 'two words', /builder/], ['NX_DEPLOY_BRANCH', 'a\nb', /branch/], ['NX_DEPLOY_REPOSITORY', 'https://user:hunter2@example.com/shop', /repository/]] as const) {
    const { document: refused } = await pack(bench, {}, {}, { ...variables, [name]: value });
    expect(refused.error).toMatchObject({ code: 'ND-OPTION-INVALID', why: expect.stringMatching(why) });
    expect(JSON.stringify(refused)).not.toContain('hunter2');
  }
});

test('another service name is no reason to keep the package of the old one', async () => {
  await project();
  await commit(bench);
  await pack(bench);
  await bench.write('apps/api/deploy.json', packageFile({}, { service: 'orders' }));
  const { document } = await pack(bench);
  expect(await findArchive(bench.context())).toBe(document.file);
  expect(names(packagesOf(bench)).filter((name) => name.endsWith('.tar.gz'))).toEqual([expect.stringMatching(/^orders-v/)]);
});

test('one that was interrupted before it was recorded is not there', async () => {
  await project();
  class Interrupting extends Recorder {
    override phase(name: string, state: string): void {
      super.phase(name, state);
      if (name === 'compare' && state === 'start') process.emit('SIGINT');
    }
  }
  const { exitCode, document } = await makePackage(bench.context({}, new Interrupting()), {});
  expect([exitCode, document]).toMatchObject([1, { error: { code: 'ND-CANCELLED' } }]);
  expect(names(packagesOf(bench))).toEqual([]);
});

test('the hash for the cache of Nx follows reports and the content of the key, and nothing else', async () => {
  await project();
  const hash = (variables: NodeJS.ProcessEnv = {}): Promise<string> => inputHash('apps/api', bench.root, variables);
  const bare = await hash();
  expect(bare).toMatch(/^[0-9a-f]{64}$/);
  await bench.write('coverage/apps/api/coverage-summary.json', '{"total":{"lines":{"total":100,"covered":95}}}');
  const reported = await hash();
  await bench.write('coverage/apps/api/coverage-summary.json', '{"total":{"lines":{"total":100,"covered":10}}}');
  const worse = await hash();
  await bench.write('keys/release.key', 'one');
  const signed = await hash({ NX_DEPLOY_SIGN_KEY: 'keys/release.key' });
  writeFileSync(join(bench.root, 'keys/release.key'), 'two');
  const rotated = await hash({ NX_DEPLOY_SIGN_KEY: 'keys/release.key' });
  expect(new Set([bare, reported, worse, signed, rotated]).size).toBe(5);
  await bench.write('apps/api/notes.txt', 'x');
  expect([await hash(), await hash({ NX_DEPLOY_SIGN_KEY: 'keys/release.key' })]).toEqual([worse, rotated]);
});

test('a repository that git refuses to read is told with what git says of it, and makes no package', async () => {
  await project();
  await commit(bench);
  await bench.write('bin/git', '#!/bin/sh\necho "fatal: detected dubious ownership in repository" >&2\nexit 128\n');
  chmodSync(join(bench.root, 'bin/git'), 0o755);
  const path = process.env['PATH'];
  process.env['PATH'] = `${join(bench.root, 'bin')}:${path ?? ''}`;
  try {
    expect((await pack(bench)).document.error).toMatchObject({ code: 'ND-GIT-FAILED', why: expect.stringContaining('dubious ownership') });
  } finally {
    process.env['PATH'] = path;
  }
  expect(names(packagesOf(bench))).toEqual([]);
});

test('a repository that there is no git for is packed without its commit, and that is told', async () => {
  await project();
  await commit(bench);
  const path = process.env['PATH'];
  process.env['PATH'] = join(bench.root, 'empty');
  try {
    const { document, output } = await pack(bench);
    const warning = `${bench.root} is a git repository, but git is not installed: commit and branch are not known, and nothing tells that they exist; install git`;
    expect([document.outcome, document.warnings]).toEqual(['done', [warning]]);
    expect(output.events).toContainEqual({ type: 'note', text: warning });
  } finally {
    process.env['PATH'] = path;
  }
});
