/** The phases with an Nx that is a script of the test: what is run, in which order, and what is told of it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { phases, type PhaseReport, type PhasesOptions } from './phases.js';
import { eventually, Recorder, Workbench } from './workbench.spec-support.js';

let bench: Workbench;
beforeEach(async () => { bench = await Workbench.open(); });
afterEach(() => bench.close());

const TARGETS = { stage: {}, build: {}, package: {}, deploy: {} };
/** Keeps what it was asked for, then does what is told for that target. */
const nx = async (told: Readonly<Record<string, string>> = {}): Promise<void> => bench.write('node_modules/nx/bin/nx.js', `
require('node:fs').appendFileSync(${JSON.stringify(join(bench.folder, 'asked'))}, JSON.stringify([process.cwd() === ${JSON.stringify(bench.root)}, ...process.argv.slice(2), process.env.GIVEN ?? '']) + '\\n');
const target = process.argv[3].split(':').at(-1);
(${JSON.stringify(told)}[target] ?? '') !== '' ? eval(${JSON.stringify(told)}[target]) : console.log('did ' + target);
`);
const asked = (): readonly unknown[] => readFileSync(join(bench.folder, 'asked'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as unknown);

interface Ran { readonly exitCode: number; readonly document: { readonly outcome: string; readonly phases?: readonly PhaseReport[]; readonly error?: { readonly code: string; readonly what: string; readonly why?: string; readonly next?: string } }; readonly output: Recorder }

async function run(options: PhasesOptions = {}, { targets = TARGETS, output = new Recorder(), ...place }: { readonly targets?: typeof TARGETS; readonly environment?: string | undefined; readonly output?: Recorder } = {}): Promise<Ran> {
  const context = bench.context({}, output);
  const environment = 'environment' in place ? place.environment : 'staging';
  return { ...await phases({ ...context, environment, variables: { ...context.variables, GIVEN: 'yes', GONE: undefined } }, options, () => Promise.resolve(targets)), output } as Ran;
}
const report = async (): Promise<{ readonly phases: readonly PhaseReport[]; readonly environment?: string }> => await bench.json(join(bench.root, 'dist/phase-runs/apps/api.json')) as { phases: PhaseReport[] };
const states = (all: readonly PhaseReport[] | undefined): readonly string[] => (all ?? []).map(({ phase, state }) => `${phase} ${state}`);

test('each is the target of its own, in their order, and only what an environment has a part in hears of it', async () => {
  await nx();
  const { exitCode, document, output } = await run();
  expect([exitCode, states(document.phases)]).toEqual([0, ['stage done', 'compile done', 'package done', 'deploy done']]);
  expect(asked()).toEqual([['stage', '--configuration=staging'], ['build'], ['package'], ['deploy', '--configuration=staging']].map(([target, ...more]) => [true, 'run', `api:${target ?? ''}`, ...more, 'yes']));
  expect(await report()).toMatchObject({ schema: 1, project: 'api', environment: 'staging', phases: document.phases });
  expect(document.phases?.every(({ ms = -1 }) => ms > 0)).toBe(true);
  expect(output.events).toContainEqual({ type: 'output', source: 'package', line: 'did package' });
  expect(output.text).toMatch(/phase +target +state +took\n.*\n +stage +stage +done +/);
});

test('until: the last that is run; before the deploy no environment is needed, and one that has no build has nothing to compile', async () => {
  await nx();
  const { build: _build, ...targets } = TARGETS;
  const { exitCode, document } = await run({ until: 'package' }, { environment: undefined, targets: targets as typeof TARGETS });
  expect([exitCode, states(document.phases)]).toEqual([0, ['stage done', 'compile skipped', 'package done']]);
  expect(asked()).toEqual([[true, 'run', 'api:stage', 'yes'], [true, 'run', 'api:package', 'yes']]);
  expect(await report()).not.toHaveProperty('environment');
});

test('a key to sign with reaches every phase, whichever makes the package', async () => {
  const tell = 'console.log("signs with " + process.env.NX_DEPLOY_SIGN_KEY)';
  await nx({ package: tell, deploy: tell });
  const { exitCode, output } = await run({ key: 'keys/release.key' });
  expect(exitCode).toBe(0);
  for (const source of ['package', 'deploy']) expect(output.events).toContainEqual({ type: 'output', source, line: 'signs with keys/release.key' });
});

test('other names of targets are those of the plugin\'s options', async () => {
  await nx();
  await bench.write('nx.json', { plugins: [{ plugin: 'nx-deploy/plugin', options: { targetNames: { package: 'pack' }, buildTargetName: 'compile-it' } }] });
  const { document } = await run({ until: 'package' }, { targets: { stage: {}, 'compile-it': {}, pack: {} } as unknown as typeof TARGETS });
  expect(document.phases?.map(({ target }) => target)).toEqual(['stage', 'compile-it', 'pack']);
});

test.each([
  ['with a code', 'console.error("\\u001b[31mno\\u0007"); process.exit(7)', /it ended with exit code 7/],
  ['by a signal', 'process.kill(process.pid, "SIGKILL")', /it ended by SIGKILL/],
])('one that ends %s ends all of it; the rest is not run, and the report says so', async (_, does, why) => {
  await nx({ build: does });
  const { exitCode, document, output } = await run();
  expect([exitCode, document.outcome, document.error]).toEqual([1, 'failed', expect.objectContaining({ code: 'ND-PHASE-FAILED', what: 'the phase compile failed', why: expect.stringMatching(why), next: expect.stringContaining('nx run api:build') })]);
  expect(states((await report()).phases)).toEqual(['stage done', 'compile failed', 'package not run', 'deploy not run']);
  expect(asked()).toHaveLength(2);
  expect(output.phases).toEqual(['stage start', 'stage done', 'compile start', 'compile failed']);
});

test.each<[string, PhasesOptions, object, string | undefined, string, RegExp]>([
  ['a phase that is none', { until: 'pakage' }, TARGETS, 'staging', 'ND-OPTION-INVALID', /no phase "pakage".*did you mean package\?.*stage, compile, package, deploy/],
  ['a phase that is like none', { until: '; rm -rf /\n' }, TARGETS, 'staging', 'ND-OPTION-INVALID', /no phase "; rm -rf \/\\n"/],
  ['a project without a package', {}, { build: {}, deploy: {} }, 'staging', 'ND-PROJECT-UNKNOWN', /api has no target stage, package.*"package"/],
  ['a deploy without an environment', {}, TARGETS, undefined, 'ND-ENVIRONMENT-UNKNOWN', /--configuration.*--until=package/],
])('%s is refused before anything is run', async (_, options, targets, environment, code, told) => {
  await nx();
  const { document } = await run(options, { targets: targets as typeof TARGETS, environment });
  expect([document.error?.code, `${document.error?.what ?? ''} ${document.error?.why ?? ''} ${document.error?.next ?? ''}`]).toEqual([code, expect.stringMatching(told)]);
  expect(asked).toThrow('ENOENT');
});

test('a workspace without Nx says so', async () => {
  const { exitCode, document } = await run();
  expect([exitCode, document.error]).toEqual([1, expect.objectContaining({ code: 'ND-PHASE-FAILED', what: 'Nx, which runs the phases, is not installed' })]);
});

test('a report that cannot be written is told, whatever the phases did', async () => {
  await nx();
  await bench.write('dist/phase-runs', 'a file');
  expect((await run()).document.error?.code).toMatch(/^ND-/);
});

test('Ctrl-C ends the phase that is under way with all that it started, and no other begins', async () => {
  const pidFile = join(bench.folder, 'pid');
  await nx({ build: `require("node:fs").writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)); console.log("waits"); setInterval(() => {}, 1000)` });
  const output = new Recorder();
  const ran = run({}, { output });
  await eventually(() => output.events.some((event) => 'line' in event && event.line === 'waits'), 'the build to begin');
  process.emit('SIGINT', 'SIGINT');
  const { exitCode, document } = await ran;
  expect([exitCode, document.error?.code]).toEqual([1, 'ND-CANCELLED']);
  expect(() => process.kill(Number(readFileSync(pidFile, 'utf8')), 0)).toThrow('ESRCH');
  expect(asked()).toHaveLength(2);
  expect(states((await report()).phases)).toEqual(['stage done', 'compile failed', 'package not run', 'deploy not run']);
});
