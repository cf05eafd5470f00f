/** What concerns the store of image blobs, which all workspaces of a user share. */
import { agentHome } from '../agent/home.js';
import { DeployError } from '../errors.js';
import { blobsFolder, openBlobs } from '../image/blobs/index.js';
import { formatBytes } from '../terminal/index.js';
import { blobCap } from './image/cap.js';
import type { Output } from './output.js';
import type { CommandResult } from './result.js';

export interface ImagesOptions {
  /** Size that the store may have; by default that of NX_DEPLOY_BLOBS_MAX, else 20GB. */
  readonly max?: string;
  readonly dryRun?: boolean;
}

/** `nx-deploy images prune`: blobs above the size go, the least recently used first. */
export async function images(action: string, { max, dryRun = false }: ImagesOptions, output: Output, variables: NodeJS.ProcessEnv): Promise<CommandResult> {
  if (action !== 'prune') throw new DeployError('ND-OPTION-INVALID', { what: action === '' ? 'no action was named' : `there is no action ${JSON.stringify(action)}`, next: 'write nx-deploy images prune' });
  const cap = blobCap(variables, max);
  const folder = blobsFolder(agentHome(variables).folder, variables);
  const pruned = await openBlobs(folder).prune({ cap, dryRun });
  const { removed, bytes, left, leftovers } = pruned;
  const parts = [...(removed === 0 ? [] : [`${removed} blobs with ${formatBytes(bytes)}`]), ...(leftovers === 0 ? [] : [`${leftovers} files that killed builds left`])];
  const unchanged = parts.length === 0;
  output.line(`${unchanged ? 'nothing to remove' : `${dryRun ? 'would remove' : 'removed'} ${parts.join(' and ')}`}: ${formatBytes(left)} ${dryRun && !unchanged ? 'would be left' : 'are left'} in ${folder}`);
  const outcome = unchanged ? 'unchanged' : dryRun ? 'planned' : 'done';
  return { exitCode: 0, document: { outcome, exitCode: 0, folder, cap, ...pruned } };
}
