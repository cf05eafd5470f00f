import { existsSync } from 'node:fs';
import { Machine } from './support/machine.js';
import { exited } from './support/program.js';
import { freePort } from './support/request.js';
import type { Workspace } from './support/workspace.js';

interface Manifest { readonly buildId?: string; readonly environment?: string; readonly git?: { readonly commit: string; readonly dirty: boolean }; readonly artifacts?: readonly { readonly path: string }[] }
interface Run extends Manifest { readonly tasks: readonly { readonly task: string; readonly status: string; readonly cached: boolean; readonly durationMs?: number }[]; readonly cache: { readonly hits: number; readonly misses: number; readonly rate: number } }

const FILE = 'dist/manifests/services/api/build-manifest.json';
const RUN = 'dist/manifests/services/api/build-manifest.run.json';
const CACHED = 'dist/manifests/services/api/inputs.json';

/** The manifest as Nx makes it: inferred, with a build out of the cache, over two commits. */
describe('the build manifest', () => {
  const machine = new Machine('manifest');
  let workspace: Workspace;

  beforeAll(async () => {
    workspace = await machine.workspace();
    workspace.service('services/api', { port: await freePort() });
    workspace.write('.gitignore', 'node_modules\n.nx\ndist\n');
    workspace.write('services/api/server.js', 'console.log(1);\n');
    workspace.write('services/api/project.json', {
      name: 'api', projectType: 'application',
      targets: {
        build: { executor: 'nx:run-commands', cache: true, inputs: ['{projectRoot}/server.js'], outputs: ['{projectRoot}/dist'], options: { command: 'node -e "require(\'fs\').cpSync(\'server.js\', \'dist/main.js\')"', cwd: 'services/api' } },
        inputs: { executor: 'nx-build-manifest:generate', cache: true, inputs: ['{projectRoot}/**/*'], outputs: [`{workspaceRoot}/${CACHED}`], options: { outputFile: CACHED, facts: 'inputs' } },
        stale: { executor: 'nx-build-manifest:generate', cache: true },
        report: { executor: 'nx-build-manifest:export', options: { format: 'html' } },
        changes: { executor: 'nx-build-manifest:diff', options: { before: 'old.json' } },
      },
    });
    await workspace.commit('one');
  });
  afterAll(() => machine.dispose());

  const head = async (): Promise<string> => (await workspace.git('rev-parse', 'HEAD')).stdout.trim();

  it('tells the commit and what was built, and the run beside it what it took', async () => {
    exited(await workspace.nx('run', 'api:build-manifest', '--configuration=staging'), 0);
    expect(workspace.json<Manifest>(FILE)).toMatchObject({ environment: 'staging', git: { commit: await head(), dirty: false }, artifacts: [{ path: 'services/api/dist' }] });
    const run = workspace.json<Run>(RUN);
    expect(run).toMatchObject({ git: { commit: await head() }, cache: { hits: 0, misses: 2, rate: 0 } });
    expect(run.tasks.map(({ task, status }) => [task.split(':').slice(0, 2).join(':'), status])).toEqual([['api:build', 'success'], ['api:build-manifest', 'success']]);
    expect(run.tasks.every(({ durationMs }) => durationMs !== undefined && durationMs > 0)).toBe(true);
    exited(await workspace.nx('run', 'api:report'), 0);
    expect(workspace.read('dist/manifests/services/api/deployment-report.html')).toContain('<svg ');
  });

  it('is that of the commit of now when the build comes out of the cache', async () => {
    workspace.write('old.json', workspace.read(FILE));
    workspace.write('note.txt', 'nothing that is built');
    await workspace.commit('two');
    exited(await workspace.nx('run', 'api:build-manifest'), 0);
    expect(workspace.json<Manifest>(FILE).git?.commit).toBe(await head());
    expect(workspace.json<Run>(RUN)).toMatchObject({ git: { commit: await head() }, cache: { hits: 1, misses: 1, rate: 50 } });
    expect(exited(await workspace.nx('run', 'api:changes'), 0).stdout).toMatch(/commits {4}[0-9a-f]{12} -> [0-9a-f]{12}\n {2}[0-9a-f]{12} two\n/);
  });

  it('may be cached without the commit, which the run file then tells', async () => {
    const runFile = CACHED.replace('.json', '.run.json');
    exited(await workspace.nx('run', 'api:inputs'), 0);
    const first = workspace.read(CACHED);
    expect(JSON.parse(first)).not.toHaveProperty('git');
    await workspace.git('commit', '--quiet', '--allow-empty', '--message', 'three');
    exited(await workspace.nx('run', 'api:inputs'), 0);
    expect(workspace.read(CACHED)).toBe(first);
    expect(workspace.json<Run>(runFile)).toMatchObject({ git: { commit: await head() }, cache: { hits: 1, misses: 0, rate: 100 } });
  });

  it('is refused where the cache would serve an old commit', async () => {
    const { stdout } = exited(await workspace.nx('run', 'api:stale'), 1);
    expect(stdout).toContain('error: no build manifest: the target is cached, but the commit is no input that Nx hashes');
    expect(existsSync(workspace.path('dist/manifests/services/api/build-manifest.json'))).toBe(true);
  });
});
