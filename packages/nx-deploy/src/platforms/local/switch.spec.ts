import { createServer, type Server } from 'node:http';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeployError } from '../../errors.js';
import { STATE_SCHEMA } from '../../releases/index.js';
import { createEmbeddedRouter } from '../../routers/embedded/index.js';
import { freePort } from '../../agent/ports.js';
import { temporaryFolder } from '../../shell/programs.spec-support.js';
import * as record from './record.js';
import { LocalService } from './service.js';

type Records = typeof record;

/** What the next writes of the record of a service fail with. */
let failure: Error | undefined;
jest.mock('./record.js', () => {
  const actual = jest.requireActual<Records>('./record.js');
  return { ...actual, writeRecord: (folder: string, value: record.ServiceRecord) => (failure === undefined ? actual.writeRecord(folder, value) : Promise.reject(failure)) };
});

const root = temporaryFolder('route');
const router = createEmbeddedRouter();
const logged: string[] = [];
let service: LocalService;
let port: number;
let foreign: Server | undefined;
beforeAll(async () => {
  const folder = join(root, 'api');
  await mkdir(folder);
  service = await LocalService.open(folder, { schema: STATE_SCHEMA, key: { workspace: 'acme', environment: 'staging', service: 'api' }, owner: 'path:/acme', weights: {}, node: process.execPath }, {
    router, shim: 'none', targetKey: join(root, 'target.key'), materialise: () => Promise.resolve(), takenPorts: () => new Set(), listenPorts: () => new Set(),
    log: (message) => logged.push(message),
  });
});
beforeEach(async () => {
  logged.length = 0;
  port = await freePort(new Set());
});
afterEach(() => {
  failure = undefined;
  foreign?.close();
  foreign = undefined;
});
afterAll(() => router.close(0));

test('a full disk does not undo a switch of the traffic: the route is in force, its record is missing, and the next switch writes it', async () => {
  failure = new DeployError('ND-DISK-FULL', { what: 'the state of the service could not be written' });
  await service.setRoute({ listen: { address: '127.0.0.1', port }, weights: { raaaaaaaaaaaa: 100 } });
  expect(router.route(service.routeKey)).toMatchObject({ listen: { port }, weights: { raaaaaaaaaaaa: 100 } });
  expect(logged).toEqual(['the route is in force, but its record could not be written']);
  expect(await record.readRecord(service.folder)).toBeUndefined();
  failure = undefined;
  await service.setRoute({ listen: { address: '127.0.0.1', port }, weights: { rbbbbbbbbbbbb: 100 } });
  expect(JSON.parse(await readFile(record.recordFile(service.folder), 'utf8'))).toMatchObject({ listen: { port }, weights: { rbbbbbbbbbbbb: 100 } });
});

test('any other failure of the record fails the switch', async () => {
  failure = new DeployError('ND-STATE-DAMAGED', { what: 'read-only' });
  await expect(service.setRoute({ listen: { address: '127.0.0.1', port }, weights: { raaaaaaaaaaaa: 100 } })).rejects.toMatchObject({ code: 'ND-STATE-DAMAGED' });
});

test('an address that cannot be had is not written down', async () => {
  const before = await record.readRecord(service.folder);
  foreign = createServer();
  await new Promise<void>((resolve) => { foreign?.listen(port, '127.0.0.1', resolve); });
  await expect(service.setRoute({ listen: { address: '127.0.0.1', port }, weights: { raaaaaaaaaaaa: 100 } })).rejects.toMatchObject({ code: 'ND-PORT-TAKEN' });
  expect(await record.readRecord(service.folder)).toEqual(before);
});
