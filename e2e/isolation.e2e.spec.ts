import { existsSync } from 'node:fs';
import { Machine } from './support/machine.js';
import { processesOf, standbys } from './support/processes.js';
import { exited } from './support/program.js';
import { ask, askJson, eventually, freePort } from './support/request.js';
import type { Workspace } from './support/workspace.js';

/** Services, environments, workspaces and their odd names do not get into each other's way. */
describe('isolation', () => {
  const machine = new Machine('isolation');
  afterAll(() => machine.dispose());

  const versionAt = async (port: number, host?: string): Promise<unknown> =>
    (await askJson(`http://127.0.0.1:${port}/version`, host === undefined ? {} : { host }))['version'];

  it('two workspaces of one name are told apart, and the second is refused until it is named', async () => {
    const port = await freePort();
    const [one, two] = [await machine.workspace({ folder: 'one', name: 'same' }), await machine.workspace({ folder: 'two', name: 'same' })];
    one.service('services/api', { port });
    two.service('services/api', { port: await freePort() });
    two.build('services/api', 'steady', '2');
    await one.deploy('api');
    const refused = await two.deploy('api', 3);
    expect(refused).toMatchObject({ outcome: 'refused', error: { code: 'ND-OWNER-CONFLICT' } });
    expect(refused.error?.next).toMatch(/workspaceId/);
    expect(await versionAt(port)).toBe('1');
    expect(exited(await two.bin('status', 'api', '-c', 'staging'), 3).output).toMatch(/ND-OWNER-CONFLICT/);
    two.write('nx.json', { analytics: false, neverConnectToCloud: true, plugins: [{ plugin: 'nx-deploy/plugin', options: { workspaceId: 'two' } }] });
    const { url } = await two.deploy('api');
    expect((await askJson(`${url ?? ''}/version`))['version']).toBe('2');
    expect(await versionAt(port)).toBe('1');
  });

  it('two clones of one repository meet', async () => {
    const port = await freePort();
    const origin = await machine.workspace({ folder: 'origin', name: 'cloned' });
    origin.service('services/api', { port });
    origin.write('.gitignore', 'node_modules\n.nx\n');
    await origin.commit('first');
    const clones: Workspace[] = [];
    for (const name of ['clone-a', 'clone-b']) {
      await origin.git('clone', '--quiet', origin.root, `${machine.folder}/${name}`);
      machine.install(`${machine.folder}/${name}`);
      clones.push(machine.at(`${machine.folder}/${name}`));
    }
    const [a, b] = clones as [Workspace, Workspace];
    const first = await a.deploy('api');
    expect(first.outcome).toBe('done');
    expect(await b.deploy('api')).toMatchObject({ outcome: 'unchanged', release: first.release });
    b.build('services/api', 'steady', '2');
    expect((await b.deploy('api')).previous).toBe(first.release);
    expect((await a.status('api')).live).not.toBe(first.release);
    expect(await versionAt(port)).toBe('2');
  });

  it('a scoped project has a service of its own', async () => {
    const port = await freePort();
    const workspace = await machine.workspace({ folder: 'scoped', name: 'scoped' });
    workspace.service('services/api', { port, project: '@org/api' });
    exited(await workspace.nx('run', '@org/api:deploy', '--configuration=staging'), 0);
    expect((await workspace.status('@org/api')).service).toBe('org-api');
    expect((await ask(`http://127.0.0.1:${port}/`)).service).toBe('org-api');
  });

  it('a folder with spaces, quotes and other letters is a folder', async () => {
    const port = await freePort();
    const workspace = await machine.workspace({ folder: `it's a "shop" caf\u00e9 $(touch x) \u65e5`, name: 'odd' });
    workspace.service('services/my api', { port, project: 'api' });
    exited(await workspace.nx('run', 'api:deploy', '--configuration=staging'), 0);
    expect(await versionAt(port)).toBe('1');
    workspace.build('services/my api', 'steady', '2');
    expect((await workspace.deploy('api')).outcome).toBe('done');
    expect(await versionAt(port)).toBe('2');
    exited(await workspace.bin('rollback', 'api', '-c', 'staging'), 0);
    expect(await versionAt(port)).toBe('1');
  });

  it('a name full of shell characters is a name', async () => {
    const port = await freePort();
    const name = `api;touch $HOME/owned&&\`touch owned\`|'"*`;
    const workspace = await machine.workspace({ folder: 'meta', name: 'meta' });
    workspace.service('services/api', { port, project: name });
    expect((await workspace.deploy(name)).outcome).toBe('done');
    const status = await workspace.status(name);
    expect(status.service).toMatch(/^[a-z0-9][a-z0-9._-]*$/);
    expect(await versionAt(port)).toBe('1');
    expect([workspace.path('owned'), `${machine.env['HOME'] ?? ''}/owned`].filter(existsSync)).toEqual([]);
  });

  it('two services in two environments are deployed at once', async () => {
    const ports = { api: [await freePort(), await freePort()], web: [await freePort(), await freePort()] } as const;
    const workspace = await machine.workspace({ folder: 'many', name: 'many' });
    for (const [name, [staging, production]] of Object.entries(ports)) {
      workspace.service(`services/${name}`, {
        port: staging, deploy: { environments: { staging: { listen: staging }, production: { listen: production } } },
      });
      workspace.build(`services/${name}`, 'steady', name);
    }
    const both = await Promise.all(['staging', 'production'].map((environment) =>
      workspace.nx('run-many', '-t', 'deploy', `--configuration=${environment}`, '--parallel=2')));
    for (const ending of both) exited(ending, 0);
    for (const [name, [staging, production]] of Object.entries(ports)) {
      expect(await askJson(`http://127.0.0.1:${staging}/version`)).toMatchObject({ version: name, service: name, environment: 'staging' });
      expect(await askJson(`http://127.0.0.1:${production}/version`)).toMatchObject({ version: name, service: name, environment: 'production' });
    }
  });

  it('two services share a port by their hosts, and a third host is refused its place', async () => {
    const port = await freePort();
    const workspace = await machine.workspace({ folder: 'hosts', name: 'hosts' });
    for (const name of ['api', 'web']) {
      workspace.service(`services/${name}`, { port, deploy: { environments: { staging: { listen: { port, host: `${name}.example.com` } } } } });
      workspace.build(`services/${name}`, 'steady', name);
      await workspace.deploy(name);
    }
    expect(await versionAt(port, 'api.example.com')).toBe('api');
    expect(await versionAt(port, 'web.example.com')).toBe('web');
    expect((await ask(`http://127.0.0.1:${port}/version`, { host: 'other.example.com' })).status).toBeGreaterThanOrEqual(400);
    workspace.service('services/copy', { port, deploy: { environments: { staging: { listen: { port, host: 'api.example.com' } } } } });
    const ending = await workspace.bin('deploy', 'copy', '-c', 'staging');
    expect(ending.code).not.toBe(0);
    expect(ending.output).toMatch(/ND-LISTEN-CONFLICT/);
    expect(await versionAt(port, 'api.example.com')).toBe('api');
  });
});

describe('the first commands of a user', () => {
  const machine = new Machine('first');
  afterAll(() => machine.dispose());

  it('may be several at once: they share one agent', async () => {
    const workspace = await machine.workspace();
    const names = ['api', 'web', 'mail'];
    const ports = await Promise.all(names.map(() => freePort()));
    names.forEach((name, index) => workspace.service(`services/${name}`, { port: ports[index] ?? 0, deploy: { environments: { staging: { listen: ports[index] } } } }));
    const results = await Promise.all(names.map((name) => workspace.deploy(name)));
    expect(results.map(({ outcome }) => outcome)).toEqual(['done', 'done', 'done']);
    // With each new listener it is replaced, and the one before takes a moment to end.
    const standby = await eventually('one standby', () => standbys(machine.folder), ({ length }) => length <= 1);
    expect(processesOf(machine.folder).filter(({ pid, command }) => /^nx-deploy-agent|agent\.js/.test(command) && !standby.includes(pid))).toHaveLength(1);
    const { services } = JSON.parse(exited(await machine.agent('status', '--json'), 0).stdout) as { services: readonly { key: { service: string }; instances: number }[] };
    expect(services.map(({ key, instances }) => [key.service, instances]).sort()).toEqual([['api', 1], ['mail', 1], ['web', 1]]);
    const answers = await Promise.all(ports.map((port) => ask(`http://127.0.0.1:${port}/version`)));
    expect(answers.map(({ service }) => service)).toEqual(names);
  });
});
