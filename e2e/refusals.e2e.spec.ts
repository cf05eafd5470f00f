import { createServer } from 'node:net';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Machine, repository } from './support/machine.js';
import { exited, failed } from './support/program.js';
import { ask, freePort } from './support/request.js';
import { processesOf } from './support/processes.js';
import type { Workspace } from './support/workspace.js';

/** What cannot be done is refused with the reason and the way out, and nothing is changed. */
describe('refusals', () => {
  const machine = new Machine('refusals');
  let workspace: Workspace;
  let port = 0;

  beforeAll(async () => {
    workspace = await machine.workspace();
    port = await freePort();
    workspace.service('services/api', { port });
    workspace.service('services/web', { port: await freePort() });
  });
  afterAll(() => machine.dispose());

  it('a deploy without an environment names those that there are and starts nothing', async () => {
    expect(failed(await workspace.nx('run', 'api:deploy')).output).toMatch(/no environment was named\n(?:.*\n)*?.*staging/);
    const { ending, result } = await workspace.nxResult('api:deploy', '--excludeTaskDependencies');
    expect(failed(ending).output).toMatch(/error ND-ENVIRONMENT-UNKNOWN/);
    expect(ending.output).toMatch(/environments of api: staging/);
    expect(result).toMatchObject({ outcome: 'refused', exitCode: 3, error: { code: 'ND-ENVIRONMENT-UNKNOWN' } });
    expect(processesOf(machine.folder)).toEqual([]);
  });

  it('so does a misspelt one, which Nx itself lets pass', async () => {
    for (const target of ['deploy', 'rollback', 'status', 'logs']) {
      const { output } = failed(await workspace.nx('run', `api:${target}`, '--configuration=stagign'));
      expect(output).toMatch(/no environment was named|ND-ENVIRONMENT-UNKNOWN/);
      expect(output).toMatch(/staging/);
    }
    const bin = exited(await workspace.bin('deploy', 'api', '-c', 'stagign'), 3);
    expect(bin.output).toMatch(/did you mean "staging"\?/);
    await expect(ask(`http://127.0.0.1:${port}/`)).rejects.toThrow(/ECONNREFUSED/);
    expect(processesOf(machine.folder)).toEqual([]);
  });

  it.each([
    [['deploy', 'api', '-c', 'staging', '--dryrun'], 'ND-OPTION-INVALID', /did you mean --dry-run\?/],
    [['deplyo', 'api'], 'ND-OPTION-INVALID', /did you mean deploy\?/],
    [['deploy', 'api', 'web', '-c', 'staging'], 'ND-OPTION-INVALID', /not also web/],
    [['deploy'], 'ND-PROJECT-UNKNOWN', /no project was named/],
    [['deploy', 'apl', '-c', 'staging'], 'ND-PROJECT-UNKNOWN', /did you mean api\?/],
    [['logs', 'api', '-c', 'staging', '--since=soon'], 'ND-OPTION-INVALID', /--since=10m/],
    [['agent', 'stpo'], 'ND-OPTION-INVALID', /status, start, stop, restart/],
  ])('the bin refuses %j', async (args, code, hint) => {
    const { output } = exited(await workspace.bin(...args), 3);
    expect(output).toContain(`error ${code}: `);
    expect(output).toMatch(hint);
  });

  it('a project that Nx does not know is refused by Nx, and by the bin outside a workspace', async () => {
    expect(failed(await workspace.nx('run', 'nobody:deploy', '--configuration=staging')).output).toMatch(/nobody/);
    const outside = await machine.start([...binOf(), 'status', 'api', '-c', 'staging'], machine.folder).ended;
    expect(exited(outside, 3).output).toMatch(/no Nx workspace/);
  });

  it('a broken deploy.json shows all its problems at once and harms no other project', async () => {
    const good = workspace.read('services/api/deploy.json');
    workspace.write('services/api/deploy.json', {
      artifact: { type: 'files' }, drian: '2s', health: { path: 'health' }, environments: { staging: { instances: 'two', listen: port } },
    });
    const { ending, result } = await workspace.nxResult('api:deploy', '--configuration=staging');
    failed(ending);
    expect(ending.output).toMatch(/error ND-CONFIG-INVALID: .*3 problems/);
    expect(ending.output).toMatch(/drian .*did you mean "drain"\?/);
    expect(ending.output).toMatch(/health\.path/);
    expect(ending.output).toMatch(/environments\.staging\.instances/);
    expect(result).toMatchObject({ outcome: 'refused', exitCode: 3 });
    exited(await workspace.nx('run', 'web:deploy', '--configuration=staging'), 0);
    expect((await workspace.status('web')).deployed).toBe(true);
    workspace.write('services/api/deploy.json', '{ "artifact": ');
    expect(failed(await workspace.nx('run', 'api:deploy', '--configuration=staging')).output).toMatch(/error ND-CONFIG-INVALID/);
    workspace.write('services/api/deploy.json', good);
  });

  it('environment files that do not fit their schema show every problem, with file and line, and no value', async () => {
    workspace.write('services/api/environments/env.schema.json', {
      type: 'object',
      properties: { GREETING: { type: 'string' }, LIMIT: { type: 'integer' }, API_TOKEN: { 'type': 'string', 'minLength': 16, 'x-secret': true } },
      required: ['GREETING', 'API_TOKEN'],
    });
    workspace.write('services/api/environments/staging.env', 'LIMIT=many\nAPI_TOKEN=short7Q\n');
    const { output } = exited(await workspace.bin('deploy', 'api', '-c', 'staging'), 3);
    expect(output).toMatch(/error ND-ENVIRONMENT-INVALID/);
    expect(output).toMatch(/services\/api\/environments\/staging\.env:1 LIMIT/);
    expect(output).toMatch(/services\/api\/environments\/staging\.env:2 API_TOKEN/);
    expect(output).toMatch(/GREETING/);
    expect(output).not.toMatch(/short7Q/);
    const nx = failed(await workspace.nx('run', 'api:deploy', '--configuration=staging'));
    expect(nx.output).toMatch(/staging\.env:1 LIMIT/);
    expect(nx.output).not.toMatch(/short7Q/);
    rmSync(workspace.path('services/api/environments'), { recursive: true });
  });

  it('a project that was not built says so', async () => {
    rmSync(workspace.path('services/api/dist'), { recursive: true });
    const { output } = exited(await workspace.bin('deploy', 'api', '-c', 'staging'), 3);
    expect(output).toMatch(/error ND-ARTIFACT-MISSING/);
    expect(output).toMatch(/build/);
    workspace.build('services/api', 'steady');
  });

  it('a port that another program has is refused, and that program goes on', async () => {
    const other = createServer((socket) => socket.end('mine'));
    await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
    try {
      const result = await workspace.deploy('api', 3);
      expect(result).toMatchObject({ outcome: 'refused', error: { code: 'ND-PORT-TAKEN' } });
      expect(result.error?.what).toContain(String(port));
      const status = await workspace.status('api');
      expect(status).toMatchObject({ deployed: false, instances: [], fleet: {} });
    } finally {
      await new Promise((resolve) => other.close(resolve));
    }
  });

  it('a rollback needs a release to go to', async () => {
    expect(await deployed(['rollback', 'api', '-c', 'staging'])).toMatch(/error ND-RELEASE-UNKNOWN: .*\n(?:.*\n)*?.*deploy first/);
    const { release } = await workspace.deploy('api');
    expect(await deployed(['rollback', 'api', '-c', 'staging'])).toMatch(/error ND-RELEASE-UNKNOWN/);
    const unknown = await deployed(['rollback', 'api', '-c', 'staging', '--to=r000000000000']);
    expect(unknown).toMatch(/error ND-RELEASE-UNKNOWN/);
    expect(unknown).toContain(release);
    expect((await workspace.status('api')).live).toBe(release);
  });

  it('a second deploy at once is refused and told who holds the lock; the first goes on', async () => {
    workspace.build('services/api', 'slow-start');
    const first = workspace.startBin('deploy', 'api', '-c', 'staging');
    await first.prints(/waiting for/);
    const second = await workspace.deploy('api', 3);
    expect(second).toMatchObject({ outcome: 'refused', error: { code: 'ND-LOCKED' } });
    exited(await first.ended, 0);
  });

  /** The output of a command that must be refused. */
  async function deployed(args: readonly string[]): Promise<string> {
    return exited(await workspace.bin(...args), 3).output;
  }
});

function binOf(): readonly string[] {
  return [process.execPath, join(repository, 'packages/nx-deploy/dist/bin/nx-deploy.js')];
}
