/** What is signed here is accepted by programs that others wrote, and refused by them once it was changed. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWith } from '../../../../tools/images/needs.spec-support.js';
import { readSigningKey } from './keys.js';
import { signPackage } from './sign-package.js';
import { BUILD, folderWith, PACKAGE } from './signing.spec-support.js';
import { verifyPackage } from './verify-package.js';

let folder: string;
let keys: string;
let remove: () => Promise<void>;
beforeEach(async () => {
  ({ folder, remove } = await folderWith(PACKAGE));
  keys = await mkdtemp(join(tmpdir(), 'keys-'));
});
afterEach(async () => {
  await remove();
  await rm(keys, { recursive: true, force: true });
});

/** Exit code 0 or not; the program sees no home but the folder of keys. */
function accepts(program: string, args: readonly string[], input = ''): boolean {
  const { status, error } = spawnSync(program, [...args], { cwd: folder, input, env: { PATH: process.env['PATH'], HOME: keys } });
  if (error !== undefined) throw error;
  return status === 0;
}

/** Whether it is still accepted with another byte in the middle of a file. */
async function changed(path: string, accepted: () => boolean): Promise<boolean> {
  const content = await readFile(join(folder, path));
  const other = Buffer.from(content);
  const middle = Math.floor(content.length / 2);
  other[middle] = content[middle] === 0x61 ? 0x62 : 0x61;
  await writeFile(join(folder, path), other);
  const result = accepted();
  await writeFile(join(folder, path), content);
  return result;
}

const signWith = async (file: string, passphrase?: string): Promise<readonly string[]> => signPackage({ folder, build: BUILD, key: await readSigningKey(join(keys, file), passphrase) });
const policyOf = (publicKey: string) => ({ mode: 'enforce', keys: [{ name: 'k', publicKey }] }) as const;

describeWith(['openssl', 'sha256sum'], 'openssl', () => {
  const openssl = (...args: string[]): string => execFileSync('openssl', args, { cwd: keys, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

  it.each([
    ['genpkey', (): unknown => openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', 'key.pem'), undefined],
    ['ecparam', (): unknown => openssl('ecparam', '-name', 'prime256v1', '-genkey', '-out', 'key.pem'), undefined],
    ['genpkey with a passphrase', (): unknown => openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-aes-256-cbc', '-pass', 'pass:secret', '-out', 'key.pem'), 'secret'],
  ])('makes keys with %s, and verifies with dgst -verify and sha256sum -c', async (_, make, passphrase) => {
    make();
    const publicKey = openssl('pkey', '-in', 'key.pem', '-pubout', ...(passphrase === undefined ? [] : ['-passin', 'pass:secret']));
    await writeFile(join(keys, 'key.pub'), publicKey);
    await signWith('key.pem', passphrase);
    const verify = (): boolean => accepts('openssl', ['dgst', '-sha256', '-verify', join(keys, 'key.pub'), '-signature', 'checksums.txt.sig', 'checksums.txt']);
    const check = (): boolean => accepts('sha256sum', ['--check', '--strict', 'checksums.txt']);
    expect([verify(), check()]).toEqual([true, true]);
    expect([await changed('checksums.txt', verify), await changed('application/main.js', check)]).toEqual([false, false]);
    expect((await verifyPackage({ folder, policy: policyOf(publicKey) })).accepted).toBe(true);
  });
});

describeWith(['minisign'], 'minisign', () => {
  it('makes a key without a passphrase, and verifies with -V', async () => {
    execFileSync('minisign', ['-G', '-W', '-p', join(keys, 'k.pub'), '-s', join(keys, 'k.key')], { stdio: 'ignore' });
    await signWith('k.key');
    const verify = (): boolean => accepts('minisign', ['-V', '-p', join(keys, 'k.pub'), '-m', 'checksums.txt']);
    expect(verify()).toBe(true);
    expect([await changed('checksums.txt', verify), await changed('checksums.txt.minisig', verify)]).toEqual([false, false]);
    expect((await verifyPackage({ folder, policy: policyOf(await readFile(join(keys, 'k.pub'), 'utf8')) })).accepted).toBe(true);
  });

  it('signs what is accepted here', async () => {
    execFileSync('minisign', ['-G', '-W', '-p', join(keys, 'k.pub'), '-s', join(keys, 'k.key')], { stdio: 'ignore' });
    await signWith('k.key');
    await rm(join(folder, 'checksums.txt.minisig'));
    execFileSync('minisign', ['-S', '-s', join(keys, 'k.key'), '-m', 'checksums.txt'], { cwd: folder, stdio: 'ignore' });
    expect((await verifyPackage({ folder, policy: policyOf(await readFile(join(keys, 'k.pub'), 'utf8')) })).accepted).toBe(true);
  });

  // scrypt as minisign sets it takes 1 GiB and seconds, on both sides.
  (process.env['NX_DEPLOY_SOAK'] === '1' ? it : it.skip)('makes a key with a passphrase, which is decrypted', async () => {
    execFileSync('minisign', ['-G', '-p', join(keys, 'k.pub'), '-s', join(keys, 'k.key')], { input: 'secret\nsecret\n', stdio: ['pipe', 'ignore', 'ignore'] });
    await expect(readSigningKey(join(keys, 'k.key'), 'other')).rejects.toThrow('the passphrase is wrong, or the file is damaged');
    await signWith('k.key', 'secret');
    expect(accepts('minisign', ['-V', '-p', join(keys, 'k.pub'), '-m', 'checksums.txt'])).toBe(true);
  });
});

describeWith(['cosign', 'openssl'], 'cosign', () => {
  it('verifies the bundle and the signature with the key', async () => {
    execFileSync('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', 'key.pem'], { cwd: keys, stdio: 'ignore' });
    execFileSync('openssl', ['pkey', '-in', 'key.pem', '-pubout', '-out', 'key.pub'], { cwd: keys, stdio: 'ignore' });
    await signWith('key.pem');
    await writeFile(join(keys, 'root.json'), '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}');
    const key = ['--key', join(keys, 'key.pub'), '--private-infrastructure'];
    const attestation = (file: string) => (): boolean => accepts('cosign', [
      'verify-blob-attestation', ...key, '--trusted-root', join(keys, 'root.json'), '--new-bundle-format', '--bundle', 'provenance.sigstore.json', '--type', 'slsaprovenance1', file]);
    const blob = (): boolean => accepts('cosign', ['verify-blob', ...key, '--signature', 'checksums.txt.sig', 'checksums.txt']);
    expect([attestation('checksums.txt')(), attestation('build-manifest.json')(), blob()]).toEqual([true, true, true]);
    expect([await changed('checksums.txt', attestation('checksums.txt')), await changed('checksums.txt', blob), await changed('provenance.sigstore.json', attestation('checksums.txt')), attestation('application/main.js')()])
      .toEqual([false, false, false, false]);
  });
});

/** The blocks of shell commands of a page, in order. */
function commandsOf(page: string): readonly string[] {
  return [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, commands = '']) => commands);
}

describeWith(['openssl', 'minisign', 'cosign', 'sha256sum', 'bash'], 'the page about signing', () => {
  it('shows commands that make keys and verify', async () => {
    const [openssl, minisign, ...verify] = commandsOf(await readFile(join(__dirname, '../../../../docs/signing.md'), 'utf8'));
    expect(verify).toHaveLength(3);
    const bash = (cwd: string, commands = 'false'): number | null => spawnSync('bash', ['-e', '-c', commands], { cwd, env: { PATH: process.env['PATH'], HOME: keys }, stdio: 'ignore' }).status;
    expect([bash(keys, openssl), bash(keys, minisign)]).toEqual([0, 0]);
    const below = (commands = ''): string => commands.replaceAll('../', `${keys}/`);
    await signWith('release.pem');
    expect([bash(folder, below(verify[0])), bash(folder, below(verify[1]))]).toEqual([0, 0]);
    await signWith('minisign.key');
    expect(bash(folder, below(verify[2]))).toBe(0);
    await writeFile(join(folder, 'application/main.js'), 'evil');
    expect(bash(folder, below(verify[2]))).not.toBe(0);
  });
});
