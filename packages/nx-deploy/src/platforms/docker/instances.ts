/** Starting and ending the instances of one release. */
import { DeployError } from '../../errors.js';
import { least, WEB, type Ms, type Processes, type Release, type ReleaseId } from '../../model/index.js';
import { isUp, type Container } from './containers.js';
import { freeAddress, isAddressTaken, macOf, NETWORK, type Addresses } from './network.js';
import type { DockerService } from './service.js';
import { targetId } from './targets.js';

/** Of a release whose record is gone. */
const DRAIN_UNKNOWN: Ms = 30_000;
const STOP_UNKNOWN: Ms = 10_000;
/** As many at once as an engine starts without all of them getting slow. */
const AT_ONCE = 4;
/** How often an address may be taken by somebody else before it counts as a fault. */
const ADDRESSES = 20;

/** Surplus ones leave the traffic, drain and stop; what is missing is started. What has ended by itself and does not start again is removed. */
export async function scale(service: DockerService, id: ReleaseId, processes: Processes): Promise<void> {
  // Whoever looks meanwhile sees half of it.
  await change(service, id, processes).finally(() => service.stale());
}

async function change(service: DockerService, id: ReleaseId, processes: Processes): Promise<void> {
  const { containers } = service.parts;
  const mine = (await containers.all()).filter(({ release }) => release === id);
  const [up, ended] = [mine.filter((container) => isUp(container) && !service.draining.has(container.id)), mine.filter((container) => !isUp(container))];
  await Promise.all(ended.map((container) => containers.remove(container)));
  const names = [...new Set([...Object.keys(processes), ...up.map(({ process }) => process)])];
  const missing = names.flatMap((process) => freeSlots(up.filter((container) => container.process === process), least(processes[process])).map((slot) => ({ process, slot })));
  if (missing.length > 0) await start(service, await service.release(id), missing);
  const surplus = names.flatMap((process) => tooMany(up.filter((container) => container.process === process), least(processes[process])));
  // To end instances nothing of their release has to be known, so a record that is gone or damaged is no obstacle.
  if (surplus.length > 0) await retire(service, await service.known(id).catch(() => undefined), surplus);
}

function freeSlots(up: readonly Container[], wanted: number): readonly number[] {
  const used = new Set(up.map(({ slot }) => slot));
  const slots: number[] = [];
  for (let slot = 1; used.size + slots.length < wanted; slot += 1) if (!used.has(slot)) slots.push(slot);
  return slots;
}

function tooMany(up: readonly Container[], wanted: number): readonly Container[] {
  const rank = ({ state }: Container): number => (state === 'running' ? 1 : 0);
  return [...up].sort((a, b) => rank(a) - rank(b) || b.slot - a.slot).slice(0, Math.max(0, up.length - wanted));
}

interface Place {
  readonly process: string;
  readonly slot: number;
}

async function start(service: DockerService, release: Release, missing: readonly Place[]): Promise<void> {
  const { state } = service.parts;
  const { values } = await state.config.open(release.config);
  const addresses = await service.addresses();
  const left = [...missing];
  const failures: unknown[] = [];
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined && failures.length === 0; next = left.shift()) {
      await startOne(service, release, next, values, addresses).catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (failures.length > 0) throw failures[0];
}

/** Another deploy on the same engine may take the same address at the same time: then the next one is tried. */
async function startOne(service: DockerService, release: Release, { process, slot }: Place, values: Readonly<Record<string, string>>, { subnet, taken }: Addresses): Promise<void> {
  const { containers, client, target: { key } } = service.parts;
  for (let tries = 1; ; tries += 1) {
    const address = process === WEB ? freeAddress(subnet, taken) : undefined;
    if (process === WEB && address === undefined) throw new DeployError('ND-ENGINE-FAILED', { what: `the network ${NETWORK} has no address left`, where: client.name, next: 'end services that are not needed' });
    if (address !== undefined) taken.add(address);
    try {
      const mac = address !== undefined && client.program === 'podman' ? { mac: macOf(address) } : {};
      await containers.start({ key, release, process, slot, network: NETWORK, ...(address === undefined ? {} : { address }), ...mac }, values);
      return;
    } catch (error) {
      if (tries >= ADDRESSES || address === undefined || !(error instanceof DeployError) || !isAddressTaken((error.parts.problems ?? [error.parts.why ?? '']).join('\n'))) throw error;
    }
  }
}

/** Out of the traffic, then in peace until the drain deadline, then SIGTERM: what is open by then the program itself may end in order. */
async function retire(service: DockerService, release: Release | undefined, surplus: readonly Container[]): Promise<void> {
  const { containers, router } = service.parts;
  const [drain, stopTimeout] = [release?.spec.drain ?? DRAIN_UNKNOWN, release?.spec.stopTimeout ?? STOP_UNKNOWN];
  for (const { id } of surplus) service.draining.add(id);
  try {
    await service.withdraw(new Set(surplus.map(targetId)));
    await Promise.all(surplus.map(async (container) => {
      if (container.process === WEB) await router.router.drained(service.routeKey, { id: targetId(container) }, drain);
      await containers.end(container, stopTimeout);
    }));
  } finally {
    for (const { id } of surplus) service.draining.delete(id);
  }
}
