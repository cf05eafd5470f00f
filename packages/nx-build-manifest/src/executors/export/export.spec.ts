import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { manifest, run } from '../../sample.spec-support.js';
import { printedBy, testWorkspace } from '../../workspace.spec-support.js';
import exportExecutor, { type ExportOptions } from './executor.js';

const workspace = testWorkspace();
const FOLDER = 'dist/manifests/apps/api';
const start = async (options: ExportOptions): ReturnType<typeof printedBy<{ success: boolean }>> =>
  printedBy(async () => exportExecutor(options, { root: workspace.root, projectName: 'api', projectsConfigurations: { version: 2, projects: { api: { root: 'apps/api' } } } }));

describe('executor export', () => {
  it('prints a summary, with the run where it is known', async () => {
    workspace.write({ [`${FOLDER}/build-manifest.json`]: manifest });
    const without = await start({});
    expect(without).toMatchObject({ result: { success: true }, printed: expect.stringContaining('org-api 1.4.0: NOT READY\n') as string });
    expect(without.printed).not.toContain('from the cache');
    workspace.write({ [`${FOLDER}/build-manifest.run.json`]: run });
    expect((await start({})).printed).toContain('run        3 tasks in 9.8 s, 33.33% from the cache\n');
  });

  it.each([
    ['json', 'build-manifest.full.json', '"manifestVersion": 1'], ['yaml', 'build-manifest.yaml', 'manifestVersion: 1'], ['markdown', 'deployment-report.md', '# org-api 1.4.0'], ['html', 'deployment-report.html', '<h1>org-api 1.4.0</h1>'],
  ] as const)('writes %s beside the manifest, or where it is told', async (format, name, content) => {
    workspace.write({ [`${FOLDER}/build-manifest.json`]: manifest });
    const { result, printed } = await start({ format });
    expect(result.success).toBe(true);
    const text = readFileSync(join(workspace.root, FOLDER, name), 'utf8');
    expect(text).toContain(content);
    expect(printed).toBe(`wrote ${FOLDER}/${name}: ${format}, ${Buffer.byteLength(text)} bytes\n`);
    await start({ format, outputFile: 'out/x' });
    expect(readFileSync(join(workspace.root, 'out/x'), 'utf8')).toBe(text);
  });

  it.each([
    [{ manifest: 'none.json' }, 'none.json: does not exist'], [{ manifest: '../x.json' }, 'manifest must lie in the workspace'], [{ outputFile: '/x' }, 'outputFile must lie in the workspace'],
    [{ outputFile: `${FOLDER}/build-manifest.json` }, 'must not be the manifest'], [{ outputFile: `${FOLDER}/build-manifest.run.json` }, 'must not be the manifest or its run file'],
  ])('fails for %j and writes nothing', async (options, message) => {
    workspace.write({ [`${FOLDER}/build-manifest.json`]: manifest });
    const { result, printed } = await start(options);
    expect(result.success).toBe(false);
    expect(printed).toMatch(/^(?:error: no export: [\x20-\x7e]+\n)+$/);
    expect(printed).toContain(message);
    expect(readFileSync(join(workspace.root, FOLDER, 'build-manifest.json'), 'utf8')).toBe(JSON.stringify(manifest));
    expect(existsSync(join(workspace.root, FOLDER, 'build-manifest.run.json'))).toBe(false);
  });
});
