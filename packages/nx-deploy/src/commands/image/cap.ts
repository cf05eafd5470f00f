/** How large the store of blobs may become. */
import { parseSize } from '../../config/values.js';
import { asDeployError, DeployError } from '../../errors.js';
import { blobsFolder, openBlobs, type Pruned } from '../../image/blobs/index.js';
import { formatBytes } from '../../terminal/index.js';
import type { CommandContext } from '../context.js';

const DEFAULT = '20GB';
export const CAP_VARIABLE = 'NX_DEPLOY_BLOBS_MAX';

/** Bytes: of the option, else of the variable, else 20 GB. @throws DeployError ND-OPTION-INVALID */
export function blobCap(variables: NodeJS.ProcessEnv, option?: string): number {
  const named = option ?? (variables[CAP_VARIABLE] || DEFAULT);
  const cap = named === '0' ? 0 : parseSize(named);
  if (cap !== undefined) return cap;
  throw new DeployError('ND-OPTION-INVALID', { what: `${option === undefined ? `the variable ${CAP_VARIABLE}` : '--max'} is no size: ${JSON.stringify(named)}`, next: 'write a size such as 20GB or 500MB' });
}

/** After a build, when it is above the cap. That it cannot be pruned does not undo the build. */
export async function pruneBlobs({ home, variables, output }: CommandContext, cap: number): Promise<Pruned | undefined> {
  try {
    const pruned = await openBlobs(blobsFolder(home.folder, variables)).prune({ cap });
    if (pruned.removed === 0) return undefined;
    output.event({ type: 'note', text: `the store of image blobs was above ${formatBytes(cap)}: ${pruned.removed} blobs with ${formatBytes(pruned.bytes)} were removed` });
    return pruned;
  } catch (error) {
    const { what, why } = asDeployError(error).parts;
    output.event({ type: 'note', text: `the store of image blobs was not pruned: ${why ?? what}` });
    return undefined;
  }
}
