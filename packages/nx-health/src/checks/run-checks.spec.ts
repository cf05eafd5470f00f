import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { CheckResult, HealthStatus } from '../result.js';
import type { Check } from './check.js';
import { choose } from './choose.js';
import { overall, runChecks } from './run-checks.js';

function fake(name: string, more: Partial<Check> = {}): Check {
  return {
    name, kind: 'fake', target: name, severity: 'critical', tags: [], uses: [], timeoutMs: 1_000, intervalMs: 1_000, retries: 0, retryDelayMs: 0, failures: 1, recoveries: 1,
    run: () => Promise.resolve({ status: 'healthy', ms: 0 }), ...more,
  };
}

it('runs each once, in their order, not more than so many at a time', async () => {
  let running = 0;
  let most = 0;
  let runs = 0;
  const run = async (): Promise<CheckResult> => {
    runs += 1;
    most = Math.max(most, running += 1);
    await wait(1);
    running -= 1;
    return { status: 'healthy', ms: 0 };
  };
  const checks = Array.from({ length: 200 }, (_, index) => fake(`c${index}`, { run }));
  const seen: string[] = [];
  const ran = await runChecks(checks, checks, { parallel: 7, onResult: ({ check }) => seen.push(check.name) });
  expect([ran.map(({ check }) => check.name), runs, most, seen.length]).toEqual([checks.map(({ name }) => name), 200, 7, 200]);
});

it('runs what others are made of once, and not in their place', async () => {
  let runs = 0;
  const part = fake('part', { run: () => { runs += 1; return Promise.resolve({ status: 'healthy', ms: 0 }); } });
  const group = (name: string): Check => fake(name, { uses: ['part'], run: ({ result }) => result('part') });
  const all = [part, ...Array.from({ length: 5 }, (_, index) => group(`g${index}`))];
  expect((await runChecks(all.slice(1), all, { parallel: 1 })).map(({ result }) => result.status)).toEqual(Array(5).fill('healthy'));
  expect(runs).toBe(1);
  expect((await runChecks([group('alone')])).map(({ result }) => result.reason)).toEqual(['there is no check part']);
});

it('cancels what nobody waits for any more, and all when it is cancelled', async () => {
  const ended: string[] = [];
  const hanging = (name: string): Check => fake(name, { run: ({ signal }) => new Promise((resolve) => {
    const end = (): void => { ended.push(name); resolve({ status: 'unhealthy', ms: 0 }); };
    if (signal?.aborted === true) end();
    else signal?.addEventListener('abort', end);
  }) });
  const group = fake('group', { uses: ['slow', 'part'], run: ({ result }) => { void result('slow'); return result('part'); } });
  expect((await runChecks([group], [group, hanging('slow'), fake('part')]))[0]?.result.status).toBe('healthy');
  expect(ended).toEqual(['slow']);
  const controller = new AbortController();
  const running = runChecks(Array.from({ length: 20 }, (_, index) => hanging(`h${index}`)), undefined, { signal: controller.signal });
  controller.abort();
  expect((await running).map(({ result }) => result.status)).toEqual(Array(20).fill('unhealthy'));
  expect(await runChecks([hanging('late')], undefined, { signal: controller.signal })).toMatchObject([{ result: { status: 'unhealthy' } }]);
});

it('says nothing of leaks where there are many', () => {
  const program = `const { runChecks } = require(${JSON.stringify(join(__dirname, '../../dist/checks/run-checks.js'))});
    const run = ({ signal }) => { signal.addEventListener('abort', () => undefined); return Promise.resolve({ status: 'healthy', ms: 0 }); };
    void runChecks(Array.from({ length: 20 }, (_, index) => ({ name: String(index), uses: [], run })), undefined, { signal: new AbortController().signal });`;
  expect(spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
});

describe('together they are', () => {
  const each = (status: HealthStatus, more: Partial<Check> = {}) => ({ check: fake(more.name ?? 'x', more), result: { status, ms: 0 } });

  it.each<[ReturnType<typeof each>[], HealthStatus]>([
    [[], 'healthy'], [[each('healthy'), each('healthy')], 'healthy'], [[each('healthy'), each('degraded')], 'degraded'], [[each('unhealthy'), each('degraded')], 'unhealthy'], [[each('unhealthy', { severity: 'degrading' })], 'degraded'],
    [[each('unhealthy', { name: 'a' }), each('healthy', { name: 'b' }), each('healthy', { name: 'pair', uses: ['a', 'b'] })], 'healthy'], [[each('unhealthy', { name: 'a' }), each('unhealthy', { name: 'pair', uses: ['a'], severity: 'degrading' })], 'degraded'],
  ])('%j: %s', (ran, status) => { expect(overall(ran)).toBe(status); });
});

describe('chosen are', () => {
  const checks = [fake('web', { tags: ['front'] }), fake('db', { tags: ['data'] }), fake('cache', { tags: ['data', 'fast'] })];

  it.each<[object, string[]]>([[{}, ['web', 'db', 'cache']], [{ tags: ['data'] }, ['db', 'cache']], [{ only: ['cache', 'web'] }, ['web', 'cache']], [{ only: ['web'], tags: ['fast'] }, ['web', 'cache']]])('%j', (choice, names) => {
    expect(choose(checks, choice).map(({ name }) => name)).toEqual(names);
  });

  it('none that there are not', () => {
    expect(() => choose(checks, { only: ['wbe'], tags: ['dat', 'zzzzzz'] })).toThrow('what was chosen is not among the checks; only: "wbe" is an unknown check; did you mean "web"?; tags: "dat" is an unknown tag; did you mean "data"?; tags: "zzzzzz" is an unknown tag; known here: front, data, fast');
    expect(() => choose([], {})).toThrow('there are no checks');
  });
});
