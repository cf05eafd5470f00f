import { Socket } from 'node:net';
import type * as Pg from 'pg';
import type { Finding } from '../../result.js';
import { kind } from '../kind.js';
import { loadPeer } from '../peer.js';
import { line, url } from '../values.js';

export const postgres = kind({
  name: 'postgres',
  description: 'A PostgreSQL database answers a query. Needs the package pg.',
  shape: {
    url: url(['postgres:', 'postgresql:'], { description: 'Connection URI; sslmode and the like as its query.', examples: ['${DATABASE_URL}'] }),
    query: line('a query', { description: 'What is asked, in a transaction that may only read.' }).prefault('SELECT 1'),
  },
  target: ({ url: address }) => shown(new URL(address)),
  ask: async ({ url: address, query }, { signal, timeoutMs, waitingFor }): Promise<Finding> => {
    const { Client } = loadPeer('postgres', ['pg']).library as typeof Pg;
    // Its own way to end waits for the server, which may hang.
    const socket = new Socket();
    signal.addEventListener('abort', () => socket.destroy(), { once: true });
    const client = new Client({ connectionString: address, stream: () => socket, application_name: 'nx-health', connectionTimeoutMillis: timeoutMs + 1_000 });
    client.on('error', () => undefined);
    waitingFor('no connection');
    socket.once('connect', () => waitingFor('connected, but no answer to the login'));
    await client.connect();
    waitingFor('logged in, but no answer to the query');
    // The server ends it in its time too: a query that nobody waits for any more would keep its place. In a transaction, so that a pooler hands nothing of it on.
    await client.query(`BEGIN READ ONLY; SET LOCAL statement_timeout = ${Math.ceil(timeoutMs)}; ${query}; COMMIT`);
    // The server frees the place of one that takes leave at once.
    await client.end();
    return { status: 'healthy' };
  },
});

/** Without credentials and query. */
export function shown({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname}`;
}
