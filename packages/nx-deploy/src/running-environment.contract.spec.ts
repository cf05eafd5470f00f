/** What runs on the local platform, as nx-env-sync reads it. */
import diff from '../../nx-env-sync/src/executors/diff/executor.js';
import { describeStore } from '../../nx-env-sync/src/stores/contract.spec-support.js';
import { benchPerTest, deployFile, type Workbench } from './commands/workbench.spec-support.js';
import { openStore } from './running-environment.js';

let bench: Workbench;
benchPerTest((made) => { bench = made; }, deployFile({ environments: { staging: { instances: 1 }, production: { instances: 1 } } }));
const SCHEMA = 'apps/api/environments/env.schema.json';
const place = (): Parameters<typeof openStore>[0] => ({ workspaceRoot: bench.root, projectRoot: 'apps/api', projectName: 'api', environment: 'staging', variables: bench.variables });

async function deployed(values: Readonly<Record<string, string>>): Promise<void> {
  await bench.write(SCHEMA, { properties: Object.fromEntries(Object.entries(values).map(([key, value]) => [key, { default: value, 'x-secret': key === 'B' }])) });
  expect((await bench.deploy()).document).toMatchObject({ exitCode: 0 });
}

describeStore('of what runs on the local platform', { open: async (values) => {
  await deployed(values);
  return openStore(place());
} });

/** What the executor prints of a comparison of the files with what runs. */
async function drift(options: object = {}): Promise<{ success: boolean; text: string }> {
  let text = '';
  const before = process.env;
  process.env = bench.variables;
  const written = jest.spyOn(process.stdout, 'write').mockImplementation((part) => { text += String(part); return true; });
  try {
    const context = { root: bench.root, projectName: 'api', configurationName: 'staging', projectsConfigurations: { version: 2, projects: { api: { root: 'apps/api' } } } };
    return { success: (await diff({ running: true, runningModule: require.resolve('./running-environment.ts'), ...options }, context)).success, text };
  } finally {
    written.mockRestore();
    process.env = before;
  }
}

test('a change of the files is drift until it is deployed, and a rollback brings the configuration of that release back', async () => {
  await deployed({ A: 'planted-1', B: 'planted-2' });
  expect(await drift({ failOnDifference: true })).toEqual({ success: true, text: 'staging -> running:staging: no difference, 2 kept\n' });
  await bench.write('apps/api/environments/staging.env', 'A=planted-3\n');
  const drifted = await drift({ failOnDifference: true });
  expect(drifted.success).toBe(false);
  expect(drifted.text).toMatch(/^ {2}A {4}changed {4}apps\/api\/environments\/staging\.env:1 {2}release r[0-9a-f]{12}\nstaging -> running:staging: 1 changed, 0 missing, 0 added, 1 kept\n$/m);
  expect((await bench.deploy()).document).toMatchObject({ outcome: 'done' });
  expect((await drift({ failOnDifference: true })).success).toBe(true);
  expect(Object.fromEntries((await (await openStore(place())).read()).values)).toEqual({ A: 'planted-3', B: 'planted-2' });
  expect((await bench.rollback()).document).toMatchObject({ outcome: 'done' });
  const { values, secrets } = await (await openStore(place())).read();
  expect(Object.fromEntries(values)).toEqual({ A: 'planted-1', B: 'planted-2' });
  expect([...secrets]).toEqual(['B']);
  expect(drifted.text).not.toContain('planted');
});

test('nothing that runs, and an environment that deploy.json does not have, are told', async () => {
  expect(await drift()).toEqual({ success: false, text: 'error: there is no environment staging\n  why: neither environments/staging.env nor environments/env.schema.json exists\n  next: no environments/*.env file exists yet: write one\n' });
  await bench.write(SCHEMA, {});
  expect((await drift()).text).toBe('error: nothing of api runs in staging\n  next: deploy it: nx run api:deploy --configuration=staging\n');
  await expect((await openStore({ ...place(), environment: 'qa' })).read()).rejects.toMatchObject({ name: 'EnvSyncError', kind: 'refused', parts: { what: expect.stringContaining('(ND-ENVIRONMENT-UNKNOWN)') as string } });
});
