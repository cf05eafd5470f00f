import { addProjectConfiguration, logger, readJson, updateNxJson } from '@nx/devkit';
import type { Tree } from '@nx/devkit';
import { createTreeWithEmptyWorkspace } from '@nx/devkit/testing';
import generator, { environmentGenerator } from './generator.js';
import type { EnvironmentOptions } from './generator.js';

let tree: Tree;
let said: string;

beforeEach(() => {
  tree = createTreeWithEmptyWorkspace();
  said = '';
  jest.spyOn(logger, 'info').mockImplementation((text) => { said += String(text); });
});

afterEach(() => {
  jest.restoreAllMocks();
});

const OWN = `{
  // ours
  "artifact": { "type": "files" },
  "environments": {
    "staging": { "instances": 3, "strategy": "blue-green", "listen": { "port": 8080, "host": "api.example.com", "address": "0.0.0.0" } }, // staging
  },
}
`;

function project(name: string, deploy: string | object | undefined, root = `apps/${name}`): void {
  addProjectConfiguration(tree, name, { root });
  if (deploy !== undefined) tree.write(`${root}/deploy.json`, typeof deploy === 'string' ? deploy : JSON.stringify(deploy));
}

const plain = (environments: object, rest: object = {}): object => ({ artifact: { type: 'files' }, ...rest, environments });
const add = (options: Partial<EnvironmentOptions> = {}): Promise<void> => environmentGenerator(tree, { name: 'qa', skipFormat: true, ...options });
const environments = (root: string): Record<string, object> => readJson<{ environments: Record<string, object> }>(tree, `${root}/deploy.json`, { allowTrailingComma: true }).environments;
const everything = (): Record<string, string> => Object.fromEntries(tree.listChanges().map(({ path, content }) => [path, content?.toString() ?? '']));

describe('an environment', () => {
  beforeEach(() => {
    project('web', plain({ staging: { listen: 8081 } }));
    project('api', OWN);
    project('library', undefined);
  });

  it('is added to each deploy.json, with a port and a file of its own', async () => {
    await add();
    expect(environments('apps/api')['qa']).toEqual({ platform: 'local', instances: 2, strategy: 'rolling', listen: 8082 });
    expect(environments('apps/web')['qa']).toEqual({ platform: 'local', instances: 2, strategy: 'rolling', listen: 8083 });
    expect(tree.read('apps/api/environments/qa.env', 'utf8')).toMatch(/^# Values of api in qa/);
    expect(tree.read('apps/web/environments/qa.env', 'utf8')).toMatch(/^# Values of web in qa/);
    expect(tree.exists('apps/api/environments/staging.env')).toBe(false);
    expect(tree.exists('apps/library/deploy.json')).toBe(false);
    expect(tree.exists('environments')).toBe(false);
    expect(said).toBe('api: apps/api/deploy.json extended\nweb: apps/web/deploy.json extended\n  next: npx nx run api:deploy --configuration=qa --dry-run');
  });

  it('leaves every word of a person', async () => {
    await add();
    expect(tree.read('apps/api/deploy.json', 'utf8')).toBe(OWN.replace(' // staging\n', ' // staging\n    "qa": {\n      "platform": "local",\n      "instances": 2,\n      "strategy": "rolling",\n      "listen": 8082\n    },\n'));
  });

  it('changes nothing the second time', async () => {
    await add();
    const before = everything();
    said = '';
    await add({ instances: 7, from: 'staging' });
    expect(everything()).toEqual(before);
    expect(said).toContain('api: apps/api/deploy.json has qa; left as it is');
  });

  it('takes the settings of another one, but for its port and its host', async () => {
    await add({ from: 'staging', listen: 9080 });
    expect(environments('apps/api')['qa']).toEqual({ instances: 3, strategy: 'blue-green', listen: { port: 9080, address: '0.0.0.0' } });
    expect(environments('apps/web')['qa']).toEqual({ listen: 9081 });
  });

  it('takes of those what is not asked for otherwise', async () => {
    await add({ from: 'staging', instances: 1, strategy: 'canary', platform: 'local' });
    expect(environments('apps/api')['qa']).toMatchObject({ instances: 1, strategy: 'canary', platform: 'local' });
  });

  it('is added to the projects that are named', async () => {
    await add({ projects: ['web, web'] });
    expect(environments('apps/web')).toHaveProperty('qa');
    expect(environments('apps/api')).not.toHaveProperty('qa');
  });

  it('gets a shared file where the workspace has some', async () => {
    tree.write('environments/staging.env', 'A=1\n');
    await add();
    expect(tree.read('environments/qa.env', 'utf8')).toMatch(/^# Values that all projects share in qa/);
  });

  it('tells the required keys that nobody sets', async () => {
    tree.write('environments/env.schema.json', JSON.stringify({ type: 'object', properties: { ZONE: {} }, required: ['ZONE'] }));
    tree.write('apps/api/environments/env.schema.json', JSON.stringify({ type: 'object', properties: { A: { default: 'x' }, B: {}, C: {} }, required: ['A', 'B', 'C'] }));
    tree.write('apps/api/environments/qa.env', 'C=1\n');
    await add();
    expect(said).toContain('  - api: still to be set in apps/api/environments/qa.env: B, ZONE\n  - web: still to be set in apps/web/environments/qa.env: ZONE\n');
    expect(tree.read('apps/api/environments/qa.env', 'utf8')).toBe('C=1\n');
  });

  it('says what comes next by the name that the target has, in one line of ASCII', async () => {
    updateNxJson(tree, { plugins: [{ plugin: 'nx-deploy/plugin', options: { targetNames: { deploy: 'ship' } } }] });
    project('a\u00e9', plain({ staging: {} }), 'apps/a\u00e9');
    tree.write('apps/a\u00e9/environments/env.schema.json', '{ "required": ["B", 7] }');
    await add({ projects: ['a\u00e9'], from: 'staging' });
    expect(environments('apps/a\u00e9')['qa']).toEqual({});
    expect(said).toBe('a?: apps/a?/deploy.json extended\n  - a?: still to be set in apps/a?/environments/qa.env: B\n  next: npx nx run <project>:ship --configuration=qa --dry-run');
  });

  it('is formatted as the workspace has it', async () => {
    jest.spyOn(console, 'warn').mockImplementation();
    await environmentGenerator(tree, { name: 'qa' });
    expect(environments('apps/web')).toHaveProperty('qa');
  });
});

it('says what there is to do next with the image of a Dockerfile', async () => {
  const image = { artifact: { type: 'image', builder: 'docker' }, environments: { staging: { platform: 'docker', listen: 8080 } } };
  project('api', image);
  await add();
  expect(said).toContain('  next: npx nx run api:build-image');
  project('web', plain({ staging: {} }));
  said = '';
  await add({ name: 'demo' });
  expect(said).toContain('  next: npx nx run web:deploy --configuration=demo --dry-run');
  said = '';
  await add({ name: 'live', projects: ['api'], platform: 'docker' });
  expect(said).toContain('  next: npx nx run api:deploy --configuration=live --dry-run');
});

describe('a fixed port', () => {
  beforeEach(() => project('api', plain({ staging: {} }, { port: 3000 })));

  it('leaves one instance and recreate', async () => {
    await add();
    expect(environments('apps/api')['qa']).toMatchObject({ instances: 1, strategy: 'recreate' });
  });

  it.each([{}, { from: 'staging' }])('allows one instance however many are asked for, with %j, and says so', async (options) => {
    await add({ ...options, instances: 4 });
    expect(environments('apps/api')['qa']).toMatchObject({ instances: 1 });
    expect(said).toContain('extended\n  - --instances=4: 1 in qa, for the service has a fixed port');
  });

  it.each([{}, { from: 'staging' }])('excludes another strategy with %j', async (options) => {
    const before = everything();
    await expect(add({ ...options, strategy: 'canary' })).rejects.toMatchObject({ code: 'ND-OPTION-INVALID' });
    expect(everything()).toEqual(before);
  });
});

describe('what cannot be done is refused, and nothing is written', () => {
  const cases: readonly [string, Partial<EnvironmentOptions>, () => void, object][] = [
    ['a name that is none', { name: 'QA 1' }, () => project('api', OWN), { code: 'ND-OPTION-INVALID' }],
    ['an unknown project', { projects: ['apo'] }, () => project('api', OWN), { code: 'ND-PROJECT-UNKNOWN' }],
    ['a list without a project', { projects: [' , '] }, () => project('api', OWN), { code: 'ND-OPTION-INVALID' }],
    ['a project without a deploy.json', { projects: ['web'] }, () => project('web', undefined), { code: 'ND-CONFIG-MISSING', parts: { next: 'make it deployable: nx g nx-deploy:setup web' } }],
    ['no deploy.json at all', {}, () => project('web', undefined), { code: 'ND-CONFIG-MISSING' }],
    ['a broken deploy.json', {}, () => project('api', '{ "artifact": '), { code: 'ND-CONFIG-INVALID' }],
    ['another environment that is not there', { from: 'stagign' }, () => project('api', OWN), { code: 'ND-ENVIRONMENT-UNKNOWN', parts: { problems: ['environments there: staging'] } }],
    ['one that every object has', { from: 'constructor' }, () => project('api', OWN), { code: 'ND-ENVIRONMENT-UNKNOWN' }],
  ];

  it.each(cases)('%s', async (_, options, prepare, error) => {
    prepare();
    const before = everything();
    await expect(add(options)).rejects.toMatchObject(error);
    expect(everything()).toEqual(before);
  });

  it('problems of several files, all at once', async () => {
    project('web', '{ "artifact": {} }');
    project('api', plain({ staging: {} }, { unheardOf: 1 }));
    project('jobs', OWN);
    const before = everything();
    await expect(add()).rejects.toMatchObject({
      code: 'ND-CONFIG-INVALID',
      parts: { what: '2 files of the workspace have problems', problems: expect.arrayContaining([expect.stringMatching(/^apps\/api\/deploy\.json: unheardOf/), expect.stringMatching(/^apps\/web\/deploy\.json: /)]) as string[] },
    });
    expect(everything()).toEqual(before);
  });

  it('with the fault itself, where it is none of a person', async () => {
    await expect(generator(tree, { name: undefined as unknown as string })).rejects.toThrow(TypeError);
  });

  it('by an error whose message holds all that Nx shows', async () => {
    project('api', OWN);
    await expect(generator(tree, { name: 'QA' })).rejects.toThrow(/ND-OPTION-INVALID[^]*QA/);
  });
});
