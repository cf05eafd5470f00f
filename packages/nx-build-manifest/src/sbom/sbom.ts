import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { statedVersion } from '../versions.js';
import { gitFacts } from '../git.js';
import { cycloneDx } from './cyclonedx.js';
import type { ProjectGraphFacts } from './graph.js';
import { documentTime, isTimeStated } from './identity.js';
import { inventoryOf, type Inventory } from './inventory.js';
import { judgeLicenses, type LicensePolicy, type LicenseReport } from './license-policy.js';
import { spdx } from './spdx.js';

export const SBOM_FORMATS = ['cyclonedx', 'spdx'] as const;
export type SbomFormat = (typeof SBOM_FORMATS)[number];

export interface SbomQuery {
  /** Absolute folder of the workspace. */
  readonly workspaceRoot: string;
  /** Folder of the project, relative to the workspace. */
  readonly projectRoot: string;
  readonly projectName: string;
  /** Nx's project graph with its external nodes. Default: the one of the workspace that this process runs in. */
  readonly graph?: ProjectGraphFacts;
  readonly format: SbomFormat;
  /** Without it no license is judged. */
  readonly licenses?: LicensePolicy;
  /** Where SOURCE_DATE_EPOCH is looked up. Default: the variables of this process. */
  readonly variables?: NodeJS.ProcessEnv;
}

export interface Sbom {
  /** Canonical JSON (RFC 8785), the same for the same commit, lock file and installed packages. */
  readonly document: string;
  readonly inventory: Inventory;
  /** Third-party packages that name no license, or are not installed. */
  readonly unlicensed: readonly string[];
  readonly licenses?: LicenseReport;
}

/** Name of the file by format, as consumers look for it. */
export function sbomFileName(format: SbomFormat): string {
  return format === 'cyclonedx' ? 'sbom.cdx.json' : 'sbom.spdx.json';
}

/** Of this package, wherever its code was put: a program may carry it in its own files. */
function toolFacts(): { readonly name: string; readonly version: string } {
  const { name, version } = JSON.parse(readFileSync(createRequire(__filename).resolve('nx-build-manifest/package.json'), 'utf8')) as { readonly name: string; readonly version: string };
  return { name, version };
}

async function graphOf(workspaceRoot: string): Promise<ProjectGraphFacts> {
  const { createProjectGraphAsync, workspaceRoot: own } = await import('@nx/devkit');
  if (own !== workspaceRoot) throw new Error(`the project graph is that of ${own}: give the graph of ${workspaceRoot}`);
  return createProjectGraphAsync({ exitOnError: false });
}

/**
 * Lists the production dependencies of a project with their transitive closure, and judges their licenses.
 * @throws Error when the lock file does not hold what package.json declares, the license policy is wrong, or SPDX has no time
 * @throws GitError when git does not tell the time of the commit, and SOURCE_DATE_EPOCH does not either
 */
export async function sbom(query: SbomQuery): Promise<Sbom> {
  const { workspaceRoot, projectRoot, projectName, format } = query;
  const variables = query.variables ?? process.env;
  const [version, git, graph] = await Promise.all([
    statedVersion([join(workspaceRoot, projectRoot), workspaceRoot]),
    isTimeStated(variables) ? undefined : gitFacts(workspaceRoot),
    query.graph ?? graphOf(workspaceRoot),
  ]);
  const inventory = inventoryOf({ workspaceRoot, projectName, version, graph });
  const time = documentTime(git?.commitTime, variables);
  const tool = toolFacts();
  return {
    document: format === 'cyclonedx' ? await cycloneDx(inventory, tool, time) : spdx(inventory, tool, time),
    inventory,
    unlicensed: inventory.components.filter(({ kind, license }) => kind === 'package' && license === undefined).map(({ ref }) => ref),
    ...(query.licenses === undefined ? {} : { licenses: judgeLicenses(inventory, query.licenses) }),
  };
}
