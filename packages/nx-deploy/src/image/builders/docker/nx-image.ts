/** An image of the builder `@nx/docker`: what deploy.json says joined with what the target says. */
import { sep } from 'node:path';
import type { DockerfileImage } from '../../../config/resolved.js';
import { quoted } from '../../registry/plain.js';
import { invalidRequest } from './failures.js';
import { fromNxDocker, type NxDockerTarget } from './nx-docker.js';

export interface NxDockerPlace {
  readonly workspaceRoot: string;
  /** Absolute. */
  readonly projectFolder: string;
  readonly variables: NodeJS.ProcessEnv;
}

export interface NxDockerImage {
  readonly image: DockerfileImage;
  /** What Nx's cache does not see of it. */
  readonly warnings: readonly string[];
}

/**
 * Secrets and caches of both count, and of two labels of one name that of deploy.json. Platforms may stand in one of the two places; in neither the image is for linux/amd64.
 * Names of `--tag` are for the engine, where nothing is tagged.
 * @throws DeployError ND-OPTION-INVALID
 */
export function nxDockerImage(image: DockerfileImage, target: NxDockerTarget, { workspaceRoot, projectFolder, variables }: NxDockerPlace): NxDockerImage {
  const request = fromNxDocker(target, workspaceRoot, variables);
  const { dockerfile, context, engine, args, target: stage } = request;
  const inside = (path: string): boolean => `${path}${sep}`.startsWith(`${projectFolder}${sep}`);
  return {
    image: {
      ...image, engine, dockerfile, context, args, ...(stage === undefined ? {} : { target: stage }),
      platforms: platformsOf(image.platforms, request.platforms),
      labels: { ...request.labels, ...image.labels },
      secrets: [...request.secrets, ...image.secrets], cacheFrom: [...request.cacheFrom, ...image.cacheFrom], cacheTo: [...request.cacheTo, ...image.cacheTo],
    },
    warnings: [['context', context], ['Dockerfile', dockerfile]].flatMap(([what = '', path = '']) => (inside(path) ? []
      : [`the ${what} of docker:build lies outside of the project: name ${quoted(path.replace(`${workspaceRoot}${sep}`, ''))} in the inputs of build-image, or a change there goes unseen`])),
  };
}

function platformsOf(own: readonly string[], others: readonly string[] | undefined): readonly string[] {
  if (own.length > 0 && others !== undefined && own.join() !== others.join()) throw invalidRequest([`docker:build: args: --platform says ${quoted(others.join(','))} and deploy.json ${quoted(own.join(','))}: one of the two is enough`]);
  return own.length > 0 ? own : others ?? ['linux/amd64'];
}
