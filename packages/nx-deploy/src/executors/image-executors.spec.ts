import type { ExecutorContext } from '@nx/devkit';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Ajv } from 'ajv';
import { openBlobs } from '../image/blobs/index.js';
import { storeLayer } from '../image/layer/index.js';
import { writeLayout } from '../image/layout/index.js';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import buildImageExecutor from './build-image/executor.js';
import inspectImageExecutor from './inspect-image/executor.js';
import loadImageExecutor from './load-image/executor.js';
import pushImageExecutor from './push-image/executor.js';

const everything = temporaryFolder('image-executors');
const home = process.env['NX_DEPLOY_HOME'];
let root: string;
let printed: string;

beforeAll(async () => {
  root = mkdtempSync(join(everything, 'shop-'));
  process.env['NX_DEPLOY_HOME'] = join(root, 'home');
  write('nx.json', '{}');
  write('.gitignore', 'dist\n');
  write('apps/api/dist/main.js', 'one');
  write('apps/api/deploy.json', JSON.stringify({ artifact: { type: 'image', base: 'oci:{workspaceRoot}/node' }, environments: { staging: {} } }));
  const store = openBlobs(join(root, 'base-store'));
  const { digest, size, diffId } = await storeLayer(store, [{ path: 'usr/local/bin/node', type: 'file', mode: 0o755, source: Buffer.from('#!/bin/sh\n') }]);
  const config = { os: 'linux', architecture: 'amd64', created: '1970-01-01T00:00:01Z', config: { Env: ['PATH=/usr/local/bin'] }, rootfs: { type: 'layers', diff_ids: [diffId] } } as const;
  await writeLayout(join(root, 'node'), [{ config, layers: [{ digest, size }] }], { store });
});
afterAll(() => {
  if (home === undefined) delete process.env['NX_DEPLOY_HOME'];
  else process.env['NX_DEPLOY_HOME'] = home;
});
beforeEach(() => {
  printed = '';
  for (const stream of [process.stdout, process.stderr]) jest.spyOn(stream, 'write').mockImplementation((text) => { printed += String(text); return true; });
});
afterEach(() => jest.restoreAllMocks());

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function contextOf(targets: Record<string, object> = {}, dependsOn: NonNullable<NonNullable<ExecutorContext['target']>['dependsOn']> = ['build']): ExecutorContext {
  return {
    root, cwd: root, isVerbose: false, projectName: 'api', target: { executor: 'nx-deploy:build-image', dependsOn },
    projectsConfigurations: { version: 2, projects: { api: { root: 'apps/api', targets } } }, nxJsonConfiguration: {}, projectGraph: { nodes: {}, dependencies: {} },
  };
}

interface Result {
  readonly outcome: string;
  readonly warnings?: readonly string[];
}

const result = (): Result => JSON.parse(readFileSync(join(root, 'result.json'), 'utf8')) as Result;

test('an image is built, shown, written as a file and, without a repository, not pushed', async () => {
  const outputFile = join(root, 'result.json');
  expect(await buildImageExecutor({ outputFile }, contextOf())).toEqual({ success: true });
  expect(result()).toMatchObject({ outcome: 'done', warnings: [] });
  expect(existsSync(join(root, 'dist/images/apps/api/image/index.json'))).toBe(true);
  expect(await inspectImageExecutor({ outputFile }, contextOf())).toEqual({ success: true });
  expect(printed).toContain('image of api');
  expect(await loadImageExecutor({ outputFile, archive: 'api.tar' }, contextOf())).toEqual({ success: true });
  expect(existsSync(join(root, 'api.tar'))).toBe(true);
  expect(await pushImageExecutor({ outputFile }, contextOf())).toEqual({ success: false });
  expect(result()).toMatchObject({ outcome: 'refused', exitCode: 3, error: { code: 'ND-OPTION-INVALID', where: 'deploy.json: artifact.push' } });
});

test('what Nx cannot see change is told, unless a target makes it', async () => {
  execFileSync('git', ['init', '--quiet', root]);
  const outputFile = join(root, 'result.json');
  const warnings = async (context: ExecutorContext): Promise<readonly string[] | undefined> => {
    expect(await buildImageExecutor({ outputFile }, context)).toEqual({ success: true });
    return result().warnings;
  };
  expect(await warnings(contextOf())).toEqual([expect.stringMatching(/^git ignores "apps\/api\/dist" and no target .* restore an old image/)]);
  expect(printed).toContain('no target that build-image of api depends on makes it');
  expect(await warnings(contextOf({}, []))).toHaveLength(1);
  expect(await warnings(contextOf({ build: {} }))).toEqual([]);
  for (const dependsOn of [['^build'], ['build-*'], ['web:build'], [{ target: 'build', projects: ['web'] }]]) expect(await warnings(contextOf({}, dependsOn))).toEqual([]);
  write('.gitignore', 'node_modules\n');
  expect(await warnings(contextOf())).toEqual([]);
});

test.each(['push-image', 'load-image'])('the schema of %s lets a tag through that Nx has made a number of: the command says what is wrong', (name) => {
  const schema = JSON.parse(readFileSync(join(__dirname, name, 'schema.json'), 'utf8')) as { properties: { tag: object } };
  const takes = new Ajv({ strict: false }).compile(schema.properties.tag);
  for (const tag of ['latest', 2, ['latest', 1.1]]) expect(takes(tag)).toBe(true);
  expect(takes({})).toBe(false);
});
