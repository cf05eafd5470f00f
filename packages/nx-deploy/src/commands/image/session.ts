/** What every command about images opens, and closes whatever happens. */
import { DeployError } from '../../errors.js';
import { blobsFolder, openBlobs, type BlobStore } from '../../image/blobs/index.js';
import { readLayout, type FetchBlob, type Layout } from '../../image/layout/index.js';
import { openRegistries, parseReference, type OnRegistryEvent, type Registries } from '../../image/registry/index.js';
import type { CommandContext } from '../context.js';
import { imagePlace } from './place.js';

export interface ImageSession {
  readonly store: BlobStore;
  readonly registries: Registries;
}

/** What is used in `work` is not pruned meanwhile. */
export async function withImages<T>({ home, variables }: CommandContext, plainHttp: readonly string[], work: (session: ImageSession) => Promise<T>): Promise<T> {
  const store = openBlobs(blobsFolder(home.folder, variables));
  const hold = await store.hold();
  const registries = openRegistries({ env: variables, plainHttp });
  try {
    return await work({ store, registries });
  } finally {
    registries.close();
    await hold.release();
  }
}

/** Fetches a layer of the base image from where it came from. */
export function fetchFrom(registries: Registries, signal: AbortSignal, onEvent: OnRegistryEvent): FetchBlob {
  return ({ digest, size, mediaType, from }, take) => registries.blob(parseReference(from), { digest, size, mediaType }, take, { signal, onEvent });
}

/** @throws DeployError ND-IMAGE-INCOMPLETE when the project has no image yet. */
export async function readProjectImage(context: CommandContext): Promise<Layout> {
  const { layout: folder } = imagePlace(context);
  const layout = await readLayout(folder).catch((error: unknown) => {
    const missing = error instanceof DeployError && error.parts.why === 'there is no such folder';
    throw missing ? new DeployError('ND-IMAGE-INCOMPLETE', { what: `${context.projectName} has no image yet`, where: JSON.stringify(folder), next: `build it first: nx run ${context.projectName}:build-image` }) : error;
  });
  const [root, ...others] = layout.roots;
  if (root === undefined || others.length > 0) throw new DeployError('ND-IMAGE-INVALID', { what: 'the folder holds several images', where: JSON.stringify(folder), next: `build the image again: nx run ${context.projectName}:build-image` });
  return layout;
}
