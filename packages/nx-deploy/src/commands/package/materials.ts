/** The bill of materials of a package. */
import { sbom, sbomFileName, type ProjectGraphFacts } from 'nx-build-manifest';
import type { PackageArtifact } from '../../config/index.js';
import { DeployError } from '../../errors.js';
import type { CommandContext } from '../context.js';

/** Says when the input was made, where there is no commit. */
const EPOCH = 'SOURCE_DATE_EPOCH';

/** By its path in the package; nothing where none is asked for. @throws DeployError ND-LOCKFILE for dependencies that cannot be listed */
export async function materialsOf({ workspaceRoot, projectRoot, projectName, variables, output }: CommandContext, { sbom: format }: PackageArtifact, graph: ProjectGraphFacts | undefined): Promise<readonly (readonly [path: string, text: string])[]> {
  if (format === undefined) return [];
  try {
    const { document, unlicensed } = await sbom({ workspaceRoot, projectRoot, projectName, format, variables, ...(graph === undefined ? {} : { graph }) });
    if (unlicensed.length > 0) output.event({ type: 'note', text: `${unlicensed.length} packages of the bill of materials name no licence, or are not installed` });
    return [[sbomFileName(format), document]];
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    const remedy = why.includes(EPOCH) ? `commit the workspace, or set ${EPOCH} to a whole number of seconds since 1970` : 'install the dependencies and commit the lock file';
    throw new DeployError('ND-LOCKFILE', { what: 'the bill of materials cannot be made', why, next: `${remedy}, or leave "artifact.sbom" out of deploy.json` }, { cause: thrown });
  }
}
