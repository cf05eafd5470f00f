/** The target by which @nx/docker builds the project's image. */
import type { TargetConfiguration } from '@nx/devkit';
import { DeployError } from '../../errors.js';
import type { NxDockerTarget } from '../../image/builders/docker/index.js';
import { projectFolder, readNxJson, type ProjectContext } from '../context.js';

/** All targets of the project, those that plugins infer among them. Asked for only where they are needed: to know them takes Nx's graph. */
export type FindTargets = () => Promise<Readonly<Record<string, TargetConfiguration>>>;

const PLUGIN = '@nx/docker';
const USUAL = 'docker:build';

/** With its default configuration, as `nx run` would run it. @throws DeployError ND-OPTION-INVALID when there is none */
export async function dockerTarget(context: ProjectContext, findTargets: FindTargets): Promise<NxDockerTarget> {
  const targets = await findTargets();
  const names = targetNames(readNxJson(context.workspaceRoot).plugins);
  const name = names.find((each) => Object.hasOwn(targets, each));
  const target = name === undefined ? undefined : targets[name];
  if (target === undefined) {
    throw new DeployError('ND-OPTION-INVALID', {
      what: `${context.projectName} has no target ${names.join(' or ')}, which says how its image is built`, where: projectFolder(context), why: 'artifact.builder in deploy.json is "@nx/docker"',
      next: 'register @nx/docker in nx.json and give the project a Dockerfile, or use the builder "docker"',
    });
  }
  const { command, options, configurations, defaultConfiguration } = target as TargetConfiguration<Readonly<Record<string, unknown>>>;
  const chosen = defaultConfiguration === undefined ? undefined : configurations?.[defaultConfiguration] as Readonly<Record<string, unknown>> | undefined;
  return { ...(command === undefined ? {} : { command }), options: { ...options, ...chosen } };
}

/** As nx.json has the plugin name it, then as it is named by itself. */
function targetNames(plugins: unknown): readonly string[] {
  const given = (Array.isArray(plugins) ? plugins as readonly unknown[] : []).flatMap((entry) => {
    const { plugin, options } = fields(entry);
    if (plugin !== PLUGIN) return [];
    const { buildTarget } = fields(options);
    const name = typeof buildTarget === 'string' ? buildTarget : fields(buildTarget)['name'];
    return typeof name === 'string' ? [name] : [];
  });
  return [...new Set([...given, USUAL])];
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? value as Readonly<Record<string, unknown>> : {};
}
