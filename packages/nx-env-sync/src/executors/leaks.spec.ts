/** Values are planted, everything is run, and everything that was written, printed or handed to a program is searched for them. */
import childProcess from 'node:child_process';
import filesystem, { open } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { main } from '../bin/nx-env-sync.js';
import { encryptArmored } from '../secrets/age.js';
import { keyPairs } from '../secrets/keys.spec-support.js';
import { testProject } from './project.spec-support.js';

const place = testProject();
const keys = keyPairs();
const FOLDER = 'apps/api/environments';
const PLANTED = /planted|AGE-SECRET-KEY-1[A-Z0-9]/;

/** All that went to a disk, by whoever wrote it here. The plain environment files are where plain values belong. */
const written: { readonly path: string; readonly text: string }[] = [];
const started: string[] = [];

beforeEach(async () => {
  written.length = 0;
  started.length = 0;
  const probe = await open(__filename);
  const prototype = Object.getPrototypeOf(probe) as filesystem.FileHandle;
  await probe.close();
  const paths = new WeakMap<object, string>();
  const [realOpen, realWrite, realWriteFile] = [filesystem.open, prototype.writeFile, filesystem.writeFile];
  jest.spyOn(filesystem, 'open').mockImplementation(async (...given) => {
    const handle = await realOpen(...given);
    paths.set(handle, String(given[0]));
    return handle;
  });
  jest.spyOn(prototype, 'writeFile').mockImplementation(async function writeFile(this: filesystem.FileHandle, ...given) {
    written.push({ path: paths.get(this) ?? '', text: Buffer.from(given[0] as Uint8Array).toString('latin1') });
    return realWrite.apply(this, given);
  });
  jest.spyOn(filesystem, 'writeFile').mockImplementation(async (...given) => {
    const [path, text] = given;
    written.push({ path: typeof path === 'string' ? path : '', text: typeof text === 'string' ? text : '' });
    return realWriteFile(...given);
  });
  const realSpawn = childProcess.spawn;
  jest.spyOn(childProcess, 'spawn').mockImplementation(((...given: Parameters<typeof realSpawn>) => {
    started.push(JSON.stringify([given[0], given[1]]));
    return realSpawn(...given);
  }));
});

const COMMANDS = [
  'diff --from staging --to production', 'diff --from staging --to production --all --json', 'diff --from staging --to vault:staging', 'diff --from git:staging --to staging', 'diff --from staging --to production --reveal',
  'sync --from staging --to production --dry-run', 'sync --from staging --to production --dry-run --json', 'sync --from staging --to production', 'sync --from staging --to production --yes --take BOTH', 'sync --from staging --to production --yes --json',
  'sync --from staging --to vault:staging --take TOKEN', 'sync --from vault:staging --to staging --json',
  'backup -c staging', 'backup -c staging --list', 'backup -c staging --verify', 'backup -c staging --json', 'diff --from backup:staging --to production',
  'restore -c staging --dry-run', 'restore -c production --backup latest --yes', 'restore -c production --key TOKEN --key A --yes --json',
  'secrets list -c staging', 'secrets encrypt A -c staging', 'secrets set NEW -c staging', 'secrets remove TOKEN -c staging --json', 'secrets keygen', 'secrets rotate', 'validate -c staging', 'validate -c broken',
  'diff --from staging --to broken', 'sync --from broken --to staging', 'backup -c broken', 'diff --from staging --to failing:staging', 'sync --from staging --to failing:staging --yes', 'secrets set BAD -c broken', 'run -c broken -- node',
];

it('no command writes, prints or hands on a value where it does not belong', async () => {
  place.variables['NX_ENV_SYNC_IDENTITY'] = keys.ours.identity;
  const vault = `process.argv[1] === 'read' ? process.stdout.write(require('fs').readFileSync('vault.json')) : require('fs').writeFileSync('vault.json', require('fs').readFileSync(0))`;
  const store = (script: string): object => ({ type: 'command', format: 'json', secret: false, read: [process.execPath, '-e', script, 'read'], write: [process.execPath, '-e', script, 'write'] });
  place.write({
    'nx.json': {}, 'apps/api/project.json': { name: 'api' }, 'environments/.age-recipients': keys.ours.recipient, 'vault.json': { A: 'planted-vault', BOTH: '1' },
    'environments/stores.json': { stores: { vault: store(vault), failing: store('console.log("planted-1"); console.error("planted-2"); process.exit(1)') } },
    [`${FOLDER}/staging.env`]: 'A=planted-a\nBOTH=planted-b\nBAD=planted-c\n', [`${FOLDER}/production.env`]: 'BOTH=planted-d\n', [`${FOLDER}/broken.env`]: 'planted line\nA="planted\n',
    [`${FOLDER}/staging.secrets.env`]: await encryptArmored("TOKEN='planted-$(id)\nplanted'\n", [keys.ours.recipient]),
    [`${FOLDER}/env.schema.json`]: { properties: { TOKEN: { 'x-secret': true, 'x-sync': 'always' }, BAD: { type: 'integer' }, A: {}, BOTH: {}, NEW: { 'x-secret': true, enum: ['planted-e'] } } },
  });
  const before = Object.getOwnPropertyDescriptor(process, 'stdin');
  const codes = new Map<string, number>();
  try {
    for (const command of COMMANDS) {
      Object.defineProperty(process, 'stdin', { configurable: true, value: Readable.from([Buffer.from('planted-input')]) });
      codes.set(command, await main(command.split(' '), join(place.root, 'apps/api')));
    }
  } finally {
    Object.defineProperty(process, 'stdin', before!);
  }
  // Both that which is done and that which is refused must have been seen.
  expect([...codes.values()].filter((code) => code === 0).length).toBeGreaterThan(15);
  expect([...codes.values()].filter((code) => code !== 0).length).toBeGreaterThan(8);
  expect(place.everything()).not.toMatch(PLANTED);
  expect(started.length).toBeGreaterThan(5);
  expect(started.filter((line) => /planted-[a-e]|planted-(?:input|vault|\$)|AGE-SECRET/.test(line))).toEqual([]);
  const belongs = (path: string): boolean => /\/\.?(?:staging|production|broken)\.env(?:\.[0-9a-f]+\.tmp)?$/.test(path);
  expect(written.length).toBeGreaterThan(20);
  expect(written.filter(({ path, text }) => !belongs(path) && PLANTED.test(text)).map(({ path }) => path)).toEqual([]);
  expect(written.filter(({ path, text }) => belongs(path) && /planted-\$|planted-input/.test(text)).map(({ path }) => path)).toEqual([]);
  const kept = place.files().filter((file) => !belongs(file) && !/\/(?:vault|stores|env\.schema)\.json$/.test(file));
  expect(kept.filter((file) => PLANTED.test(readFileSync(file, 'latin1')))).toEqual([]);
});
