import { addProjectConfiguration, type Tree } from '@nx/devkit';
import { createTreeWithEmptyWorkspace } from '@nx/devkit/testing';
import { chooseProjects, type Wanted } from './choose-projects.js';

let tree: Tree;
let asked: string[];
beforeEach(() => {
  tree = createTreeWithEmptyWorkspace();
  asked = [];
});

const BUILD = { build: { executor: '@nx/esbuild:esbuild', options: { main: 'src/main.ts', outputPath: 'dist' } } };

function add(name: string, files: Readonly<Record<string, string>>, targets: object = {}): void {
  addProjectConfiguration(tree, name, { root: `apps/${name.replace('@shop/', '')}`, targets: targets as typeof BUILD });
  for (const [file, text] of Object.entries(files)) tree.write(`apps/${name.replace('@shop/', '')}/${file}`, text);
}

async function choose(wanted: Partial<Wanted>, answer?: string): Promise<readonly string[]> {
  const ask = (question: string): Promise<string | undefined> => {
    asked.push(question);
    return Promise.resolve(answer);
  };
  return (await chooseProjects(tree, { project: undefined, all: false, buildTarget: 'build', ask, ...wanted })).map(({ name }) => name);
}

const LISTENS = { 'src/main.ts': 'listen(process.env.PORT)' };

describe('all that can be deployed', () => {
  it('are services with a build, what has a Dockerfile, and what was set up already', async () => {
    add('web', LISTENS, BUILD);
    add('api', { 'src/main.ts': 'app.listen(3000)' }, BUILD);
    add('go', { Dockerfile: 'FROM scratch' });
    add('old', { 'deploy.json': '{}' });
    add('library', { 'src/index.ts': 'export {}' }, BUILD);
    add('web-e2e', { 'src/support/setup.ts': 'waitFor(process.env.PORT ?? 3000)' });
    expect(await choose({ all: true })).toEqual(['api', 'go', 'old', 'web']);
    expect(asked).toEqual([]);
  });

  it('are not none without a word', async () => {
    add('library', { 'src/index.ts': 'export {}' }, BUILD);
    await expect(choose({ all: true })).rejects.toMatchObject({ code: 'ND-PROJECT-UNKNOWN' });
  });

  it('exclude a project that is named', async () => {
    add('api', LISTENS, BUILD);
    await expect(choose({ all: true, project: 'api' })).rejects.toMatchObject({ code: 'ND-OPTION-INVALID' });
  });
});

describe('without a name', () => {
  it('the only one that can be deployed is taken', async () => {
    add('api', LISTENS, BUILD);
    add('library', { 'src/index.ts': 'export {}' }, BUILD);
    expect(await choose({})).toEqual(['api']);
    expect(asked).toEqual([]);
  });

  it('a person is asked, and the answer may be a part of a name', async () => {
    add('@shop/api', LISTENS, BUILD);
    add('@shop/web', LISTENS, BUILD);
    expect(await choose({}, ' web ')).toEqual(['@shop/web']);
    expect(asked).toEqual(['Which project do you want to deploy? (@shop/api, @shop/web) ']);
  });

  it('nobody can be asked without a terminal: the error names the projects', async () => {
    add('one', {});
    add('two', {});
    await expect(choose({})).rejects.toMatchObject({ code: 'ND-OPTION-INVALID', parts: { why: 'the projects are: one, two' } });
    await expect(choose({}, '')).rejects.toMatchObject({ code: 'ND-OPTION-INVALID' });
  });
});

it('a part that several names have is refused, with all of them', async () => {
  add('@shop/api', {});
  add('@store/api', {});
  await expect(choose({ project: 'api' })).rejects.toMatchObject({ code: 'ND-PROJECT-UNKNOWN', parts: { why: 'they are: @shop/api, @store/api' } });
  expect(await choose({ project: '@store/api,@shop/api' })).toEqual(['@store/api', '@shop/api']);
});
