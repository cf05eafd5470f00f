import { BUNDLES, Workbench } from '../commands/workbench.spec-support.js';
import { World } from '../walker/world.spec-support.js';
import { localTask } from './local-task.js';

test('reaches the agent that runs', async () => {
  const world = await World.open();
  const service = world.service('api');
  const order = await service.order();
  const task = localTask(service.localOrder(order));
  expect(task.request).toBe(order.request);
  const { platform, close } = await task.open(() => undefined);
  expect(await platform.list()).toEqual({});
  await close();
  await world.close();
});

test('starts the agent when it has ended', async () => {
  const bench = await Workbench.open();
  const run = { key: { workspace: 'acme', service: 'api', environment: 'test' }, owner: 'acme', node: process.execPath, request: { change: { action: 'deploy' }, strategy: { type: 'recreate' }, dryRun: true } };
  const { platform, close } = await localTask({ home: bench.home.folder, bundles: BUNDLES, run: run as never }).open(() => undefined);
  try {
    expect(await platform.list()).toEqual({});
  } finally {
    await close();
    await (await bench.client()).call('stop', { instances: true });
    await bench.close();
  }
});
