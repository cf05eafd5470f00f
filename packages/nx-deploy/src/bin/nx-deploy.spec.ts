import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deployFile, Workbench } from '../commands/workbench.spec-support.js';
import { main, start } from './nx-deploy.js';

let bench: Workbench;
let stdout: string;
let stderr: string;
const cwd = process.cwd();
const variables = { ...process.env };
beforeAll(async () => {
  process.env['NX_DAEMON'] = 'false';
  process.env['NX_ISOLATE_PLUGINS'] = 'false';
  bench = await Workbench.open();
  process.env['NX_WORKSPACE_ROOT_PATH'] = bench.root;
  await bench.write('nx.json', {});
  await bench.write('package.json', { name: 'acme', version: '1.0.0', private: true, workspaces: ['apps/*'] });
  await bench.project();
  await bench.start();
});
afterAll(async () => {
  process.chdir(cwd);
  process.env = variables;
  await bench.close();
});
beforeEach(() => {
  stdout = '';
  stderr = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => { stdout += String(text); return true; });
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => { stderr += String(text); return true; });
});
afterEach(() => jest.restoreAllMocks());

function run(...argv: readonly string[]): Promise<number> {
  return main(argv, join(bench.root, 'apps/api'), bench.variables);
}

function document(): unknown {
  expect(stdout.trimEnd()).not.toContain('\n');
  return JSON.parse(stdout);
}

test.each(['--version', '-v', 'version'])('%s prints the version alone', async (word) => {
  const { version } = JSON.parse(await readFile(join(__dirname, '../../package.json'), 'utf8')) as { version: string };
  expect([await run(word), stdout, stderr]).toEqual([0, `${version}\n`, '']);
});

test.each([[[], 3], [['--help'], 0], [['-h'], 0], [['help'], 0], [['deploy', '--help'], 0]])('%j prints the usage and ends with %i', async (argv, code) => {
  expect(await run(...argv)).toBe(code);
  expect(stdout).toMatch(/^Usage: nx-deploy <command>/);
});

test('the program ends with the exit code of what it was started with', async () => {
  const { argv, exitCode } = process;
  process.argv = [process.execPath, 'nx-deploy.js', 'dpeloy'];
  await start();
  expect(process.exitCode).toBe(3);
  process.argv = [process.execPath, 'nx-deploy.js', '--help'];
  await start();
  expect(process.exitCode).toBe(0);
  expect(stdout).toMatch(/did you mean deploy\?[^]*\nUsage: nx-deploy/);
  Object.assign(process, { argv, exitCode });
});

test.each([
  [['dpeloy'], 'ND-OPTION-INVALID'],
  [['deploy', 'api', '--dry-rnu'], 'ND-OPTION-INVALID'],
  [['deploy', 'api', 'web'], 'ND-OPTION-INVALID'],
  [['agent', 'stpo'], 'ND-OPTION-INVALID'],
  [['agent'], 'ND-OPTION-INVALID'],
  [['deploy'], 'ND-PROJECT-UNKNOWN'],
])('%j is refused, as text and as JSON', async (argv, code) => {
  expect(await run(...argv)).toBe(3);
  expect(stdout).toMatch(new RegExp(`^error ${code}: `));
  stdout = '';
  expect(await run(...argv, '--json')).toBe(3);
  expect(document()).toMatchObject({ outcome: 'refused', exitCode: 3, error: { code } });
});

test('outside a workspace', async () => {
  expect(await main(['status', 'api', '-c', 'staging', '--json'], bench.folder, bench.variables)).toBe(3);
  expect(document()).toMatchObject({ error: { code: 'ND-PROJECT-UNKNOWN', what: 'this is no Nx workspace' } });
});

test('an unknown project is refused with a suggestion, and the document is written all the same', async () => {
  expect(await run('status', 'apy', '-c', 'staging', '--outputFile', 'result.json')).toBe(3);
  expect(stdout).toContain('did you mean api?');
  expect(await bench.json(join(bench.root, 'apps/api/result.json'))).toMatchObject({ outcome: 'refused', error: { code: 'ND-PROJECT-UNKNOWN' } });
});

test('deploy, status, logs and rollback with --json print one document and nothing else', async () => {
  expect(await run('deploy', 'api', '-c', 'staging', '--dry-run', '--json')).toBe(0);
  expect(document()).toMatchObject({ outcome: 'planned' });
  stdout = '';
  expect(await run('deploy', 'api', '-c', 'staging', '--strategy', 'recreate', '--json', '--outputFile=result.json')).toBe(0);
  expect(document()).toMatchObject({ outcome: 'done', exitCode: 0 });
  expect(await bench.json(join(bench.root, 'apps/api/result.json'))).toEqual(document());
  stdout = '';
  expect(await run('status', 'api', '-c', 'staging', '--verify', '--json')).toBe(0);
  expect(document()).toMatchObject({ outcome: 'done', deployed: true });
  stdout = '';
  expect(await run('rollback', 'api', '-c', 'staging', '--to', 'r1', '--json')).toBe(3);
  expect(document()).toMatchObject({ outcome: 'refused', error: { code: 'ND-RELEASE-UNKNOWN' } });
  stdout = '';
  expect(await run('agent', 'status', '--json')).toBe(0);
  expect(document()).toMatchObject({ outcome: 'done', running: true, services: [{ key: { service: 'api' } }] });
  expect(stderr).toBe('');
});

test('repair, unlock, prune and destroy with --json print one document, ask nothing, and have the exact exit code', async () => {
  for (const [argv, code, expected] of [
    [['repair'], 0, { outcome: 'unchanged', action: 'repair' }],
    [['unlock', '--wait', '1s'], 3, { outcome: 'refused', error: { code: 'ND-NOT-LOCKED' } }],
    [['unlock', '--wait', 'x'], 3, { error: { code: 'ND-OPTION-INVALID' } }],
    [['prune', '--keep', '3', '--dry-run'], 0, { outcome: 'planned' }],
    [['prune', '--keep', 'all'], 3, { error: { code: 'ND-OPTION-INVALID' } }],
    [['destroy'], 3, { outcome: 'refused', error: { code: 'ND-NOT-CONFIRMED' } }],
    [['destroy', '--dry-run'], 0, { outcome: 'planned' }],
    [['deploy', '--resume'], 3, { error: { code: 'ND-NOT-INTERRUPTED' } }],
    [['status', '--follow'], 0, { deployed: true }],
    [['maintenance', '--retryAfter', 'soon'], 3, { error: { code: 'ND-OPTION-INVALID' } }],
    [['maintenance', '--page', 'none.html'], 3, { error: { code: 'ND-OPTION-INVALID' } }],
    [['maintenance', '--message', 'back soon', '--retryAfter', '10m'], 0, { outcome: 'done', action: 'maintenance' }],
    [['pause', '--wait', '5s'], 0, { outcome: 'done', action: 'pause' }],
    [['resume'], 0, { outcome: 'done', action: 'resume' }],
    [['resume'], 0, { outcome: 'unchanged' }],
  ] as const) {
    stdout = '';
    const [command = '', ...options] = argv;
    expect([argv, await run(command, 'api', '-c', 'staging', ...options, '--json')]).toEqual([argv, code]);
    expect(document()).toMatchObject(expected);
  }
});

test('logs --json streams one object a line; what fails is an object too', async () => {
  expect(await run('logs', 'api', '-c', 'staging', '--json', '--instance', 'web.1', '--since=1h')).toBe(0);
  const lines = stdout.trimEnd().split('\n').map((line): unknown => JSON.parse(line));
  expect(lines.at(-1)).toMatchObject({ instance: 'web.1', stream: 'out', text: expect.stringContaining('listening') });
  stdout = '';
  expect(await run('logs', 'api', '-c', 'staging', '--json', '--release', '../x')).toBe(3);
  expect(document()).toMatchObject({ outcome: 'refused', error: { code: 'ND-OPTION-INVALID' } });
});

test('text has colours only when they are asked for', async () => {
  expect(await run('status', 'api', '-c', 'nowhere', '--color')).toBe(3);
  expect(stdout).toContain('\u001b[');
  stdout = '';
  expect(await run('status', 'api', '-c', 'nowhere', '--no-color')).toBe(3);
  expect(stdout).toMatch(/^[\n\x20-\x7e]*$/);
  stdout = '';
  expect(await run('status', 'api', '-c', 'staging')).toBe(0);
  expect(stdout).toMatch(/^[\n\x20-\x7e]*$/);
});

test('a document that cannot be written is told on stderr, so that stdout stays pure', async () => {
  await mkdir(join(bench.root, 'apps/api/folder'));
  expect(await run('agent', 'status', '--json', '--outputFile', 'folder')).toBe(0);
  expect(document()).toMatchObject({ outcome: 'done' });
  expect(stderr).toMatch(/^error ND-OPTION-INVALID: the result could not be written to .*folder\n/);
});

test('a deploy that asks ends with 4, a rejected one with 0, an answer to nothing with 3; --events is a file of the current folder', async () => {
  await bench.write('apps/api/deploy.json', deployFile({ strategy: { type: 'blue-green', approve: 'fine?', keepWarm: '0s' }, watch: '0s' }));
  await bench.build('asks');
  expect(await run('deploy', 'api', '-c', 'staging', '--json', '--events', 'events.jsonl')).toBe(4);
  expect(document()).toMatchObject({ outcome: 'paused', exitCode: 4, paused: { gate: 'fine?', since: expect.stringMatching(/Z$/), expires: expect.stringMatching(/Z$/) } });
  const told = (await readFile(join(bench.root, 'apps/api/events.jsonl'), 'utf8')).trimEnd().split('\n').map((line) => JSON.parse(line) as { type: string });
  expect(told.at(-1)).toMatchObject({ type: 'result', ...document() as object });
  expect(told.map(({ type }) => type)).toEqual(expect.arrayContaining(['plan', 'stage', 'step', 'fleet']));
  for (const [argv, code, expected] of [
    [['status'], 0, { paused: { gate: 'fine?' }, releases: expect.arrayContaining([expect.objectContaining({ outcome: 'waiting' })]) }],
    [['deploy'], 3, { error: { code: 'ND-PAUSED' } }],
    [['approve', '--note', 'x'.repeat(501)], 3, { error: { code: 'ND-OPTION-INVALID' } }],
    [['reject', '--note', 'not yet'], 0, { outcome: 'done', decision: 'rejected' }],
    [['approve'], 3, { error: { code: 'ND-NOT-PAUSED' } }],
    [['deploy', '--watch', 'x'], 3, { error: { code: 'ND-OPTION-INVALID' } }],
  ] as const) {
    stdout = '';
    const [command = '', ...options] = argv;
    expect([argv, await run(command, 'api', '-c', 'staging', ...options, '--json')]).toEqual([argv, code]);
    expect(document()).toMatchObject(expected);
  }
});
