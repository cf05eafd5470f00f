import { execFileSync } from 'node:child_process';
import { Ajv } from 'ajv';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { postTasksExecution } from './plugin.js';
import { readManifest, readRun } from './read-manifest.js';
import { recordRun, runFileOf, type FinishedRun, type FinishedTask } from './run-file.js';
import { later, manifest, run } from './sample.spec-support.js';
import { testWorkspace } from './workspace.spec-support.js';

const workspace = testWorkspace();
const FILE = 'dist/manifests/apps/api/build-manifest.json';
const task = (id: string, status: FinishedTask['status'], startTime: number | undefined, endTime: number | undefined, outputs: readonly string[] = []): FinishedTask => ({
  status, task: { id, target: { project: id.split(':')[0] ?? '' }, projectRoot: 'apps/api', outputs, ...(startTime === undefined ? {} : { startTime }), ...(endTime === undefined ? {} : { endTime }) },
});
const finished = (...tasks: readonly FinishedTask[]): FinishedRun => ({ workspaceRoot: workspace.root, startTime: 1_000, endTime: 5_000.4, taskResults: Object.fromEntries(tasks.map((one) => [one.task.id, one])) });
const written = async (): Promise<Awaited<ReturnType<typeof readRun>>> => readRun(runFileOf(join(workspace.root, FILE)));
const git = (...args: string[]): string => execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], { cwd: workspace.root, encoding: 'utf8' });

describe('the run file', () => {
  it('holds durations and cache hits, and the commit of this run, also when the manifest was restored', async () => {
    workspace.write({ [FILE]: manifest, 'apps/api/package.json': { version: '2.0.0' } });
    git('init', '-q');
    git('add', '-A');
    git('commit', '-q', '-m', 'one');
    const files = await recordRun(finished(
      task('api:build-manifest', 'local-cache', 4_000, 4_100, [FILE]), task('api:build', 'success', 1_100, 3_100.6), task('lib:build', 'remote-cache', 1_050, 1_060), task('lib:lint', 'failure', 1_000, 1_500), task('web:build', 'skipped', undefined, undefined),
    ));
    expect(files).toEqual([join(workspace.root, 'dist/manifests/apps/api/build-manifest.run.json')]);
    const content = await written();
    expect(content).toMatchObject({
      runVersion: 1, service: 'org-api', git: { commit: git('rev-parse', 'HEAD').trim(), dirty: false }, startTime: '1970-01-01T00:00:01.000Z', durationMs: 4_000, cache: { hits: 2, misses: 2, rate: 50 },
    });
    expect(content?.buildId).toMatch(/^api-2\.0\.0-\d{8}\.\d{6}$/);
    expect(content?.tasks).toEqual([
      { task: 'lib:lint', status: 'failure', cached: false, durationMs: 500 }, { task: 'lib:build', status: 'remote-cache', cached: true, durationMs: 10 }, { task: 'api:build', status: 'success', cached: false, durationMs: 2_001 },
      { task: 'api:build-manifest', status: 'local-cache', cached: true, durationMs: 100 }, { task: 'web:build', status: 'skipped', cached: false },
    ]);
    git('commit', '-q', '--allow-empty', '-m', 'two');
    await recordRun(finished(task('api:build-manifest', 'local-cache-kept-existing', 1, 2, [FILE])));
    expect((await written())?.git?.commit).toBe(git('rev-parse', 'HEAD').trim());
  });

  it('is written beside manifests alone, of tasks that brought one', async () => {
    workspace.write({ [FILE]: manifest, 'dist/image.json': { digest: 'x' }, 'dist/broken.json': '{' });
    expect(await recordRun(finished(task('a:x', 'failure', 1, 2, [FILE]), task('a:y', 'success', 1, 2, ['dist/image.json', 'dist/broken.json', 'dist/none.json', 'dist'])))).toEqual([]);
    expect(await recordRun(finished())).toEqual([]);
    expect(existsSync(runFileOf(join(workspace.root, FILE)))).toBe(false);
  });

  it('that cannot be written is told, and fails no run', async () => {
    workspace.write({ [FILE]: manifest });
    mkdirSync(join(runFileOf(join(workspace.root, FILE)), 'x'), { recursive: true });
    const told = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    const context = { ...finished(task('api:build-manifest', 'success', 1, 2, [FILE])), id: 'x', nxJsonConfiguration: {}, argv: [] };
    await postTasksExecution(undefined, context as unknown as Parameters<typeof postTasksExecution>[1]);
    expect(told).toHaveBeenCalledWith(expect.stringMatching(/^warning: no run file beside the build manifest: .+\n$/));
    told.mockRestore();
  });

  it('has a published schema', () => {
    const schema = JSON.parse(readFileSync(join(__dirname, '../build-manifest-run.schema.json'), 'utf8')) as object;
    const validate = new Ajv({ strict: true }).compile(schema);
    expect(validate(run)).toBe(true);
    expect(validate({ ...run, cache: { hits: 1, misses: 0, rate: 101 } })).toBe(false);
  });
});

describe('a manifest that is read', () => {
  it('is one that the schema accepts', async () => {
    workspace.write({ 'a.json': manifest, 'b.json': later });
    expect(await readManifest(join(workspace.root, 'a.json'))).toEqual(manifest);
    expect(await readManifest(join(workspace.root, 'b.json'))).toEqual(later);
    expect(await readRun(join(workspace.root, 'none.json'))).toBeUndefined();
  });

  it.each([
    ['{', /a\.json: is not valid JSON/], ['[]', /must hold a JSON object/], ['{"manifestVersion":2}', /manifestVersion must be 1, got 2/], ['{}', /manifestVersion must be 1, got nothing/],
    [JSON.stringify({ ...manifest, extra: 1, artifacts: [{ path: 'x', bytes: -1, sha256: 'y' }] }), /the document must NOT have additional properties: "extra".*artifacts\[0\]\.bytes must be >= 0/],
  ])('is refused when it is %s', async (text, message) => {
    workspace.write({ 'a.json': text });
    await expect(readManifest(join(workspace.root, 'a.json'))).rejects.toThrow(message);
    await expect(readManifest(join(workspace.root, 'none.json'))).rejects.toThrow('none.json: does not exist');
  });
});
