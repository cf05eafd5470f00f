/** The image that the router's container is made of. */
import { DeployError } from '../../errors.js';
import type { Ms } from '../../model/index.js';
import type { EngineClient } from '../../shell/engine/index.js';

/** A pull may take its time. */
const PULL: Ms = 10 * 60_000;

/** Undefined when the engine does not have it. */
async function imageId(client: EngineClient, image: string): Promise<string | undefined> {
  const { exitCode, output, complaints } = await client.call('look for the image of the router', ['image', 'inspect', '--format={{.Id}}', image]);
  if (exitCode === 0) return output.trim();
  const failure = client.failure('look for the image of the router', complaints);
  if (failure.code !== 'ND-ARTIFACT-MISSING') throw failure;
  return undefined;
}

/** Gets the image where the engine does not have it. True when it was pulled. Rejects with ND-ARTIFACT-MISSING when it cannot be had. */
export async function fetchImage(client: EngineClient, image: string): Promise<boolean> {
  if (await imageId(client, image) !== undefined) return false;
  const { exitCode, complaints } = await pull(client, image);
  if (exitCode !== 0) throw missing(client, image, complaints);
  return true;
}

/** The id of what the reference means now; where it cannot be pulled, of what the engine has under that name. */
export async function newestImage(client: EngineClient, image: string): Promise<string> {
  const { complaints } = await pull(client, image);
  const id = await imageId(client, image);
  if (id === undefined) throw missing(client, image, complaints);
  return id;
}

function pull(client: EngineClient, image: string): ReturnType<EngineClient['call']> {
  return client.call('get the image of the router', ['pull', '--quiet', image], { timeout: PULL });
}

/** Whatever a registry says, or who does not find it: the engine has answered, and the image is not to be had. */
function missing(client: EngineClient, image: string, said: string): DeployError {
  const failure = client.failure('get the image of the router', said);
  if (failure.code === 'ND-DISK-FULL') return failure;
  const problems = failure.parts.problems ?? (failure.parts.why === undefined ? [] : [failure.parts.why]);
  return new DeployError('ND-ARTIFACT-MISSING', {
    what: `the image ${image} of the router is missing`, where: client.name, ...(problems.length === 0 ? {} : { problems }), why: 'the engine does not have it and could not get it',
    next: `load it there, or see to it that docker pull ${image} works there, or name another one as router.image`,
  });
}
