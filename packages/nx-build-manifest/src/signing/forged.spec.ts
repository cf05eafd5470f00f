/** Signatures and statements that are wrong in one way each: every reason is told as what it is. */
import { canonicalize } from 'json-canonicalize';
import { signBundle, verifyBundle } from './bundle.js';
import { parseSigningKey, parseTrustedKey } from './keys.js';
import { minisignSignature, readMinisignSecret, verifyMinisign } from './minisign.js';
import { ecdsaKey, minisignKey } from './signing.spec-support.js';
import { BUILD_TYPE, PREDICATE_TYPE, readStatement, STATEMENT_TYPE, statementOf } from './statement.js';

const CONTENT = Buffer.from('content');

describe('a signature of minisign', () => {
  const key = minisignKey();
  const trusted = parseTrustedKey(key.trusted);
  const keys = [{ keyId: trusted.keyId ?? Buffer.alloc(0), publicKey: trusted.publicKey }];
  const lines = async (): Promise<string[]> => minisignSignature(await readMinisignSecret(key.secret, undefined), CONTENT, 'file:a').split('\n');
  const withKind = (line: string, kind: string): string => Buffer.concat([Buffer.from(kind), Buffer.from(line, 'base64').subarray(2)]).toString('base64');

  it.each<[string, (lines: string[]) => string[], string]>([
    ['nothing', () => [''], 'it is no signature of minisign'],
    ['with more', (all) => [...all, 'x'], 'it is no signature of minisign'],
    ['of another comment', ([, ...rest]) => ['untrusted comment: mine', ...rest], 'its untrusted comment, which no signature covers, is not the usual one'],
    ['of the old kind', ([first = '', line = '', ...rest]) => [first, withKind(line, 'Ed'), ...rest], 'it is not of the prehashed kind'],
    ['with bits that base64 ignores', ([first = '', line = '', ...rest]) => [first, line.replace(/.=$/, (end) => (end === 'B=' ? 'C=' : 'B=')), ...rest], 'it is no signature of minisign'],
    ['of another trusted comment', ([first = '', line = '', , global = '', end = '']) => [first, line, 'trusted comment: file:b', global, end], 'its trusted comment was changed'],
  ])('that is %s is refused', async (_, change, reason) => {
    expect(verifyMinisign(keys, CONTENT, change(await lines()).join('\n'))).toBe(reason);
  });

  it('of other content is refused, its own is accepted', async () => {
    expect(verifyMinisign(keys, Buffer.from('other'), (await lines()).join('\n'))).toBe('it does not match');
    expect(verifyMinisign(keys, CONTENT, (await lines()).join('\n'))).toBe(keys[0]);
  });
});

describe('a bundle', () => {
  const key = ecdsaKey();
  const keys = [parseTrustedKey(key.trusted)];
  const made = async (): Promise<string> => signBundle(CONTENT, await parseSigningKey(key.secret));

  it.each<[string, (text: string) => string, string]>([
    ['no JSON', () => 'x', 'it is no sigstore bundle'],
    ['something else', () => '{}', 'it is no sigstore bundle'],
    ['null', () => 'null', 'it is no sigstore bundle'],
    ['without a signature', (text) => text.replace(/"signatures":\[.*?\]/, '"signatures":[]'), 'it is not a signed statement with a public key'],
    ['without a list of signatures', (text) => text.replace(/"signatures":\[.*?\]/, '"signatures":7'), 'it is not a signed statement with a public key'],
    ['with a number for a signature', (text) => text.replace(/"sig":"[^"]*"/, '"sig":7'), 'it is not a signed statement with a public key'],
    ['with an empty signature', (text) => text.replace(/"sig":"[^"]*"/, '"sig":""'), 'its signature does not match'],
    ['with a signature that is no DER', (text) => text.replace(/"sig":"[^"]*"/, '"sig":"AAAA"'), 'its signature does not match'],
    ['with a log entry', (text) => text.replace('"timestampVerificationData":{}', '"timestampVerificationData":{},"tlogEntries":[null]'), 'it is not in the form in which it is written'],
    ['with bits that base64 ignores', (text) => text.replace(CONTENT.toString('base64'), CONTENT.toString('base64').replace(/.==?$/, (end) => `${end.startsWith('A') ? 'B' : String.fromCharCode(end.charCodeAt(0) + 1)}${end.slice(1)}`)), 'it is not in the form in which it is written'],
    ['a signature of a file', (text) => text.replace(/"dsseEnvelope":\{.*?\]\}/, '"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"AAAA"},"signature":"AAAA"}'), 'it is not a signed statement with a public key'],
    ['with spaces', (text) => text.replace('{', '{ '), 'it is not in the form in which it is written'],
    ['of another version', (text) => text.replace('v0.3+json', 'v0.2+json'), 'it is not in the form in which it is written'],
    ['of another type', (text) => text.replace('vnd.in-toto', 'vnd.other'), 'it is not in the form in which it is written'],
    ['of another content', (text) => text.replace(CONTENT.toString('base64'), Buffer.from('another').toString('base64')), 'its signature does not match'],
    ['of a key that is not trusted', (text) => text.replace(keys[0]?.id ?? '', 'AAAA'), 'it is of a key that is not trusted'],
  ])('that is %s is refused', async (_, change, reason) => {
    expect(await verifyBundle(change(await made()), keys)).toBe(reason);
  });

  it('is not called wrong where the library is', async () => {
    jest.resetModules();
    jest.doMock('@sigstore/bundle', () => ({ ...jest.requireActual<object>('@sigstore/bundle'), bundleFromJSON: undefined }));
    try {
      const { verifyBundle: broken } = await import('./bundle.js');
      await expect(broken(await made(), keys)).rejects.toThrow('bundleFromJSON');
    } finally {
      jest.dontMock('@sigstore/bundle');
      jest.resetModules();
    }
  });

  it('gives back what was signed', async () => {
    expect(await verifyBundle(await made(), keys)).toEqual({ key: keys[0], payload: CONTENT });
  });
});

describe('a statement', () => {
  const good = statementOf({ name: 'shop', parameters: { target: 'build' } }, [{ path: 'checksums.txt', sha256: 'a'.repeat(64) }]);
  const read = (value: unknown): unknown => readStatement(Buffer.from(typeof value === 'string' ? value : canonicalize(value)));
  const { predicate } = good;

  it.each<[unknown, string]>([
    ['x', 'its statement is no JSON'],
    [[], 'it signs something else than a SLSA provenance'],
    [{ ...good, _type: 'https://in-toto.io/Statement/v0.1' }, 'it signs something else than a SLSA provenance'],
    [{ ...good, predicateType: 'https://example.com/other' }, 'it signs something else than a SLSA provenance'],
    [{ _type: STATEMENT_TYPE, predicateType: PREDICATE_TYPE }, 'its provenance is of another build type, or incomplete'],
    [{ ...good, subject: ['x'] }, 'its provenance is of another build type, or incomplete'],
    [{ ...good, predicate: { ...predicate, runDetails: {} } }, 'its provenance is of another build type, or incomplete'],
    [{ ...good, predicate: { ...predicate, buildDefinition: { ...predicate.buildDefinition, buildType: `${BUILD_TYPE}x` } } }, 'its provenance is of another build type, or incomplete'],
    [{ ...good, predicate: { ...predicate, buildDefinition: { ...predicate.buildDefinition, resolvedDependencies: [1] } } }, 'its provenance is of another build type, or incomplete'],
  ])('that is %j is refused', (value, reason) => {
    expect(read(value)).toBe(reason);
  });

  it('is read as it was made, by a builder that names no place unless told', () => {
    expect(read(good)).toEqual(good);
    expect(good.predicate.runDetails).toEqual({ builder: { id: 'urn:nx-build-manifest:local' } });
    expect(good.predicate.buildDefinition.externalParameters).toEqual({ name: 'shop', parameters: { target: 'build' } });
  });
});
