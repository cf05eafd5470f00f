import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Release } from '../model/index.js';
import { bundle, node, temporaryFolder } from '../shell/programs.spec-support.js';
import { parseState, readError, readIfThere, readState, writeAtomically } from './atomic-file.js';
import { fileStateStore } from './file-state-store.js';
import { keyName } from './key.js';
import { memoryLock } from './memory-lock.js';
import { configRef, fileSealedConfig } from './sealed-config.js';
import type { JournalRecord, LockHolder, StateStore } from './state-store.js';

const root = temporaryFolder('state');
let count = 0;
const fresh = (): string => join(root, String(count += 1));
const damaged = { code: 'ND-STATE-DAMAGED' };
const anything = (value: object): value is { schema: number } => 'schema' in value;

function store(folder: string): StateStore {
  return fileStateStore({ folder, keyFile: join(folder, 'target.key'), lock: memoryLock('api (staging)') });
}

const release: Release = {
  id: 'r0123456789ab', service: 'api', artifact: { type: 'files', digest: 'sha256:00', files: 1, bytes: 1 }, config: { digest: 'd', keys: {} },
  spec: { processes: {}, cwd: '.', port: 0, health: { path: '/', timeout: 1, interval: 1, passes: 1 }, drain: 0, stopTimeout: 1, limits: {} },
};
const journal: JournalRecord = {
  schema: 1, run: 'run', action: 'deploy', actor: { user: 'u', host: 'h', pid: 1 }, startedAt: '', epoch: 1, effect: { kind: 'scale', key: 'x' },
  from: {}, to: {}, releases: { [release.id]: release }, committed: false,
};

describe('writeAtomically', () => {
  it('makes private files in private folders and leaves nothing else', async () => {
    const file = join(fresh(), 'a/state.json');
    await writeAtomically(file, '1');
    await writeAtomically(file, '2');
    expect(await readIfThere(file)).toBe('2');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(join(file, '..'))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(file, '..'))).toEqual(['state.json']);
  });

  it('leaves the former file and no temp file when it fails', async () => {
    const folder = fresh();
    await mkdir(join(folder, 'state.json'), { recursive: true });
    await expect(writeAtomically(join(folder, 'state.json'), 'x')).rejects.toMatchObject({ code: 'EISDIR' });
    expect(await readdir(folder)).toEqual(['state.json']);
  });

  it('shows a reader the whole of one version at any time, also when its writer is killed', async () => {
    const folder = fresh();
    const file = join(folder, 'state.json');
    const program = bundle(`
      import { writeAtomically } from './releases/atomic-file.js';
      void (async () => {
        for (let number = 0; ; number += 1) await writeAtomically(${JSON.stringify(file)}, JSON.stringify({ schema: 1, number, rest: String(number % 10).repeat(200_000) }));
      })();
    `, join(root, 'writer.cjs'));
    for (let round = 0; round < 4; round += 1) {
      const { child, code } = node([program]);
      const end = performance.now() + 250 + round * 30;
      while (performance.now() < end) {
        const state = await readState<{ schema: number; number: number; rest: string }>(file, (value): value is { schema: number; number: number; rest: string } => 'rest' in value);
        if (state !== undefined) expect(state.rest).toBe(String(state.number % 10).repeat(200_000));
      }
      child.kill('SIGKILL');
      await code;
      expect(await readState(file, anything)).toMatchObject({ schema: 1 });
    }
  });
});

describe('readError', () => {
  it('tells a file that may not be read from one that is damaged, and leaves everything else as it is', () => {
    for (const code of ['EACCES', 'EPERM']) {
      expect(readError(Object.assign(new Error(code), { code }), '/x/service.json')).toMatchObject({ code: 'ND-DISK-FULL', parts: { where: '/x/service.json', why: 'the user of this process may not read it' } });
    }
    const broken = Object.assign(new Error('EIO'), { code: 'EIO' });
    expect(readError(broken, '/x/service.json')).toBe(broken);
  });
});

describe('readState', () => {
  it('is undefined only when there is no file', async () => {
    await expect(readState(join(fresh(), 'none.json'), anything)).resolves.toBeUndefined();
    await expect(readState('/dev/null/none.json', anything)).resolves.toBeUndefined();
    const folder = fresh();
    await mkdir(folder);
    await expect(readState(folder, anything)).rejects.toMatchObject({ code: 'EISDIR' });
  });

  it.each([
    ['empty', ''], ['zeros', '\0'.repeat(64)], ['cut short', '{"schema":1,"inst'], ['rubbish', '<html>'], ['null', 'null'], ['a number', '7'],
    ['a list', '[]'], ['without a schema', '{"a":1}'], ['with a schema that is a text', '{"schema":"1"}'], ['with the schema 0', '{"schema":0}'],
  ])('refuses a file that is %s', (_name, text) => {
    expect(() => parseState(text, '/x/state.json', anything)).toThrow(expect.objectContaining({ code: 'ND-STATE-DAMAGED', parts: expect.objectContaining({ where: '/x/state.json' }) }));
  });

  it('refuses fields that are missing, and newer state by another name', () => {
    expect(() => parseState('{"schema":1}', 'f', (value): value is { schema: number } => 'more' in value)).toThrow(expect.objectContaining(damaged));
    expect(() => parseState('{"schema":2}', 'f', anything)).toThrow(expect.objectContaining({ code: 'ND-STATE-NEWER' }));
  });
});

describe('fileStateStore', () => {
  it('keeps, lists and removes releases; leftovers of killed writers are nothing', async () => {
    const folder = fresh();
    const { releases } = store(folder);
    expect(await releases.list()).toEqual([]);
    const second = { ...release, id: 'rffffffffffff', nonce: 'n' };
    await releases.put(second);
    await releases.put(release);
    await writeFile(join(folder, 'releases/r0123456789ab.json.77.0badcafe.tmp'), '{"sch');
    await writeFile(join(folder, 'releases/notes.json'), 'not a release');
    expect(await releases.list()).toEqual([release, second]);
    expect(await releases.get('../target')).toBeUndefined();
    await releases.remove(release.id);
    await releases.remove(release.id);
    expect(await releases.get(release.id)).toBeUndefined();
    expect(await releases.get(second.id)).toEqual(second);
  });

  it('refuses a damaged release, also one under the name of another', async () => {
    const folder = fresh();
    const { releases } = store(folder);
    await releases.put(release);
    await writeFile(join(folder, 'releases/rffffffffffff.json'), await readFile(join(folder, `releases/${release.id}.json`)));
    await expect(releases.get('rffffffffffff')).rejects.toMatchObject(damaged);
    await writeFile(join(folder, 'releases/rffffffffffff.json'), '{"schema":1,"id":"rffffffffffff"}');
    await expect(releases.list()).rejects.toMatchObject(damaged);
    await expect(store('/dev').releases.list()).resolves.toEqual([]);
    await expect(store(join(root, 'y'.repeat(300))).releases.list()).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
  });

  it.each<[string, object]>([
    ['a release without what it runs', { spec: { processes: null, health: {}, limits: {} } }],
    ['a release without its artifact', { artifact: null }],
    ['a release whose configuration has another shape', { config: { digest: 1, keys: {} } }],
  ])('refuses %s', async (_what, change) => {
    const folder = fresh();
    const { releases } = store(folder);
    await releases.put(release);
    await writeFile(join(folder, `releases/${release.id}.json`), JSON.stringify({ schema: 1, ...release, ...change }));
    await expect(releases.get(release.id)).rejects.toMatchObject(damaged);
  });

  it.each<[string, object]>([
    ['fleets', { from: null, to: null }],
    ['a release in its fleet', { to: { r0123456789ab: null } }],
    ['an effect', { effect: null }],
    ['its releases', { releases: { r0123456789ab: {} } }],
    ['a number', { epoch: 'one' }],
    ['what it waits for', { paused: { gate: 'go on?' } }],
  ])('refuses a journal that lacks %s', async (_what, change) => {
    const folder = fresh();
    const state = store(folder);
    await state.journal.write(journal);
    expect(await state.journal.read()).toEqual(journal);
    await writeFile(join(folder, 'journal.json'), JSON.stringify({ ...journal, ...change }));
    await expect(state.journal.read()).rejects.toMatchObject(damaged);
  });

  it('replaces and clears the journal, and never takes a damaged one for none', async () => {
    const folder = fresh();
    const state = store(folder);
    expect(await state.journal.read()).toBeUndefined();
    await state.journal.write(journal);
    await state.journal.write({ ...journal, epoch: 2 });
    expect(await state.journal.read()).toEqual({ ...journal, epoch: 2 });
    for (const text of ['', '{}', '{"schema":1,"run":"x"}']) {
      await writeFile(join(folder, 'journal.json'), text);
      await expect(state.journal.read()).rejects.toMatchObject(damaged);
    }
    await state.journal.clear();
    await state.journal.clear();
    expect(await state.journal.read()).toBeUndefined();
  });
});

describe('fileSealedConfig', () => {
  const config = { values: { DATABASE: 'postgres://u:secret@db', EMPTY: '', __proto: 'x' }, secrets: ['DATABASE'] };
  const place = (): { folder: string; key: string } => {
    const folder = fresh();
    return { folder: join(folder, 'config'), key: join(folder, 'target.key') };
  };

  it('opens what was sealed, from files that only their owner reads', async () => {
    const { folder, key } = place();
    const sealed = fileSealedConfig(folder, key);
    const ref = await sealed.seal(config);
    expect(await fileSealedConfig(folder, key).open(ref)).toEqual(config);
    expect(await sealed.ref({ values: { __proto: 'x', EMPTY: '', DATABASE: config.values.DATABASE }, secrets: [] })).toEqual(ref);
    const [name = ''] = await readdir(folder);
    const modes = await Promise.all([key, folder, join(folder, name)].map(async (path) => (await stat(path)).mode & 0o777));
    expect(modes).toEqual([0o600, 0o700, 0o600]);
    await sealed.remove(ref);
    await expect(sealed.open(ref)).rejects.toMatchObject(damaged);
  });

  it('names values alike on one target and otherwise on another, without telling them', async () => {
    const one = place();
    const two = place();
    const first = await fileSealedConfig(one.folder, one.key).ref(config);
    const second = await fileSealedConfig(two.folder, two.key).ref(config);
    const changed = await fileSealedConfig(one.folder, one.key).ref({ ...config, values: { ...config.values, EMPTY: 'no more' } });
    expect(new Set([first.digest, second.digest, changed.digest]).size).toBe(3);
    expect(first.keys['DATABASE']).toBe(changed.keys['DATABASE']);
    expect(first.keys['EMPTY']).not.toBe(changed.keys['EMPTY']);
    expect(JSON.stringify(first)).not.toContain('secret');
    expect(await readIfThere(join(one.folder, 'any'))).toBeUndefined();
    const key = Buffer.alloc(32);
    expect(configRef({ A: 'same' }, key).keys['A']).not.toBe(configRef({ B: 'same' }, key).keys['B']);
  });

  it.each([
    ['a value', (text: string) => text.replace('secret', 'sECRET')],
    ['the list of secrets', (text: string) => text.replace('["DATABASE"]', '[]')],
    ['its proof', (text: string) => text.replace(/"mac":"./, '"mac":"z')],
    ['everything', () => ''],
    ['the fields', () => '{"schema":1,"digest":"x","values":null,"secrets":[]}'],
  ])('refuses a file in which %s was changed', async (_name, change) => {
    const { folder, key } = place();
    const sealed = fileSealedConfig(folder, key);
    const ref = await sealed.seal(config);
    const file = join(folder, `${ref.digest.slice(0, 32)}.json`);
    const text = await readFile(file, 'utf8');
    expect(change(text)).not.toBe(text);
    await writeFile(file, change(text));
    const error: unknown = await sealed.open(ref).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject(damaged);
    expect(JSON.stringify(error)).not.toContain('postgres');
  });

  it('refuses a key that was damaged, lost or leads nowhere, and never makes another in its place', async () => {
    const { folder, key } = place();
    const sealed = fileSealedConfig(folder, key);
    const ref = await sealed.seal(config);
    await writeFile(key, '');
    await expect(sealed.open(ref)).rejects.toMatchObject(damaged);
    await expect(sealed.seal(config)).rejects.toMatchObject(damaged);
    expect(await readFile(key, 'utf8')).toBe('');
    await writeFile(key, `${'0'.repeat(64)}\n`);
    await expect(sealed.open(ref)).rejects.toMatchObject(damaged);
    const dangling = place();
    await mkdir(join(dangling.key, '..'));
    await symlink('nowhere', dangling.key);
    await expect(fileSealedConfig(dangling.folder, dangling.key).ref(config)).rejects.toMatchObject(damaged);
  });

  it('says so when no key can be made', async () => {
    await expect(fileSealedConfig('/dev/null/x', '/proc/target.key').ref(config)).rejects.toMatchObject({ code: expect.stringMatching(/^E/) });
  });

  it('makes one key when processes race for it', async () => {
    const folder = fresh();
    const program = bundle(`
      import { fileSealedConfig } from './releases/sealed-config.js';
      const [folder, start] = process.argv.slice(2);
      setTimeout(() => {
        void fileSealedConfig(folder + '/config', folder + '/target.key').seal({ values: { A: 'b' }, secrets: [] }).then((ref) => console.log(ref.digest));
      }, Number(start) - Date.now());
    `, join(root, 'sealer.cjs'));
    const start = String(Date.now() + 1_200);
    const digests = await Promise.all(Array.from({ length: 8 }, () => node([program, folder, start]).output));
    expect(new Set(digests).size).toBe(1);
    expect(digests[0]).toMatch(/^[0-9a-f]{64}\n$/);
    expect((await readdir(folder)).sort()).toEqual(['config', 'target.key']);
  });

  it('keeps a folder that someone made readable before', async () => {
    const { folder, key } = place();
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o755);
    const ref = await fileSealedConfig(folder, key).seal(config);
    expect((await stat(join(folder, `${ref.digest.slice(0, 32)}.json`))).mode & 0o777).toBe(0o600);
  });
});

describe('memoryLock', () => {
  const holder: LockHolder = { run: 'run-1', action: 'deploy', actor: { user: 'zoe', host: 'ci-7', pid: 42 }, since: '2026-01-01T00:00:00.000Z' };

  it('lets one in and names it to the others', async () => {
    const lock = memoryLock('api (staging)');
    expect(await lock.holder()).toBeUndefined();
    const lease = await lock.acquire(holder);
    await lease.assert();
    expect(await lock.holder()).toBe(holder);
    await expect(lock.acquire({ ...holder, run: 'run-2' })).rejects.toMatchObject({
      code: 'ND-LOCKED', message: 'api (staging) is locked by another deploy: zoe@ci-7 (process 42) holds it since 2026-01-01T00:00:00.000Z, run run-1',
    });
    await lease.release();
    await expect(lease.assert()).rejects.toMatchObject({ code: 'ND-LEASE-LOST' });
  });

  it.each([
    ['deploy', 'press Ctrl-C where it runs'], ['rollback', 'press Ctrl-C where it runs'], ['repair', 'a repair cannot be cancelled'], ['prune', 'a prune cannot be cancelled'], ['destroy', 'a destroy cannot be cancelled'],
  ] as const)('says what can be done about a %s that holds it', async (action, next) => {
    const lock = memoryLock('api');
    await lock.acquire({ ...holder, action });
    const refused = await lock.acquire(holder).catch((error: unknown) => error);
    expect(refused).toMatchObject({ parts: { next: expect.stringContaining(next) } });
    expect(JSON.stringify(refused).includes('Ctrl-C')).toBe(action === 'deploy' || action === 'rollback');
  });

  it('is not freed by a lease that is over', async () => {
    const lock = memoryLock('api');
    const first = await lock.acquire(holder);
    await first.release();
    const second = await lock.acquire(holder);
    await first.release();
    expect(await lock.holder()).toBe(holder);
    await expect(first.assert()).rejects.toMatchObject({ code: 'ND-LEASE-LOST' });
    await second.assert();
  });
});

describe('keyName', () => {
  const key = { workspace: 'shop', environment: 'staging', service: 'api' };

  it('is the same for the same key and a plain file name', () => {
    expect(keyName({ ...key })).toBe(keyName(key));
    expect(keyName(key)).toMatch(/^api\.staging\.[0-9a-f]{10}$/);
    for (const service of ['../../etc', '@scope/api', '\u00fc', '', 'x'.repeat(300), 'CON']) expect(keyName({ ...key, service })).toMatch(/^[a-z0-9][a-z0-9-]{0,39}\.staging\.[0-9a-f]{10}$/);
  });

  it('tells apart what looks alike', () => {
    const names = [key, { ...key, workspace: 'shop2' }, { ...key, service: 'API' }, { ...key, service: 'api-' }, { workspace: 'shopstaging', environment: '', service: 'api' }].map(keyName);
    expect(new Set(names).size).toBe(names.length);
  });
});
