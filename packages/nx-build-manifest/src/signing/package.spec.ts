import { execFileSync } from 'node:child_process';
import { mkdir, readFile, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { parseSigningKey, type SigningKey } from './keys.js';
import { policyProblems, type VerificationPolicy } from './policy.js';
import { signPackage } from './sign-package.js';
import { BUILD, ecdsaKey, folderWith, minisignKey, PACKAGE } from './signing.spec-support.js';
import { verifyPackage, type Verdicts } from './verify-package.js';

const KEYS = { ecdsa: ecdsaKey(), minisign: minisignKey() };
const POLICY: VerificationPolicy = { mode: 'enforce', keys: [KEYS.ecdsa.trusted, KEYS.minisign.trusted], provenance: true, requireSbom: true };

let folder: string;
let remove: () => Promise<void>;
const signed: Record<string, SigningKey> = {};
beforeAll(async () => {
  for (const [kind, { secret }] of Object.entries(KEYS)) signed[kind] = await parseSigningKey(secret);
});
beforeEach(async () => { ({ folder, remove } = await folderWith(PACKAGE)); });
afterEach(async () => remove());

const at = (path: string): string => join(folder, path);
const keyOf = (kind: string): SigningKey => signed[kind] ?? (() => { throw new Error(kind); })();
const sign = async (kind = 'ecdsa', build: Parameters<typeof signPackage>[0]['build'] = BUILD): Promise<readonly string[]> => signPackage({ folder, build, key: keyOf(kind) });
const verify = async (policy: Partial<VerificationPolicy> = {}): Promise<Verdicts> => verifyPackage({ folder, policy: { ...POLICY, ...policy } });
const outcomes = ({ rules }: Verdicts): Record<string, string> => Object.fromEntries(rules.map(({ rule, outcome }) => [rule, outcome]));
const told = ({ rules }: Verdicts): string[] => rules.flatMap(({ rule, findings }) => findings.map(({ file, problem }) => `${rule}: ${file === undefined ? '' : `${file} `}${problem}`));

describe('a package that was signed', () => {
  it.each([
    ['ecdsa', ['checksums.txt', 'provenance.intoto.json', 'provenance.sigstore.json', 'checksums.txt.sig']],
    ['minisign', ['checksums.txt', 'provenance.intoto.json', 'provenance.sigstore.json', 'checksums.txt.minisig']],
  ])('by %s is accepted by every rule', async (kind, files) => {
    expect(await sign(kind)).toEqual(files);
    const verdicts = await verify({ identities: [{ builder: BUILD.builder }] });
    expect(told(verdicts)).toEqual([]);
    expect(verdicts.accepted).toBe(true);
    expect(outcomes(verdicts)).toEqual({ files: 'passed', unlisted: 'passed', signature: 'passed', provenance: 'passed', identity: 'passed', sbom: 'passed' });
    expect(verdicts.rules.map(({ detail }) => detail)).toEqual([
      '5 files have the digests of checksums.txt', 'nothing lies beside the files of checksums.txt', `signed by ${kind === 'ecdsa' ? 'ci' : 'release'}`,
      `built by ${BUILD.builder} of commit ${BUILD.source.commit}`, `${BUILD.builder}, by the key ${kind === 'ecdsa' ? 'ci' : 'release'}`, 'sbom.cdx.json',
    ]);
  });

  it('says in its provenance what was built of what, and no more than level 1 can know', async () => {
    await sign();
    const statement = JSON.parse(await readFile(at('provenance.intoto.json'), 'utf8')) as Record<string, unknown>;
    expect(statement).toMatchObject({
      _type: 'https://in-toto.io/Statement/v1', predicateType: 'https://slsa.dev/provenance/v1',
      predicate: {
        buildDefinition: {
          externalParameters: { name: 'shop', version: '1.0.0', buildId: BUILD.buildId }, internalParameters: { dirty: false },
          resolvedDependencies: [{ uri: 'git+https://example.com/shop.git@refs/heads/main', digest: { gitCommit: BUILD.source.commit } }, { name: 'package-lock.json', digest: { sha256: 'a'.repeat(64) } }],
        },
        runDetails: { builder: { id: BUILD.builder } },
      },
    });
    expect((statement['subject'] as { name: string }[]).map(({ name }) => name)).toEqual(['checksums.txt', 'build-manifest.json', 'sbom.cdx.json', 'shop-1.0.0.tar.gz']);
  });

  it('has the same list and statement each time, and what an earlier signing left is gone', async () => {
    await sign('minisign');
    const before = await Promise.all(['checksums.txt', 'provenance.intoto.json', 'provenance.sigstore.json', 'checksums.txt.minisig'].map(async (name) => readFile(at(name), 'utf8')));
    await sign('minisign');
    expect(await Promise.all(['checksums.txt', 'provenance.intoto.json', 'provenance.sigstore.json', 'checksums.txt.minisig'].map(async (name) => readFile(at(name), 'utf8')))).toEqual(before);
    await sign('ecdsa');
    await expect(readFile(at('checksums.txt.minisig'))).rejects.toThrow('ENOENT');
    expect((await verify()).accepted).toBe(true);
  });
});

describe('tampering', () => {
  it.each(['ecdsa', 'minisign'])('with any byte of any file is found and named (signed by %s)', async (kind) => {
    const own = await sign(kind);
    const files = [...Object.keys(PACKAGE).filter((path) => PACKAGE[path] !== ''), ...own];
    const contents = new Map(await Promise.all(files.map(async (path) => [path, await readFile(at(path))] as const)));
    await fc.assert(fc.asyncProperty(fc.constantFrom(...files), fc.nat(), fc.integer({ min: 1, max: 255 }), async (path, place, flip) => {
      const content = contents.get(path) ?? Buffer.alloc(0);
      const changed = Buffer.from(content);
      const index = place % content.length;
      changed[index] = (content[index] ?? 0) ^ flip;
      await writeFile(at(path), changed);
      const verdicts = await verify({ requireSbom: false });
      await writeFile(at(path), content);
      expect(verdicts.accepted).toBe(false);
      expect(verdicts.rules.flatMap(({ findings }) => findings.map(({ file }) => file))).toContain(path);
    }), { numRuns: process.env['NX_DEPLOY_SOAK'] === '1' ? 20_000 : 100 });
  }, 600_000);

  it.each(['ecdsa', 'minisign'])('by a byte more, a byte less, or no file at all is found and named (signed by %s)', async (kind) => {
    const own = await sign(kind);
    for (const path of [...Object.keys(PACKAGE), ...own]) {
      const content = await readFile(at(path));
      const cuts = [Buffer.concat([content, Buffer.from('\n')]), ...(content.length > 0 ? [content.subarray(0, -1)] : []), undefined];
      for (const cut of cuts) {
        if (cut === undefined) await unlink(at(path));
        else await writeFile(at(path), cut);
        // A signature beside the bundle may be missing: the bundle says the same.
        const spare = cut === undefined && /\.(?:sig|minisig)$/.test(path);
        const verdicts = await verify();
        expect([path, verdicts.accepted]).toEqual([path, spare]);
        if (!spare) expect(verdicts.rules.flatMap(({ findings }) => findings.map(({ file }) => file))).toContain(path);
      }
      await writeFile(at(path), content);
    }
  });

  it('by somebody who signs again with a key of his own is found', async () => {
    await writeFile(at('application/main.js'), 'evil');
    await signPackage({ folder, build: BUILD, key: await parseSigningKey(ecdsaKey().secret) });
    expect(told(await verify())).toEqual([
      'signature: provenance.sigstore.json it is of a key that is not trusted',
      'signature: checksums.txt.sig it does not match checksums.txt under any trusted key',
      'provenance: provenance.sigstore.json holds no statement that a trusted key signed',
    ]);
    await signPackage({ folder, build: BUILD, key: await parseSigningKey(minisignKey().secret) });
    expect(told(await verify())).toContainEqual(expect.stringMatching(/^signature: checksums\.txt\.minisig it is of the key [0-9A-F]{16}, which is not trusted$/));
  });

  it('by the provenance of another package of the same signer is found', async () => {
    await sign();
    const other = await folderWith({ ...PACKAGE, 'build-manifest.json': '{}' });
    try {
      await signPackage({ folder: other.folder, build: BUILD, key: keyOf('ecdsa') });
      for (const name of ['provenance.sigstore.json', 'provenance.intoto.json']) await writeFile(at(name), await readFile(join(other.folder, name)));
    } finally {
      await other.remove();
    }
    expect(told(await verify())).toEqual(['provenance: checksums.txt is not what the provenance was made for', 'provenance: build-manifest.json is not what the provenance was made for']);
  });

  it('by files, links and paths that are not in the list is found and named, and nothing outside is read', async () => {
    await sign();
    await mkdir(at('scripts'));
    await writeFile(at('scripts/extra.sh'), '');
    await symlink('/etc/passwd', at('passwd'));
    await rm(at('application/main.js'));
    await symlink('/etc/hostname', at('application/main.js'));
    expect(told(await verify())).toEqual([
      'files: application/main.js is a link, and should be a file', 'unlisted: passwd is not in checksums.links.json', 'unlisted: scripts/extra.sh is not in checksums.txt',
    ]);
    await writeFile(at('checksums.txt'), `${'a'.repeat(64)}  ../../etc/passwd\n`);
    expect(told(await verify())).toContain('files: checksums.txt line 1: its path leaves the folder (..)');
    await rm(at('checksums.txt'));
    await symlink('/etc/passwd', at('checksums.txt'));
    await rm(at('provenance.sigstore.json'));
    await symlink('/etc/passwd', at('provenance.sigstore.json'));
    await rm(at('provenance.intoto.json'));
    await mkdir(at('provenance.intoto.json'));
    expect(told(await verify())).toEqual(expect.arrayContaining([
      'files: checksums.txt is a link, and should be a file',
      'signature: provenance.sigstore.json is a link, and should be a file',
      'provenance: provenance.intoto.json is no file',
    ]));
  });
});

describe('a policy', () => {
  it('that is off looks at nothing', async () => {
    expect(await verifyPackage({ folder: '/nowhere', policy: { mode: 'off', keys: [] } })).toMatchObject({ accepted: true, rules: Array.from({ length: 6 }, () => ({ outcome: 'skipped' })) });
  });

  it('that warns accepts what it finds wrong', async () => {
    const verdicts = await verify({ mode: 'warn', keys: [] });
    expect(verdicts.accepted).toBe(true);
    expect(outcomes(verdicts)).toEqual({ files: 'warned', unlisted: 'skipped', signature: 'warned', provenance: 'warned', identity: 'skipped', sbom: 'warned' });
  });

  it('that is enforced refuses an unsigned package, and says all of it', async () => {
    expect(told(await verify())).toEqual([
      'files: checksums.txt is missing', 'signature: the package has no signature', 'provenance: provenance.sigstore.json is missing',
      'provenance: provenance.intoto.json is missing', 'sbom: there is no file *.cdx.json or *.spdx.json',
    ]);
  });

  it('may do without provenance, not without a signature', async () => {
    await sign();
    await rm(at('provenance.sigstore.json'));
    await rm(at('provenance.intoto.json'));
    expect(outcomes(await verify({ provenance: false }))).toMatchObject({ signature: 'passed', provenance: 'skipped' });
    await rm(at('checksums.txt.sig'));
    expect(told(await verify({ provenance: false }))).toEqual(['signature: the package has no signature']);
  });

  it.each([
    [{ repositories: ['git+https://example.com/shop.git'], branches: ['main'], cleanTree: true }, []],
    [{ repositories: ['git+https://example.com/other.git'], branches: ['release', 'next'] }, [
      'provenance: provenance.intoto.json its repository is git+https://example.com/shop.git, and must be git+https://example.com/other.git',
      'provenance: provenance.intoto.json its branch is main, and must be release or next',
    ]],
  ])('may require of the provenance %j', async (provenance, problems) => {
    await sign();
    expect(told(await verify({ provenance }))).toEqual(problems);
  });

  it('may require a branch of a package whose repository is not named', async () => {
    await sign('ecdsa', { ...BUILD, source: { commit: BUILD.source.commit, branch: 'main', dirty: false } });
    expect(told(await verify({ provenance: { branches: ['main'] } }))).toEqual([]);
    expect(told(await verify({ provenance: { branches: ['next'], repositories: ['r'] } }))).toEqual([
      'provenance: provenance.intoto.json its repository is not named, and must be r', 'provenance: provenance.intoto.json its branch is main, and must be next',
    ]);
  });

  it('may require a repository and a commit without changes where neither is known', async () => {
    await sign('ecdsa', { name: 'shop' });
    expect(told(await verify({ provenance: { repositories: ['a'], cleanTree: true }, requireSbom: false }))).toEqual([
      'provenance: provenance.intoto.json its repository is not named, and must be a', 'provenance: provenance.intoto.json it was not built of a commit without changes',
    ]);
  });

  it('may name who builds, and with which key', async () => {
    await sign('minisign');
    expect(told(await verify({ identities: [{ builder: BUILD.builder, keys: ['release'] }] }))).toEqual([]);
    expect(told(await verify({ identities: [{ builder: BUILD.builder, keys: ['ci'] }] }))).toEqual([`identity: provenance.intoto.json the key release may not speak for ${BUILD.builder}`]);
    expect(told(await verify({ identities: [{ builder: 'https://ci.example.com/' }] }))).toEqual([`identity: provenance.intoto.json the builder ${BUILD.builder} is none of the policy's`]);
    await rm(at('provenance.sigstore.json'));
    expect(told(await verify({ identities: [{ builder: BUILD.builder }] }))).toContain('identity: provenance.sigstore.json names no builder that a trusted key signed for');
  });

  it('that requires a bill of materials looks into it', async () => {
    await writeFile(at('sbom.cdx.json'), '{}');
    await writeFile(at('other.spdx.json'), '{"spdxVersion":"SPDX-2.3"}');
    await writeFile(at('broken.spdx.json'), '{');
    await sign();
    expect(told(await verify())).toEqual(['sbom: broken.spdx.json is neither CycloneDX nor SPDX', 'sbom: sbom.cdx.json is neither CycloneDX nor SPDX']);
  });

  it('is one that its page shows', async () => {
    const [, json = ''] = /## Policy\n\n```json\n([\s\S]*?)```/.exec(await readFile(join(__dirname, '../../../../docs/signing.md'), 'utf8')) ?? [];
    const policy = JSON.parse(json) as VerificationPolicy;
    expect(policyProblems(policy)).toEqual([]);
    await sign('minisign');
    expect((await verifyPackage({ folder, policy: { ...policy, keys: [{ ...KEYS.minisign.trusted, name: 'release' }] } })).accepted).toBe(true);
  });

  it('that is wrong is refused with all that is wrong', async () => {
    const keys = [KEYS.ecdsa.trusted, { name: 'ci', publicKey: 'x' }];
    await expect(verify({ keys, identities: [{ builder: 'b', keys: ['nobody'] }] })).rejects.toThrow(
      'policy.keys[1].name: "ci" is there twice; policy.keys[1]: it is neither the PEM of a public key nor a public key of minisign; policy.identities[0].keys: there is no key "nobody"; known keys: ci');
    await expect(verify({ keys: [] })).rejects.toThrow('policy.keys: a policy that is enforced needs a key to trust');
  });
});

describe('signing', () => {
  it('refuses what it cannot sign, all of it, and leaves what was there', async () => {
    await sign();
    const before = await readFile(at('checksums.txt'), 'utf8');
    await symlink('/etc/hostname', at('outside'));
    await symlink('application', at('folder'));
    await symlink('round', at('round'));
    await expect(sign()).rejects.toThrow('outside leads out of the folder, or never ends; round leads out of the folder, or never ends');
    await expect(signPackage({ folder, files: ['../x', 'none'], build: BUILD, key: keyOf('ecdsa') })).rejects.toThrow('../x leaves the folder (..)');
    await expect(signPackage({ folder, files: ['none'], build: BUILD, key: keyOf('ecdsa') })).rejects.toThrow('none is missing');
    await expect(signPackage({ folder, files: [], build: BUILD, key: keyOf('ecdsa') })).rejects.toThrow('there is no file to sign');
    expect(await readFile(at('checksums.txt'), 'utf8')).toBe(before);
  });

  it('of what it may not read as a file is refused', async () => {
    execFileSync('mkfifo', [at('pipe')]);
    await expect(sign()).rejects.toThrow('pipe is no file');
  });
});
