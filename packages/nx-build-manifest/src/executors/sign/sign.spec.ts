import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ecdsaKey, folderWith, minisignKey, PACKAGE } from '../../signing/signing.spec-support.js';
import verify, { type VerifyOptions } from '../verify/executor.js';
import sign, { type SignOptions } from './executor.js';

const KEY = ecdsaKey();
let root: string;
let remove: () => Promise<void>;
let printed: string;
beforeEach(async () => {
  ({ folder: root, remove } = await folderWith({
    ...Object.fromEntries(Object.entries(PACKAGE).map(([path, content]) => [`dist/packages/apps/api/${path}`, content])),
    'keys/release.pem': KEY.secret, 'keys/release.pub': KEY.trusted.publicKey, 'package-lock.json': '{}', 'apps/api/package.json': '{"version":"1.2.3"}',
  }));
  printed = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(async () => {
  jest.restoreAllMocks();
  delete process.env['SPEC_KEY'];
  delete process.env['SPEC_PASSPHRASE'];
  await remove();
});

const context = () => ({ root, projectName: 'api', projectsConfigurations: { version: 2 as const, projects: { api: { root: 'apps/api' } } } });
const FOLDER = 'dist/packages/{projectRoot}';
const OPTIONS: SignOptions = { folder: FOLDER, key: 'keys/release.pem' };
const run = async (options: SignOptions): Promise<boolean> => (await sign(options, context())).success;
const judge = async (options: Partial<VerifyOptions> = {}): Promise<boolean> => (await verify({ folder: FOLDER, keys: [{ name: 'release', file: 'keys/release.pub' }], ...options }, context())).success;
const statement = async (): Promise<string> => readFile(join(root, 'dist/packages/apps/api/provenance.intoto.json'), 'utf8');

/** The options of a target in a page's project.json. */
async function optionsOnPage(page: string, target: string): Promise<Record<string, unknown>> {
  const text = await readFile(join(__dirname, '../../../../..', page), 'utf8');
  const blocks = [...text.matchAll(/```json\n([\s\S]*?)```/g)].map(([, json = '']) => JSON.parse(json) as { targets?: Record<string, { options?: Record<string, unknown> }> });
  const options = blocks.map(({ targets }) => targets?.[target]?.options).find((each) => each !== undefined);
  if (options === undefined) throw new Error(`${page} shows no target ${target}`);
  return options;
}

describe('executors sign and verify', () => {
  it('do what their pages show', async () => {
    expect(await run(await optionsOnPage('docs/executors/sign.md', 'sign') as unknown as SignOptions)).toBe(true);
    expect(printed).toMatch(/^signed dist\/packages\/apps\/api with ECDSA P-256 \S+: checksums\.txt, provenance\.intoto\.json, provenance\.sigstore\.json, checksums\.txt\.sig\n$/);
    printed = '';
    expect(await judge(await optionsOnPage('docs/executors/verify.md', 'verify'))).toBe(true);
    expect(printed.split('\n')).toEqual([
      'passed   files       5 files have the digests of checksums.txt', 'passed   unlisted    nothing lies beside the files of checksums.txt', 'passed   signature   signed by release',
      expect.stringMatching(/^passed {3}provenance {2}built by https:\/\/ci\.example\.com\//), expect.stringMatching(/^passed {3}identity/), 'passed   sbom        sbom.cdx.json', 'accepted: dist/packages/apps/api', '',
    ]);
  });

  it('tell every rule and every file that is wrong', async () => {
    await run(OPTIONS);
    await writeFile(join(root, 'dist/packages/apps/api/application/main.js'), 'evil');
    await writeFile(join(root, 'dist/packages/apps/api/extra\u001b[31m'), '');
    printed = '';
    expect(await judge()).toBe(false);
    expect(printed).toContain('failed   files       1 wrong\n  - application/main.js: was changed: its digest is not the one in checksums.txt\n');
    expect(printed).toContain('failed   unlisted    1 wrong\n  - extra [31m: is not in checksums.txt\n');
    expect(printed).toMatch(/\nerror: refused: dist\/packages\/apps\/api; [\x20-\x7e]+\n$/);
    printed = '';
    expect(await judge({ mode: 'warn' })).toBe(true);
    expect(printed).toContain('warned   files       1 wrong\n');
    expect(await judge({ mode: 'off', keys: [] })).toBe(true);
  });

  it('tell a hundred things that are wrong with a rule, and how many more there are', async () => {
    await run(OPTIONS);
    await rm(join(root, 'dist/packages/apps/api/provenance.sigstore.json'));
    await rm(join(root, 'dist/packages/apps/api/checksums.txt.sig'));
    for (let index = 0; index < 102; index += 1) await writeFile(join(root, `dist/packages/apps/api/more-${index}`), '');
    printed = '';
    expect(await judge({ provenance: false })).toBe(false);
    expect(printed).toContain('failed   unlisted    102 wrong\n');
    expect(printed).toContain('  - and 2 more\n');
    expect(printed).toContain('failed   signature   1 wrong\n  - the package has no signature\n');
  });

  it('put commit, lock file and what was named into the provenance', async () => {
    const git = (...args: string[]): string => execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], { cwd: root, encoding: 'utf8' });
    git('init', '-q', '-b', 'main');
    git('add', 'apps');
    git('commit', '-q', '-m', 'one');
    expect(await run({ ...OPTIONS, builder: 'https://ci.example.com/builders/1', invocation: 'https://ci.example.com/runs/7', repository: 'git+https://example.com/shop.git' })).toBe(true);
    const said = JSON.parse(await statement()) as { predicate: { buildDefinition: { resolvedDependencies: unknown[] }; runDetails: unknown } };
    expect(said.predicate.buildDefinition).toMatchObject({ externalParameters: { name: 'api', version: '1.2.3' }, internalParameters: { dirty: false } });
    expect(said.predicate.buildDefinition.resolvedDependencies).toEqual([
      { uri: 'git+https://example.com/shop.git@refs/heads/main', digest: { gitCommit: git('rev-parse', 'HEAD').trim() } },
      { name: 'package-lock.json', digest: { sha256: '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a' } },
    ]);
    expect(said.predicate.runDetails).toEqual({ builder: { id: 'https://ci.example.com/builders/1' }, metadata: { invocationId: 'https://ci.example.com/runs/7' } });
    git('checkout', '-q', '--detach');
    expect(await run({ ...OPTIONS, branch: 'release/1' })).toBe(true);
    expect(await statement()).toContain('{"annotations":{"branch":"release/1"},"digest":{"gitCommit":"');
    expect(await judge({ provenance: { branches: ['release/1'] } })).toBe(true);
    expect(await run(OPTIONS)).toBe(true);
    expect(await statement()).toContain('"name":"source"');
    expect(await judge({ provenance: { branches: ['release/1'] } })).toBe(false);
  });

  it('take key and passphrase from variables that are named, and print neither', async () => {
    process.env['SPEC_KEY'] = minisignKey('release', 'hunter2').secret;
    process.env['SPEC_PASSPHRASE'] = 'hunter2';
    expect(await run({ folder: FOLDER, keyVariable: 'SPEC_KEY', passphraseVariable: 'SPEC_PASSPHRASE' })).toBe(true);
    expect(printed).toMatch(/ with minisign [0-9A-F]{16}: .*checksums\.txt\.minisig\n$/);
    process.env['SPEC_PASSPHRASE'] = 'hunter3';
    expect(await run({ folder: FOLDER, keyVariable: 'SPEC_KEY', passphraseVariable: 'SPEC_PASSPHRASE' })).toBe(false);
    expect(printed).toContain('error: not signed: the key in the variable SPEC_KEY cannot be used: the passphrase is wrong, or the file is damaged\n');
    expect(printed).not.toContain('hunter');
    expect(printed).not.toContain(process.env['SPEC_KEY'].split('\n')[1]);
  });

  it.each<[Partial<SignOptions>, string]>([
    [{ key: 'none.pem' }, 'the key none.pem cannot be used: there is no such file'],
    [{ key: 'keys/release.pub' }, 'the key keys/release.pub cannot be used: it is no private key'],
    [{ keyVariable: 'SPEC_KEY' }, 'name one secret key, with --key=<file> or --keyVariable=<name of a variable>'],
    [{ passphraseVariable: 'SPEC_PASSPHRASE' }, 'passphraseVariable: the variable SPEC_PASSPHRASE is not set'],
    [{ folder: '../x' }, 'folder must lie in the workspace, got ../x'],
    [{ folder: 'none' }, 'the folder none does not exist: build first'],
    [{ folder: 'empty' }, 'there is no file to sign'],
    [{ builder: 'me' }, 'builder must be a URI, got me'],
    [{ branch: 'main' }, 'branch says where the commit can be found, and the workspace stands on no commit'],
    [{ invocation: 'https://me:secret@example.com' }, 'invocation must hold no password'],
  ])('do not sign with %j', async (options, message) => {
    await mkdir(join(root, 'empty'));
    expect(await run({ ...OPTIONS, ...options })).toBe(false);
    expect(printed).toContain(`error: not signed: ${message}`);
    expect(printed).toMatch(/^[\x20-\x7e\n]+$/);
    expect((await readdir(join(root, 'dist/packages/apps/api'))).includes('checksums.txt')).toBe(false);
  });

  it.each<[string, string, () => Promise<void>]>([
    ['lies in it', 'keys/release.pem', async () => undefined],
    ['is a link into it', 'secret/release.pem', async () => { await mkdir(join(root, 'secret')); await symlink('../keys/release.pem', join(root, 'secret/release.pem')); }],
    ['lies in what leads to it', 'other/release.pem', async () => symlink('keys', join(root, 'other'))],
  ])('do not sign a folder whose key %s', async (_, key, place) => {
    await place();
    expect(await run({ folder: 'keys', key })).toBe(false);
    expect(printed).toBe(`error: not signed: the secret key ${key} lies in the folder keys, and would be signed and handed on with it; move it out of the folder\n`);
    expect(await readdir(join(root, 'keys'))).toEqual(['release.pem', 'release.pub']);
  });

  it('take a key from a place beside the folder whose name begins with two points, and from a pipe', async () => {
    await mkdir(join(root, 'dist/packages/apps/..keys'));
    await rename(join(root, 'keys/release.pem'), join(root, 'dist/packages/apps/..keys/release.pem'));
    expect(await run({ ...OPTIONS, key: 'dist/packages/apps/..keys/release.pem' })).toBe(true);
    execFileSync('mkfifo', [join(root, 'keys/pipe')]);
    const [signed] = await Promise.all([run({ ...OPTIONS, key: 'keys/pipe' }), writeFile(join(root, 'keys/pipe'), KEY.secret)]);
    expect(signed).toBe(true);
  });

  it.each<[Partial<VerifyOptions>, string]>([
    [{ keys: [] }, 'policy.keys: a policy that is enforced needs a key to trust'],
    [{ keys: [{ name: 'a' }] }, 'keys[0]: name one public key, with file or with publicKey'],
    [{ keys: [{ name: 'a', file: 'none' }] }, 'ENOENT'],
    [{ keys: [{ name: 'a', publicKey: 'x' }] }, 'policy.keys[0]: it is neither the PEM of a public key nor a public key of minisign'],
    [{ folder: 'none' }, 'the folder none does not exist'],
    [{ folder: '..' }, 'folder must lie in the workspace'],
  ])('do not verify with %j', async (options, message) => {
    expect(await judge(options)).toBe(false);
    expect(printed).toMatch(/^error: not verified: /);
    expect(printed).toContain(message);
  });

  it('work for a workspace without projects', async () => {
    const whole = { root, projectsConfigurations: { version: 2 as const, projects: {} } };
    await rm(join(root, 'package-lock.json'));
    expect(await sign({ folder: 'dist', key: 'keys/release.pem' }, whole)).toEqual({ success: true });
    expect(await verify({ folder: 'dist', keys: [{ name: 'r', publicKey: KEY.trusted.publicKey }] }, whole)).toEqual({ success: true });
  });
});

describe('the schemas', () => {
  it.each(['sign', 'verify'])('of %s accepts what its page names and nothing else', async (name) => {
    const schema = JSON.parse(await readFile(join(dirname(__dirname), name, 'schema.json'), 'utf8')) as { properties: Record<string, unknown>; additionalProperties: unknown };
    const page = await readFile(join(__dirname, `../../../../../docs/executors/${name}.md`), 'utf8');
    expect(schema.additionalProperties).toBe(false);
    expect([...page.matchAll(/^\| `([a-zA-Z]+)` \|/gm)].map(([, option]) => option)).toEqual(Object.keys(schema.properties));
  });
});
