/** Inference: a deploy.json beside a project.json or package.json gives that project its deploy targets. */
import { createNodesFromFiles } from '@nx/devkit';
import type { CreateNodes, PostTasksExecution } from '@nx/devkit';
import { dirname, join } from 'node:path';
import { environmentNames, loadConfig, parseDefaults } from './config/load.js';
import type { PluginOptions } from './config/plugin-options.js';
import { onDocker } from './config/resolve-docker.js';
import { asDeployError } from './errors.js';
import { calculateHashesForCreateNodes, openCache } from './plugin-internals.js';
import { imageFinding } from './plugin-image-targets.js';
import { manifestFinding } from './plugin-manifest-target.js';
import { packageFinding } from './plugin-package-targets.js';
import { filesOfProjects, isLink } from './plugin-projects.js';
import { inferTargets, targetGroups } from './plugin-targets.js';
import type { Finding } from './plugin-targets.js';

export type { PluginOptions as NxDeployPluginOptions } from './config/plugin-options.js';
/** Writes the run file beside each build manifest; nothing of a manifest is loaded before a run has ended. */
export const postTasksExecution: PostTasksExecution<PluginOptions> = async (_options, context) => {
  const { postTasksExecution: record } = await import('nx-build-manifest/plugin');
  await record(undefined, context);
};

export { shadowedTargets } from './config/shadowed.js';

export const name = 'nx-deploy';

export const createNodes: CreateNodes<PluginOptions> = ['**/deploy.json', async (files, options, context) => {
  const given = options ?? {};
  const mine = await filesOfProjects(files, context.workspaceRoot);
  const roots = mine.map((file) => dirname(file));
  const hashes = await calculateHashesForCreateNodes(roots, given, context);
  const cache = openCache<Finding>(given, context.workspaceRoot);
  try {
    return await createNodesFromFiles((file, _options, _context, index) => {
      const key = `${hashes[index] ?? ''}_${file}`;
      const known = isLink(join(context.workspaceRoot, file)) ? undefined : cache.get(key);
      const finding = known ?? examine(join(context.workspaceRoot, file), dirname(file), given);
      if (known === undefined) cache.set(key, finding);
      const targets = inferTargets(finding, given);
      return { projects: { [dirname(file)]: { targets, metadata: { targetGroups: targetGroups(targets, given) } } } };
    }, mine, given, context);
  } finally {
    cache.writeToDisk();
  }
}];

/** The name that versions of Nx before 23 look for. */
export const createNodesV2 = createNodes;

/** Whoever runs a target is told what is wrong with them. */
function defaultsOf({ defaults }: PluginOptions): ReturnType<typeof parseDefaults> {
  try {
    return parseDefaults(defaults);
  } catch {
    return {};
  }
}

/** A broken file is a finding, not an error: it must not take the graph of the other projects with it. */
function examine(file: string, projectRoot: string, options: PluginOptions): Finding {
  try {
    const { config } = loadConfig(dirname(file), dirname(file));
    const root = projectRoot.replaceAll('\\', '/');
    const [image, packaged, manifest] = [imageFinding(config.artifact, root), packageFinding(config.artifact, root), manifestFinding(config.artifact, root)];
    return { environments: environmentNames(config), ...(image === undefined ? {} : { image, ...(onDocker(config, defaultsOf(options)) ? { containers: true } : {}) }), ...(packaged === undefined ? {} : { packaged }), manifest, ...(config.after === undefined ? {} : { after: config.after }), problems: 0 };
  } catch (thrown) {
    return { problems: Math.max(1, asDeployError(thrown).parts.problems?.length ?? 1) };
  }
}
