/** Containers on one engine, behind HAProxy. */
import { DeployError } from '../../errors.js';
import type { DockerSession, DockerTarget } from './target.js';

export type { DockerListen, DockerPlace, DockerSession, DockerSteering, DockerTarget } from './target.js';

/** Reaches a service on its engine. */
export function openDocker({ key }: DockerTarget): Promise<DockerSession> {
  return Promise.reject(new DeployError('ND-ABILITY-MISSING', { what: `${key.service} (${key.environment}) cannot be reached`, why: 'this version has no platform docker yet', next: 'use the platform local' }));
}
