/** What every platform must do, against the real thing and under load. A platform's spec calls {@link describePlatform} with its harness. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startLoad, type LoadReport } from '../../../../../tools/load/launch.js';
import { liveRelease } from '../../model/index.js';
import type { Harness, ServiceOrder, ServiceUnderTest, Subject } from './harness.js';

const STEADY: ServiceOrder = { fixture: 'steady', version: '1', instances: 2, strategy: { type: 'rolling', batch: 25 } };
const RATE = 200;

export function describePlatform(subject: Subject): void {
  describe(`platform ${subject.name}`, () => {
    let harness: Harness;
    let count = 0;
    /** A service that no other test uses. */
    const fresh = (): Promise<ServiceUnderTest> => {
      count += 1;
      return harness.service('contract', `service-${count}`, 'test');
    };
    beforeAll(async () => {
      const missing = await subject.missing();
      if (missing !== undefined) throw new Error(`platform ${subject.name} cannot be tested here: ${missing}`);
      harness = await subject.open();
    });
    afterAll(() => harness.close());

    describeDeploys(fresh);
    describeFailures(fresh);
    describeReleases(fresh);
    describeIsolation(() => harness);
  });
}

type Fresh = () => Promise<ServiceUnderTest>;

async function answer(url: string, path = '/version'): Promise<{ readonly status: number; readonly release: string | null; readonly body: string }> {
  const response = await fetch(`${url}${path}`, { headers: { connection: 'close' } });
  return { status: response.status, release: response.headers.get('x-release'), body: await response.text() };
}

/** Runs the work under load and expects that no request of any kind failed. */
async function underLoad<T>(service: ServiceUnderTest, work: () => Promise<T>): Promise<{ readonly result: T; readonly report: LoadReport }> {
  const load = await startLoad({ url: await service.url(), rate: RATE });
  try {
    const result = await work();
    const report = await load.stop();
    if (report.failures > 0) throw new Error(`${report.failures} requests failed: ${JSON.stringify(report, undefined, 2)}`);
    return { result, report };
  } finally {
    await load.stop();
  }
}

function describeDeploys(fresh: Fresh): void {
  test('a first deploy answers with all instances ready, and the same again is a no-op', async () => {
    const service = await fresh();
    const first = await service.deploy(STEADY);
    expect(first).toMatchObject({ outcome: 'done' });
    expect(await answer(await service.url())).toMatchObject({ status: 200, release: first.release });
    const fleet = await service.platform.list();
    expect(fleet).toEqual({ [first.release ?? '']: { processes: { web: { running: 2, ready: 2, draining: 0 } }, weight: 100 } });

    const entries = await service.platform.state.ledger.entries();
    const second = await service.deploy(STEADY);
    expect(second).toMatchObject({ outcome: 'unchanged', release: first.release });
    expect(second.durationMs).toBeLessThan(1_000);
    expect(await service.platform.state.ledger.entries()).toEqual(entries);
  });

  test('three rolling deploys and a rollback in a row fail no request', async () => {
    const service = await fresh();
    await service.deploy({ ...STEADY, instances: 4 });
    const { result, report } = await underLoad(service, async () => {
      const releases: (string | undefined)[] = [];
      for (const version of ['2', '3', '4']) {
        const done = await service.deploy({ ...STEADY, version, instances: 4 });
        expect(done).toMatchObject({ outcome: 'done' });
        releases.push(done.release);
      }
      const back = await service.rollback();
      expect(back).toMatchObject({ outcome: 'done', release: releases[1] });
      return releases;
    });
    expect(Object.keys(report.releases).sort()).toEqual(expect.arrayContaining(result.filter((id) => id !== undefined).sort()));
    expect(report.sent).toBeGreaterThan(RATE);
    expect(Object.keys(await service.platform.list())).toEqual([result[1]]);
    process.stdout.write(`load: ${report.sent} requests, ${report.failures} failed, longest gap ${Math.round(report.longestGapMs)} ms, own lag ${Math.round(report.lagMs)} ms\n`);
  });

  test('recreate ends the old release before it starts the new one', async () => {
    const service = await fresh();
    await service.deploy(STEADY);
    const running: number[] = [];
    const second = await service.deploy({
      ...STEADY, version: '2', strategy: { type: 'recreate' },
      watch: (event) => { if (event.type === 'fleet') running.push(Object.values(event.observed).filter((release) => (release.processes['web']?.running ?? 0) > 0).length); },
    });
    expect(second).toMatchObject({ outcome: 'done' });
    expect(Math.max(...running)).toBe(1);
    expect(await answer(await service.url())).toMatchObject({ release: second.release });
  });

  test('another number of instances is the same release, scaled in place without a failed request', async () => {
    const service = await fresh();
    const first = await service.deploy({ ...STEADY, instances: 1 });
    const { result } = await underLoad(service, async () => [
      await service.deploy({ ...STEADY, instances: 4 }),
      await service.deploy({ ...STEADY, instances: 2 }),
    ]);
    for (const change of result) expect(change).toMatchObject({ outcome: 'done', release: first.release });
    const fleet = await service.platform.list();
    expect(fleet[first.release ?? '']?.processes['web']).toEqual({ running: 2, ready: 2, draining: 0 });
  });

  test('another configuration, limit or check is another release', async () => {
    const service = await fresh();
    const first = await service.deploy({ ...STEADY, values: { GREETING: 'hello' } });
    const second = await service.deploy({ ...STEADY, values: { GREETING: 'bye' } });
    const third = await service.deploy({ ...STEADY, values: { GREETING: 'bye' }, limits: { memory: 512 * 1024 * 1024 } });
    const fourth = await service.deploy({ ...STEADY, values: { GREETING: 'bye' }, limits: { memory: 512 * 1024 * 1024 }, health: { path: '/ready' } });
    expect(new Set([first.release, second.release, third.release, fourth.release]).size).toBe(4);
    expect(second.configuration).toEqual({ added: [], removed: [], changed: ['GREETING'] });
  });

  test('a dry run shows the plan and changes nothing', async () => {
    const service = await fresh();
    const planned = await service.deploy({ ...STEADY, dryRun: true });
    expect(planned).toMatchObject({ outcome: 'planned', plan: expect.stringContaining(planned.release ?? 'none') as string });
    expect(await service.platform.list()).toEqual({});
    expect(await service.platform.state.ledger.entries()).toEqual([]);
  });
}

function describeFailures(fresh: Fresh): void {
  test.each([
    ['never gets healthy', 'never-healthy', 'ND-NOT-READY'],
    ['exits at start', 'exits-at-start', 'ND-NOT-READY'],
    ['listens on another port', 'wrong-port', 'ND-NOT-READY'],
    ['accepts and never answers', 'hangs', 'ND-NOT-READY'],
  ])('a release that %s is taken back, with the reason, and no request fails', async (_what, fixture, code) => {
    const service = await fresh();
    const good = await service.deploy(STEADY);
    const { result } = await underLoad(service, () => service.deploy({ ...STEADY, fixture, version: '2', health: { timeout: 4_000, interval: 100 } }));
    expect(result).toMatchObject({ outcome: 'restored', error: { code } });
    expect(result.error?.why).toBeTruthy();
    expect(await service.platform.list()).toEqual({ [good.release ?? '']: { processes: { web: { running: 2, ready: 2, draining: 0 } }, weight: 100 } });
    expect((await service.platform.state.ledger.entries()).at(-1)).toMatchObject({ kind: 'end', outcome: 'restored' });
  });

  test('the last lines of a program that exits at start are part of the error', async () => {
    const service = await fresh();
    const failed = await service.deploy({ ...STEADY, fixture: 'exits-at-start', health: { timeout: 4_000, interval: 100 } });
    expect(failed).toMatchObject({ outcome: 'restored' });
    expect(failed.error?.problems?.join('\n')).toMatch(/exited with code 1/);
    expect(await service.platform.list()).toEqual({});
  });

  test('a cancelled deploy is taken back without a failed request', async () => {
    const service = await fresh();
    const good = await service.deploy({ ...STEADY, instances: 4 });
    const cancel = new AbortController();
    const { result } = await underLoad(service, () => service.deploy({
      ...STEADY, version: '2', instances: 4, signal: cancel.signal,
      watch: (event) => { if (event.type === 'step' && event.index === 2) cancel.abort(); },
    }));
    expect(result).toMatchObject({ outcome: 'restored', error: { code: 'ND-CANCELLED' } });
    expect(liveRelease(await service.platform.list())).toBe(good.release);
    expect(Object.keys(await service.platform.list())).toEqual([good.release]);
  });

  test('a hook that fails before the walk changes nothing, one behind it takes the walk back', async () => {
    const service = await fresh();
    const good = await service.deploy(STEADY);
    const failing = { run: [process.execPath, '-e', 'console.log("hook says " + process.env.NX_DEPLOY_RELEASE); process.exit(3)'], env: {}, timeout: 10_000, cwd: process.cwd() };
    for (const position of ['before', 'after'] as const) {
      const result = await service.deploy({ ...STEADY, version: `with a hook ${position}`, [position]: [failing] });
      expect(result).toMatchObject({ outcome: 'restored', error: { code: 'ND-HOOK-FAILED', problems: [`hook says ${result.release ?? ''}`] } });
      expect(Object.keys(await service.platform.list())).toEqual([good.release]);
    }
  });

  test('the deadline of a deploy takes it back', async () => {
    const service = await fresh();
    const good = await service.deploy(STEADY);
    const result = await service.deploy({ ...STEADY, fixture: 'never-healthy', version: '2', deadline: 1_500 });
    expect(result).toMatchObject({ outcome: 'restored', error: { code: 'ND-DEADLINE' } });
    expect(Object.keys(await service.platform.list())).toEqual([good.release]);
  });
}

function describeReleases(fresh: Fresh): void {
  test('a second rollback goes one further back, an unknown release is refused with the known ones', async () => {
    const service = await fresh();
    const ids: string[] = [];
    for (const version of ['1', '2', '3']) ids.push((await service.deploy({ ...STEADY, instances: 1, version })).release ?? '');
    expect(await service.rollback()).toMatchObject({ outcome: 'done', release: ids[1] });
    expect(await service.rollback()).toMatchObject({ outcome: 'done', release: ids[0] });
    expect(await service.rollback()).toMatchObject({ outcome: 'refused', error: { code: 'ND-RELEASE-UNKNOWN' } });
    for (const unknown of ['r000000000000', '../../etc', 'r1; rm -rf /']) {
      const refused = await service.rollback(unknown);
      expect(refused).toMatchObject({ outcome: 'refused', error: { code: 'ND-RELEASE-UNKNOWN' } });
      for (const id of ids) expect(refused.error?.why).toContain(id);
    }
    expect(await service.rollback(ids[2])).toMatchObject({ outcome: 'done', release: ids[2] });
    expect(await answer(await service.url())).toMatchObject({ release: ids[2], body: expect.stringContaining('3') as string });
  });

  test('rollback brings back the values of that release', async () => {
    const service = await fresh();
    await service.deploy({ ...STEADY, instances: 1, values: { GREETING: 'first' } });
    await service.deploy({ ...STEADY, instances: 1, values: { GREETING: 'second' } });
    expect((await answer(await service.url(), '/env?name=GREETING')).body).toBe('"second"');
    await service.rollback();
    expect((await answer(await service.url(), '/env?name=GREETING')).body).toBe('"first"');
  });

  test('logs hold what the instances wrote, per instance', async () => {
    const service = await fresh();
    const { release } = await service.deploy(STEADY);
    const seen = new Set<string>();
    for await (const line of service.platform.logs(release, {})) seen.add(line.instance);
    expect([...seen].sort()).toEqual(['web.1', 'web.2']);
    for await (const line of service.platform.logs(release, { instance: 'web.2' })) expect(line.instance).toBe('web.2');
  });
}

function describeIsolation(harness: () => Harness): void {
  test('two workspaces, services and environments at once do not meet', async () => {
    const names = [['one', 'api', 'staging'], ['two', 'api', 'staging'], ['one', 'web', 'staging'], ['one', 'api', 'production']] as const;
    const services = await Promise.all(names.map(([workspace, service, environment]) => harness().service(workspace, service, environment)));
    const results = await Promise.all(services.map((service, index) => service.deploy({ ...STEADY, instances: 1, version: `number ${index}` })));
    expect(new Set(results.map((result) => result.release)).size).toBe(names.length);
    const bodies = await Promise.all(services.map(async (service) => (await answer(await service.url())).body));
    bodies.forEach((body, index) => expect(body).toContain(`number ${index}`));
    for (const [index, service] of services.entries()) expect(Object.keys(await service.platform.list())).toEqual([results[index]?.release]);
  });

  test('a second change of the same service is refused while one goes on, and names its holder', async () => {
    const service = await harness().service('lock', 'api', 'staging');
    const [first, second] = await Promise.all([service.deploy(STEADY), service.deploy({ ...STEADY, version: '2' })]);
    expect([first.outcome, second.outcome].sort()).toEqual(['done', 'refused']);
    const refused = first.outcome === 'refused' ? first : second;
    expect(refused.error).toMatchObject({ code: 'ND-LOCKED', why: expect.stringMatching(/@.* holds it since \d{4}-/) as string });
  });

  test('a secret stands in the sealed store and in the environment of the instance, and nowhere else', async () => {
    const secret = `planted-${Math.random().toString(36).slice(2)}-secret`;
    const service = await harness().service('secrets', 'api', 'staging');
    const done = await service.deploy({ ...STEADY, fixture: 'prints-secret', instances: 1, values: { API_TOKEN: secret }, secrets: ['API_TOKEN'] });
    expect(JSON.stringify(done)).not.toContain(secret);
    const lines: string[] = [];
    for await (const line of service.platform.logs(done.release, {})) lines.push(line.text);
    expect(lines).toContain('prints-secret: token [API_TOKEN]');
    const found = (await Promise.all(harness().folders.map((folder) => filesWith(folder, secret)))).flat();
    expect(found.length).toBeGreaterThan(0);
    expect(found.filter((file) => !harness().sealed.test(file))).toEqual([]);
  });
}

async function filesWith(folder: string, text: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found = await Promise.all(entries.map(async (entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesWith(path, text);
    return entry.isFile() && (await readFile(path)).includes(text) ? [path] : [];
  }));
  return found.flat();
}
