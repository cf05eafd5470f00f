import { createHash, randomBytes, randomInt } from 'node:crypto';
import { Failure } from '../failure.js';
import type { Shot } from '../shot.js';
import type { Wire } from '../wire.js';
import { jsonOf } from './quick.js';

const KB = 1024;
const LARGEST = 256 * KB;
/** Bodies are windows into this, so that making one costs nothing. */
const pool = randomBytes(2 * LARGEST);

/** POST /digest with 1 to 256 KB. Connections new and kept, bodies with a length and chunked take turns. */
export async function post(shot: Shot, wire: Wire, turn: number): Promise<void> {
  const start = randomInt(LARGEST);
  const body = pool.subarray(start, start + randomInt(KB, LARGEST + 1));
  const middle = Math.floor(body.length / 2);
  const pieces = turn % 4 < 2 ? [body] : [body.subarray(0, middle), body.subarray(middle)];
  const answer = jsonOf(await wire.read(await wire.send(shot, { method: 'POST', path: '/digest', reuse: turn % 2 === 0, body: pieces })));
  if (answer['bytes'] !== body.length) throw new Failure('wrong', `sent ${body.length} bytes, the service read ${String(answer['bytes'])}`);
  if (answer['sha256'] !== createHash('sha256').update(body).digest('hex')) throw new Failure('wrong', `digest mismatch over ${body.length} bytes`);
}
