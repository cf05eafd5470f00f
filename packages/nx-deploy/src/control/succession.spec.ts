import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identity } from '../shell/process-table.js';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { inheritedListeners } from './heir.js';
import { claimants, inherits, isAbandoned, isClaimed, nameStandby, succeed, takeCharge } from './sole.js';

const root = temporaryFolder('succession');
const GONE = { pid: 2 ** 22 + 1, identity: 'gone' };
let count = 0;
let me: { readonly pid: number; readonly identity: string };
let other: { readonly pid: number; readonly identity: string };
beforeAll(async () => {
  me = { pid: process.pid, identity: await identity(process.pid) ?? '' };
  other = { pid: process.ppid, identity: await identity(process.ppid) ?? '' };
});

function lock(holder?: object): string {
  const folder = join(root, String(count += 1));
  mkdirSync(folder);
  const file = join(folder, 'agent.json');
  if (holder !== undefined) writeFileSync(file, JSON.stringify(holder));
  return file;
}

const stored = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));

test('the one in charge names its standby, and nobody else does', async () => {
  const own = lock(me);
  await nameStandby(own, other.pid);
  expect(stored(own)).toEqual({ ...me, standby: other });
  await nameStandby(own, GONE.pid);
  expect(stored(own)).toEqual({ ...me, standby: other });
  const foreign = lock(other);
  await nameStandby(foreign, me.pid);
  expect(stored(foreign)).toEqual(other);
});

test('only the named standby of that very agent may end it', async () => {
  expect(await inherits(lock({ ...other, standby: me }), other.pid)).toEqual(other);
  expect(await inherits(lock({ ...other, standby: GONE }), other.pid)).toBeUndefined();
  expect(await inherits(lock({ ...GONE, standby: me }), other.pid)).toBeUndefined();
  expect(await inherits(lock(), other.pid)).toBeUndefined();
});

test('who is in charge or stands by, as far as it lives', async () => {
  expect(await claimants(lock({ ...other, standby: me }))).toMatchObject([other, me]);
  expect(await claimants(lock({ ...GONE, standby: me }))).toMatchObject([me]);
  expect(await claimants(lock(GONE))).toEqual([]);
  expect(await claimants(lock())).toEqual([]);
});

test('the named standby succeeds, and learns who was before it', async () => {
  const file = lock({ ...GONE, standby: me });
  expect(await succeed(file, GONE.pid)).toEqual(GONE);
  expect(stored(file)).toEqual(me);
});

test.each([
  ['another one is named', () => ({ ...GONE, standby: other })],
  ['none is named', () => GONE],
  ['another one is in charge', () => ({ ...other, standby: me })],
  ['it is damaged', () => [1]],
  ['its standby is damaged', () => ({ ...GONE, standby: 'me' })],
])('a standby does not succeed when %s', async (_name, holder) => {
  const file = lock(holder());
  expect(await succeed(file, GONE.pid)).toBeUndefined();
  expect(stored(file)).toEqual(holder());
});

test('while the standby lives nobody else takes charge; with both gone anybody may', async () => {
  const claimed = lock({ ...GONE, standby: other });
  expect([await isClaimed(claimed), await isAbandoned(claimed), await takeCharge(claimed)]).toEqual([true, false, false]);
  const abandoned = lock({ ...GONE, standby: GONE });
  expect([await isClaimed(abandoned), await isAbandoned(abandoned), await takeCharge(abandoned)]).toEqual([false, true, true]);
  const free = lock();
  expect([await isClaimed(free), await isAbandoned(free)]).toEqual([false, false]);
});

test('listeners are inherited in the order of their names', () => {
  expect([...inheritedListeners('["127.0.0.1:80",":::81"]')]).toEqual([['127.0.0.1:80', 3], [':::81', 4]]);
  expect([...inheritedListeners(undefined)]).toEqual([]);
  expect(() => inheritedListeners('{}')).toThrow(TypeError);
  expect(() => inheritedListeners('[')).toThrow(SyntaxError);
});
