import type { ExecutorContext } from '@nx/devkit';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deployFile, Workbench } from '../commands/workbench.spec-support.js';
import approveExecutor from './approve/executor.js';
import deployExecutor from './deploy/executor.js';
import destroyExecutor from './destroy/executor.js';
import logsExecutor from './logs/executor.js';
import maintenanceExecutor from './maintenance/executor.js';
import pauseExecutor from './pause/executor.js';
import pruneExecutor from './prune/executor.js';
import rejectExecutor from './reject/executor.js';
import repairExecutor from './repair/executor.js';
import resumeExecutor from './resume/executor.js';
import rollbackExecutor from './rollback/executor.js';
import statusExecutor from './status/executor.js';
import unlockExecutor from './unlock/executor.js';

let bench: Workbench;
let printed: string;
const home = process.env['NX_DEPLOY_HOME'];
beforeAll(async () => {
  bench = await Workbench.open();
  process.env['NX_DEPLOY_HOME'] = bench.home.folder;
  await bench.project();
  await bench.start();
});
afterAll(async () => {
  if (home === undefined) delete process.env['NX_DEPLOY_HOME'];
  else process.env['NX_DEPLOY_HOME'] = home;
  await bench.close();
});
beforeEach(() => {
  printed = '';
  for (const stream of [process.stdout, process.stderr]) jest.spyOn(stream, 'write').mockImplementation((text) => { printed += String(text); return true; });
});
afterEach(() => jest.restoreAllMocks());

function contextOf(configurationName?: string, projectName: string | undefined = 'api'): ExecutorContext {
  return {
    root: bench.root, cwd: bench.root, isVerbose: false, projectName,
    ...(configurationName === undefined ? {} : { configurationName }),
    projectsConfigurations: { version: 2, projects: { api: { root: 'apps/api' } } }, nxJsonConfiguration: {}, projectGraph: { nodes: {}, dependencies: {} },
  };
}

test('the configuration is the environment; success is an exit code of 0; the document has the exact one', async () => {
  const outputFile = join(bench.folder, 'result.json');
  expect(await deployExecutor({ outputFile }, contextOf('staging'))).toEqual({ success: true });
  expect(await bench.json(outputFile)).toMatchObject({ outcome: 'done', environment: 'staging', exitCode: 0 });
  expect(printed).toContain('deployed: api staging');
  expect(await statusExecutor({ outputFile, verify: true }, contextOf('staging'))).toEqual({ success: true });
  expect(await bench.json(outputFile)).toMatchObject({ deployed: true });
  expect(await logsExecutor({ outputFile }, contextOf('staging'))).toEqual({ success: true });
  expect(printed).toContain('steady 1 listening');
  expect(await rollbackExecutor({ outputFile }, contextOf('staging'))).toEqual({ success: false });
  expect(await bench.json(outputFile)).toMatchObject({ outcome: 'refused', exitCode: 3, error: { code: 'ND-RELEASE-UNKNOWN' } });
});

test('the option environment wins over the configuration, and colour is an option', async () => {
  expect(await statusExecutor({ environment: 'production', color: true }, contextOf('staging'))).toEqual({ success: true });
  expect(printed).toContain('api production on local: never deployed');
});

test('without any environment it is refused with the known ones', async () => {
  expect(await deployExecutor({}, contextOf())).toEqual({ success: false });
  expect(printed).toMatch(/^error ND-ENVIRONMENT-UNKNOWN: /);
  expect(printed).toContain('production');
});

test.each([{ ...({} as ExecutorContext), projectName: undefined }, { projectName: 'none' }])('without a project it is refused: %j', async (change) => {
  const context = { ...contextOf('staging'), ...change } as ExecutorContext;
  expect(await deployExecutor({}, context)).toEqual({ success: false });
  expect(printed).toMatch(/^error ND-PROJECT-UNKNOWN: this executor was started without a project/);
});

test('a deploy that asks is no success, so that nothing goes on that depends on it; answers are', async () => {
  await bench.write('apps/api/deploy.json', deployFile({ strategy: { type: 'blue-green', approve: 'fine?', keepWarm: '0s' }, watch: '0s' }));
  const [outputFile, events] = [join(bench.folder, 'asked.json'), join(bench.folder, 'asked.jsonl')];
  const context = contextOf('staging');
  for (const [version, answer, printedLine] of [['2', rejectExecutor, 'rejected: api staging, '], ['3', approveExecutor, 'deployed: api staging in ']] as const) {
    await bench.build(version);
    printed = '';
    expect(await deployExecutor({ outputFile, events }, context)).toEqual({ success: false });
    expect(await bench.json(outputFile)).toMatchObject({ outcome: 'paused', exitCode: 4, paused: { gate: 'fine?' } });
    expect(printed).toContain('approve   nx run api:approve --configuration=staging');
    expect(await answer({ outputFile, events, note: 'said here' }, context)).toEqual({ success: true });
    expect(await bench.json(outputFile)).toMatchObject({ outcome: 'done', exitCode: 0 });
    expect(readFileSync(events, 'utf8').trimEnd().split('\n').at(-1)).toContain('"type":"result"');
    expect(printed).toContain(printedLine);
    expect(await answer({ outputFile }, context)).toEqual({ success: false });
    expect(await bench.json(outputFile)).toMatchObject({ outcome: 'refused', exitCode: 3, error: { code: 'ND-NOT-PAUSED' } });
  }
});

test('the executors that close the service to its public and open it again', async () => {
  const outputFile = join(bench.folder, 'closure.json');
  const context = contextOf('staging');
  await bench.write('page.html', '<p>closed</p>');
  expect(await maintenanceExecutor({ outputFile, page: 'page.html', retryAfter: '1m' }, context)).toEqual({ success: true });
  expect(await bench.json(outputFile)).toMatchObject({ outcome: 'done', exitCode: 0, action: 'maintenance', now: { type: 'maintenance' } });
  expect(await pauseExecutor({ outputFile, wait: '1s' }, context)).toEqual({ success: true });
  expect(await bench.json(outputFile)).toMatchObject({ outcome: 'done', action: 'pause', now: { type: 'paused' } });
  expect(await resumeExecutor({ outputFile }, context)).toEqual({ success: true });
  expect(await bench.json(outputFile)).toMatchObject({ outcome: 'done', action: 'resume', before: { type: 'paused' } });
  expect(await resumeExecutor({}, context)).toEqual({ success: true });
  expect(printed).toMatch(/nothing to end: api staging is open at http/);
});

test('the executors for trouble: status, repair, unlock, prune and destroy, each with its document', async () => {
  const outputFile = join(bench.folder, 'trouble.json');
  const context = contextOf('staging');
  expect(await repairExecutor({ outputFile }, context)).toEqual({ success: true });
  expect(await bench.json(outputFile)).toMatchObject({ outcome: 'unchanged', exitCode: 0, action: 'repair' });
  expect(await statusExecutor({ outputFile, follow: true }, context)).toEqual({ success: true });
  expect(await unlockExecutor({ outputFile, wait: '0s' }, context)).toEqual({ success: false });
  expect(await bench.json(outputFile)).toMatchObject({ outcome: 'refused', exitCode: 3, error: { code: 'ND-NOT-LOCKED' } });
  expect(await pruneExecutor({ outputFile, keep: 1 }, context)).toEqual({ success: true });
  expect(await bench.json(outputFile)).toMatchObject({ action: 'prune', exitCode: 0 });
  expect(await destroyExecutor({ outputFile, confirm: 'other' }, context)).toEqual({ success: false });
  expect(await bench.json(outputFile)).toMatchObject({ outcome: 'refused', error: { code: 'ND-NOT-CONFIRMED' } });
  printed = '';
  expect(await destroyExecutor({ outputFile, confirm: 'api', color: false }, context)).toEqual({ success: true });
  expect(await bench.json(outputFile)).toMatchObject({ outcome: 'done', exitCode: 0, action: 'destroy' });
  expect(printed).toMatch(/^[\n\x20-\x7e]*$/);
  expect(printed).toContain('destroyed: api staging');
});

test('a service of the same name in the same place is another project\'s', async () => {
  const outputFile = join(bench.folder, 'twin.json');
  const other = join(bench.root, 'apps/web');
  mkdirSync(other, { recursive: true });
  const context = { ...contextOf('staging'), projectsConfigurations: { version: 2, projects: { api: { root: 'apps/api' }, none: { root: 'apps/none' }, web: { root: 'apps/web' } } } };
  const deploy = (): Promise<{ success: boolean }> => deployExecutor({ dryRun: true, outputFile }, context);
  writeFileSync(join(other, 'deploy.json'), JSON.stringify({ ...deployFile(), service: 'api' }));
  expect(await deploy()).toEqual({ success: false });
  expect(await bench.json(outputFile)).toMatchObject({ outcome: 'refused', error: { code: 'ND-CONFIG-INVALID', problems: [expect.stringMatching(/^service.* must differ from that of web, which has the environment staging too: got "api"/)] } });
  for (const harmless of [{ environments: { qa: {} } }, { environments: { staging: { platform: 'docker', listen: 80 } } }, { service: 'web' }]) {
    writeFileSync(join(other, 'deploy.json'), JSON.stringify({ ...deployFile(), service: 'api', artifact: { type: 'image' }, ...harmless }));
    expect(await deploy()).toEqual({ success: true });
  }
  rmSync(other, { recursive: true });
});

describe('a deploy that another one waits for', () => {
  const order = (configuration?: string): Pick<ExecutorContext, 'taskGraph' | 'targetName'> => {
    const id = ['api', 'deploy', ...(configuration === undefined ? [] : [configuration])].join(':');
    const target = { project: 'api', target: 'deploy', ...(configuration === undefined ? {} : { configuration }) };
    const task = (of: string, wanted: typeof target): object => ({ id: of, target: wanted, overrides: {}, outputs: [], parallelism: true });
    return {
      targetName: 'deploy',
      taskGraph: { roots: [id], tasks: { [id]: task(id, target), 'web:deploy:qa': task('web:deploy:qa', { project: 'web', target: 'deploy', configuration: 'qa' }) }, dependencies: { [id]: [], 'web:deploy:qa': [id] }, continuousDependencies: {} } as unknown as NonNullable<ExecutorContext['taskGraph']>,
    };
  };

  test('is skipped with a line where its project lacks the environment', async () => {
    expect(await deployExecutor({}, { ...contextOf(), ...order() })).toEqual({ success: true });
    expect(printed).toBe('skipped: api has no environment qa, which web is deployed to\n');
  });

  test('is no deploy to pass over where deploy.json cannot be used, or has the environment after all', async () => {
    const file = join(bench.root, 'apps/api/deploy.json');
    const own = readFileSync(file, 'utf8');
    writeFileSync(file, '{ nope');
    expect(await deployExecutor({}, { ...contextOf(), ...order() })).toEqual({ success: false });
    expect(printed).toContain('ND-CONFIG-INVALID');
    writeFileSync(file, JSON.stringify(deployFile({ environments: { qa: {} } })));
    expect(await deployExecutor({}, { ...contextOf(), ...order() })).toEqual({ success: false });
    expect(printed).toContain('ND-ENVIRONMENT-UNKNOWN');
    expect(printed).not.toContain('skipped');
    writeFileSync(file, own);
  });

  test('has to be a project that is deployed', async () => {
    const file = join(bench.root, 'apps/api/deploy.json');
    const own = readFileSync(file, 'utf8');
    const outputFile = join(bench.folder, 'order.json');
    const projects = { 'api': { root: 'apps/api' }, '@shop/web': { root: 'apps/web', targets: { deploy: {} } }, 'shared': { root: 'libs/shared' } };
    const context = { ...contextOf('staging'), projectsConfigurations: { version: 2, projects } };
    writeFileSync(file, JSON.stringify({ ...JSON.parse(own) as object, after: ['web', 'apps/web', 'wbe', 'shared'] }));
    expect(await deployExecutor({ dryRun: true, outputFile }, context)).toEqual({ success: false });
    expect(await bench.json(outputFile)).toMatchObject({ outcome: 'refused', error: { code: 'ND-CONFIG-INVALID', problems: [
      expect.stringMatching(/^after\[2\] .*: must be a project of the workspace, got "wbe"/), expect.stringMatching(/^after\[3\] .*: must be a project that is deployed, and shared has no target deploy$/),
    ] } });
    writeFileSync(file, own);
  });

  test('is no other deploy where it was named, or has the environment', async () => {
    expect(await deployExecutor({ environment: 'qa' }, { ...contextOf(), ...order() })).toEqual({ success: false });
    expect(printed).toContain('ND-ENVIRONMENT-UNKNOWN');
    expect(await deployExecutor({ dryRun: true }, { ...contextOf('staging'), ...order('staging') })).toEqual({ success: true });
    expect(printed).not.toContain('skipped');
  });
});
