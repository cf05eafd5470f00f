import { familiarReference, formatReference, parseReference, withTag } from './reference.js';

const digest = `sha256:${'ab'.repeat(32)}`;

describe('names', () => {
  it.each([
    ['node', 'docker.io', 'library/node', undefined, undefined, 'node'],
    ['node:22-slim', 'docker.io', 'library/node', '22-slim', undefined, 'node:22-slim'],
    ['team/api', 'docker.io', 'team/api', undefined, undefined, 'team/api'],
    ['docker.io/node', 'docker.io', 'library/node', undefined, undefined, 'node'],
    ['index.docker.io/library/node:1', 'docker.io', 'library/node', '1', undefined, 'node:1'],
    ['localhost/api', 'localhost', 'api', undefined, undefined, 'localhost/api'],
    ['localhost:5000/api:1', 'localhost:5000', 'api', '1', undefined, 'localhost:5000/api:1'],
    ['Images.Example.com/team/api', 'images.example.com', 'team/api', undefined, undefined, 'images.example.com/team/api'],
    ['[::1]:5000/api', '[::1]:5000', 'api', undefined, undefined, '[::1]:5000/api'],
    [`ghcr.io/a/b/c/d_e__f-g.h:V1.0_x@${digest}`, 'ghcr.io', 'a/b/c/d_e__f-g.h', 'V1.0_x', digest, `ghcr.io/a/b/c/d_e__f-g.h:V1.0_x@${digest}`],
    [`node@${digest}`, 'docker.io', 'library/node', undefined, digest, `node@${digest}`],
  ])('%s', (text, registry, name, tag, hash, familiar) => {
    const reference = parseReference(text);
    expect(reference).toEqual({ registry, name, ...(tag === undefined ? {} : { tag }), ...(hash === undefined ? {} : { digest: hash }) });
    expect(familiarReference(reference)).toBe(familiar);
    expect(parseReference(formatReference(reference))).toEqual(reference);
    expect(parseReference(familiarReference(reference))).toEqual(reference);
  });

  it.each([
    ['', /name is empty/], ['images.example.com/', /name is empty/], ['Node', /lower case/], ['team/API', /lower case/], ['a'.repeat(64), /image id/],
    ['node:', /a tag has/], ['node:.x', /a tag has/], ['node:a b', /a tag has/], [`node:${'a'.repeat(129)}`, /a tag has/],
    ['node@sha256:abc', /a digest is/], [`node@sha512:${'ab'.repeat(64)}`, /a digest is/], [`node@${digest.toUpperCase()}`, /a digest is/], ['node@', /a digest is/],
    ['a//b', /a part of a name/], ['/a', /a part of a name/], ['a/', /a part of a name/], ['../../etc/passwd', /no host|a part of a name/], ['a/../b', /a part of a name/], ['a/./b', /a part of a name/],
    ['-a', /a part of a name/], ['a-', /a part of a name/], ['a___b', /a part of a name/], ['a..b/c', /no host/], ['a b', /no spaces/], ['a%2fb', /a part of a name/], ['a?x=1', /a part of a name/],
    ['a\nb', /no spaces/], ['a\0b', /no spaces/], ['caf\u00e9', /no spaces/], ['\u212aelvin/x', /beyond ASCII/],
    ['https://images.example.com/a', /no host/], ['user:pw@images.example.com/a', /a digest is/], ['images.example.com:/a', /no host/], ['images.example.com:99999/a', /no host/],
    ['images.example.com:0/a', /no host/], ['ima_ges.example.com/a', /no host/], ['-x.example.com/a', /no host/], ['[::1/a', /no host/], ['[zz]/a', /no host/], ['1.2.3.4.5:5000/a', /no host/],
    [`${'a/'.repeat(200)}b`, /longer than 255/], ['a'.repeat(5_000), /longer than 1000/], ['--help', /a part of a name/],
  ])('refuses %j', (text, why) => {
    const error = thrownBy(() => parseReference(text));
    expect(error).toMatchObject({ code: 'ND-IMAGE-REFERENCE', message: expect.stringMatching(why) });
    expect(JSON.stringify(error)).toMatch(/^[ -~]{1,1000}$/);
  });

  it('takes no longer for names that are made to be slow', () => {
    const begun = process.cpuUsage();
    for (const text of [`${'a-'.repeat(120)}!`, `${'a'.repeat(400)}!`, `${'a.'.repeat(200)}/b`, '-'.repeat(500)]) expect(() => parseReference(text)).toThrow();
    expect(process.cpuUsage(begun).user / 1_000).toBeLessThan(200);
  });

  it('means latest when it says nothing', () => {
    expect(withTag(parseReference('node')).tag).toBe('latest');
    expect(withTag(parseReference(`node@${digest}`)).tag).toBeUndefined();
  });
});

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}
