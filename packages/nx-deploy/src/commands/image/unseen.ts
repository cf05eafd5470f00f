/** What Nx cannot see change: it would restore an old image without a word. */
import { relative } from 'node:path';
import { quoted } from '../../archive/manifest.js';
import type { ImageOption } from '../../config/index.js';
import { readLine } from '../../shell/run.js';
import type { CommandContext } from '../context.js';

const GIT_TIMEOUT = 5_000;

/**
 * A warning when the files of the image are ignored by git and no target makes them. Nx shows it again whenever it restores the image, as it shows all that was printed.
 * Undefined without git, too: Nx then sees all files.
 */
export async function unseenWarning({ workspaceRoot, projectName }: CommandContext, image: ImageOption): Promise<string | undefined> {
  if (image.builder !== 'oci') return undefined;
  const ignored = await readLine(['git', 'check-ignore', '--', image.path], workspaceRoot, GIT_TIMEOUT);
  if (ignored === undefined || ignored === '') return undefined;
  return `git ignores ${quoted(relative(workspaceRoot, image.path))} and no target that build-image of ${projectName} depends on makes it: Nx does not see when it changes and may restore an old image; `
    + 'give the project a build target with outputs (buildTargetName in nx.json when it has another name), or build with --skip-nx-cache';
}
