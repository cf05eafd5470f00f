import { execFileSync } from 'node:child_process';
import { packageFile } from './package/packages.spec-support.js';
import { stage } from './stage.js';
import { Recorder, Workbench } from './workbench.spec-support.js';

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
  await bench.project(packageFile());
});
afterEach(() => bench.close());

interface Staged {
  readonly exitCode: number;
  readonly document: { readonly outcome: string; readonly error?: { readonly code: string; readonly problems?: readonly string[] } };
  readonly output: Recorder;
}

async function staged(environment?: string): Promise<Staged> {
  const output = new Recorder();
  const context = { ...bench.context({}, output), environment };
  return { ...await stage(context, {}, () => Promise.resolve(['apps/api'])), output } as Staged;
}

const lock = (dependencies: object): object => ({ name: 'acme', lockfileVersion: 3, packages: { '': { name: 'acme', dependencies } } });

test('what is in order is said, with each check', async () => {
  const { exitCode, output } = await staged();
  expect(exitCode).toBe(0);
  expect(output.text).toMatch(/^staged: api, deploy\.json, lock file, tools, environments are in order/);
  expect(output.phases.filter((phase) => phase.endsWith('done'))).toEqual(['deploy.json done', 'lock file done', 'tools done', 'environments done']);
});

test('everything that is wrong is told at once', async () => {
  await bench.write('package.json', { name: 'acme', version: '1.0.0', dependencies: { pino: '^10.0.0' }, engines: { node: '>=99' } });
  await bench.write('package-lock.json', lock({ pino: '^9.0.0' }));
  await bench.write('apps/api/environments/env.schema.json', { type: 'object', required: ['TOKEN'], properties: { TOKEN: { type: 'string' } } });
  await bench.write('apps/api/deploy.json', packageFile({ bundle: true, dependencies: 'traced' }, { port: 3000, environments: { staging: { instances: 2 }, production: {} } }));
  const { exitCode, document, output } = await staged();
  expect([exitCode, document.error?.code]).toEqual([3, 'ND-STAGE-INVALID']);
  const told = document.error?.problems?.join('\n') ?? '';
  for (const problem of [/deploy\.json: environments\.staging.*must be 1 with the fixed port/, /deploy\.json: artifact\.bundle.*must not stand beside "dependencies"/, /lock file: "package\.json": dependencies\.pino is "\^10\.0\.0"/, /tools: Node is .* asks for >=99/, /environments: staging: .*TOKEN/, /environments: production: .*TOKEN/]) expect(told).toMatch(problem);
  expect(output.errors).toHaveLength(1);
});

test('with an environment only that one is looked at', async () => {
  await bench.write('apps/api/environments/env.schema.json', { type: 'object', required: ['TOKEN'], properties: { TOKEN: { type: 'string' } } });
  await bench.write('apps/api/environments/staging.env', 'TOKEN=a-token-that-is-not-told\n');
  expect((await staged('staging')).exitCode).toBe(0);
  expect((await staged('production')).document.error?.problems).toEqual([expect.stringMatching(/^environments: production: /)]);
  expect((await staged('typo')).document.error?.problems?.[0]).toMatch(/^deploy\.json: environments of api/);
});

test('a deploy.json that cannot be read, and a package manager that cannot be run', async () => {
  await bench.write('apps/api/deploy.json', '{');
  await bench.write('pnpm-lock.yaml', 'lockfileVersion: \'9.0\'\nimporters:\n  .: {}\n');
  bench.variables['PATH'] = bench.folder;
  const { document } = await staged();
  expect(document.error?.problems).toEqual([expect.stringMatching(/^deploy\.json: .*is not JSON/), expect.stringMatching(/^tools: pnpm cannot be run/)]);
  expect(() => execFileSync('pnpm', { env: { PATH: bench.folder } })).toThrow();
});
