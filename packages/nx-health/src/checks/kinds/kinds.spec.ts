import { createServer as createHttpServer } from 'node:http';
import { createServer as createTlsServer } from 'node:tls';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWith } from '../../../../../tools/images/needs.spec-support.js';
import { KIND_NAMES, type KindName } from '../kinds.js';
import { identity } from './certificates.spec-support.js';
import { closedPort, fullQueue, nameServer, peer, silent, type Peer } from './peers.spec-support.js';
import { kindSuite, SECRET, type Case, type Subject } from './suite.spec-support.js';

const folder = mkdtempSync(join(tmpdir(), 'nx-health-kinds-'));
afterAll(() => { rmSync(folder, { recursive: true }); });
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const at = async (made: Peer | Promise<Peer>, settings: (port: number) => object): Promise<Case> => {
  const { port, open, close } = await made;
  return { settings: settings(port), open, close };
};
const urlOf = (scheme: string) => (port: number): object => ({ url: `${scheme}://user:${SECRET}@127.0.0.1:${port}/` });
const answering = (status: number, text: string): Promise<Peer> => peer(createHttpServer((_request, response) => { response.writeHead(status).end(text); }));
const vector = (value: string): string => JSON.stringify({ status: 'success', data: { resultType: 'vector', result: [{ metric: {}, value: [1, value] }] } });
const nothing = { none: 'it reads what the kernel knows' };
const query = { query: 'errors', unhealthy: '> 0.05' };

/** PostgreSQL and Redis pass it against real servers, in specs of their own. */
const SUBJECTS: Readonly<Record<Exclude<KindName, 'postgres' | 'redis' | 'certificate'>, Subject>> = {
  http: {
    good: () => at(answering(200, 'fine'), (port) => ({ url: `http://127.0.0.1:${port}/` })),
    bad: () => at(answering(500, `\u001b[31mno: password=${SECRET}\r\n`), (port) => ({ url: `http://u:${SECRET}@127.0.0.1:${port}/?token=${SECRET}` })),
    hanging: () => at(silent(), (port) => ({ url: `http://u:${SECRET}@127.0.0.1:${port}/` })),
  },
  tcp: {
    good: () => at(silent(), (port) => ({ host: '127.0.0.1', port })),
    bad: async () => ({ settings: { host: '127.0.0.1', port: await closedPort() } }),
    hanging: process.platform === 'linux' ? () => at(fullQueue(), (port) => ({ host: '127.0.0.1', port })) : { none: 'other systems have no such queue' },
  },
  dns: {
    good: () => at(nameServer({ records: [Buffer.from([10, 0, 0, 7])], type: 1 }), (port) => ({ name: 'db.test', server: `127.0.0.1:${port}`, expect: ['10.0.0.7'] })),
    bad: () => at(nameServer({ records: [], type: 1, code: 3 }), (port) => ({ name: 'db.test', server: `127.0.0.1:${port}` })),
    hanging: () => at(nameServer(), (port) => ({ name: 'db.test', server: `127.0.0.1:${port}` })),
  },
  disk: { good: () => ({ settings: { path: folder, degraded: 100, unhealthy: 100 } }), bad: () => ({ settings: { path: '/nowhere/at/all' } }), hanging: nothing },
  memory: { good: () => ({ settings: { degraded: 100, unhealthy: 100 } }), bad: () => ({ settings: { degraded: 0, unhealthy: 0 } }), hanging: nothing },
  load: { good: () => ({ settings: { degraded: 9_999, unhealthy: 9_999 } }), bad: () => ({ settings: { minutes: 1, degraded: 0, unhealthy: 0 } }), hanging: nothing },
  process: { good: () => ({ settings: { pidFile: file('own.pid', `${process.pid}\n`) } }), bad: () => ({ settings: { pidFile: file('gone.pid', '999999999\n') } }), hanging: nothing },
  'file-age': { good: () => ({ settings: { path: file('fresh', 'x'), unhealthy: '1h' } }), bad: () => ({ settings: { path: join(folder, 'none'), unhealthy: '1h' } }), hanging: nothing },
  command: {
    good: () => ({ settings: { command: [process.execPath, '-e', ''] } }),
    bad: () => ({ settings: { command: [process.execPath, '-e', `console.log('\\u001b[31mtoken=${SECRET}'); process.exit(2)`, SECRET], output: true } }),
    hanging: () => ({ settings: { command: ['sleep', '600'] } }),
  },
  prometheus: {
    good: () => at(answering(200, vector('0.01')), (port) => ({ url: `http://127.0.0.1:${port}`, ...query })),
    bad: () => at(answering(200, vector('0.5')), (port) => ({ ...urlOf('http')(port), ...query })),
    hanging: () => at(silent(), (port) => ({ ...urlOf('http')(port), ...query })),
  },
  composite: {
    good: () => ({ settings: { of: ['a', 'b'] }, result: () => Promise.resolve({ status: 'healthy', ms: 1 }) }),
    bad: () => ({ settings: { of: ['a', 'b'] }, result: (name) => Promise.resolve(name === 'a' ? { status: 'healthy', ms: 1 } : { status: 'unhealthy', ms: 1, reason: 'gone' }) }),
    hanging: { none: 'what it is made of ends in a time of its own' },
  },
};

describe.each(Object.entries(SUBJECTS) as [KindName, Subject][])('a check of kind %s', (name, subject) => { kindSuite(name, subject); });

describeWith(['openssl'], 'a check of kind certificate', () => {
  const tls = (days: number): Promise<Peer> => peer(createTlsServer(identity(folder, days)));
  kindSuite('certificate', {
    good: async () => at(await tls(90), (port) => ({ host: '127.0.0.1', port, ca: identity(folder, 90).file, verify: false })),
    bad: async () => at(await tls(-2), (port) => ({ host: 'localhost', port })),
    hanging: () => at(silent(), (port) => ({ host: '127.0.0.1', port })),
  });
});

it('every kind passes the suite', () => {
  expect([...Object.keys(SUBJECTS), 'certificate', 'postgres', 'redis'].sort()).toEqual([...KIND_NAMES].sort());
});
