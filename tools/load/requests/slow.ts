import { Failure } from '../failure.js';
import type { Shot } from '../shot.js';
import type { Wire } from '../wire.js';
import { jsonOf } from './quick.js';

export async function slow(shot: Shot, wire: Wire, ms: number): Promise<void> {
  const { waited } = jsonOf(await wire.read(await wire.send(shot, { method: 'GET', path: `/slow?ms=${ms}`, reuse: true })));
  if (waited !== ms) throw new Failure('wrong', `asked for ${ms} ms, the answer says ${String(waited)}`);
}
