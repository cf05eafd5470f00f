import { environmentNames, loadConfig, parseDefaults, pluginOptions, resolveImage, type DeployConfig, type ImageOption } from '../../config/index.js';
import { asDeployError } from '../../errors.js';
import { parseReference, parseRepository } from '../../image/registry/index.js';
import { projectFolder, readNxJson, type ProjectContext } from '../context.js';

/** The image of a project's deploy.json; no environment has a part in it. Throws ND-CONFIG-MISSING, or ND-CONFIG-INVALID with every problem. */
export async function resolveProjectImage(context: ProjectContext): Promise<ImageOption> {
  const { workspaceRoot, projectRoot, projectName } = context;
  const file = loadConfig(projectFolder(context), projectName);
  const secrets = namesVariables(file.config.artifact) ? await secretsOf(file.config, context) : [];
  const { port } = parseDefaults(pluginOptions(readNxJson(workspaceRoot))?.defaults);
  return resolveImage({ ...file, workspaceRoot, projectRoot, secrets, badImage, ...(port === undefined ? {} : { defaultPort: port }) });
}

/** Only these may not be secret: without one of them no schema is read, which takes longer than all else here. */
function namesVariables(artifact: DeployConfig['artifact']): boolean {
  const { env = {}, args = {} } = artifact as { readonly env?: object; readonly args?: object };
  return Object.keys(env).length + Object.keys(args).length > 0;
}

/** What is secret stands in the schema, which is the same for every environment. */
async function secretsOf(config: DeployConfig, { workspaceRoot, projectRoot }: ProjectContext): Promise<readonly string[]> {
  const [environment = ''] = environmentNames(config);
  const { loadEnvironment } = await import('nx-env-sync');
  return (await loadEnvironment({ environment, workspaceRoot, projectRoot })).secrets;
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
