import { hashesOf, lockedOf, packageComponent, projectComponent } from './component.js';
import { licenseOf, licenseText } from './license.js';
import { packageUrl } from './package-url.js';

const node = (packageName: string, version: string, hash?: string): { data: { packageName: string; version: string; hash?: string } } => ({ data: { packageName, version, ...(hash === undefined ? {} : { hash }) } });

describe('a package URL', () => {
  it.each([
    // Examples of the specification.
    ['foobar', '12.3.1', {}, 'pkg:npm/foobar@12.3.1'],
    ['@angular/animation', '12.3.1', {}, 'pkg:npm/%40angular/animation@12.3.1'],
    ['a', '1.0.0+build', { vcs_url: 'git+https://e.com/x.git#1', download_url: 'a b' }, 'pkg:npm/a@1.0.0%2Bbuild?download_url=a%20b&vcs_url=git%2Bhttps:%2F%2Fe.com%2Fx.git%231'],
    ['a', undefined, {}, 'pkg:npm/a'],
  ])('of %s %s', (name, version, qualifiers, purl) => {
    expect(packageUrl(name, version, qualifiers)).toBe(purl);
  });
});

describe('what a lock file names', () => {
  it.each([
    [node('a', '1.2.3-rc.1'), { name: 'a', version: '1.2.3-rc.1', qualifiers: {} }],
    [node('alias', 'npm:@s/real@1.2.3'), { name: '@s/real', version: '1.2.3', qualifiers: {} }],
    [node('alias', 'npm:real@^1.0.0'), { name: 'real', qualifiers: {} }],
    [node('alias', 'npm:real'), { name: 'real', qualifiers: {} }],
    [node('a', 'git+ssh://git@example.com/a.git#abc'), { name: 'a', qualifiers: { vcs_url: 'git+ssh://git@example.com/a.git#abc' } }],
    [node('a', 'github:org/a#abc'), { name: 'a', qualifiers: { vcs_url: 'github:org/a#abc' } }],
    [node('a', 'https://example.com/a.tgz'), { name: 'a', qualifiers: { download_url: 'https://example.com/a.tgz' } }],
    [node('a', 'a@https://example.com/a.tgz'), { name: 'a', qualifiers: { download_url: 'https://example.com/a.tgz' } }],
    [node('a', 'file:../a'), { name: 'a', qualifiers: {} }],
  ])('%j', (external, locked) => {
    expect(lockedOf(external)).toEqual(locked);
  });

  it('is completed by the version of the installed package', () => {
    expect(packageComponent(node('alias', 'npm:real@^1.0.0'), { version: '1.4.0' }, false)).toMatchObject({ ref: 'pkg:npm/real@1.4.0', name: 'real', version: '1.4.0' });
    expect(packageComponent(node('a', 'file:../a'), undefined, true)).toEqual({ ref: 'pkg:npm/a', kind: 'package', name: 'a', purl: 'pkg:npm/a', hashes: [], optional: true });
  });
});

describe('digests', () => {
  const sha = (bytes: number): string => Buffer.alloc(bytes, 7).toString('base64');
  it.each([
    [`sha512-${sha(64)} sha1-${sha(20)}`, ['SHA-1', 'SHA-512']],
    [`sha256-${sha(32)}`, ['SHA-256']],
    [`sha384-${sha(48)}`, ['SHA-384']],
    [`sha512-${sha(63)}`, []],
    ['1234567890', []],
    ['10c0/abc', []],
    [undefined, []],
  ])('of %s', (integrity, algorithms) => {
    expect(hashesOf(integrity).map(({ algorithm }) => algorithm)).toEqual(algorithms);
  });
});

describe('a project', () => {
  it('has a package URL only when it could be published', () => {
    const manifest = { name: '@o/lib', version: '1.0.0' };
    expect(projectComponent('library', 'lib', 'libs/lib', manifest)).toMatchObject({ ref: 'workspace:libs/lib', purl: 'pkg:npm/%40o/lib@1.0.0' });
    expect(projectComponent('library', 'lib', 'libs/lib', { ...manifest, private: true }).purl).toBeUndefined();
    expect(projectComponent('application', 'app', 'apps/app', manifest).purl).toBeUndefined();
    expect(projectComponent('library', 'lib', 'libs/lib', undefined)).toEqual({ ref: 'workspace:libs/lib', kind: 'library', name: 'lib', hashes: [], optional: false });
  });
});

describe('a license', () => {
  it.each([
    [{ license: 'MIT' }, { kind: 'expression', expression: 'MIT' }],
    [{ license: ' (MIT OR ISC) ' }, { kind: 'expression', expression: '(MIT OR ISC)' }],
    [{ license: { type: 'Apache-2.0', url: 'x' } }, { kind: 'expression', expression: 'Apache-2.0' }],
    [{ license: 'Apache 2.0' }, { kind: 'named', name: 'Apache 2.0' }],
    [{ license: 'UNLICENSED' }, { kind: 'named', name: 'UNLICENSED' }],
    [{ license: 'DocumentRef-a:LicenseRef-b' }, { kind: 'named', name: 'DocumentRef-a:LicenseRef-b' }],
    [{ licenses: [{ type: 'MIT' }] }, { kind: 'expression', expression: 'MIT' }],
    [{ licenses: { type: 'MIT' } }, { kind: 'expression', expression: 'MIT' }],
    [{ licenses: ['MIT', { type: 'BSD' }] }, { kind: 'list', names: ['MIT', 'BSD'] }],
    [{ license: '' }, undefined],
    [{ license: 7, licenses: [null] }, undefined],
    [{}, undefined],
  ])('of %j', (manifest, license) => {
    expect(licenseOf(manifest)).toEqual(license);
    expect(licenseText(licenseOf(manifest))).not.toBe('');
  });
});
