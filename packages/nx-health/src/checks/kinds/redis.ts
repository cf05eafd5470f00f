import type * as Ioredis from 'ioredis';
import type * as Redis from 'redis';
import type { Finding } from '../../result.js';
import { kind } from '../kind.js';
import { loadPeer } from '../peer.js';
import { url } from '../values.js';
import { shown } from './postgres.js';

interface Client {
  /** Connects, logs in and asks for a PONG. */
  ping(): Promise<unknown>;
  destroy(): void;
}

export const redis = kind({
  name: 'redis',
  description: 'A Redis server, or one that speaks as it does, answers PING. Needs the package redis or ioredis.',
  shape: { url: url(['redis:', 'rediss:'], { description: 'Address, with the password and the number of the database.', examples: ['${REDIS_URL}', 'redis://127.0.0.1:6379/0'] }) },
  target: ({ url: address }) => shown(new URL(address)),
  ask: async ({ url: address }, { signal, timeoutMs, waitingFor }): Promise<Finding> => {
    waitingFor('no answer');
    const client = open(address, timeoutMs);
    signal.addEventListener('abort', () => client.destroy(), { once: true });
    const answer = await client.ping();
    return answer === 'PONG' ? { status: 'healthy' } : { status: 'unhealthy', reason: `the answer to PING is ${String(answer)}` };
  },
});

function open(address: string, timeoutMs: number): Client {
  const { name, library } = loadPeer('redis', ['redis', 'ioredis']);
  return name === 'redis' ? ofRedis(library as typeof Redis, address, timeoutMs) : ofIoredis(library as typeof Ioredis, address, timeoutMs);
}

/** Exported for the tests, which try both. */
export function ofRedis({ createClient }: typeof Redis, address: string, timeoutMs: number): Client {
  const client = createClient({ url: address, socket: { reconnectStrategy: false, connectTimeout: timeoutMs }, disableOfflineQueue: true });
  let over = false;
  client.on('error', () => undefined);
  // One that is destroyed while it connects goes on when it has connected.
  client.on('connect', () => { if (over) client.destroy(); });
  return {
    ping: async () => {
      await client.connect();
      return client.ping();
    },
    destroy: () => {
      over = true;
      client.destroy();
    },
  };
}

/** Exported for the tests, which try both. */
export function ofIoredis({ Redis: Library }: typeof Ioredis, address: string, timeoutMs: number): Client {
  const client = new Library(address, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0, enableReadyCheck: false, connectTimeout: timeoutMs });
  let failure: unknown;
  client.on('error', (error: unknown) => { failure ??= error; });
  return {
    ping: async () => {
      try {
        await client.connect();
        // By itself it goes on with the first where there is no such database.
        const database = /^\/(\d+)$/.exec(new URL(address).pathname)?.[1];
        if (database !== undefined) await client.select(Number(database));
        return await client.ping();
      } catch (error) {
        // What it rejects with is that the connection is closed, and not why.
        throw failure ?? error;
      }
    },
    destroy: () => { client.disconnect(); },
  };
}
