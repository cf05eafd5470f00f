import { Machine } from './support/machine.js';
import { exited } from './support/program.js';
import { askJson, eventually, freePort } from './support/request.js';
import type { Result, Workspace } from './support/workspace.js';

/** Services that crash ten seconds after their start, when the deploy has long been done. */
describe('a release that does badly once it is deployed', () => {
  const machine = new Machine('watch');
  let workspace: Workspace;
  const ports: Record<string, number> = {};
  const before: Record<string, string> = {};

  beforeAll(async () => {
    workspace = await machine.workspace();
    for (const name of ['stays', 'leaves']) {
      const port = await freePort();
      ports[name] = port;
      workspace.service(`services/${name}`, { port, deploy: { environments: { staging: { instances: 2, strategy: 'blue-green', listen: port } } } });
      workspace.write(`services/${name}/environments/staging.env`, 'CRASH_AFTER_MS=10000\n');
      before[name] = (await workspace.deploy(name)).release ?? '';
      workspace.build(`services/${name}`, 'crashes-later', '2');
    }
  });
  afterAll(() => machine.dispose());

  const version = async (name: string): Promise<unknown> => (await askJson(`http://127.0.0.1:${ports[name] ?? 0}/version`))['version'];

  it('is taken back: the command that stays tells by its exit code, else `status` tells', async () => {
    const stays = workspace.startBin('deploy', 'stays', '-c', 'staging', '--watch=20s', '--json');
    const left = await workspace.deploy('leaves');
    expect(left).toMatchObject({ outcome: 'done', exitCode: 0, previous: before['leaves'] });
    expect(await workspace.status('leaves')).toMatchObject({ live: left.release, watch: { release: left.release } });

    const result = JSON.parse(exited(await stays.ended, 1).stdout) as Result;
    expect(result).toMatchObject({ outcome: 'restored', exitCode: 1, previous: before['stays'], error: { code: 'ND-WATCH-FAILED' } });
    expect(result.error?.problems?.join('\n')).toMatch(/its instances ended by themselves, \d times? in \d/);
    expect(await version('stays')).toBe('1');

    const status = await eventually('the agent has taken it back', () => workspace.status('leaves'), ({ live }) => live === before['leaves']);
    expect(status.releases[0]).toMatchObject({ action: 'rollback', outcome: 'done', id: before['leaves'], by: expect.stringMatching(/^agent@/) });
    expect(status.releases[0]?.reason).toMatch(/did badly \S+ after its deploy .*its instances ended by themselves/);
    expect(status).not.toHaveProperty('watch');
    expect(await version('leaves')).toBe('1');
    expect(exited(await workspace.bin('status', 'leaves', '-c', 'staging'), 0).stdout).toMatch(/rollback +done +\S+ +agent@\S+ +live: release r\w+ did badly/);
  });
});
