import { excerpt, Failure } from '../failure.js';
import type { Shot } from '../shot.js';
import type { Wire } from '../wire.js';

/** The body as a JSON object. @throws Failure (wrong) */
export function jsonOf(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body.toString());
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {
    // told below, together with what is JSON but no object
  }
  throw new Failure('wrong', `not a JSON object: ${excerpt(body)}`);
}

/** GET /version; headers and body must agree on who answered. */
export async function quick(shot: Shot, wire: Wire, reuse: boolean): Promise<void> {
  const { release } = jsonOf(await wire.read(await wire.send(shot, { method: 'GET', path: '/version', reuse })));
  if (release !== shot.release) throw new Failure('misrouted', `the headers are of release ${String(shot.release)}, the body is of ${String(release)}`);
}
