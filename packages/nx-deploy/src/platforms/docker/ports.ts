/** A public port for a service that names none: out of a range that neither the kernel's own choice nor another route uses. */
import { DeployError, errorCode } from '../../errors.js';
import type { HaproxyRoute } from '../../routers/haproxy/index.js';

/** Below the ephemeral ports of Linux (32768 to 60999). */
const [LOW, HIGH] = [20_000, 29_999];
const TRIES = 30;

/** Puts the route in force at the first port that nobody has. Another program's is seen only when the router tries to open it, which changes nothing then. */
export async function pickPort(routes: readonly HaproxyRoute[], set: (port: number) => Promise<void>): Promise<void> {
  const taken = new Set(routes.map(({ listen }) => listen.port));
  let last: unknown;
  for (let tries = 0; tries < TRIES; tries += 1) {
    const port = LOW + Math.floor(Math.random() * (HIGH - LOW + 1));
    if (taken.has(port)) continue;
    taken.add(port);
    try {
      await set(port);
      return;
    } catch (error) {
      if (!['ND-PORT-TAKEN', 'ND-LISTEN-CONFLICT'].includes(errorCode(error) ?? '')) throw error;
      last = error;
    }
  }
  throw new DeployError('ND-PORT-TAKEN', { what: `no free port was found between ${LOW} and ${HIGH}`, next: 'name one in deploy.json: "listen"' }, { cause: last });
}
