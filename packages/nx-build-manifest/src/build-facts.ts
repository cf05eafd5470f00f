import { resolve } from 'node:path';
import { gitFacts, type GitFacts } from './git.js';
import { nxVersion, npmVersion, statedVersion } from './versions.js';

/** What is known about a build before it runs. A fact that cannot be known is absent. */
export interface BuildFacts {
  readonly service: string;
  /** Of the project's package.json, else of the workspace's, else 0.0.0. */
  readonly version: string;
  /** `{service}-{version}-{yyyymmdd.hhmmss}`, with the commit's time in UTC; absent without a commit. */
  readonly buildId?: string;
  readonly git?: GitFacts;
  /** Versions, without a leading v. */
  readonly tools: { readonly node: string; readonly npm?: string; readonly nx?: string };
  /** As node names them: linux, darwin, win32; x64, arm64. */
  readonly platform: { readonly os: string; readonly arch: string };
}

export interface BuildQuery {
  /** Absolute folder of the workspace. */
  readonly workspaceRoot: string;
  /** Folder of the project, absolute or relative to the workspace. */
  readonly projectRoot: string;
  readonly projectName: string;
}

/** A project's name as one word that can stand in a file name: `@org/api` becomes `org-api`. */
export function serviceName(projectName: string): string {
  return projectName.replace(/^@/, '').replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[._-]+/, '') || 'service';
}

function buildIdOf(service: string, version: string, commitTime: string): string {
  const [date = '', time = ''] = commitTime.replace(/[-:Z]/g, '').split('T');
  return `${service}-${version}-${date}.${time}`;
}

/**
 * Those of the facts that depend on neither commit nor machine.
 * @throws Error when a package.json exists and cannot be read
 */
export async function projectFacts({ workspaceRoot, projectRoot, projectName }: BuildQuery): Promise<Pick<BuildFacts, 'service' | 'version'>> {
  return { service: serviceName(projectName), version: await statedVersion([resolve(workspaceRoot, projectRoot), workspaceRoot]) };
}

/**
 * Facts of a project's build, the same for the same commit and tools.
 * @throws Error when a package.json exists and cannot be read
 * @throws GitError when git does not tell the commit; see {@link gitFacts}
 */
export async function buildFacts(query: BuildQuery): Promise<BuildFacts> {
  const [{ service, version }, git, npm, nx] = await Promise.all([
    projectFacts(query),
    gitFacts(query.workspaceRoot),
    npmVersion(),
    nxVersion(query.workspaceRoot),
  ]);
  return {
    service,
    version,
    ...(git === undefined ? {} : { buildId: buildIdOf(service, version, git.commitTime), git }),
    tools: { node: process.versions.node, ...(npm === undefined ? {} : { npm }), ...(nx === undefined ? {} : { nx }) },
    platform: { os: process.platform, arch: process.arch },
  };
}
