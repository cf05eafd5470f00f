import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { signBundle } from './bundle.js';
import { formatChecksums, type Checksum } from './checksums.js';
import { digestsOf, entriesBelow } from './files.js';
import { signatureOf, type SigningKey } from './keys.js';
import { formatLinks, linkProblems, type Link } from './links.js';
import { minisignSignature } from './minisign.js';
import { BUNDLE, CHECKSUMS, CHECKSUMS_ECDSA, CHECKSUMS_MINISIGN, LINKS, SIGNATURE_FILES, STATEMENT } from './names.js';
import { unsafePath } from './safe-path.js';
import { replaceFile } from '../replace-file.js';
import { statementBytes, statementOf, type BuildSubject } from './statement.js';

export interface SignQuery {
  /** Absolute folder. */
  readonly folder: string;
  /** Files and links to sign, relative to the folder, with `/`. Default: everything below it. */
  readonly files?: readonly string[];
  /** Facts for the provenance. Its subjects are checksums.txt and the files that lie in the folder itself. */
  readonly build: BuildSubject;
  readonly key: SigningKey;
}

/**
 * Writes checksums.txt, provenance.intoto.json, provenance.sigstore.json and, by the kind of the key, checksums.txt.sig or checksums.txt.minisig;
 * where there are links also checksums.links.json, which stands in checksums.txt.
 * What an earlier signing left is replaced.
 * @returns the names of the files it wrote
 * @throws Error naming every file that cannot be signed; then nothing was written
 */
export async function signPackage({ folder, files, build, key }: SignQuery): Promise<readonly string[]> {
  const root = resolve(folder);
  const entries = await entriesBelow(root);
  const unnamed = files === undefined ? entries.flatMap(({ path, problem }) => (problem === undefined ? [] : [`${path} ${problem}`])) : [];
  const present = entries.filter(({ problem }) => problem === undefined);
  const wanted = new Set(files ?? present.map(({ path }) => path));
  const links = present.flatMap(({ path, target }) => (target !== undefined && wanted.has(path) ? [{ path, target }] : []));
  const listed = links.length === 0 ? [] : [[LINKS, formatLinks(links)] as const];
  const own = new Set([...SIGNATURE_FILES, LINKS, ...links.map(({ path }) => path)]);
  const checksums = [...listed.map(([path, text]) => ({ path, sha256: digestOf(text) })), ...await checksumsOf(root, [...wanted].filter((path) => !own.has(path)), links, unnamed)];
  const list = Buffer.from(formatChecksums(checksums), 'utf8');
  const subjects = [{ path: CHECKSUMS, sha256: digestOf(list) }, ...checksums.filter(({ path }) => !path.includes('/'))];
  const statement = statementBytes(statementOf(build, subjects));
  const written: readonly (readonly [string, string | Buffer])[] = [
    ...listed,
    [CHECKSUMS, list],
    [STATEMENT, statement],
    [BUNDLE, await signBundle(statement, key)],
    key.type === 'minisign' ? [CHECKSUMS_MINISIGN, minisignSignature(key.minisign, list, `file:${CHECKSUMS}\thashed`)] : [CHECKSUMS_ECDSA, await signatureOf(key, list)],
  ];
  for (const name of [...SIGNATURE_FILES, LINKS]) await rm(join(root, name), { force: true });
  for (const [name, content] of written) await replaceFile(join(root, name), content);
  return written.map(([name]) => name);
}

function digestOf(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

async function checksumsOf(root: string, paths: readonly string[], links: readonly Link[], unnamed: readonly string[]): Promise<readonly Checksum[]> {
  const unsafe = paths.flatMap((path) => {
    const why = unsafePath(path);
    return why === undefined ? [] : [`${path} ${why}`];
  });
  const found = await digestsOf(root, unsafe.length > 0 ? [] : paths);
  const problems = [...unnamed, ...unsafe, ...found.flatMap(({ path, why }) => (why === undefined ? [] : [`${path} ${why}`])), ...linkProblems(links).map(({ file, problem }) => `${file} ${problem}`)];
  if (paths.length + links.length + unnamed.length === 0) problems.push('there is no file to sign');
  if (problems.length > 0) throw new Error(problems.join('; '));
  return found.map(({ path, sha256 = '' }) => ({ path, sha256 }));
}
