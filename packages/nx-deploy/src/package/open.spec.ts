/** A package that was taken apart and does not say of itself what it is. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parents } from '../archive/manifest.js';
import { DeployError } from '../errors.js';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { file, folder, gzip, tar } from './archives.spec-support.js';
import { openPackage } from './open.js';

const root = temporaryFolder('open');
const sha256 = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');

const INFO = { schema: 1, service: 'api', build: { version: '1.0.0' }, workingDirectory: 'application', entry: 'main.js', command: ['node', 'main.js'], health: '/health', templates: [] as object[], secrets: [], executables: [] as string[] };
const COMPATIBILITY = { schema: 1, service: 'api', version: '1.0.0', database: { schema: { from: null, to: null } }, services: [] };
type Files = Readonly<Record<string, string>>;
const FILES: Files = { 'application/main.js': 'main', 'build-manifest.json': '{}', 'deployment-info.json': JSON.stringify(INFO), 'version-compatibility.json': JSON.stringify(COMPATIBILITY) };

const listed = (files: Files): Files => ({ ...files, 'checksums.txt': Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, text]) => `${sha256(text)}  ${path}\n`).join('') });
const without = (files: Files, ...paths: readonly string[]): Files => Object.fromEntries(Object.entries(files).filter(([path]) => !paths.includes(path)));

function archived(files: Files, { executable = [] as readonly string[] } = {}): string {
  const archive = join(mkdtempSync(join(root, 'archive-')), 'api.tar.gz');
  const folders = [...new Set(Object.keys(files).flatMap(parents))].sort();
  writeFileSync(archive, gzip(tar(...folders.map(folder), ...Object.entries(files).map(([path, text]) => file(path, text, executable.includes(path) ? 0o755 : 0o644)))));
  return archive;
}

const problemsOf = async (archive: string): Promise<readonly string[]> => openPackage(archive, mkdtempSync(join(root, 'to-'))).then(() => [], (thrown: unknown) => {
  if (thrown instanceof DeployError && thrown.code === 'ND-PACKAGE-INVALID') return thrown.parts.problems ?? [];
  throw thrown;
});

test('one that is as it was made is taken', async () => {
  expect(await openPackage(archived(listed(FILES)), mkdtempSync(join(root, 'to-')))).toMatchObject({ info: INFO, compatibility: COMPATIBILITY, links: [], digestFile: false });
});

test.each<[string, Files, object, readonly (string | RegExp)[]]>([
  ['no list of digests', FILES, {}, ['checksums.txt: it is missing']],
  ['a list that is none', { ...FILES, 'checksums.txt': 'x\n' }, {}, [/^checksums\.txt: line 1: it is not a digest/, /"application\/main\.js": it is not in checksums\.txt/, /"build-manifest\.json"/, /"deployment-info\.json"/, /"version-compatibility\.json"/]],
  ['a file that is missing, one that was changed and one that was added', without({ ...listed({ ...FILES, gone: 'x' }), 'application/main.js': 'evil', 'application/more.js': 'x' }, 'gone'), {}, ['"gone": it is missing', /^"application\/main\.js": it was changed/, /^"application\/more\.js": it is not in checksums\.txt/]],
  ['a file beside the signatures that is called nearly so', { ...listed(FILES), 'checksums.txt.asc': 'x' }, {}, [/^"checksums\.txt\.asc": it is not in/]],
  ['no document at all', listed({ 'application/main.js': 'main' }), {}, [/^deployment-info\.json: it is missing/, /^version-compatibility\.json: it is missing/, 'build-manifest.json: it is missing']],
  ['documents of another form', listed({ ...FILES, 'deployment-info.json': JSON.stringify({ ...INFO, more: 1 }), 'version-compatibility.json': '[' }), {}, [/^deployment-info\.json: it is missing, or no such document/, /^version-compatibility\.json/]],
  ['a way out by its entry', listed({ ...FILES, 'deployment-info.json': JSON.stringify({ ...INFO, workingDirectory: 'application/../..', entry: '/bin/sh' }) }), {}, [/^deployment-info\.json: it is missing, or no such/]],
  ['a file that may be run', listed(FILES), { executable: ['application/main.js'] }, ['"application/main.js": it may be run, and deployment-info.json says otherwise']],
  ['a file that may not be run', listed({ ...FILES, 'deployment-info.json': JSON.stringify({ ...INFO, executables: ['application/main.js'] }) }), {}, ['"application/main.js": it may not be run, and deployment-info.json says otherwise']],
  ['a template that is missing', listed({ ...FILES, 'deployment-info.json': JSON.stringify({ ...INFO, templates: [{ path: 'application/a.template', variables: [] }] }) }), {}, ['"application/a.template": the template is missing']],
  ['a list of links that is none', listed({ ...FILES, 'checksums.links.json': '[]' }), {}, ['checksums.links.json: it is not in the form in which it is written']],
  ['names with a newline and without ASCII', { ...listed(FILES), 'application/a\nb': 'x', 'application/\u00e9': 'x' }, {}, ['"application/a\\nb": it is not in checksums.txt', '"application/\\u00e9": it is not in checksums.txt']],
])('one with %s is refused by all that is wrong', async (_, files, options, told) => {
  const problems = await problemsOf(archived(files, options));
  expect(problems).toEqual(told.map((one) => (typeof one === 'string' ? one : expect.stringMatching(one) as string)));
});

test('of very many problems twenty are told, and how many there are', async () => {
  const problems = await problemsOf(archived({ ...listed(FILES), ...Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`application/f${index}`, ''])) }));
  expect([problems.length, problems.at(-1)]).toEqual([21, 'and 10 more']);
});

describe('the file with the digest beside it', () => {
  const beside = async (text: (archive: string) => string): Promise<readonly string[]> => {
    const archive = archived(listed(FILES));
    writeFileSync(`${archive}.sha256`, text(archive));
    return problemsOf(archive);
  };

  test.each<[string, string, RegExp]>([
    ['another digest', `${'a'.repeat(64)}  api.tar.gz\n`, /^its digest is [0-9a-f]{64}, and api\.tar\.gz\.sha256 says a{64}$/],
    ['the digest of another file', `${'a'.repeat(64)}  other.tar.gz\n`, /does not hold the digest of this package/],
    ['a way out', `${'a'.repeat(64)}  ../api.tar.gz\n`, /does not hold/], ['nothing', '', /does not hold/], ['no end', `${'a'.repeat(64)}  api.tar.gz`, /does not hold/], ['two lines', `${'a'.repeat(64)}  api.tar.gz\n${'a'.repeat(64)}  api.tar.gz\n`, /does not hold/],
    ['upper case', `${'A'.repeat(64)}  api.tar.gz\n`, /does not hold/],
  ])('with %s is refused', async (_, text, told) => {
    expect(await beside(() => text)).toEqual([expect.stringMatching(told)]);
  });

  test('that cannot be read is refused, rather than left out', async () => {
    const archive = archived(listed(FILES));
    mkdirSync(`${archive}.sha256`);
    expect(await problemsOf(archive)).toEqual(['the file with its digest cannot be read (EISDIR)']);
  });
});

test('it ends when it is told to', async () => {
  await expect(openPackage(archived(listed(FILES)), mkdtempSync(join(root, 'to-')), { signal: AbortSignal.abort(new Error('told')) })).rejects.toThrow('told');
});
