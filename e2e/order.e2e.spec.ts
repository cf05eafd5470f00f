import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Machine } from './support/machine.js';
import { exited, failed } from './support/program.js';
import { askJson, freePort } from './support/request.js';
import type { Workspace } from './support/workspace.js';

/** Every file below a folder with the digest of its content; nothing for one that is not there. */
function filesOf(folder: string): Record<string, string> {
  if (!existsSync(folder)) return {};
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(files.sort().map((file) => [file, createHash('sha256').update(readFileSync(file)).digest('hex')]));
}

/** `after` of deploy.json, by Nx itself. */
describe('an order between services', () => {
  const machine = new Machine('order');
  let workspace: Workspace;
  const urls: Record<string, string> = {};

  beforeAll(async () => {
    workspace = await machine.workspace();
    for (const name of ['backend', 'frontend']) {
      const port = await freePort();
      urls[name] = `http://127.0.0.1:${port}`;
      const environment = { instances: 1, strategy: 'rolling', watch: '0s' };
      workspace.service(`apps/${name}`, { port, deploy: { ...after(name), environments: { staging: { ...environment, listen: port }, ...(name === 'frontend' ? { qa: environment } : {}) } } });
    }
    await workspace.commit('two services');
  });
  afterAll(() => machine.dispose());

  const after = (name: string): object => (name === 'frontend' ? { after: ['backend'] } : {});
  const run = (...args: readonly string[]): ReturnType<Workspace['nx']> => workspace.nx('run', ...args, '--outputStyle=static');
  const deployed = async (name: string, environment: string): Promise<boolean> => (await workspace.status(name, environment)).deployed;

  it('is planned as a whole by a dry run, which changes nothing anywhere', async () => {
    const { output } = exited(await run('frontend:deploy', '--configuration=staging', '--dry-run'), 0);
    expect(output.match(/dry run: nothing was changed/g)).toHaveLength(2);
    expect(output.indexOf('nx run backend:deploy')).toBeLessThan(output.indexOf('nx run frontend:deploy'));
    expect((await workspace.git('status', '--porcelain')).stdout).toBe('');
    expect([await deployed('backend', 'staging'), await deployed('frontend', 'staging')]).toEqual([false, false]);
    for (const url of Object.values(urls)) await expect(askJson(`${url}/version`)).rejects.toThrow(/ECONNREFUSED/);
  });

  it('has an environment that one of them lacks passed over there', async () => {
    const { output } = exited(await run('frontend:deploy', '--configuration=qa'), 0);
    expect(output).toMatch(/^skipped: backend has no environment qa, which frontend is deployed to$/m);
    expect(output).toMatch(/^deployed: frontend qa in /m);
    expect(await deployed('backend', 'staging')).toBe(false);
  });

  it('brings what is waited for into service first', async () => {
    const { output } = exited(await run('frontend:deploy', '--configuration=staging'), 0);
    const at = ['backend', 'frontend'].map((name) => output.search(new RegExp(`^deployed: ${name} staging in `, 'm')));
    expect(at[0]).toBeGreaterThan(0);
    expect(at[1]).toBeGreaterThan(at[0] ?? 0);
    for (const url of Object.values(urls)) expect(await askJson(`${url}/version`)).toMatchObject({ version: '1' });
  });

  it('is planned beside what runs already without a change of it either', async () => {
    workspace.build('apps/frontend', 'steady', '2');
    workspace.build('apps/backend', 'steady', '2');
    const before = filesOf(join(machine.home, 'services'));
    exited(await run('frontend:deploy', '--configuration=staging', '--dry-run'), 0);
    expect(Object.keys(before).length).toBeGreaterThan(0);
    expect(filesOf(join(machine.home, 'services'))).toEqual(before);
    for (const url of Object.values(urls)) expect(await askJson(`${url}/version`)).toMatchObject({ version: '1' });
  });

  it('that goes round is an error that names the way, and nothing is deployed', async () => {
    const file = 'apps/backend/deploy.json';
    const own = workspace.read(file);
    workspace.write(file, { ...workspace.json<object>(file), after: ['frontend'] });
    const { output } = failed(await run('frontend:deploy', '--configuration=staging'));
    workspace.write(file, own);
    expect(output).toMatch(/(?:frontend:deploy\S* --> backend:deploy\S* --> frontend:deploy|backend:deploy\S* --> frontend:deploy\S* --> backend:deploy)/);
    expect(output).not.toMatch(/^deployed:/m);
    for (const url of Object.values(urls)) expect(await askJson(`${url}/version`)).toMatchObject({ version: '1' });
  });

  it('does not suffer from a broken deploy.json of another project, which tells its own problems', async () => {
    workspace.write('apps/broken/project.json', { name: 'broken' });
    workspace.write('apps/broken/deploy.json', '{ "artifact": { "type": "files" }, "environments": { "staging": { "instances": "two", "unheardOf": 1 } } }\n');
    expect((JSON.parse(exited(await workspace.nx('show', 'projects', '--json'), 0).stdout) as string[]).sort()).toEqual(['backend', 'broken', 'frontend']);
    const { targets } = JSON.parse(exited(await workspace.nx('show', 'project', 'frontend', '--json'), 0).stdout) as { targets: Record<string, { configurations: object }> };
    expect(Object.keys(targets['deploy']?.configurations ?? {})).toEqual(['staging', 'qa']);
    exited(await run('frontend:deploy', '--configuration=staging'), 0);
    expect(await askJson(`${urls['frontend'] ?? ''}/version`)).toMatchObject({ version: '2' });
    const { output } = failed(await run('broken:deploy', '--configuration=staging'));
    expect(output).toMatch(/ND-CONFIG-INVALID: the deploy configuration has 2 problems[^]*environments\.staging\.instances[^]*environments\.staging\.unheardOf/);
  });
});
