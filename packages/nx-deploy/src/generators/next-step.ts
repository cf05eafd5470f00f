/** What a generator says that can be done next. */
import { platformOf } from '../config/resolve-docker.js';
import { isOci } from '../config/resolve-image.js';
import { targetNames } from '../config/plugin-options.js';
import type { PluginOptions } from '../config/plugin-options.js';
import type { DeployConfig } from '../config/schema.js';

export interface Place {
  readonly project: string;
  readonly environment: string;
  /** It has files that nothing serves. */
  readonly site: boolean;
}

/** What can be done with the artifact: the platform local runs neither a site of files nor the image of a Dockerfile. */
export function nextStep({ artifact, environments }: DeployConfig, { project, environment, site }: Place, plugin: PluginOptions): string {
  const names = targetNames(plugin);
  const stated = environments[environment]?.platform;
  const local = platformOf(stated).type === 'local' && (stated !== undefined || plugin.defaults?.['platform'] === undefined);
  if (local && artifact.type === 'image' && !isOci(artifact)) return run(project, names.buildImage);
  if (local && artifact.type === 'files' && site) return `  next: npx nx g nx-deploy:dockerfile ${word(project, '')}`;
  return `${run(project, names.deploy)} --configuration=${environment} --dry-run`;
}

function run(project: string, target: string): string {
  return `  next: npx nx run ${word(project, target)}:${target.replace(/[^ -~]/g, '?')}`;
}

/** A name that a shell would read as more than a word is left for the reader to write. */
function word(project: string, target: string): string {
  return /^[\w@/.:-]+$/.test(`${project}:${target}`) ? project : '<project>';
}
