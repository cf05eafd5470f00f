/**
 * The bridge network of all instances on an engine. Its subnet is named, so that an instance can be given an address for good: one from the lower half;
 * the engine itself hands out the upper half. A container that is started again has the address that it had, and nobody else had it meanwhile.
 */
import { randomBytes } from 'node:crypto';
import { DeployError } from '../../errors.js';
import type { EngineClient } from '../../shell/engine/index.js';
import { LABELS } from './labels.js';

export const NETWORK = 'nx-deploy';

/** Of IPv4. */
export interface Subnet {
  /** `172.18.0.0`, as a number. */
  readonly first: number;
  /** 8 to 29. */
  readonly bits: number;
}

/** Makes the network where there is none. An engine takes a second network of the same name as well: only whoever holds the router's lock may call this. */
export async function makeNetwork(client: EngineClient): Promise<void> {
  if (await readSubnet(client) !== undefined) return;
  await client.ask('make the network', createArguments(NETWORK, await freeSubnet(client)));
}

/** Undefined when there is no such network. Rejects with ND-OWNER-CONFLICT for one that nx-deploy did not make. */
export async function readSubnet(client: EngineClient): Promise<Subnet | undefined> {
  const [found] = await client.objects.inspect('look at the network', 'network', [NETWORK]);
  if (found === undefined) return undefined;
  const { labels, subnets } = networkOf(found);
  const subnet = subnets.map(parseSubnet).find((found) => found !== undefined);
  if (labels[LABELS.role] === 'network' && subnet !== undefined) return subnet;
  throw new DeployError('ND-OWNER-CONFLICT', { what: `the network ${NETWORK} was not made by nx-deploy`, where: client.name, why: 'it was left alone; instances need one with addresses of their own', next: 'rename or remove it, if it is yours' });
}

/** The engine knows which addresses nobody on its machine uses: it chooses them for a network that is removed at once. */
async function freeSubnet(client: EngineClient): Promise<Subnet> {
  const name = `${NETWORK}-${randomBytes(6).toString('hex')}`;
  await client.ask('make a network', ['network', 'create', `--label=${LABELS.role}=network`, name]);
  try {
    const [found] = await client.objects.inspect('look at a network', 'network', [name]);
    const subnet = networkOf(found).subnets.map(parseSubnet).find((found) => found !== undefined);
    if (subnet === undefined) throw new DeployError('ND-ENGINE-UNSUPPORTED', { what: 'the engine gives a network no IPv4 addresses', where: client.name, why: 'instances are reached by them', next: 'set default-address-pools in the configuration of the engine' });
    return subnet;
  } finally {
    await client.call('remove a network', ['network', 'rm', name]);
  }
}

export function createArguments(name: string, { first, bits }: Subnet): readonly string[] {
  const upper = first + 2 ** (32 - bits - 1);
  return ['network', 'create', `--label=${LABELS.role}=network`, `--subnet=${format(first)}/${bits}`, `--ip-range=${format(upper)}/${bits + 1}`, `--gateway=${format(first + 1)}`, name];
}

/**
 * An address for an instance: of the lower half, taken by no container. It begins behind `after` and goes round, so that one that was just given back
 * is the last to be given again. Undefined when none is left.
 */
export function freeAddress({ first, bits }: Subnet, taken: Iterable<string>, after?: string): string | undefined {
  const used = new Set(taken);
  // The first is the network's, the second its gateway's.
  const [least, count] = [first + 2, 2 ** (32 - bits - 1) - 2];
  const start = after === undefined ? 0 : parseAddress(after) - least + 1;
  for (let step = 0; step < count; step += 1) {
    const address = format(least + (((start + step) % count) + count) % count);
    if (!used.has(address)) return address;
  }
  return undefined;
}

/** On this network: those that are given out. */
export interface Addresses {
  readonly subnet: Subnet;
  readonly taken: Set<string>;
}

export async function readAddresses(client: EngineClient): Promise<Addresses> {
  const [subnet, taken] = await Promise.all([readSubnet(client), takenAddresses(client)]);
  if (subnet === undefined) throw new DeployError('ND-ENGINE-FAILED', { what: `the network ${NETWORK} is gone`, where: client.name, next: 'run the command again: it makes the network anew' });
  return { subnet, taken: new Set(taken) };
}

/** The addresses that containers were given, also of those that are stopped. One that was given one by somebody else counts as well. */
export async function takenAddresses(client: EngineClient): Promise<readonly string[]> {
  const listed = await client.objects.list('list the containers of the network', { network: NETWORK });
  // One that is removed in between is no fault.
  const found = await client.objects.inspect('look at the containers of the network', 'container', listed.map(({ id }) => id)) as readonly (Addressed | undefined)[];
  return found.flatMap((container) => addressesOf(container?.NetworkSettings?.Networks?.[NETWORK]));
}

/** An address that the engine says is taken by another container; another command was quicker. */
export function isAddressTaken(complaints: string): boolean {
  return /address already in use|requested address is already allocated|IP address .* is already allocated/i.test(complaints) && !/bind|port/i.test(complaints);
}

interface Endpoint {
  readonly IPAddress?: string;
  readonly IPAMConfig?: { readonly IPv4Address?: string } | null;
}

interface Addressed {
  readonly NetworkSettings?: { readonly Networks?: Readonly<Record<string, Endpoint | undefined>> | null };
}

function addressesOf({ IPAddress = '', IPAMConfig }: Endpoint = {}): readonly string[] {
  return [...new Set([IPAddress, IPAMConfig?.IPv4Address ?? ''])].filter((address) => address !== '');
}

interface Network {
  readonly labels: Readonly<Record<string, string>>;
  readonly subnets: readonly string[];
}

/** Docker has `IPAM.Config[].Subnet`, podman `subnets[].subnet`. */
function networkOf(found: unknown): Network {
  const { Labels, labels, IPAM, subnets } = (found ?? {}) as {
    readonly Labels?: Readonly<Record<string, string>> | null; readonly labels?: Readonly<Record<string, string>> | null;
    readonly IPAM?: { readonly Config?: readonly { readonly Subnet?: string }[] | null }; readonly subnets?: readonly { readonly subnet?: string }[] | null;
  };
  return { labels: Labels ?? labels ?? {}, subnets: [...(IPAM?.Config ?? []).map(({ Subnet }) => Subnet ?? ''), ...(subnets ?? []).map(({ subnet }) => subnet ?? '')] };
}

/** Undefined for one of IPv6, and for one too small to be halved. */
export function parseSubnet(text: string): Subnet | undefined {
  const [, address, bits] = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(text) ?? [];
  if (address === undefined || Number(bits) < 8 || Number(bits) > 29) return undefined;
  return { first: parseAddress(address), bits: Number(bits) };
}

function parseAddress(text: string): number {
  return text.split('.').reduce((number, part) => number * 256 + Number(part), 0);
}

function format(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}

/**
 * The address of the network card that goes with an IPv4 address, as Docker has it. podman draws one by lot: whoever talked to the container that had the address before
 * goes on sending to that one's card, for half a minute.
 */
export function macOf(address: string): string {
  return ['02', '42', ...address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'))].join(':');
}
