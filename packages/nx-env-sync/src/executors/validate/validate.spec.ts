import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import validate, { type ValidateOptions } from './validate.js';

let root: string;
let printed: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'env-sync-'));
  printed = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(async () => {
  jest.restoreAllMocks();
  await rm(root, { recursive: true, force: true });
});

const run = async (options: ValidateOptions, configurationName?: string): Promise<boolean> => {
  const projectsConfigurations = { version: 2, projects: { api: { root: 'apps/api' } } };
  return (await validate(options, { root, projectName: 'api', projectsConfigurations, ...(configurationName === undefined ? {} : { configurationName }) })).success;
};
async function files(content: Record<string, string>): Promise<void> {
  await mkdir(join(root, 'environments'), { recursive: true });
  for (const [name, text] of Object.entries(content)) await writeFile(join(root, 'environments', name), text);
}

describe('executor validate', () => {
  it('prints names and places, and succeeds', async () => {
    await files({ 'staging.env': 'LEVEL=planted1\nTOKEN=\n', 'env.schema.json': '{"properties":{"LEVEL":{},"TOKEN":{"x-secret":true}}}' });
    expect(await run({}, 'staging')).toBe(true);
    expect(printed).toBe([
      '  KEY            SET IN',
      '  LEVEL          environments/staging.env:1',
      '  TOKEN  secret  environments/staging.env:2',
      'environment staging of api: valid, 2 keys',
      '',
    ].join('\n'));
  });

  it('prints all problems and fails; the option wins over the configuration', async () => {
    await files({ 'staging.env': '', 'dev.env': 'A\nB\n' });
    expect(await run({ environment: 'dev' }, 'staging')).toBe(false);
    expect(printed.split('\n')).toEqual([
      '  - environments/dev.env:1: is no assignment: expected KEY=value, a comment or an empty line [syntax]',
      '  - environments/dev.env:2: is no assignment: expected KEY=value, a comment or an empty line [syntax]',
      'error: environment dev of api: 2 problems', '',
    ]);
    await files({ 'dev.env': 'A' });
    printed = '';
    expect(await run({ environment: 'dev' })).toBe(false);
    expect(printed).toContain('error: environment dev of api: 1 problem\n');
  });

  it('of a project that lacks the environment another one was asked for is skipped', async () => {
    const projectsConfigurations = { version: 2, projects: { api: { root: 'apps/api' } } };
    const task = (project: string, target: string, configuration?: string): object => ({ target: { project, target, ...(configuration === undefined ? {} : { configuration }) } });
    const taskGraph = {
      tasks: { 'web:deploy:qa': task('web', 'deploy', 'qa'), 'api:deploy': task('api', 'deploy'), 'api:env-validate': task('api', 'env-validate') },
      dependencies: { 'web:deploy:qa': ['api:deploy'], 'api:deploy': ['api:env-validate'], 'api:env-validate': [] },
    } as unknown as NonNullable<Parameters<typeof validate>[1]['taskGraph']>;
    expect(await validate({}, { root, projectName: 'api', targetName: 'env-validate', projectsConfigurations, taskGraph })).toEqual({ success: true });
    expect(printed).toBe('skipped: api has no environment qa, which web was asked for\n');
  });

  it('without an environment fails and lists the known ones', async () => {
    expect(await run({})).toBe(false);
    expect(printed).toContain('no environments/*.env file exists yet');
    await files({ 'staging.env': '', 'dev.env': '' });
    expect(await run({ environment: '' })).toBe(false);
    expect(printed).toContain('error: no environment was named\n  next: add --configuration=<environment>\n  known environments: dev, staging\n');
  });

  it('refuses an unknown environment and an impossible name, listing the known ones', async () => {
    await files({ 'staging.env': '' });
    expect(await run({}, 'stagng')).toBe(false);
    expect(printed).toBe('error: environment stagng of api does not exist\n  - neither environments/stagng.env nor environments/env.schema.json exists [environment]\n  known environments: staging\n');
    printed = '';
    expect(await run({ environment: '../staging' })).toBe(false);
    expect(printed).toContain('"../staging" is no environment name');
  });

  it('takes the names it was given for the environments there are: one of them needs no file, any other is refused', async () => {
    expect(await run({ known: ['staging', 'production'] }, 'staging')).toBe(true);
    expect(printed).toBe('environment staging of api: valid, 0 keys\n');
    await files({ 'dev.env': 'A=1' });
    printed = '';
    expect(await run({ known: ['staging', 'production'] }, 'dev')).toBe(false);
    expect(printed).toBe('error: environment dev of api does not exist\n  known environments: staging, production\n');
    printed = '';
    expect(await run({ known: ['staging', 'production'] })).toBe(false);
    expect(printed).toContain('known environments: staging, production\n');
  });

  it('works for a workspace without projects', async () => {
    await files({ 'staging.env': 'A=1' });
    expect(await validate({ environment: 'staging' }, { root, projectsConfigurations: { version: 2, projects: {} } })).toEqual({ success: true });
    expect(printed).toContain(': valid, 1 key\n');
  });

  it('has a closed schema that describes each option', async () => {
    const schema = JSON.parse(await readFile(join(__dirname, 'schema.json'), 'utf8')) as { properties: Record<string, unknown>; additionalProperties: unknown };
    expect(schema.additionalProperties).toBe(false);
    expect(Object.keys(schema.properties)).toEqual(['environment', 'known', 'format', 'outputFile']);
  });
});
