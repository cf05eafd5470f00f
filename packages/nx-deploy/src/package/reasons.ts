/** Why a file of the project does not become part of its package. */
import { isLeftOut } from '../archive/walk.js';
import { isDevelopmentPackage } from '../image/dependencies/development.js';
import { packageOf } from '../image/dependencies/packages.js';

/**
 * In the order in which they are asked. `always`: also where a pattern names the file. `output`: also in the build's output, where code may lie in a folder
 * of any ordinary name.
 */
const KINDS: readonly { readonly reason: string; readonly pattern: RegExp; readonly always?: true; readonly output?: true }[] = [
  { reason: 'history of version control', pattern: /(?:^|\/)(?:\.git|\.hg|\.svn)(?:\/|$)/, always: true, output: true },
  { reason: 'logs', pattern: /\.log(?:\.\d+)?$/, always: true, output: true },
  { reason: 'logs', pattern: /(?:^|\/)logs\//, always: true },
  { reason: 'caches and results of tools', pattern: /(?:^|\/)(?:\.nx|\.cache|\.turbo|\.nyc_output)\/|\.tsbuildinfo$/, always: true, output: true },
  { reason: 'caches and results of tools', pattern: /(?:^|\/)(?:coverage|tmp)\//, always: true },
  { reason: 'tests and their results', pattern: /(?:^|\/)(?:__tests__|__mocks__|__snapshots__)\/|\.(?:spec|test)\.[cm]?[jt]sx?(?:\.map)?$/, output: true },
  { reason: 'type declarations', pattern: /\.d\.[cm]?ts(?:\.map)?$/, output: true },
  { reason: 'sources', pattern: /\.[cm]?tsx?$|(?:^|\/)src\// },
];
/** For a file that a pattern names, its path relative to the project; undefined: it is taken. */
export function neverPacked(path: string): string | undefined {
  if (isLeftOut(path)) return 'environment and login files';
  return KINDS.find(({ always, pattern }) => always === true && pattern.test(path))?.reason;
}

/** What a compiler and its tools put beside the code, and nothing loads: for a file of the build's output that is none of a third-party module. Paths relative to the output. */
export function neverRun(path: string): string | undefined {
  if (isLeftOut(path)) return 'environment and login files';
  return KINDS.find(({ output, pattern }) => output === true && pattern.test(path))?.reason;
}

/** For any other file, its path relative to the project or to the workspace. */
export function whyLeftOut(path: string): string {
  const never = neverPacked(path);
  if (never !== undefined) return never;
  const module = packageOf(path)?.name;
  if (module !== undefined) return isDevelopmentPackage(module) ? 'packages for development' : 'packages and files that the service does not load';
  if (path.split('/').includes('node_modules')) return 'packages and files that the service does not load';
  return KINDS.find(({ pattern }) => pattern.test(path))?.reason ?? 'not named by any pattern';
}
