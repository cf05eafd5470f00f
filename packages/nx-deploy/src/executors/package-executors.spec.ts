import type { ExecutorContext } from '@nx/devkit';
import { join } from 'node:path';
import { packageFile } from '../commands/package/packages.spec-support.js';
import { Workbench } from '../commands/workbench.spec-support.js';
import packageExecutor from './package/executor.js';
import phasesExecutor from './phases/executor.js';
import stageExecutor from './stage/executor.js';

let bench: Workbench;
let printed: string;
const home = process.env['NX_DEPLOY_HOME'];
beforeAll(async () => {
  bench = await Workbench.open();
  process.env['NX_DEPLOY_HOME'] = bench.home.folder;
  await bench.project(packageFile());
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

function contextOf(targets: object = {}): ExecutorContext {
  return {
    root: bench.root, cwd: bench.root, isVerbose: false, projectName: 'api',
    projectsConfigurations: { version: 2, projects: { api: { root: 'apps/api', targets: { ...targets } } } }, nxJsonConfiguration: {}, projectGraph: { nodes: {}, dependencies: {} },
  };
}

test('a package is made, and a project that is in order is staged', async () => {
  const outputFile = join(bench.folder, 'result.json');
  expect(await packageExecutor({ outputFile }, contextOf())).toEqual({ success: true });
  expect(await bench.json(outputFile)).toMatchObject({ outcome: 'done', package: { service: 'api', version: '1.0.0' } });
  expect(await stageExecutor({ outputFile }, contextOf())).toEqual({ success: true });
  expect(printed).toContain('staged: api');
});

test('phases are refused without a target, without an environment, and with a phase that there is not', async () => {
  const outputFile = join(bench.folder, 'result.json');
  const refused = async (options: object, targets: object): Promise<unknown> => {
    expect(await phasesExecutor({ ...options, outputFile }, contextOf(targets))).toEqual({ success: false });
    return bench.json(outputFile);
  };
  expect(await refused({ environment: 'staging' }, { stage: {} })).toMatchObject({ outcome: 'refused', error: { code: 'ND-PROJECT-UNKNOWN', what: 'api has no target package, deploy' } });
  expect(await refused({}, { stage: {}, package: {}, deploy: {} })).toMatchObject({ error: { code: 'ND-ENVIRONMENT-UNKNOWN' } });
  expect(await refused({ until: 'test' }, {})).toMatchObject({ error: { code: 'ND-OPTION-INVALID', next: 'known: stage, compile, package, deploy' } });
});
