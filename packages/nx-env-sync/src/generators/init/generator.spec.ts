import { addProjectConfiguration, logger, readJson, readNxJson, readProjectConfiguration, writeJson, type Tree } from '@nx/devkit';
import { createTreeWithEmptyWorkspace } from '@nx/devkit/testing';
import init from './generator.js';

let tree: Tree;
let said: string[];
beforeEach(() => {
  tree = createTreeWithEmptyWorkspace();
  said = [];
  // As in a workspace without a formatter.
  process.env['NX_SKIP_FORMAT'] = 'true';
  jest.spyOn(logger, 'info').mockImplementation((text) => void said.push(String(text)));
  addProjectConfiguration(tree, 'api', { root: 'apps/api', sourceRoot: 'apps/api/src' });
});
afterEach(() => {
  jest.restoreAllMocks();
  delete process.env['NX_SKIP_FORMAT'];
});

const SCHEMA = 'apps/api/environments/env.schema.json';
interface Schema { readonly properties: Record<string, object>; readonly required: readonly string[] }
const put = (files: Readonly<Record<string, string>>): void => {
  for (const [path, text] of Object.entries(files)) tree.write(path, text);
};
const schema = (): Schema => readJson<Schema>(tree, SCHEMA);
const run = async (options: { project?: string } = { project: 'api' }): Promise<void> => init(tree, options);
/** Everything that is there, by path. */
const everything = (folder = '.'): string[] => tree.children(folder).flatMap((name) => {
  const path = folder === '.' ? name : `${folder}/${name}`;
  return tree.isFile(path) ? [`${path}\n${tree.read(path, 'utf8') ?? ''}`] : everything(path);
});

describe('init', () => {
  it('infers types, secrets, defaults and what is required, from files and source, and copies no value', async () => {
    put({
      'apps/api/environments/staging.env': 'RETRIES=3\nDEBUG=true\nAPI_URL=https://staging-planted.example/x\nZIP=01234\nNAME=planted\nDB_PASSWORD=planted\nDSN=amqp://u:planted@mq\nONLY_HERE=1\nEMPTY=\n',
      'apps/api/environments/production.env': 'RETRIES=5\nDEBUG=false\nAPI_URL=https://planted.example\nZIP=1\nNAME=planted2\nDB_PASSWORD=planted\nDSN=amqp://u:planted@mq\nEMPTY=1\nPORT=1\nNX_DEPLOY_X=1\n',
      'apps/api/.env.example': 'FROM_EXAMPLE=\nNAME=\n',
      'environments/staging.env': 'SHARED=planted\n',
      'apps/api/src/main.ts': [
        "import { env as variables } from 'node:process';", 'const alias = process.env;', "export const level = process.env.LEVEL ?? 'info';", "const n = Number(process.env['COUNT'] || 3);",
        'const { DIRECT, RENAMED: other = "x", ...rest } = process.env as Record<string, string>;', 'alias.BY_ALIAS; variables.BY_IMPORT!.trim(); (globalThis.process.env).GLOBAL;', "if ('ASKED' in process.env) process.env.WRITTEN = 'x';",
        'delete process.env.REMOVED; process.env[name]; request.env.OTHER; process.env.NODE_ENV; process.env.npm_package_name;', "process.env.TWO ?? 'a'; process.env.TWO ?? 'b'; process.env.SIGNING_KEY ?? 'planted';",
        "// process.env.COMMENT", "const text = 'process.env.TEXT';", 'process.env.NEGATIVE ?? -1; process.env.FLAG ??= true; process.env.NAME;',
      ].join('\n'),
      'apps/api/src/main.spec.ts': 'process.env.IN_TEST;', 'apps/api/src/view.jsx': 'const view = <b>{process.env.IN_JSX}</b>;', 'apps/api/jest.config.ts': 'process.env.IN_CONFIG;',
    });
    await run();
    expect(schema().properties).toEqual({
      ASKED: { type: 'string' }, BY_ALIAS: { type: 'string' }, BY_IMPORT: { type: 'string' }, COUNT: { type: 'integer', default: 3 }, DB_PASSWORD: { type: 'string', 'x-secret': true },
      DEBUG: { type: 'boolean' }, DIRECT: { type: 'string' }, DSN: { type: 'string', format: 'uri', 'x-secret': true }, EMPTY: { type: 'string' }, FLAG: { type: 'boolean', default: true }, FROM_EXAMPLE: { type: 'string' }, GLOBAL: { type: 'string' }, IN_JSX: { type: 'string' },
      LEVEL: { type: 'string', default: 'info' }, NAME: { type: 'string' }, NEGATIVE: { type: 'integer', default: -1 }, ONLY_HERE: { type: 'integer' }, RENAMED: { type: 'string', default: 'x' }, RETRIES: { type: 'integer' },
      SHARED: { type: 'string' }, SIGNING_KEY: { type: 'string', 'x-secret': true }, TWO: { type: 'string' }, ZIP: { type: 'string' }, API_URL: { type: 'string', format: 'uri' },
    });
    expect(schema().required).toEqual(['API_URL', 'DB_PASSWORD', 'DEBUG', 'DSN', 'EMPTY', 'NAME', 'RETRIES', 'ZIP']);
    expect([tree.read(SCHEMA, 'utf8'), ...said].join()).not.toContain('planted');
    expect(said.join()).toContain('of them secret, by name or value: DB_PASSWORD, DSN, SIGNING_KEY\n');
  });

  it('changes nothing when it runs again', async () => {
    put({ 'apps/api/environments/staging.env': 'A=1\nB=x\n', 'apps/api/src/main.ts': 'process.env.C;' });
    await run();
    const before = everything();
    await run();
    expect(everything()).toEqual(before);
    expect(said[1]).toBe('apps/api/environments/env.schema.json: has all keys; left as it is\n  next: read it, then nx run api:env-validate --configuration=staging');
  });

  it('adds to a schema what it lacks, and leaves what a person wrote', async () => {
    const written = '// ours\n{\n\t"properties": {\n\t\t"A": { "minLength": 2 }, // kept\n\t\t"T": { "x-tiers": { "dev": { "required": true } } }\n\t}\n}\n';
    put({ [SCHEMA]: written, 'apps/api/environments/staging.env': 'A=1\nB=x\n', 'apps/api/environments/dev.env': 'A=1\nB=y\nT=1\n' });
    await init(tree, { project: 'api', skipFormat: true });
    expect(tree.read(SCHEMA, 'utf8')).toBe('// ours\n{\n\t"properties": {\n\t\t"A": { "minLength": 2 }, // kept\n\t\t"T": { "x-tiers": { "dev": { "required": true } } },\n\t\t"B": {\n\t\t\t"type": "string"\n\t\t}\n\t},\n\t"required": [\n\t\t"B"\n\t]\n}\n');
    expect(said.join()).toContain('env.schema.json: extended\n  keys added: B\n');
    put({ [SCHEMA]: '\ufeff{\r\n    "properties": {},\r\n    "required": ["Z"]\r\n}\r\n' });
    await init(tree, { project: 'api', skipFormat: true });
    expect(tree.read(SCHEMA, 'utf8')).toContain('\r\n    "required": ["Z", "A", "B"]\r\n');
    expect(tree.read(SCHEMA, 'utf8')?.startsWith('\ufeff')).toBe(true);
  });

  it('leaves out what the workspace describes', async () => {
    put({ 'environments/env.schema.json': '{"properties":{"SHARED":{}}}', 'environments/dev.env': 'UNKNOWN=1\n', 'apps/api/environments/dev.env': 'SHARED=1\nOWN=1\n' });
    await run();
    expect(Object.keys(schema().properties)).toEqual(['OWN']);
  });

  it('gives the project its targets, unless a deploy.json does, and registers the sync generator once', async () => {
    put({ 'apps/api/environments/dev.env': 'A=1\n', 'environments/qa.secrets.env': 'x' });
    writeJson(tree, 'nx.json', { sync: { globalGenerators: ['other:sync'], applyChanges: false } });
    await run();
    expect(readProjectConfiguration(tree, 'api')).toMatchObject({ sourceRoot: 'apps/api/src', targets: { 'env-validate': { executor: 'nx-env-sync:validate', configurations: { dev: {}, qa: {} } }, 'env-types': { executor: 'nx-env-sync:types' } } });
    expect(readNxJson(tree)?.sync).toEqual({ globalGenerators: ['other:sync', 'nx-env-sync:types-sync'], applyChanges: false });
    addProjectConfiguration(tree, 'web', { root: 'apps/web', targets: {} });
    put({ 'apps/web/deploy.json': '{}' });
    await run({ project: 'web' });
    expect(readProjectConfiguration(tree, 'web').targets).toEqual({});
    expect(readNxJson(tree)?.sync?.globalGenerators).toHaveLength(2);
  });

  it('without a project prepares the workspace and says how to go on', async () => {
    await run({});
    expect(readNxJson(tree)?.sync?.globalGenerators).toEqual(['nx-env-sync:types-sync']);
    expect(said).toEqual(['next: nx g nx-env-sync:init --project=<project>']);
  });

  it('refuses an unknown project and a broken schema with what to do, and writes nothing', async () => {
    put({ [SCHEMA]: '{"propertys":{}}', 'apps/api/environments/dev.env': 'A=1\n' });
    const before = everything();
    await expect(run({ project: 'apo' })).rejects.toThrow('error: there is no project "apo"\n  next: did you mean api?');
    await expect(run({ project: 'unlike' })).rejects.toThrow('nx show projects lists them');
    await expect(run()).rejects.toThrow('error: the schema is not valid\n  - apps/api/environments/env.schema.json:1: the keyword propertys is not supported here; did you mean properties?');
    expect(everything()).toEqual(before);
  });

  it('survives a source that no parser can take', async () => {
    put({ 'apps/api/src/deep.ts': `process.env.BEFORE;${'('.repeat(100_000)}`, 'apps/api/src/huge.ts': `process.env.HUGE;${' '.repeat(500_000)}`, 'apps/api/src/odd.ts': 'const { [x]: y } = process.env; process.env["a-b"]; import("node:process"); process.env.FINE' });
    await run();
    expect(Object.keys(schema().properties)).toEqual(['FINE']);
  });
});
