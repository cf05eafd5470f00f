import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { STATE_SCHEMA, type LockHolder } from '../../releases/index.js';
import { createEmbeddedRouter } from '../../routers/embedded/index.js';
import { temporaryFolder } from '../../shell/programs.spec-support.js';
import { LocalService } from './service.js';

const root = temporaryFolder('leftover');
const holder: LockHolder = { run: 'run-next', action: 'deploy', actor: { user: 'tester', host: 'here', pid: 1 }, since: '2026-01-01T00:00:00.000Z' };
let service: LocalService;
beforeEach(async () => {
  const folder = join(root, String(Math.random()));
  await mkdir(folder);
  service = await LocalService.open(folder, { schema: STATE_SCHEMA, key: { workspace: 'acme', service: 'api', environment: 'test' }, owner: 'acme', weights: {}, node: process.execPath }, {
    router: createEmbeddedRouter(), shim: 'none', targetKey: join(folder, 'key'), materialise: () => Promise.resolve(), takenPorts: () => new Set(), listenPorts: () => new Set(),
    patience: 100, log: () => undefined,
  });
});

test('the lock is given when what a dead walker had asked for has ended', async () => {
  let ended = false;
  service.leave([sleep(50).then(() => { ended = true; })]);
  await service.state.lock.acquire(holder);
  expect(ended).toBe(true);
});

test('work that does not end holds nobody up for ever: refused with what to do, and the lock is free', async () => {
  let end: () => void = () => undefined;
  service.leave([new Promise<void>((resolve) => { end = resolve; })]);
  await expect(service.state.lock.acquire(holder)).rejects.toMatchObject({ code: 'ND-LOCKED', parts: { what: expect.stringContaining('does not end'), next: expect.stringContaining('agent restart') } });
  expect(await service.state.lock.holder()).toBeUndefined();
  end();
  await (await service.state.lock.acquire(holder)).release();
});
