import { loadEnvironment } from 'nx-env-sync';
import { environmentNames, loadConfig, parseDefaults, pluginOptions, resolveImage, type ImageOption } from '../../config/index.js';
import { asDeployError } from '../../errors.js';
import { parseReference, parseRepository } from '../../image/registry/index.js';
import { projectFolder, readNxJson, type ProjectContext } from '../context.js';

/** The image of a project's deploy.json; no environment has a part in it. Throws ND-CONFIG-MISSING, or ND-CONFIG-INVALID with every problem. */
export async function resolveProjectImage(context: ProjectContext): Promise<ImageOption> {
  const { workspaceRoot, projectRoot, projectName } = context;
  const file = loadConfig(projectFolder(context), projectName);
  // What is secret stands in the schema, which is the same for every environment.
  const [environment = ''] = environmentNames(file.config);
  const { secrets } = await loadEnvironment({ environment, workspaceRoot, projectRoot });
  const { port } = parseDefaults(pluginOptions(readNxJson(workspaceRoot))?.defaults);
  return resolveImage({ ...file, workspaceRoot, projectRoot, secrets, badImage, ...(port === undefined ? {} : { defaultPort: port }) });
}

function badImage(kind: 'base' | 'repository', text: string): string | undefined {
  try {
    if (kind === 'base') parseReference(text);
    else parseRepository(text);
    return undefined;
  } catch (thrown) {
    const { what, why } = asDeployError(thrown).parts;
    return `must name ${kind === 'base' ? 'an image' : 'a repository, without tag and digest'}: ${why ?? what}`;
  }
}
