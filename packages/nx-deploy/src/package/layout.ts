/** What lies where in a package. */

export const FOLDERS = ['application', 'database', 'scripts', 'docs', 'tests'] as const;
export const APPLICATION = 'application';
export const MANIFEST = 'build-manifest.json';
export const INFO = 'deployment-info.json';
export const COMPATIBILITY = 'version-compatibility.json';
export const CHECKSUMS = 'checksums.txt';
/** Where the OpenAPI document lies: in the package of the next release it is what that is compared with. */
export const API_DOCUMENT = 'docs/api';
export const TEMPLATE = '.template';

/** `{service}-v{version}-{yyyymmdd.hhmmss}.tar.gz`, the time of the commit in UTC; without a commit `uncommitted` stands there. */
export function archiveName(service: string, version: string, commitTime: string | undefined): string {
  return `${service}-v${version}-${commitTime === undefined ? 'uncommitted' : compact(commitTime)}.tar.gz`;
}

/** `2026-01-02T03:04:05Z` as `20260102.030405`. */
function compact(time: string): string {
  return time.replace(/[-:]|\.\d+|Z$/g, '').replace('T', '.');
}

/** Is that the name of a package of the service, or of the file with its digest? */
export function isPackageName(service: string, name: string): boolean {
  return name.startsWith(`${service}-v`) && /\.tar\.gz(?:\.sha256)?$/.test(name);
}
