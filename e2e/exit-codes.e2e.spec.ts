import { Machine } from './support/machine.js';
import { exited } from './support/program.js';
import { askJson, freePort } from './support/request.js';
import type { Result, Workspace } from './support/workspace.js';

/** The bin's promise: 0 done or nothing to do, 1 failed and restored, 3 refused; with --json nothing but one document on stdout. */
describe('exit codes', () => {
  const machine = new Machine('exit-codes');
  let workspace: Workspace;
  let port = 0;
  let first = '';

  beforeAll(async () => {
    workspace = await machine.workspace();
    port = await freePort();
    workspace.service('services/api', { port, deploy: { health: { path: '/health', interval: '100ms', timeout: '3s' } } });
  });
  afterAll(() => machine.dispose());

  const json = async (code: number, ...args: readonly string[]): Promise<Result> => {
    const ending = exited(await workspace.bin(...args, '--json'), code);
    expect(ending.stderr).toBe('');
    const document = JSON.parse(ending.stdout) as Result;
    expect(document.exitCode).toBe(code);
    return document;
  };
  const version = async (): Promise<unknown> => (await askJson(`http://127.0.0.1:${port}/version`))['version'];

  it('is 3 for a rollback before the first deploy', async () => {
    expect((await json(3, 'rollback', 'api', '-c', 'staging')).error?.code).toBe('ND-NOT-DEPLOYED');
  });

  it('is 0 for a dry run, which starts nothing', async () => {
    expect((await json(0, 'deploy', 'api', '-c', 'staging', '--dry-run')).outcome).toBe('planned');
    expect((await workspace.status('api')).deployed).toBe(false);
  });

  it('is 0 for a deploy and for one that finds nothing to do', async () => {
    const deployed = await json(0, 'deploy', 'api', '-c', 'staging');
    expect(deployed).toMatchObject({ outcome: 'done', url: `http://127.0.0.1:${port}` });
    first = deployed.release ?? '';
    expect(await version()).toBe('1');
    expect(await json(0, 'deploy', 'api', '-c', 'staging')).toMatchObject({ outcome: 'unchanged', release: first });
  });

  it.each([
    ['exits at its start', 'exits-at-start', /cannot reach the database at 127\.0\.0\.1:1/],
    ['never gets healthy', 'never-healthy', /a cache that never warms up/],
    ['listens on another port', 'wrong-port', /wrong-port: listening on/],
  ])('is 1 for a service that %s: restored, with its last words, and the old one answers', async (_, fixture, words) => {
    workspace.build('services/api', fixture);
    const failed = await json(1, 'deploy', 'api', '-c', 'staging');
    expect(failed).toMatchObject({ outcome: 'restored', previous: first, error: { code: 'ND-NOT-READY' } });
    expect(failed.error?.problems?.join('\n')).toMatch(words);
    expect(await version()).toBe('1');
    const status = await workspace.status('api');
    expect(status.live).toBe(first);
    expect(status.instances.map(({ state, release }) => [state, release])).toEqual([['ready', first], ['ready', first]]);
  });

  it('prints the last words to people too, and the way out', async () => {
    workspace.build('services/api', 'exits-at-start', '2');
    const { output } = exited(await workspace.bin('deploy', 'api', '-c', 'staging'), 1);
    expect(output).toMatch(/error ND-NOT-READY/);
    expect(output).toMatch(/cannot reach the database/);
    expect(output).toMatch(/deploy failed, restored what ran before/);
    expect(output).toMatch(/next: /);
  });

  it('is told by --outputFile where nx run can only say 1', async () => {
    workspace.build('services/api', 'exits-at-start', '3');
    const { ending, result } = await workspace.nxResult('api:deploy', '--configuration=staging');
    exited(ending, 1);
    expect(result).toMatchObject({ outcome: 'restored', exitCode: 1, previous: first, error: { code: 'ND-NOT-READY' } });
  });

  it('is 3 for what is refused, as JSON too', async () => {
    expect((await json(3, 'deploy', 'api', '-c', 'typo')).error?.code).toBe('ND-ENVIRONMENT-UNKNOWN');
    expect((await json(3, 'deploy', 'ap', '-c', 'staging')).error?.code).toBe('ND-PROJECT-UNKNOWN');
    expect((await json(3, 'deploy', 'api', '-c', 'staging', '--froce')).error?.code).toBe('ND-OPTION-INVALID');
    expect((await json(3, 'deploy', 'api', '-c', 'staging', '--strategy=canray')).outcome).toBe('refused');
  });

  it('is 0 for a service that comes back: the failed ones are in the ledger, whole', async () => {
    workspace.build('services/api', 'steady', '4');
    expect((await json(0, 'deploy', 'api', '-c', 'staging')).outcome).toBe('done');
    expect(await version()).toBe('4');
    const status = await workspace.status('api');
    expect(status.releases.filter(({ outcome }) => outcome === 'restored')).toHaveLength(5);
    expect(status.ledger.ok).toBe(true);
    expect(await json(0, 'status', 'api', '-c', 'staging', '--verify')).toMatchObject({ outcome: 'done' });
  });
});
