import { loadEnvironment } from 'nx-env-sync';
import { environmentNames, loadConfig, parseDefaults, pluginOptions, resolvePackage, type PackageArtifact } from '../../config/index.js';
import { serviceName } from '../../config/names.js';
import { projectFolder, readNxJson, type ProjectContext } from '../context.js';

export interface ProjectPackage {
  readonly artifact: PackageArtifact;
  readonly service: string;
  /** Names of variables that a schema calls secret. */
  readonly secrets: readonly string[];
  /** Values that a schema gives to what is not set. */
  readonly defaults: Readonly<Record<string, string>>;
}

/** No environment has this name, so that nothing but the defaults of the schemas is found. */
const NO_ENVIRONMENT = 'nx-deploy-without-environment';

/** The package of a project's deploy.json; no environment has a part in it. Throws ND-CONFIG-MISSING, or ND-CONFIG-INVALID with every problem. */
export async function resolveProjectPackage(context: ProjectContext): Promise<ProjectPackage> {
  const { workspaceRoot, projectRoot, projectName } = context;
  const file = loadConfig(projectFolder(context), projectName);
  const defaults = parseDefaults(pluginOptions(readNxJson(workspaceRoot))?.defaults);
  const [environment = ''] = environmentNames(file.config);
  const { secrets } = await loadEnvironment({ environment, workspaceRoot, projectRoot });
  const { values } = await loadEnvironment({ environment: NO_ENVIRONMENT, workspaceRoot, projectRoot });
  const path = defaults.health?.path;
  const artifact = resolvePackage({ ...file, workspaceRoot, projectRoot, secrets, ...(path === undefined ? {} : { defaultHealthPath: path }) });
  return { artifact, service: file.config.service ?? serviceName(projectName), secrets, defaults: values };
}
