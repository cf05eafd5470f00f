/** The list of digests of a package, and the signatures over it when there is a key to sign with. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { formatChecksums, readSigningKey, signPackage, SIGNATURE_FILES, type BuildFacts, type SigningKey } from 'nx-build-manifest';
import { DeployError, errorCode } from '../../errors.js';
import type { PackedFile } from '../../package/application.js';
import { inMemory } from '../../package/contents.js';
import { CHECKSUMS } from '../../package/layout.js';
import { layOut, withTemporary } from '../../package/store.js';
import type { ProjectContext } from '../context.js';

/** Variable of the command's own environment with the passphrase of an encrypted key. */
export const PASSPHRASE_VARIABLE = 'NX_DEPLOY_KEY_PASSPHRASE';

/** @throws DeployError ND-OPTION-INVALID for a file that is no secret key, or is encrypted with another passphrase */
export async function signingKey({ workspaceRoot, variables }: ProjectContext, file: string): Promise<SigningKey> {
  try {
    return await readSigningKey(resolve(workspaceRoot, file), variables[PASSPHRASE_VARIABLE]);
  } catch (thrown) {
    const why = errorCode(thrown) ?? (thrown instanceof Error ? thrown.message : String(thrown));
    throw new DeployError('ND-OPTION-INVALID', { what: 'the package cannot be signed with this key', where: JSON.stringify(file), why, next: `name the file of a secret key (ECDSA P-256 as PEM, or minisign) with --key; its passphrase stands in the variable ${PASSPHRASE_VARIABLE}` });
  }
}

/** What is added to the files: checksums.txt, and with a key the signatures and the provenance. `folder`: where files may be laid out for that. */
export async function signatures(files: readonly PackedFile[], folder: string, facts: BuildFacts, key: SigningKey | undefined): Promise<readonly PackedFile[]> {
  const real = files.flatMap((file) => ('link' in file ? [] : [file]));
  if (key === undefined) return [inMemory(CHECKSUMS, formatChecksums(real))];
  return withTemporary(folder, async (temporary) => {
    await layOut(files, temporary);
    const names = await signPackage({ folder: temporary, files: files.map(({ path }) => path), build: subjectOf(facts), key });
    return Promise.all(names.filter((name) => SIGNATURE_FILES.includes(name)).map(async (name) => inMemory(name, await readFile(join(temporary, name)))));
  });
}

function subjectOf({ service, version, buildId, git }: BuildFacts): Parameters<typeof signPackage>[0]['build'] {
  return {
    name: service, version, ...(buildId === undefined ? {} : { buildId }),
    ...(git === undefined ? {} : { source: { commit: git.commit, dirty: git.dirty, ...(git.branch === undefined ? {} : { branch: git.branch }) } }),
  };
}
