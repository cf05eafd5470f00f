import { quoted } from '../archive/manifest.js';
import { DeployError, diskFull, errorCode } from '../errors.js';

const PROBLEMS_SHOWN = 20;

/** An archive that is damaged, was changed, or is none of those that are made here. */
export function invalidPackage(archive: string, problems: readonly string[]): DeployError {
  const more = problems.length - PROBLEMS_SHOWN;
  return new DeployError('ND-PACKAGE-INVALID', {
    what: 'the package is damaged, was changed, or was not made by this program', where: quoted(archive),
    problems: more > 0 ? [...problems.slice(0, PROBLEMS_SHOWN), `and ${more} more`] : problems,
    next: 'get it again from where it was made, or make it again; nothing of it was used',
  });
}

/** What the parts that images and packages share say of an image, said of a package. */
export function ofPackage(thrown: unknown, where: string): unknown {
  if (!(thrown instanceof DeployError)) return thrown;
  const { code, parts } = thrown;
  const again = 'then make the package again';
  if (code === 'ND-ARTIFACT-UNSAFE') return new DeployError(code, { ...parts, what: 'the package would hold what no package can hold safely', next: `change what the build writes, so that it holds only regular files, folders and links under ordinary names, ${again}` }, { cause: thrown });
  if (code === 'ND-ARTIFACT-CHANGED') return new DeployError(code, { ...parts, what: 'a file changed while the package was made', next: `let the build finish (a watch mode may be running), ${again}` }, { cause: thrown });
  if (code === 'ND-ARTIFACT-MISSING') return new DeployError(code, { ...parts, what: 'there is nothing to make a package of', ...(parts.where === undefined ? { where } : {}) }, { cause: thrown });
  return thrown;
}

/** ND-DISK-FULL or ND-PACKAGE-STORE for what could not be written; everything else as it is. */
export function writeFailure(thrown: unknown, where: string): unknown {
  const code = errorCode(thrown);
  if (thrown instanceof DeployError || code === undefined) return thrown;
  const parts = { what: 'the package could not be written', where: quoted(where) };
  return diskFull(thrown, { ...parts, again: 'run the command again' })
    ?? new DeployError('ND-PACKAGE-STORE', { ...parts, why: code, next: 'check that its folder is there, its owner and its permissions, then run the command again' }, { cause: thrown });
}
