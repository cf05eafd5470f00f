/** What a walker needs to change a service on an engine. It starts no agent. */
import type { ChangeRequest } from '../engine/request.js';
import { DeployError } from '../errors.js';
import type { Emit } from '../model/index.js';
import { openDocker, type DockerPlace, type DockerTarget, type ImageSource } from '../platforms/docker/index.js';
import type { ServiceKey } from '../releases/index.js';
import type { PlatformSession } from './platform-session.js';

/** Where an image lies: absolute folder of its layout, and of the home whose store has the layers of its base. */
export interface ImagePlace {
  readonly layout: string;
  readonly home: string;
}

/** What can be written down of a target. */
export type OrderedTarget = Omit<DockerTarget, 'source' | 'onNote'> & { readonly source?: ImagePlace };

/** The order of a walker. It holds what the engine's client needs of the command's environment, as a walker inherits next to nothing. */
export interface DockerOrder {
  readonly platform: 'docker';
  readonly target: OrderedTarget;
  readonly request: ChangeRequest;
}

export interface DockerTask {
  readonly request: ChangeRequest;
  readonly watched: { readonly key: ServiceKey; readonly on: string };
  open(cancel: () => void, emit: Emit): Promise<PlatformSession>;
}

/** An order says which platform it is for; that of the local one does not. */
export function isDockerOrder(order: unknown): order is DockerOrder {
  return typeof order === 'object' && order !== null && 'platform' in order && order.platform === 'docker';
}

export function dockerTask({ target, request }: DockerOrder): DockerTask {
  return {
    request,
    watched: watchedOn(target),
    async open(_cancel, emit) {
      const { source, ...given } = target;
      const place = { ...given, onNote: (text: string) => emit({ type: 'note', text }) };
      const session = await openDocker(source === undefined ? place : { ...place, source: await imageSource(source, target.variables) }, 'change');
      return { platform: session.platform, close: () => session.close() };
    },
  };
}

/** How a service is named among those that walkers of one home look after. */
export function watchedOn({ key, place }: Pick<DockerTarget, 'key' | 'place'>): { readonly key: ServiceKey; readonly on: string } {
  return { key, on: engineName(place) };
}

function engineName({ program, context }: DockerPlace): string {
  return context === undefined ? program : `${program}, context ${context}`;
}

/** The archive is made of what build-image put out. */
async function imageSource({ layout: folder, home }: ImagePlace, variables: NodeJS.ProcessEnv): Promise<ImageSource> {
  // Loaded here: most changes bring no image along.
  const [{ readLayout, writeDockerArchive }, { blobsFolder, openBlobs }] = await Promise.all([import('../image/layout/index.js'), import('../image/blobs/index.js')]);
  return {
    async write(image, tag, sink) {
      const layout = await readLayout(folder);
      const found = layout.images.find(({ descriptor }) => descriptor.digest === image.digest);
      if (found === undefined) throw new DeployError('ND-ARTIFACT-MISSING', { what: 'the image that was to be deployed is not there any more', where: JSON.stringify(folder), why: 'it was built anew meanwhile', next: 'deploy again' });
      const store = openBlobs(blobsFolder(home, variables));
      const hold = await store.hold();
      try {
        await writeDockerArchive(layout, store, { platform: found.platform, tags: [tag] }, sink);
      } finally {
        await hold.release();
      }
    },
  };
}
