import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Machine } from './support/machine.js';
import { exited } from './support/program.js';
import { askJson, freePort } from './support/request.js';
import type { Workspace } from './support/workspace.js';

/** Packages through Nx: the phases in their order, a cache that restores what is really there, a deploy of what was packed. */
describe('package', () => {
  const machine = new Machine('package');
  let workspace: Workspace;
  let url = '';
  const folder = (): string => workspace.path('dist/packages/apps/api');
  const archives = (): readonly string[] => (existsSync(folder()) ? readdirSync(folder()).filter((name) => name.endsWith('.tar.gz')) : []);

  beforeAll(async () => {
    workspace = await machine.workspace();
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    workspace.service('apps/api', { port, deploy: { artifact: { type: 'package', path: 'dist', entry: 'main.js', templates: ['config/*.template'], smoke: { env: { GREETING: 'smoke' } } } } });
    workspace.write('apps/api/src/main.js', workspace.read('apps/api/dist/main.js'));
    workspace.write('apps/api/config/app.json.template', '{"greeting": "${GREETING}"}');
    workspace.write('apps/api/README.md', '# api\n');
    workspace.write('tools/build.mjs', 'import { cpSync, writeFileSync } from \'node:fs\';\ncpSync(\'apps/api/src\', \'apps/api/dist\', { recursive: true });\nwriteFileSync(\'apps/api/dist/version.txt\', \'1\');\n');
    workspace.write('apps/api/project.json', {
      name: 'api', projectType: 'application',
      targets: { build: { executor: 'nx:run-commands', cache: true, inputs: ['{projectRoot}/src/**/*'], outputs: ['{projectRoot}/dist'], options: { command: 'node tools/build.mjs', cwd: '.' } } },
    });
    rmSync(workspace.path('apps/api/dist'), { recursive: true });
    await workspace.commit('a service');
  });
  afterAll(() => machine.dispose());

  it('runs the phases one after the other, deploys what was packed, and reports all of them', async () => {
    const { result, ending } = await workspace.nxResult('api:phases', '--configuration=staging', '--outputStyle=static');
    exited(ending, 0);
    expect(result).toMatchObject({ outcome: 'done', phases: ['stage', 'compile', 'package', 'deploy'].map((phase) => ({ phase, state: 'done', ms: expect.any(Number) as number })) });
    expect(workspace.json('dist/phase-runs/apps/api.json')).toMatchObject({ environment: 'staging', phases: [{ phase: 'stage', target: 'stage' }, { phase: 'compile', target: 'build' }, {}, {}] });
    expect(await askJson(`${url}/version`)).toMatchObject({ version: '1' });
    expect(archives()).toEqual([expect.stringMatching(/^api-v0\.0\.0-\d{8}\.\d{6}\.tar\.gz$/)]);
  });

  it('is restored from the cache as it was, and by hand it is what its digests say', async () => {
    rmSync(folder(), { recursive: true });
    const { stdout } = exited(await workspace.nx('run', 'api:package', '--outputStyle=static'), 0);
    expect(stdout).toMatch(/api:package .*(?:local cache|cache)/);
    const [name = ''] = archives();
    expect(execFileSync('sha256sum', ['-c', `${name}.sha256`], { cwd: folder(), encoding: 'utf8' })).toContain('OK');
    const unpacked = mkdtempSync(join(machine.folder, 'unpacked-'));
    execFileSync('tar', ['-xzf', join(folder(), name), '-C', unpacked]);
    expect(execFileSync('sha256sum', ['-c', '--strict', 'checksums.txt'], { cwd: unpacked, encoding: 'utf8' })).toContain('application/main.js: OK');
    expect(readdirSync(unpacked).sort()).toEqual(['application', 'build-manifest.json', 'checksums.txt', 'database', 'deployment-info.json', 'docs', 'scripts', 'tests', 'version-compatibility.json']);
  });

  it('is signed, lists its materials and is verified by the bin as by Nx', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    workspace.write('release.pem', privateKey.export({ format: 'pem', type: 'pkcs8' }).toString());
    workspace.write('release.pub', publicKey.export({ format: 'pem', type: 'spki' }).toString());
    const deploy = workspace.json<{ artifact: object; environments: { staging: object } }>('apps/api/deploy.json');
    workspace.write('apps/api/deploy.json', { ...deploy, artifact: { ...deploy.artifact, sbom: 'cyclonedx' }, environments: { ...deploy.environments, staging: { ...deploy.environments.staging, verify: { keys: ['{workspaceRoot}/release.pub'], provenance: true, requireSbom: true } } } });
    exited(await workspace.bin('package', 'api', '--key', 'release.pem'), 0);
    const [name = ''] = archives();
    const listing = execFileSync('tar', ['-tzf', join(folder(), name)], { encoding: 'utf8' });
    for (const file of ['sbom.cdx.json', 'checksums.txt.sig', 'provenance.sigstore.json']) expect(listing).toContain(file);
    const { stdout } = exited(await workspace.bin('deploy', 'api', '-c', 'staging', '--package', join('dist/packages/apps/api', name)), 0);
    expect(stdout).toContain('signature: signed by release.pub');
    exited(await workspace.nx('run', 'api:package', '--key=release.pem', '--skipNxCache', '--outputStyle=static'), 0);
    expect(archives()).toEqual([name]);
  });

  it('ends at the phase that fails, and says so', async () => {
    workspace.write('apps/api/environments/env.schema.json', { type: 'object', required: ['TOKEN'], properties: { TOKEN: { type: 'string' } } });
    const ending = await workspace.bin('phases', 'api', '-c', 'staging', '--json');
    expect(ending.code).toBe(1);
    expect(JSON.parse(ending.stdout)).toMatchObject({ outcome: 'failed', error: { code: 'ND-PHASE-FAILED', what: 'the phase stage failed' } });
    expect(workspace.json('dist/phase-runs/apps/api.json')).toMatchObject({ phases: [{ state: 'failed' }, { state: 'not run' }, { state: 'not run' }, { state: 'not run' }] });
    expect(await askJson(`${url}/version`)).toMatchObject({ version: '1' });
  });
});
