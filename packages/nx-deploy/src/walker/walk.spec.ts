import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { localTask } from '../control/local-task.js';
import type { RunMessage } from '../control/protocol.js';
import { DeployError } from '../errors.js';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { openEventLog } from './event-log.js';
import { walk, type Task } from './walk.js';
import { waiting, World } from './world.spec-support.js';

const root = temporaryFolder('walk');
let world: World;
beforeAll(async () => { world = await World.open(); });
afterAll(() => world.close());

/** Walks within the test's process; `each` is told the lines so far after every event. */
async function walked(task: Task, cancel = new AbortController()): Promise<readonly RunMessage[]> {
  const file = join(mkdtempSync(join(root, 'x-')), 'events.jsonl');
  await walk(task, openEventLog(file), cancel);
  return readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as RunMessage);
}

test('tells what happens and then the result, and gives the platform back', async () => {
  const service = world.service('api');
  const told = await walked(localTask(service.localOrder(await service.order())));
  expect(told.at(-1)).toMatchObject({ type: 'result', result: { outcome: 'done', service: 'api', environment: 'test' } });
  expect(told[0]).toMatchObject({ type: 'event' });
  expect((await service.status()).lock).toBeUndefined();
});

test('the agent can have it taken back', async () => {
  const service = world.service('cancelled');
  const order = await service.order({ before: [waiting] });
  const told = walked(localTask(service.localOrder(order)));
  const client = await world.bench.client();
  while (!(await client.call('cancel', { run: order.request.run })).cancelled) await new Promise((resolve) => setTimeout(resolve, 20));
  expect((await told).at(-1)).toMatchObject({ result: { outcome: 'restored' } });
});

test.each([
  [new DeployError('ND-OWNER-CONFLICT', { what: 'another owns it' }), { outcome: 'refused', error: { code: 'ND-OWNER-CONFLICT', what: 'another owns it' } }],
  [new Error('planted'), { outcome: 'restored', error: { code: 'ND-INTERNAL' } }],
])('a platform that cannot be reached (%s) is a result', async (error, expected) => {
  const { request } = await world.service('api').order();
  expect(await walked({ request, open: () => Promise.reject(error) })).toEqual([{ type: 'result', at: expect.any(String), result: expect.objectContaining({ ...expected, error: expect.objectContaining(expected.error), run: request.run, action: 'deploy', stages: {} }) }]);
  const rollback = world.service('api').run({ action: 'rollback' }).request;
  expect((await walked({ request: rollback, open: () => Promise.reject(error) })).at(-1)).toMatchObject({ result: { action: 'rollback' } });
});

test('a platform that cannot be given back changes no result', async () => {
  const service = world.service('api');
  const task = localTask(service.localOrder(await service.order()));
  const told = await walked({ ...task, open: async (cancel) => {
    const { platform, close } = await task.open(cancel);
    return { platform, close: async () => { await close(); throw new Error('planted'); } };
  } });
  expect(told.at(-1)).toMatchObject({ result: { outcome: 'unchanged' } });
});
