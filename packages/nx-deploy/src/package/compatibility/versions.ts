/** Ranges of versions as package.json writes them, read as npm reads them (https://github.com/npm/node-semver#ranges). */
import semverSatisfies from 'semver/functions/satisfies';
import semverValid from 'semver/functions/valid';
import validRange from 'semver/ranges/valid';

/** Undefined when the version or the range cannot be read. A prerelease satisfies only a range that names one of the same version. */
export function satisfies(version: string, range: string): boolean | undefined {
  return semverValid(version) === null || validRange(range) === null ? undefined : semverSatisfies(version, range);
}

/** The same for Node, as npm reads `engines`: a nightly or a release candidate of a version counts as that version. */
export function nodeSatisfies(version: string, range: string): boolean | undefined {
  return semverValid(version) === null || validRange(range) === null ? undefined : semverSatisfies(version, range, { includePrerelease: true });
}

export function isRange(range: string): boolean {
  return validRange(range) !== null;
}
