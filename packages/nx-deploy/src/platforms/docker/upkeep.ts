/** Repairing and ending a service on an engine, beyond what its releases are. */
import type { Upkeep } from '../platform.js';
import { isUp } from './containers.js';
import { RECORD, readRecord } from './record.js';
import type { DockerService } from './service.js';
import { asideIfDamaged, damagedReleases } from '../../releases/index.js';

export function dockerUpkeep(service: DockerService): Upkeep {
  const { containers, router, files, state } = service.parts;
  return {
    async mend() {
      const lines = [
        await asideIfDamaged(files, RECORD, () => readRecord(files), 'the next deploy writes it anew'),
        await asideIfDamaged(files, 'journal.json', () => state.journal.read(), 'what was under way is read off what runs'),
        await asideIfDamaged(files, 'hook.json', () => state.hook.read(), 'a hook that an interrupted run left running is not known any more: look for it and end it'),
        ...await damagedReleases(files, 'releases', (id) => state.releases.get(id)),
        await rememberRoute(service),
        await sweep(service),
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

/** What the router has and the record lacks would be lost with the router. */
async function rememberRoute(service: DockerService): Promise<string | undefined> {
  const [{ route }, record] = await Promise.all([service.traffic(), service.owned()]);
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
