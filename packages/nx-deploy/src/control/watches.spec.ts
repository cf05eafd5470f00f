import { realpathSync } from 'node:fs';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BUNDLES, benchPerTest, deployFile, eventually, get, Recorder, type Workbench } from '../commands/workbench.spec-support.js';
import { approve } from '../commands/answer.js';
import { NO_METRICS } from '../model/index.js';
import { fileLedger, keyName, type LedgerEntry } from '../releases/index.js';
import { readRecord, type ServiceRecord } from '../platforms/local/record.js';
import { isWatchRecord } from '../platforms/local/watch-record.js';
import { connectAgent } from './launch.js';

const STRATEGY = { type: 'blue-green', keepWarm: '0s' };
const asks = (weight = 50): object => deployFile({ strategy: { type: 'canary', steps: [{ weight, soak: '0s', approve: 'are the figures fine?' }], keepWarm: '0s', smoke: [] }, watch: '0s' });

let bench: Workbench;
benchPerTest((opened) => { bench = opened; }, deployFile({ strategy: STRATEGY, watch: '0s' }));

const trigger = (): string => join(bench.folder, 'die');

/** Version 1 runs, and a version 2 is built that ends as soon as there is a file, or answers so many of a hundred requests with 500. */
async function prepared(deployJson: object, errorPercent = 0): Promise<string> {
  const { document } = await bench.deploy();
  await bench.write('apps/api/deploy.json', deployJson);
  await bench.build('2', 'turns-bad');
  const main = await readFile(join(bench.root, 'apps/api/dist/main.js'), 'utf8');
  await bench.write('apps/api/dist/main.js', `process.env.DIE_WHEN = ${JSON.stringify(trigger())}; process.env.ERROR_PERCENT = '${errorPercent}';\n${main}`);
  return document.release ?? '';
}

async function folder(): Promise<string> {
  const { services } = bench.home;
  const [service] = (await (await bench.client()).call('services', {}));
  return join(services, keyName(service?.key ?? { workspace: '', environment: '', service: '' }));
}

async function record(): Promise<ServiceRecord | undefined> {
  return readRecord(await folder());
}

async function ledger(): Promise<readonly LedgerEntry[]> {
  return fileLedger(join(await folder(), 'ledger')).entries();
}

describe('a watch', () => {
  const watched = (extra: object = {}): object => deployFile({ strategy: STRATEGY, watch: '1h', ...extra });

  const KEY = 'key-0123456789';
  const appends = (name: string): string => `require('node:fs').appendFileSync(${JSON.stringify(join(bench.folder, name))}, JSON.stringify([process.cwd(), process.env.WATCH_KEY, process.env.NX_DEPLOY_TEXT]) + '\\n')`;
  const lines = async (name: string): Promise<readonly (readonly string[])[]> => (await readFile(join(bench.folder, name), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as readonly string[]);
  /** A check, a hook and a channel, all of which need a variable of the command. */
  const needy = (): object => watched({
    checks: { trigger: { type: 'command', run: ['node', '-e', `process.exit(process.env.WATCH_KEY?.length === ${KEY.length} && require('node:fs').existsSync(${JSON.stringify(trigger())}) ? 1 : 0)`], env: ['WATCH_KEY'], interval: '100ms', failures: 1 } },
    hooks: { preRollback: [{ run: ['node', '-e', appends('hook')], env: ['WATCH_KEY'] }] },
    notifications: { pager: { type: 'command', run: ['node', '-e', appends('pager')], env: ['WATCH_KEY'], on: ['watch-rollback'], templates: { 'watch-rollback': 'back to {release}: {reason}' } } },
    watch: { time: '1h', checks: ['trigger'] },
  });
  const begun = async (): Promise<{ readonly first: string; readonly second: string | undefined; readonly run: string }> => {
    bench.variables['WATCH_KEY'] = KEY;
    const { document: { release: first = '' } } = await bench.deploy();
    await bench.write('apps/api/deploy.json', needy());
    await bench.build('2');
    const { document: { release: second, run } } = await bench.deploy();
    return { first, second, run };
  };
  /** Files with the secret, also while there is no agent that could be asked. */
  const sealed = async (): Promise<readonly string[]> => {
    const found = await readdir(bench.home.services, { recursive: true, withFileTypes: true });
    const files = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const contents = await Promise.all(files.map((file) => readFile(file, 'utf8')));
    return files.filter((_, index) => contents[index]?.includes(KEY) === true);
  };

  test('is gone on with by the next agent, with its checks, its hooks and its channels, whose secrets stand in no record', async () => {
    const { first, second, run } = await begun();
    const before = (await bench.status()).watch;
    expect((await record())?.watch).toEqual({
      run, release: second, previous: first, until: before?.until, strategy: expect.objectContaining({ type: 'blue-green' }), deadline: expect.any(Number), keep: expect.any(Number), hooks: 1, terms: expect.objectContaining({ inconclusive: 'keep' }),
      means: { digest: expect.any(String), keys: { run: expect.any(String), probing: expect.any(String), hooks: expect.any(String), notify: expect.any(String) } },
    });
    const [kept = '', ...others] = await sealed();
    expect([others, dirname(kept), (await stat(kept)).mode & 0o777]).toEqual([[], join(await folder(), 'config'), 0o600]);
    await bench.restart();
    expect((await bench.status()).watch).toEqual(before);
    await writeFile(trigger(), '');
    await eventually(async () => (await bench.status()).live === first && (await bench.status()).watch === undefined, 'it to be taken back');
    const start = (await ledger()).filter(({ kind }) => kind === 'start').at(-1);
    expect(start).toMatchObject({ action: 'rollback', release: first, actor: { user: 'agent' }, reason: expect.stringMatching(/after a new agent went on with its watch .*trigger: exit code 1/) });
    expect(start).not.toMatchObject({ reason: expect.stringContaining('without') });
    expect((await ledger()).at(-1)).toMatchObject({ kind: 'end', outcome: 'done', run: start?.run });
    expect(await lines('hook')).toEqual([[realpathSync(join(bench.root, 'apps/api')), KEY, null]]);
    await eventually(async () => (await lines('pager')).length > 0, 'the channel to be told');
    expect(await lines('pager')).toEqual([[expect.any(String), KEY, expect.stringMatching(new RegExp(`^back to ${first}: .*trigger: exit code 1`))]]);
    expect([(await record())?.watch, await sealed()]).toEqual([undefined, []]);
  }, 40_000);

  test('is gone on with without what was lost, and says so', async () => {
    const { first, second } = await begun();
    const until = (await bench.status()).watch?.until;
    await bench.restart(async () => { await Promise.all((await sealed()).map((file) => rm(file))); });
    const without = ['its checks trigger', 'its 1 rollback hooks', 'its notifications'];
    await eventually(async () => (await bench.status()).watch?.without !== undefined, 'the new agent to know');
    expect((await bench.status()).watch).toEqual({ release: second, until, without });
    await new Promise((resolve) => { setTimeout(resolve, 1_500); });
    const pids = (await bench.pids()).flatMap((pid) => pid ?? []);
    expect(pids).not.toEqual([]);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await eventually(async () => (await bench.status()).live === first && (await bench.status()).watch === undefined, 'it to be taken back');
    expect((await ledger()).filter(({ kind }) => kind === 'start').at(-1)).toMatchObject({ reason: expect.stringMatching(/; the watch went on without its checks trigger and its 1 rollback hooks and its notifications, which were lost with the agent that began it$/) });
    expect([await lines('hook'), await lines('pager')]).toEqual([[], []]);
  }, 40_000);

  test('leaves nothing sealed behind when another deploy takes its place', async () => {
    await begun();
    await bench.build('3');
    await bench.deploy();
    await eventually(async () => (await sealed()).length === 1, 'that of the first watch to go');
    const { means } = (await record())?.watch ?? {};
    expect(await sealed()).toEqual([expect.stringContaining(means?.digest.slice(0, 32) ?? '-')]);
    await bench.agent?.stop(true);
    bench.agent = undefined;
    expect(await sealed()).toEqual([]);
  }, 40_000);

  test('goes on when the same release is deployed again, and what did badly is not kept warm', async () => {
    const first = await prepared(deployFile({ strategy: { type: 'blue-green', keepWarm: '1h' }, watch: '1h' }));
    const { document: { release: second } } = await bench.deploy();
    await bench.write('apps/api/deploy.json', deployFile({ strategy: { type: 'blue-green', keepWarm: '1h' }, watch: '1h', environments: { staging: { instances: 3 }, production: {} } }));
    expect((await bench.deploy()).document).toMatchObject({ outcome: 'done', release: second });
    expect((await record())?.watch).toMatchObject({ release: second, previous: first });
    await writeFile(trigger(), '');
    await eventually(async () => (await bench.status()).live === first, 'it to be taken back');
    await eventually(async () => !Object.keys((await bench.status()).fleet).includes(second ?? ''), 'what did badly to end');
  }, 40_000);

  test('knows what ended while there was no agent from what does badly', async () => {
    await prepared(watched());
    const { document: { release } } = await bench.deploy();
    const [pid] = await bench.pids();
    await bench.restart(async () => { process.kill(pid ?? 0, 'SIGKILL'); await Promise.resolve(); });
    await new Promise((resolve) => { setTimeout(resolve, 3_500); });
    expect(await bench.status()).toMatchObject({ live: release, watch: { release } });
  }, 40_000);

  test('leaves the record when its time is over, also when there was no agent by then, and when all is ended', async () => {
    await prepared(watched({ watch: '2s' }));
    await bench.deploy();
    await bench.restart(() => new Promise((resolve) => { setTimeout(resolve, 2_500); }));
    await eventually(async () => (await record())?.watch === undefined, 'the record');
    await bench.write('apps/api/deploy.json', watched());
    await bench.build('3');
    await bench.deploy();
    expect((await record())?.watch).toBeDefined();
    const file = await folder();
    await bench.agent?.stop(true);
    bench.agent = undefined;
    expect((await readRecord(file))?.watch).toBeUndefined();
  }, 40_000);

  test('that a command stayed for is not over when its agent leaves: no deploy that is done', async () => {
    await prepared(deployFile({ strategy: STRATEGY }));
    const output = new Recorder();
    const deploying = bench.deploy({ watch: '1h' }, {}, output);
    const watches = (): boolean => output.events.some((event) => event.type === 'waiting' && event.for.startsWith('a watch of '));
    await eventually(watches, 'the watch');
    await bench.restart();
    expect(await deploying).toMatchObject({ exitCode: 2, document: { outcome: 'not-restored', error: { code: 'ND-INTERRUPTED', what: expect.stringMatching(/^the deploy is done, but its watch/) } } });
    expect((await bench.status()).watch).toBeDefined();
  }, 40_000);

  test('goes on with the next agent when its own is killed', async () => {
    await bench.agent?.stop(false);
    bench.agent = undefined;
    const killed = await connectAgent(bench.home, BUNDLES);
    const first = await prepared(deployFile({ strategy: STRATEGY }));
    const output = new Recorder();
    const deploying = bench.deploy({ watch: '1h' }, {}, output);
    await eventually(() => output.events.some((event) => event.type === 'waiting' && event.for.startsWith('a watch of ')), 'the watch');
    process.kill(killed.hello.pid, 'SIGKILL');
    expect(await deploying).toMatchObject({ exitCode: 2, document: { error: { code: 'ND-INTERRUPTED', what: expect.stringMatching(/its watch/) } } });
    const next = await connectAgent(bench.home, BUNDLES);
    expect(next.hello.pid).not.toBe(killed.hello.pid);
    expect((await bench.status()).watch).toBeDefined();
    await new Promise((resolve) => { setTimeout(resolve, 2_000); });
    await writeFile(trigger(), '');
    await eventually(async () => (await bench.status()).live === first, 'it to be taken back');
    await rm(trigger());
    await next.call('stop', { instances: true });
  }, 60_000);
});

describe('a release that has traffic while its change waits', () => {
  async function refused(first: string): Promise<string | undefined> {
    await eventually(async () => { const { paused, lock, live } = await bench.status(); return paused === undefined && lock === undefined && live === first; }, 'the change to be taken back', 25_000);
    const decision = (await ledger()).filter(({ kind }) => kind === 'rejected').at(-1);
    expect(decision).toMatchObject({ kind: 'rejected', actor: { user: 'agent' }, note: expect.stringMatching(/^it did badly while it waited \(/) });
    expect((await ledger()).at(-1)).toMatchObject({ kind: 'end', outcome: 'restored' });
    expect((await bench.status()).fleet[first]).toMatchObject({ weight: 100 });
    return decision !== undefined && 'note' in decision ? decision.note : undefined;
  }

  test('is taken back when it crashes', async () => {
    const first = await prepared(asks());
    expect(await bench.deploy()).toMatchObject({ exitCode: 4 });
    await new Promise((resolve) => { setTimeout(resolve, 1_500); });
    await writeFile(trigger(), '');
    expect(await refused(first)).toMatch(/ended by themselves|not ready/);
  }, 40_000);

  test('is watched by the next agent too, and its errors count', async () => {
    const first = await prepared(asks(), 60);
    const { document } = await bench.deploy();
    await bench.restart();
    let over = false;
    const load = (async () => { while (!over) await get(document.url).catch(() => undefined); })();
    expect(await refused(first)).toMatch(/errorRate .* is not below 5%/);
    over = true;
    await load;
  }, 40_000);

  test('and does well stays, and can be approved', async () => {
    await prepared(asks());
    const { document } = await bench.deploy();
    await new Promise((resolve) => { setTimeout(resolve, 2_500); });
    expect((await bench.status()).paused).toBeDefined();
    expect(await approve(bench.context(), {})).toMatchObject({ exitCode: 0, document: { outcome: 'done', release: document.release } });
  }, 40_000);
});

test('a record of a watch is one only in its shape', () => {
  const good = { run: 'r', release: 'x', until: new Date().toISOString(), strategy: { type: 'rolling', batch: 25 }, deadline: 1_000, keep: 5, hooks: 0 };
  const terms = { unhealthy: 0, minimum: 20, baseline: 1, inconclusive: 'keep', triggers: [{ window: 1, rules: [{}] }], probes: [{ name: 'a', target: {} }] };
  expect(isWatchRecord(good)).toBe(true);
  expect(isWatchRecord({ ...good, terms, baseline: NO_METRICS, means: { digest: 'd', keys: { run: 'a' } } })).toBe(true);
  const wrong: readonly object[] = [
    { run: 1 }, { until: 'soon' }, { previous: 1 }, { strategy: { type: 'other' } }, { strategy: { type: 'canary', smoke: [] } }, { strategy: { type: 'blue-green', smoke: [], analyse: { rules: 1 } } },
    { deadline: '1' }, { keep: -1 }, { hooks: [] }, { terms: {} }, { terms: { ...terms, triggers: [{}] } }, { terms: { ...terms, probes: [1] } }, { baseline: 5 },
    { means: 'x' }, { means: { digest: 'd', keys: { run: 1 } } },
  ];
  for (const change of wrong) expect(isWatchRecord({ ...good, ...change })).toBe(false);
});
