import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { releaseNamed } from '../../apply/fake-platform.spec-support.js';
import { fileStateStore, memoryLock, STATE_SCHEMA, type StateStore } from '../../releases/index.js';
import { temporaryFolder } from '../../shell/programs.spec-support.js';
import { readKeptRecord, readRecord } from './record.js';
import { rebuildRecords } from './rebuild.js';

const OLD = 'raaaaaaaaaaaa';
const NEW = 'rbbbbbbbbbbbb';
const key = { workspace: 'acme', environment: 'staging', service: 'api' };
const root = temporaryFolder('rebuild');

let folder: string;
let state: StateStore;
let count = 0;
beforeEach(async () => {
  count += 1;
  folder = join(root, String(count));
  await mkdir(folder);
  state = fileStateStore({ folder, keyFile: join(folder, 'target.key'), lock: memoryLock('spec') });
});

async function stored(...releases: readonly string[]): Promise<void> {
  for (const id of releases) await state.releases.put(releaseNamed(id));
}

async function instances(...list: readonly (readonly [release: string, process: string, pid?: number])[]): Promise<void> {
  const records = list.map(([release, process, pid], index) => ({ id: `${process}.${index + 1}`, release, process, slot: index + 1, port: 4_000 + index, ...(pid === undefined ? {} : { pid }) }));
  await writeFile(join(folder, 'instances.json'), JSON.stringify({ schema: STATE_SCHEMA, instances: records }));
}

function rebuild(listen: { readonly address: string; readonly port?: number; readonly host?: string } = { address: '127.0.0.1', port: 8_080, host: 'api.localhost' }): Promise<readonly string[]> {
  return rebuildRecords(folder, { key, owner: 'path:/acme', node: '/usr/bin/node', listen }, { targetKey: join(folder, 'target.key'), takenPorts: () => new Set() });
}

async function succeeded(release: string): Promise<void> {
  const common = { run: `run-${release}`, action: 'deploy', release, at: '', actor: { user: 'u', host: 'h', pid: 1 } } as const;
  await state.ledger.append({ ...common, kind: 'start', strategy: 'rolling', processes: { web: { fixed: 1 } } });
  await state.ledger.append({ ...common, kind: 'end', outcome: 'done', durationMs: 1 });
}

const damage = (): Promise<void> => writeFile(join(folder, 'service.json'), '{"schema":1,"key":');

test('the release of the last success gets the traffic, at the address of deploy.json', async () => {
  await stored(OLD, NEW);
  await instances([NEW, 'web'], [NEW, 'web'], [OLD, 'web']);
  await succeeded(OLD);
  await damage();
  expect(await rebuild()).toEqual([expect.stringMatching(/^service\.json was damaged and is now .*service\.json\.damaged-\d{8}T\d{6}-[0-9a-f]{4}; it was made anew from what runs$/), expect.stringMatching(/^what was kept warm /)]);
  expect(await readRecord(folder)).toEqual({
    schema: STATE_SCHEMA, key, owner: 'path:/acme', node: '/usr/bin/node', weights: { [OLD]: 100 }, listen: { address: '127.0.0.1', port: 8_080, host: 'api.localhost' },
  });
  const [aside = ''] = (await readdir(folder)).filter((name) => name.startsWith('service.json.damaged-'));
  expect(await readFile(join(folder, aside), 'utf8')).toBe('{"schema":1,"key":');
  expect(await rebuild()).toEqual([]);
});

test('without a success that runs, the release with the most web instances gets it; workers do not count', async () => {
  await stored(OLD, NEW);
  await instances([OLD, 'web'], [OLD, 'worker'], [OLD, 'worker'], [NEW, 'web'], [NEW, 'web']);
  await succeeded('rcccccccccccc');
  await damage();
  await rebuild();
  expect((await readRecord(folder))?.weights).toEqual({ [NEW]: 100 });
});

test('where nothing runs there is no route to be made', async () => {
  await damage();
  await rebuild();
  const record = await readRecord(folder);
  expect(record).toMatchObject({ weights: {} });
  expect(record?.listen).toBeUndefined();
});

test('an address that is nowhere on record is another one, and that is said', async () => {
  await stored(OLD);
  await instances([OLD, 'web']);
  await damage();
  const lines = await rebuild({ address: '127.0.0.1' });
  const port = (await readRecord(folder))?.listen?.port ?? 0;
  expect(port).toBeGreaterThan(1_023);
  expect(lines).toContain(`its public port stood in service.json alone and deploy.json names none; it is now ${port}`);
});

test('instances whose release is unknown are named and given up, with their process where there is one', async () => {
  await stored(OLD);
  await instances([OLD, 'web'], [NEW, 'web', 4_711], [NEW, 'web']);
  await damage();
  const lines = await rebuild();
  expect(lines.slice(0, 2)).toEqual([
    `instance web.2 of release ${NEW} is left alone (process 4711): the record of its release is gone, so end it by hand`,
    `instance web.3 of release ${NEW} is left alone: the record of its release is gone, so end it by hand`,
  ]);
  expect(JSON.parse(await readFile(join(folder, 'instances.json'), 'utf8'))).toMatchObject({ instances: [{ release: OLD }] });
});

test('a damaged list of instances of which no process is left is an empty one', async () => {
  await writeFile(join(folder, 'instances.json'), '[]');
  expect(await rebuild()).toEqual([expect.stringMatching(/^instances\.json was damaged and is now .*; 0 instances were found again among the processes$/)]);
});

test.each(['instances.json', 'service.json', 'releases/raaaaaaaaaaaa.json'])('%s of a newer version is refused and left as it is', async (name) => {
  await mkdir(join(folder, 'releases'));
  await writeFile(join(folder, name), '{"schema":2}');
  await expect(rebuild()).rejects.toMatchObject({ code: 'ND-STATE-NEWER' });
  expect(await readFile(join(folder, name), 'utf8')).toBe('{"schema":2}');
});

test('a record that is gone is no sign that nothing was deployed: it is refused, and made anew', async () => {
  expect(await readKeptRecord(folder)).toBeUndefined();
  await stored(NEW);
  await instances([NEW, 'web']);
  await succeeded(NEW);
  await expect(readKeptRecord(folder)).rejects.toMatchObject({ code: 'ND-STATE-DAMAGED' });
  expect(await rebuild()).toContain('service.json was gone; it was made anew from what runs');
  expect(await readKeptRecord(folder)).toMatchObject({ weights: { [NEW]: 100 } });
  await rm(join(folder, 'service.json'));
  await state.ledger.append({ kind: 'destroyed', run: 'run-end', at: '', actor: { user: 'u', host: 'h', pid: 1 }, releases: [NEW] });
  expect(await readKeptRecord(folder)).toBeUndefined();
});

test.each([
  ['service.json', { key: null, owner: 'o', weights: {}, node: 'n' }],
  ['service.json', { key, owner: 'o', weights: { [NEW]: 'all' }, node: 'n' }],
  ['service.json', { key, owner: 'o', weights: {}, node: 'n', listen: { address: '127.0.0.1', port: null } }],
  ['instances.json', { instances: [null] }],
  ['instances.json', { instances: [{ id: 'web.1', release: NEW, process: 'web', slot: 1, port: 4_000, pid: -1, identity: 'x' }] }],
])('%s of another shape is moved aside like any damaged one: %j', async (file, content) => {
  await stored(NEW);
  await instances([NEW, 'web']);
  await succeeded(NEW);
  await rebuild();
  await writeFile(join(folder, file), JSON.stringify({ schema: STATE_SCHEMA, ...content }));
  expect((await rebuild())[0]).toMatch(new RegExp(`^${file.replace('.', '\\.')} was damaged and is now `));
  expect(await rebuild()).toEqual([]);
});

test('nor is it one when the ledger is gone as well: the instances show that there was something', async () => {
  await stored(NEW);
  await instances([NEW, 'web']);
  await expect(readKeptRecord(folder)).rejects.toMatchObject({ code: 'ND-STATE-DAMAGED' });
  expect(await rebuild()).toContain('service.json was gone; it was made anew from what runs');
  expect(await readKeptRecord(folder)).toMatchObject({ weights: { [NEW]: 100 } });
});
