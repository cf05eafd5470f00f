import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { knownEnvironments } from './environment-name.js';
import { loadEnvironment, type LoadedEnvironment } from './load-environment.js';

let root: string;
beforeEach(async () => { root = await mkdtemp(join(tmpdir(), 'env-sync-')); });
afterEach(async () => { await rm(root, { recursive: true, force: true }); });

async function put(path: string, content: string | Buffer | object): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content));
}
const load = async (environment = 'staging', projectRoot = 'apps/api'): Promise<LoadedEnvironment> => loadEnvironment({ environment, workspaceRoot: root, projectRoot });

describe('loadEnvironment', () => {
  it('merges both files, the project wins, and says where each value comes from', async () => {
    await put('environments/staging.env', 'B=shared\nA=shared\n');
    await put('apps/api/environments/staging.env', '\nB=own\nC="$(id)\n\'2\'"\n');
    expect(await load()).toEqual({
      found: true, problems: [], secrets: [],
      values: { A: 'shared', B: 'own', C: "$(id)\n'2'" },
      sources: { A: 'environments/staging.env:2', B: 'apps/api/environments/staging.env:2', C: 'apps/api/environments/staging.env:3' },
    });
    expect(Object.keys((await load('staging', join(root, 'apps/api'))).values)).toEqual(['A', 'B', 'C']);
  });

  it('applies defaults and names secrets', async () => {
    await put('environments/env.schema.json', '{"properties":{\n"N":{"type":"integer","default":5},\n"F":{"type":"boolean","default":false},\n"S":{"default":"x"},"T":{"x-secret":true}},"required":["N"]}');
    await put('apps/api/environments/staging.env', 'S=mine\n');
    const loaded = await load();
    expect(loaded.problems).toEqual([]);
    expect(loaded.values).toEqual({ F: 'false', N: '5', S: 'mine' });
    expect(loaded.sources['N']).toBe('environments/env.schema.json:2');
    expect(loaded.secrets).toEqual(['T']);
  });

  it('reports everything at once, and no value anywhere', async () => {
    const secret = 'hunter2-planted';
    await put('environments/env.schema.json', { properties: { TOKEN: { 'x-secret': true, pattern: '^[0-9]+$' }, COUNT: { type: 'integer', default: 'many' }, LOG_LEVEL: { enum: ['info'] }, BAD: { type: 'list' } }, required: ['URL', 'COUNT'] });
    await put('environments/staging.env', `TOKEN=${secret}\nLOG_LEVEL=${secret}\n${secret}\n`);
    await put('apps/api/environments/staging.env', `COUNT=${secret}\nLOG_LEVL=${secret}\nPORT=1\nNX_DEPLOY_RELEASE=x\n`);
    const { problems, values } = await load();
    expect(problems).toEqual([
      'environments/staging.env:3: is no assignment: expected KEY=value, a comment or an empty line',
      'apps/api/environments/staging.env:3 PORT: is set by the platform for each instance; remove it here',
      'apps/api/environments/staging.env:4 NX_DEPLOY_RELEASE: is set by the platform for each instance; remove it here',
      'apps/api/environments/staging.env:2 LOG_LEVL: is not in the schema; did you mean LOG_LEVEL?',
      'apps/api/environments/staging.env URL: is missing; environments/env.schema.json:1 requires it',
      'environments/staging.env:1 TOKEN: must have the form that its schema asks for',
      'environments/env.schema.json:1 COUNT: the default must be a whole number',
      'apps/api/environments/staging.env:1 COUNT: must be a whole number',
      'environments/staging.env:2 LOG_LEVEL: must be one of info',
      'environments/env.schema.json:1 BAD: the type must be one of integer, number, boolean, string',
    ]);
    expect(problems.join()).not.toContain(secret);
    expect(Object.keys(values)).toEqual(['COUNT', 'LOG_LEVEL', 'LOG_LEVL', 'TOKEN']);
  });

  it('accepts shared keys that only other projects describe, unless the workspace has a schema', async () => {
    await put('environments/staging.env', 'OF_OTHERS=1\n');
    await put('apps/api/environments/env.schema.json', { properties: {} });
    expect((await load()).problems).toEqual([]);
    await put('environments/env.schema.json', { properties: {} });
    expect((await load()).problems).toEqual(['environments/staging.env:1 OF_OTHERS: is not in the schema']);
    await put('apps/api/environments/env.schema.json', { additionalProperties: true });
    expect((await load()).problems).toEqual([]);
  });

  it('reads a root project once', async () => {
    await put('environments/staging.env', 'A=1\nA=2\n');
    expect((await load('staging', '.')).problems).toHaveLength(1);
  });

  it('is not found without file and schema; a schema alone is enough when it asks for nothing', async () => {
    expect(await load()).toEqual({ found: false, values: {}, secrets: [], sources: {}, problems: [] });
    await put('environments/env.schema.json', { properties: { A: {} } });
    expect(await load()).toMatchObject({ found: true, problems: [] });
    await put('environments/env.schema.json', { required: ['A'] });
    expect((await load()).problems).toEqual(['apps/api/environments/staging.env A: is missing; environments/env.schema.json:1 requires it']);
  });

  it('leaves reserved names to the platform', async () => {
    await put('environments/env.schema.json', { properties: { PORT: { type: 'integer' }, HOST: { default: 'h' } }, required: ['PORT'] });
    const { problems, values } = await load();
    expect(problems).toEqual(['environments/env.schema.json:1 HOST: the platform sets it, so a default has no effect; remove it']);
    expect(values).toEqual({});
  });

  it('refuses defaults that no process could get', async () => {
    await put('environments/env.schema.json', { properties: { A: { default: null }, B: { default: 'x\0' }, C: { type: 'list', default: 'kept' } } });
    const { problems, values } = await load();
    expect(problems.map((line) => line.slice(line.indexOf(' ')))).toEqual([
      ' A: the default must be text, a number, true or false', ' B: the default holds a NUL byte, which no process can receive', ' C: the type must be one of integer, number, boolean, string',
    ]);
    expect(values).toEqual({ C: 'kept' });
  });

  it.each(['../x', '/etc/passwd', '', '.', '..', '.hidden', 'a/b', 'a\\b', 'a\nb', 'a\0b', 'x'.repeat(64), '\u00e9'])('refuses the name %j', async (name) => {
    await put('x.env', 'A=1');
    const loaded = await load(name);
    expect(loaded).toMatchObject({ found: false, values: {} });
    expect(loaded.problems[0]).toMatch(/^[\x20-\x7e]* is no environment name: [\x20-\x7e]*$/);
  });

  it('keeps keys that are names in JavaScript', async () => {
    await put('environments/staging.env', 'constructor=c\ntoString=t\n');
    const { values, sources } = await load();
    expect(values).toEqual({ constructor: 'c', toString: 't' });
    expect(Object.getPrototypeOf(values)).toBe(Object.prototype);
    expect(sources['constructor']).toBe('environments/staging.env:1');
  });

  it.each([
    ['larger than a process can get', 'A=1\n'.repeat(1_250_000), 'is 5000000 bytes large; at most 1048576 are accepted'],
    ['of another encoding', Buffer.from('\ufeffA=1', 'utf16le'), 'is not UTF-8 text; save it as UTF-8'],
  ])('refuses a file %s', async (_, content, what) => {
    await put('environments/staging.env', content);
    expect(await load()).toMatchObject({ found: false, problems: [`environments/staging.env: ${what}`] });
  });

  it('says so when a folder is a file, a file a folder, or a link leads nowhere', async () => {
    await put('environments', 'a file');
    await mkdir(join(root, 'apps/api/environments/staging.env'), { recursive: true });
    await symlink('env.schema.json', join(root, 'apps/api/environments/env.schema.json'));
    expect((await load()).problems).toEqual([
      'environments/env.schema.json: cannot be read: a part of its path is a file, not a folder',
      'environments/staging.env: cannot be read: a part of its path is a file, not a folder',
      'environments/staging.secrets.env: cannot be read: a part of its path is a file, not a folder',
      'apps/api/environments/env.schema.json: cannot be read: its symbolic links form a circle',
      'apps/api/environments/staging.env: is a folder, not a file',
    ]);
  });

  it('does not wait on a named pipe', async () => {
    await mkdir(join(root, 'environments'));
    execFileSync('mkfifo', [join(root, 'environments/staging.env')]);
    expect((await load()).problems).toEqual(['environments/staging.env: is not a regular file']);
  });

  it('says so when a file may not be read', async () => {
    await put('environments/staging.env', 'A=1');
    await chmod(join(root, 'environments/staging.env'), 0);
    const { problems } = await load();
    const privileged = process.getuid?.() === 0;
    expect(problems).toEqual(privileged ? [] : ['environments/staging.env: cannot be read: permission denied']);
  });

  it('prints plain ASCII for strange folders', async () => {
    await put('apps/\u00e9\n/environments/staging.env', 'nonsense');
    expect((await load('staging', 'apps/\u00e9\n')).problems[0]).toMatch(/^apps\/\\u\{e9\}\\u\{a\}\/environments\/staging\.env:1: /);
  });

  it('takes an empty file for an environment', async () => {
    await put('environments/staging.env', '');
    expect(await load()).toMatchObject({ found: true, values: {}, problems: [] });
    expect(existsSync(join(root, 'apps'))).toBe(false);
  });
});

describe('knownEnvironments', () => {
  it('lists the files of both folders, once and sorted', async () => {
    await put('environments/staging.env', '');
    await put('environments/env.schema.json', '{}');
    await put('environments/.env', '');
    await put('apps/api/environments/staging.env', '');
    await put('apps/api/environments/dev.env', '');
    expect(await knownEnvironments({ workspaceRoot: root, projectRoot: 'apps/api' })).toEqual(['dev', 'staging']);
    expect(await knownEnvironments({ workspaceRoot: root, projectRoot: 'none' })).toEqual(['staging']);
  });
});
