import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import backup from '../executors/backup/executor.js';
import diff, { type DiffOptions } from '../executors/diff/executor.js';
import { testProject } from '../executors/project.spec-support.js';
import sync, { type SyncOptions } from '../executors/sync/executor.js';
import { parseEnvDocument } from '../edit/document.js';
import { encryptArmored } from '../secrets/age.js';
import { keyPairs } from '../secrets/keys.spec-support.js';
import { describeStore, describeWritableStore } from './contract.spec-support.js';
import { filesStore } from './files-store.js';
import { openOwn, openStores } from './open-store.js';
import type { EnvStore, Place } from './store.js';

const place = testProject();
const keys = keyPairs();
const where = (): Place => ({ workspaceRoot: place.root, projectRoot: 'apps/api', projectName: 'api', variables: place.variables });
const own = async (name: string): Promise<EnvStore> => (await openOwn(name, where(), {})).store;
const stores = (all: object): void => place.write({ 'environments/stores.json': { stores: all } });
const FOLDER = 'apps/api/environments';

/** A vault: keeps what it is given in a file, as it is, and notes its arguments. */
const VAULT = `
  import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
  const [, , verb, file] = process.argv;
  appendFileSync('calls.txt', process.argv.join(' ') + '\\n');
  if (verb === 'read') process.stdout.write(readFileSync(file));
  else writeFileSync(file, readFileSync(0));
`;
function vault(format: 'env' | 'json'): void {
  place.write({ 'vault.mjs': VAULT });
  const argv = (verb: string): string[] => [process.execPath, 'vault.mjs', verb, '{environment}.{project}'];
  stores({ vault: { type: 'command', read: argv('read'), write: argv('write'), format } });
}
const envText = (values: Readonly<Record<string, string>>): string => {
  const document = parseEnvDocument('');
  for (const [key, value] of Object.entries(values)) document.set(key, value);
  return document.toString();
};
const shown = (): string => place.everything() + (place.exists('calls.txt') ? place.read('calls.txt') : '');

describeWritableStore('of files', { shown, open: async (values) => {
  place.write({ [`${FOLDER}/staging.env`]: envText(values) });
  return filesStore('staging', where());
} });
describeWritableStore('of programs, as JSON', { shown, open: async (values) => {
  vault('json');
  place.write({ 'staging.api': values });
  return own('vault:staging');
} });
describeWritableStore('of programs, as an environment file', { shown, open: async (values) => {
  vault('env');
  place.write({ 'staging.api': envText(values) });
  return own('vault:staging');
} });
describeStore('of a backup', { shown, open: async (values) => {
  place.write({ [`${FOLDER}/staging.env`]: envText(values) });
  await place.run(backup, {}, 'staging');
  return own('backup:staging');
} });
let modules = 0;
describeStore('of a module', { open: async (values) => {
  modules += 1;
  place.write({ [`module${modules}.cjs`]: `exports.openStore = async ({ environment }) => ({ name: 'mine:' + environment, read: async () => ({
    values: new Map(${JSON.stringify(Object.entries(values).sort())}), secrets: new Set(), sources: new Map(), revision: require('node:crypto').createHash('sha256').update(${JSON.stringify(JSON.stringify(values))}).digest('hex') }) })` });
  stores({ mine: { type: 'module', module: `./module${modules}.cjs` } });
  return own('mine:staging');
} });

describe('stores.json', () => {
  const refusal = async (text: string | object): Promise<unknown> => {
    place.write({ 'environments/stores.json': text });
    return own('vault:staging').catch((error: unknown) => (error as { parts: unknown }).parts);
  };

  it.each<[string | object, string | string[]]>([
    ['{', ['it must hold a JSON object']], ['[]', ['it must hold a JSON object']],
    [{ store: {} }, ['store: is not known; did you mean stores?']], [{ stores: [] }, ['stores: must be an object']],
    [{ stores: { vault: 1 } }, ['stores.vault.type: must be one of command, module, sops, dotenvx']],
    [{ stores: { vault: { type: 'command', raed: ['a'] } } }, ['stores.vault.raed: is not known; did you mean read?', 'stores.vault.read: is missing']],
    [{ stores: { vault: { type: 'command', read: 'cat x', write: [], format: 'yaml', secret: 1, timeout: 0 } } }, [
      'stores.vault.read: must be a list of texts: program and arguments', 'stores.vault.write: must be a list of texts: program and arguments',
      'stores.vault.format: must be "env" or "json"', 'stores.vault.secret: must be true or false', 'stores.vault.timeout: must be a whole number of seconds from 1 to 3600',
    ]],
    [{ stores: { git: { type: 'module' }, '1:': { type: 'sops', file: '', keys: 1 } } }, [
      'stores.git: the name is taken: git:<environment> means something else already', 'stores.git.module: is missing',
      'stores.1:: a name of a store begins with a letter and holds letters, digits, - and _ only', 'stores.1:.file: must be a text', 'stores.1:.keys: is not known; known: type, file',
    ]],
  ])('%j is refused, with all that is wrong', async (text, problems) => {
    expect(await refusal(text)).toMatchObject({ where: 'environments/stores.json', problems });
  });

  it('may hold comments; of a project it wins over that of the workspace; of a folder it is refused', async () => {
    place.write({ 'environments/stores.json': '// ours\n{ "$schema": "x", "stores": { "vault": { "type": "sops", "file": "x" }, "other": { "type": "dotenvx", "file": "y" }, }, }', [`${FOLDER}/stores.json`]: { stores: { vault: { type: 'module', module: 'nowhere-to-be-found' } } } });
    await expect(own('vault:staging')).rejects.toMatchObject({ parts: { what: 'the module nowhere-to-be-found of a store was not found' } });
    await expect(own('vaul:staging')).rejects.toMatchObject({ parts: { what: 'there is no store vaul; did you mean vault?', next: 'known: vault, other, backup, git' } });
    await expect(openOwn('q:staging', where(), { runningModule: 'm' })).rejects.toMatchObject({ parts: { next: 'known: vault, other, running, backup, git' } });
    await expect(openOwn('running:staging', where(), { runningModule: 'nowhere-to-be-found' })).rejects.toMatchObject({ parts: { what: 'the module nowhere-to-be-found of a store was not found' } });
    await expect(own('vault:../x')).rejects.toMatchObject({ parts: { what: expect.stringContaining('is no environment name') } });
  });

  it('of a module that is none is refused, and its own mistakes are not hidden', async () => {
    place.write({ 'none.cjs': 'exports.x = 1', 'broken.cjs': 'throw new RangeError("mine")' });
    stores({ none: { type: 'module', module: './none.cjs' }, broken: { type: 'module', module: './broken.cjs' } });
    await expect(own('none:staging')).rejects.toMatchObject({ parts: { what: 'the module ./none.cjs of a store exports no function openStore' } });
    await expect(own('broken:staging')).rejects.toThrow('mine');
  });
});

describe('a store of programs', () => {
  it.each<[string, string[], string]>([
    ['that fails', ['-e', 'console.log("planted-1"); console.error("planted-2"); process.exit(3)'], 'that reads vault:staging ended with exit code 3'],
    ['that is no text', ['-e', 'process.stdout.write(Buffer.of(255))'], 'it is not UTF-8 text'],
    ['that is no JSON', ['-e', 'console.log("planted-1")'], 'it is not valid JSON'],
    ['that is a list', ['-e', 'console.log("[\\"planted-1\\"]")'], 'it is no JSON object of names and values'],
    ['that nests', ['-e', 'console.log(JSON.stringify({ A: { planted: 1 }, "planted-x": 1, B: "planted\\0" }))'], 'A: is no text, number, true or false; name 2 is not valid: letters, digits and _ only, no digit first; B: holds a NUL byte, which no process can receive'],
  ])('%s is told without a word of it', async (_, args, what) => {
    stores({ vault: { type: 'command', read: [process.execPath, ...args], format: 'json' } });
    const error = await (await own('vault:staging')).read().catch((thrown: unknown) => thrown) as Error;
    expect(error.message).toContain(what);
    expect(JSON.stringify(error) + error.message).not.toContain('planted');
  });

  it('may give numbers, and none of the names that the platform sets', async () => {
    stores({ vault: { type: 'command', read: [process.execPath, '-e', 'console.log(JSON.stringify({ N: 1, T: true, PORT: "1" }))'], format: 'json', secret: false } });
    expect(await (await own('vault:staging')).read()).toMatchObject({ values: new Map([['N', '1'], ['T', 'true']]), secrets: new Set() });
    stores({ vault: { type: 'command', read: [process.execPath, '-e', 'console.log("no assignment")'] } });
    await expect((await own('vault:staging')).read()).rejects.toMatchObject({ parts: { problems: ['vault:staging:1: is no assignment: expected KEY=value, a comment or an empty line'] } });
  });

  it('takes part in a sync and in a diff; one without a program to write is refused', async () => {
    vault('json');
    place.write({ [`${FOLDER}/staging.env`]: 'A=planted-1\n', 'environments/staging.env': 'SHARED=planted-2\n', 'staging.api': {}, 'environments/.age-recipients': keys.ours.recipient, [`${FOLDER}/env.schema.json`]: { properties: { D: { default: 'planted' } } } });
    place.variables['NX_ENV_SYNC_IDENTITY'] = keys.ours.identity;
    const run = (options: SyncOptions): Promise<boolean> => place.run(sync, options);
    expect(await run({ from: 'staging', to: 'vault:staging' })).toBe(true);
    expect(place.printed()).toBe('  KEY  ACTION  WHY\n  A    set     new in staging\nstaging -> vault:staging: 1 key changed, 0 the same\n  written: vault:staging\n');
    expect(JSON.parse(place.read('staging.api'))).toEqual({ A: 'planted-1' });
    expect(await place.run<DiffOptions>(diff, { from: 'staging', to: 'vault:staging' })).toBe(true);
    expect(place.printed()).toBe('staging -> vault:staging: no difference, 1 kept\n');
    stores({ vault: { type: 'command', read: [process.execPath, 'vault.mjs', 'read', '{environment}.{project}'], format: 'json' } });
    expect(await run({ from: 'staging', to: 'vault:staging' })).toBe(false);
    expect(place.printed()).toContain('error: vault:staging cannot be written to\n');
    await expect((await openOwn('vault:staging', { ...where(), projectName: '' }, {})).store.read()).rejects.toMatchObject({ parts: { what: 'vault:staging is asked for by the name of a project, and there is none here' } });
    expect(shown()).not.toContain('planted');
  });

  it('does not write an environment file that is larger than can be read', async () => {
    vault('env');
    place.write({ 'staging.api': '' });
    const store = await own('vault:staging');
    const changes = Array.from({ length: 11 }, (_, index) => ({ key: `K${index}`, value: 'x'.repeat(100_000), secret: false }));
    await expect(store.write?.(changes, (await store.read()).revision)).rejects.toMatchObject({ kind: 'refused', parts: { what: expect.stringContaining('would hold more than') } });
  });
});

describe('an earlier time', () => {
  const git = (...args: string[]): void => void execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { cwd: place.root, stdio: 'ignore' });

  it('is a commit', async () => {
    place.write({ [`${FOLDER}/staging.env`]: 'A=planted-1\n', [`${FOLDER}/staging.secrets.env`]: await encryptArmored('T=planted-2', [keys.ours.recipient]) });
    place.variables['NX_ENV_SYNC_IDENTITY'] = keys.ours.identity;
    git('init', '-b', 'main');
    git('add', '.');
    git('commit', '-m', 'one');
    place.write({ [`${FOLDER}/staging.env`]: 'A=planted-3\n' });
    expect(await place.run<DiffOptions>(diff, { from: 'git:staging', to: 'staging' })).toBe(true);
    expect(place.printed()).toBe(`  KEY  STATE      git:staging    staging\n  A    changed    git:staging:1  ${FOLDER}/staging.env:1\ngit:staging -> staging: 1 changed, 0 missing, 0 added, 1 kept\n`);
    for (const [name, what] of [['git:staging@gone', 'there is no commit gone'], ['git:staging@--all', 'there is no commit --all'], ['git:qa', 'the commit HEAD has no files of qa'], ['git:../x', 'is no environment name']] as const) {
      expect(await place.run<DiffOptions>(diff, { from: name, to: 'staging' })).toBe(false);
      expect(place.printed()).toContain(what);
    }
    expect(place.everything()).not.toContain('planted');
  });

  it('is a backup', async () => {
    place.write({ [`${FOLDER}/staging.env`]: 'A=planted-1\n' });
    place.variables['NX_ENV_SYNC_IDENTITY'] = keys.ours.identity;
    await place.run(backup, {}, 'staging');
    const [, id = ''] = /backup (\S+)/.exec(place.printed()) ?? [];
    place.write({ [`${FOLDER}/staging.env`]: 'A=planted-1\nB=2\n' });
    expect(await place.run<DiffOptions>(diff, { from: `backup:staging@${id}`, to: 'staging' })).toBe(true);
    expect(place.printed()).toContain(`backup:staging@${id} -> staging: 0 changed, 0 missing, 1 added, 1 kept\n`);
  });
});

describe('files of other programs', () => {
  /** Answers as SOPS 3 does, for lack of it here: what is tested is how it is called and what becomes of its answer. */
  const program = (name: string, script: string): void => {
    place.write({ [`bin/${name}`]: `#!${process.execPath}\n${script}` });
    execFileSync('chmod', ['755', join(place.root, 'bin', name)]);
    place.variables['PATH'] = `${place.root}/bin:${place.variables['PATH'] ?? ''}`;
  };

  it('are read by them, and everything in them is secret', async () => {
    stores({ old: { type: 'sops', file: 'secrets/{environment}.yaml' }, dx: { type: 'dotenvx', file: '.env.{environment}' } });
    program('sops', 'require("fs").writeFileSync("argv.json", JSON.stringify(process.argv.slice(2))); console.log(\'{"T":"planted-1","N":2}\')');
    const content = await (await own('old:staging')).read();
    expect([...content.values, ...content.secrets]).toEqual([['N', '2'], ['T', 'planted-1'], 'N', 'T']);
    expect(JSON.parse(place.read('argv.json'))).toEqual(['--decrypt', '--output-type', 'json', join(place.root, 'secrets/staging.yaml')]);
    program('dotenvx', 'require("fs").writeFileSync("argv.json", JSON.stringify(process.argv.slice(2))); console.log(\'{"DOTENV_PUBLIC_KEY_STAGING":"02ab","T":"planted-1"}\')');
    expect([...(await (await own('dx:staging')).read()).values.keys()]).toEqual(['T']);
    expect(JSON.parse(place.read('argv.json'))).toEqual(['get', '--strict', '--overload', '--format', 'json', '-f', join(place.root, '.env.staging')]);
    program('sops', 'console.log("planted"); process.exit(128)');
    await expect((await own('old:staging')).read()).rejects.toMatchObject({ parts: { what: 'the program sops that reads old:staging ended with exit code 128', where: 'secrets/staging.yaml', next: expect.stringContaining('run "sops" on the file by hand') } });
  });

  it('say which program is missing', async () => {
    stores({ old: { type: 'sops', file: 'x' } });
    place.variables['PATH'] = place.root;
    await expect((await own('old:staging')).read()).rejects.toMatchObject({ kind: 'failed', parts: { what: 'the program sops that reads old:staging was not found', next: expect.stringContaining('install it (https://github.com/getsops/sops)') } });
    expect(existsSync(join(place.root, 'x'))).toBe(false);
  });
});

it('compares a store whose values are what a process gets with what a process would get', async () => {
  place.write({ [`${FOLDER}/staging.env`]: 'A=1\n', [`${FOLDER}/env.schema.json`]: { properties: { A: {}, D: { default: '1' } } }, 'module.cjs': 'exports.openStore = async () => ({ name: "running:staging", resolved: true, read: async () => ({}) })' });
  const [from] = await openStores(['staging', 'running:staging'], where(), { runningModule: './module.cjs' });
  expect([...(await from.read()).values.keys()]).toEqual(['A', 'D']);
  expect(await place.run<DiffOptions>(diff, { running: true, to: 'x' }, 'staging')).toBe(false);
  expect(place.printed()).toContain('running and to were both given');
  writeFileSync(join(place.root, 'module.cjs'), readFileSync(join(place.root, 'module.cjs'), 'utf8').replace('({})', '({ values: new Map([["A", "1"], ["D", "1"]]), secrets: new Set(), sources: new Map(), revision: "" })'));
  jest.resetModules();
  expect(await place.run<DiffOptions>(diff, { running: true, runningModule: './module.cjs' }, 'staging')).toBe(true);
  expect(place.printed()).toBe('staging -> running:staging: no difference, 2 kept\n');
});
