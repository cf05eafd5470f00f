/** What was asked of a deploy.json that is there already and stays as it is. */
import { environmentNames } from '../../config/load.js';
import { platformOf } from '../../config/resolve-docker.js';
import { isOci } from '../../config/resolve-image.js';
import type { DeployConfig } from '../../config/schema.js';
import type { Artifact, ArtifactChoice } from './artifact.js';

export interface Asked {
  readonly artifact?: ArtifactChoice;
  readonly output?: string;
  readonly entry?: string;
  readonly environments?: readonly string[];
  readonly platform?: string;
  readonly instances?: number;
  readonly strategy?: string;
  readonly listen?: number;
}

/** `before`: the file as it was; `artifact`: what a new one would have. Lines to print, none where the file says what was asked for. */
export function aboutPassedOver(before: DeployConfig, artifact: Artifact, asked: Asked): readonly string[] {
  const { path, entry } = pathAndEntry(before.artifact);
  const ofArtifact = [
    ...(asked.artifact === undefined || asked.artifact === before.artifact.type ? [] : [`--artifact=${asked.artifact}`]),
    ...(asked.output === undefined || path === artifact.path ? [] : [`--output=${asked.output}`]),
    ...(asked.entry === undefined || entry === asked.entry ? [] : [`--entry=${asked.entry}`]),
  ];
  const ofEnvironments = passedOverEnvironments(before, asked);
  return [
    ...(ofArtifact.length === 0 ? [] : [`${ofArtifact.join(', ')}: for a new deploy.json only; change "artifact" in this one by hand`]),
    ...(ofEnvironments.length === 0 ? [] : [`${ofEnvironments.join(', ')}: for new environments only; change those that are there by hand`]),
  ];
}

function passedOverEnvironments(before: DeployConfig, { environments, platform, instances, strategy, listen }: Asked): readonly string[] {
  const there = (environments ?? environmentNames(before)).flatMap((name) => (Object.hasOwn(before.environments, name) ? [before.environments[name] ?? {}] : []));
  // Where there is a new one among them, it got what was asked for.
  if (there.length < (environments ?? there).length || there.length === 0) return [];
  const differs = (is: (environment: (typeof there)[number]) => boolean): boolean => !there.every(is);
  return [
    // The default of the option, which Nx hands on whether or not somebody typed it.
    ...(platform === undefined || platform === 'local' || !differs((each) => platformOf(each.platform).type === platform) ? [] : [`--platform=${platform}`]),
    ...(instances === undefined || !differs((each) => each.instances === instances) ? [] : [`--instances=${instances}`]),
    ...(strategy === undefined || !differs((each) => strategyName(each.strategy ?? before.strategy) === strategy) ? [] : [`--strategy=${strategy}`]),
    ...(listen === undefined || there.some((each) => (typeof each.listen === 'number' ? each.listen : each.listen?.port) === listen) ? [] : [`--listen=${listen}`]),
  ];
}

function pathAndEntry(artifact: DeployConfig['artifact']): { readonly path?: string; readonly entry?: string } {
  if (artifact.type === 'image' && !isOci(artifact)) return {};
  return { path: artifact.path ?? 'dist', entry: artifact.entry ?? 'main.js' };
}

function strategyName(strategy: string | { readonly type: string } | undefined): string {
  return typeof strategy === 'object' ? strategy.type : strategy ?? 'rolling';
}
