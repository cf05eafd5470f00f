import { once } from 'node:events';
import { closeAll, freePort, rawUpstream } from './router.spec-support.js';
import { closedByPeer, keptConnections, neverConnected } from './upstream.js';

afterEach(closeAll);
afterEach(() => { jest.useRealTimers(); });

it('gives up a connection that is not taken within 5 s', async () => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
  const { port } = await rawUpstream(() => {});
  const socket = keptConnections().createConnection({ host: '127.0.0.1', port });
  // Its being taken is told in a later turn of the event loop than this one.
  jest.advanceTimersByTime(5_000);
  const [error] = await once(socket, 'error') as [Error];
  expect(error).toMatchObject({ code: 'ETIMEDOUT' });
  expect(neverConnected(error)).toBe(true);
});

it('leaves a connection that was taken', async () => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
  const { port } = await rawUpstream(() => {});
  const socket = keptConnections().createConnection({ host: '127.0.0.1', port });
  await once(socket, 'connect');
  expect(jest.getTimerCount()).toBe(0);
  socket.destroy();
});

it('tells a connection that never was from one that broke', async () => {
  const socket = keptConnections().createConnection({ host: '127.0.0.1', port: await freePort() });
  const [refused] = await once(socket, 'error') as [Error];
  expect([neverConnected(refused), closedByPeer(refused)]).toEqual([true, false]);
  const hangUp = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
  expect([neverConnected(hangUp), closedByPeer(hangUp)]).toEqual([false, true]);
  expect(closedByPeer(Object.assign(new Error('write'), { code: 'EPIPE', syscall: 'write' }))).toBe(true);
  const both = (other: Error): Error => Object.assign(new Error(), { errors: [refused, other] });
  expect([neverConnected(both(refused)), neverConnected(both(hangUp)), neverConnected(new Error())]).toEqual([true, false, false]);
});
