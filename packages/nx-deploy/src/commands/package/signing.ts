/** The list of digests of a package, and the signatures over it when there is a key to sign with. */
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { buildSubject, formatChecksums, hashFile, readSigningKey, signPackage, SIGNATURE_FILES, type BuildFacts, type SigningKey } from 'nx-build-manifest';
import { quoted, unsafe } from '../../archive/manifest.js';
import { DeployError, errorCode } from '../../errors.js';
import type { PackedFile } from '../../package/application.js';
import { inMemory } from '../../package/contents.js';
import { CHECKSUMS } from '../../package/layout.js';
import { KEY_VARIABLE, PASSPHRASE_VARIABLE, PROVENANCE_VARIABLES } from '../../package/variables.js';
import { layOut, withTemporary } from '../../package/store.js';
import type { ProjectContext } from '../context.js';

export interface Signer {
  readonly key: SigningKey;
  /** Of the file of the key, where it is one. */
  readonly sha256?: string;
}

/**
 * The key that was named, or that of {@link KEY_VARIABLE}, if any.
 * @throws DeployError ND-OPTION-INVALID for a file that is no secret key, or is encrypted with another passphrase
 */
export async function signer({ workspaceRoot, variables }: ProjectContext, option: string | undefined): Promise<Signer | undefined> {
  const file = option ?? (variables[KEY_VARIABLE] || undefined);
  if (file === undefined) return undefined;
  const path = resolve(workspaceRoot, file);
  try {
    const key = await readSigningKey(path, variables[PASSPHRASE_VARIABLE]);
    return { key, ...((await stat(path)).isFile() ? { sha256: (await hashFile(path)).sha256 } : {}) };
  } catch (thrown) {
    const why = errorCode(thrown) ?? (thrown instanceof Error ? thrown.message : String(thrown));
    throw new DeployError('ND-OPTION-INVALID', { what: 'the package cannot be signed with this key', where: JSON.stringify(file), why, next: `name the file of a secret key (ECDSA P-256 as PEM, or minisign) with --key or in ${KEY_VARIABLE}; its passphrase stands in the variable ${PASSPHRASE_VARIABLE}` });
  }
}

/** @throws DeployError ND-ARTIFACT-UNSAFE when the key itself would be packed */
export function assertKeyStaysOut(files: readonly PackedFile[], signing: Signer | undefined): void {
  if (signing?.sha256 === undefined) return;
  const problems = files.flatMap((file) => ('sha256' in file && file.sha256 === signing.sha256 ? [`${quoted(file.path)}: it is the secret key that the package is signed with`] : []));
  if (problems.length > 0) throw unsafe(problems, 'the package');
}

/** What is added to the files: checksums.txt, and with a key the signatures and the provenance. `folder`: where files may be laid out for that. */
export async function signatures(files: readonly PackedFile[], folder: string, site: Site, signing: Signer | undefined): Promise<readonly PackedFile[]> {
  const real = files.flatMap((file) => ('link' in file ? [] : [file]));
  if (signing === undefined) return [inMemory(CHECKSUMS, formatChecksums(real))];
  const build = await subjectOf(site);
  return withTemporary(folder, async (temporary) => {
    await layOut(files, temporary);
    const names = await signPackage({ folder: temporary, files: files.map(({ path }) => path), build, key: signing.key });
    return Promise.all(names.filter((name) => SIGNATURE_FILES.includes(name)).map(async (name) => inMemory(name, await readFile(join(temporary, name)))));
  });
}

/** Where the package is made, and what is known of its build. */
export interface Site {
  readonly context: ProjectContext;
  readonly facts: BuildFacts;
}

/** @throws DeployError ND-OPTION-INVALID for a variable that cannot stand in a provenance */
async function subjectOf({ context: { workspaceRoot, variables }, facts }: Site): Promise<Awaited<ReturnType<typeof buildSubject>>> {
  const stated = Object.fromEntries(Object.entries(PROVENANCE_VARIABLES).flatMap(([name, variable]) => (variables[variable] ? [[name, variables[variable]]] : [])));
  try {
    return await buildSubject(facts, workspaceRoot, stated);
  } catch (thrown) {
    throw new DeployError('ND-OPTION-INVALID', { what: 'the provenance of the package cannot be written', where: Object.values(PROVENANCE_VARIABLES).filter((variable) => variables[variable]).join(', '), why: thrown instanceof Error ? thrown.message : String(thrown), next: 'correct these variables, or take them away' });
  }
}
