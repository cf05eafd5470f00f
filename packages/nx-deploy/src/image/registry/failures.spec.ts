import { Readable } from 'node:stream';
import { DeployError } from '../../errors.js';
import { connectionFailure, isCertificateError, placeOf, statusFailure } from './failures.js';
import { Passing, retryAfter } from './retry.js';
import { Silence, SourceError } from './transport.js';
import { ProxyRefusal } from './tunnel.js';

const place = placeOf('GET', new URL('https://me:secret@images.example/v2/?token=secret'), (text) => text.replaceAll('secret', '***'));
const system = (code: string, message = `it failed: ${code}`): Error => Object.assign(new Error(message), { code });
/** What is thrown when no attempt helps, and whether there is another. */
function told(error: Error): { readonly error: DeployError; readonly again: boolean } {
  if (error instanceof Passing) return { error: error.error, again: true };
  if (error instanceof DeployError) return { error, again: false };
  throw error;
}

describe('a connection that fails', () => {
  it.each<[string, unknown, RegExp, boolean]>([
    ['a certificate that has expired', system('CERT_HAS_EXPIRED'), /^its certificate has expired$/, false],
    ['one of an authority that is not known', system('UNABLE_TO_GET_ISSUER_CERT_LOCALLY'), /not trusted here/, false],
    ['one that is refused in a new way', system('CERT_OF_THE_FUTURE'), /^CERT_OF_THE_FUTURE$/, false],
    ['no TLS', system('EPROTO'), /does not speak TLS/, false],
    ['no safe TLS', system('ERR_TLS_PROTOCOL_VERSION_CONFLICT'), /or none that is safe/, false],
    ['something else than TLS', system('ERR_SSL_WRONG_VERSION_NUMBER'), /does not speak TLS/, false],
    ['no such host', system('ENOTFOUND'), /^there is no such host$/, false],
    ['a reset', system('ECONNRESET', 'socket hang up'), /^socket hang up \(ECONNRESET\)$/, true],
    ['no HTTP', system('HPE_INVALID_CONSTANT'), /HPE_INVALID_CONSTANT/, true],
    ['silence', new Silence(30_000), /^no answer for 30 s \(ETIMEDOUT\)$/, true],
    ['a proxy that wants a password', new ProxyRefusal(407), /asks for a user and password/, false],
    ['a proxy that is busy', new ProxyRefusal(503), /^the proxy answered 503$/, true],
    ['something that is no error', { message: 'odd\n\u001b[31m' }, /^odd \\u001b\[31m$/, false],
    ['nothing', undefined, /^no reason given$/, false],
  ])('by %s', (_, thrown, why, again) => {
    const failure = told(connectionFailure(thrown, place));
    expect(failure).toMatchObject({ again, error: { code: 'ND-REGISTRY-UNREACHABLE', parts: { where: 'GET https://images.example/v2/', why: expect.stringMatching(why) as string } } });
  });

  it('is the fault of what was to be sent when that cannot be read', () => {
    expect(told(connectionFailure(new SourceError('gone'), place))).toMatchObject({ again: false, error: { code: 'ND-REGISTRY-DAMAGED', parts: { why: 'gone', next: 'build the image again' } } });
  });

  it('is told as it is when it was told already', () => {
    const known = new DeployError('ND-CANCELLED', { what: 'x' });
    expect(connectionFailure(known, place)).toBe(known);
  });

  it('speaks TLS when it is the certificate that is refused', () => {
    expect(['CERT_HAS_EXPIRED', 'CERT_X', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'ECONNRESET', ''].map((code) => isCertificateError(system(code)))).toEqual([true, true, true, false, false]);
  });
});

describe('an answer that is no success', () => {
  const failure = async (status: number, body: string | Readable = '', headers: Record<string, string> = {}): Promise<ReturnType<typeof told>> =>
    told(await statusFailure({ status, headers, body: typeof body === 'string' ? Readable.from([Buffer.from(body)]) : body }, place));

  it.each([
    [400, 'ND-REGISTRY-REFUSED', false], [401, 'ND-REGISTRY-DENIED', false], [403, 'ND-REGISTRY-DENIED', false], [404, 'ND-REGISTRY-NOT-FOUND', false],
    [408, 'ND-REGISTRY-UNREACHABLE', true], [429, 'ND-REGISTRY-UNREACHABLE', true], [500, 'ND-REGISTRY-UNREACHABLE', true], [599, 'ND-REGISTRY-UNREACHABLE', true],
  ])('%i', async (status, code, again) => {
    expect(await failure(status)).toMatchObject({ again, error: { code, parts: { why: `it answered ${status}` } } });
  });

  it.each<[string, string, string]>([
    ['its errors', '{"errors":[{"code":"DENIED","message":"no secret here"},{"code":"X"},{},4,{"code":"LAST"}]}', ': DENIED no *** here; X; '],
    ['the details of a token server', '{"details":"wrong password"}', ': wrong password'],
    ['JSON that says nothing', '{"details":5}', ''],
    ['a list of no errors', '{"errors":[]}', ''],
    ['null', 'null', ''],
    ['a page for people', '  <html>bad gateway</html>', ''],
    ['a line', 'try\nlater \u00e9', ': try later \\u00e9'],
    ['more than anybody reads', 'x'.repeat(20_000), ''],
  ])('says %s', async (_, body, said) => {
    expect((await failure(400, body)).error.parts.why).toBe(`it answered 400${said}`);
  });

  it('says nothing when it breaks', async () => {
    expect((await failure(500, new Readable({ read() { this.destroy(system('ECONNRESET')); } }))).error.parts.why).toBe('it answered 500');
  });
});

it.each([[undefined, undefined], ['5', 5_000], [' 7 ', 7_000], ['soon', undefined], ['Thu, 01 Jan 1970 00:00:10 GMT', 9_000], ['Thu, 01 Jan 1970 00:00:00 GMT', 0]])('Retry-After %j is %j ms', (header, ms) => {
  expect(retryAfter(header, 1_000)).toBe(ms);
});
