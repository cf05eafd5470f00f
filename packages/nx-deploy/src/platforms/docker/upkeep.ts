/** Repairing and ending a service on an engine, beyond what its releases are. */
import { asideIfDamaged, mendState, removeUnfinished, type StatePath } from '../../releases/index.js';
import type { Upkeep } from '../platform.js';
import { isUp } from './containers.js';
import { RECORD, readRecord } from './record.js';
import type { Restore } from './router-order.js';
import { shortName } from './router-look.js';
import type { DockerService } from './service.js';

export interface UpkeepMeans {
  /** Of the whole engine, under which configurations are sealed. */
  readonly key: StatePath;
  /** All routes of the engine, as its state has them. */
  readonly restore: Restore;
}

export function dockerUpkeep(service: DockerService, { key, restore }: UpkeepMeans): Upkeep {
  const { containers, router, files, state } = service.parts;
  return {
    async mend() {
      const lines = [
        await asideIfDamaged({ files, path: RECORD }, () => readRecord(files), 'it is written anew from what the router does'),
        ...await mendState(state, files, key),
        await removeUnfinished(files),
        await rememberRoute(service),
        await sweep(service),
        ...await upgraded(service, restore),
      ];
      return lines.filter((line) => line !== undefined);
    },
    async withdraw() {
      await router.router.remove(service.routeKey);
      await service.forget();
    },
    async erase() {
      for (const container of await containers.all()) await containers.remove(container);
      for (const { id } of await state.releases.list().catch(() => [])) await service.parts.images.remove(id);
      for (const folder of ['config', 'releases']) await files.removeTree(folder);
    },
  };
}

/** A deploy leaves the router of everybody's services alone; whoever repairs wants what deploy.json says. */
async function upgraded({ parts: { router, target } }: DockerService, restore: Restore): Promise<readonly string[]> {
  const { image } = await router.look();
  return image === undefined || image === shortName(target.place.router.image) ? [] : router.upgrade(restore);
}

/** What the router has and the record lacks would be lost with the router. */
async function rememberRoute(service: DockerService): Promise<string | undefined> {
  const [{ route }, record] = await Promise.all([service.traffic(), service.owned()]);
  // A service that was never deployed has neither.
  if (route === undefined || record?.route !== undefined) return undefined;
  await service.update({ route });
  return `${RECORD} did not know how the service is reached; it was written anew from what the router does`;
}

/** Containers that ended and do not start again; what failed leaves its logs in them until then. */
async function sweep({ parts: { containers } }: DockerService): Promise<string | undefined> {
  const ended = (await containers.all()).filter((container) => !isUp(container));
  for (const container of ended) await containers.remove(container);
  return ended.length === 0 ? undefined : `removed ${ended.length} ${ended.length === 1 ? 'container' : 'containers'} that had ended: ${ended.map(({ name }) => name).join(', ')}`;
}
