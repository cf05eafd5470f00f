/** Ports for instances. They come from below the range that the system hands out to outgoing connections, so that none of those takes one. */
import { createServer } from 'node:net';
import { readFile } from 'node:fs/promises';
import { DeployError } from '../errors.js';

const SPAN = 10_000;
/** Linux's and most systems' lower bound of the ephemeral range. */
const EPHEMERAL_LOW = 32_768;

export async function portRange(file = '/proc/sys/net/ipv4/ip_local_port_range'): Promise<{ readonly low: number; readonly high: number }> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const low = Number(text.trim().split(/\s+/)[0]) || EPHEMERAL_LOW;
  const high = Math.max(low, 1_024 + SPAN) - 1;
  return { low: Math.max(1_024, high - SPAN + 1), high };
}

/** A port on which nobody listens and that is not in `taken`. The start is random, so that two agents seldom ask for the same. */
export async function freePort(taken: ReadonlySet<number>, random: () => number = Math.random): Promise<number> {
  const { low, high } = await portRange();
  const span = high - low + 1;
  const start = Math.floor(random() * span);
  for (let step = 0; step < span; step += 1) {
    const port = low + ((start + step) % span);
    if (!taken.has(port) && await isFree(port)) return port;
  }
  throw new DeployError('ND-PORT-TAKEN', { what: `every port from ${low} to ${high} is taken`, next: 'stop services that are not needed' });
}

/** Nobody listens on any address of this port. */
export function isFree(port: number, host?: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, ...(host === undefined ? {} : { host }), exclusive: true }, () => server.close(() => resolve(true)));
  });
}
