import { startLoad, type LoadReport } from '../tools/load/launch.js';
import { Machine } from './support/machine.js';
import { exited, failed, type Ending } from './support/program.js';
import { askJson, freePort } from './support/request.js';
import { addSampleService, setVariables } from './support/sample-service.js';
import type { Result, Workspace } from './support/workspace.js';

const PERCENT = 10;

/** Blue-green and canary as a team uses them: with a question, an answer of either kind, a way back that is kept warm, and a release that is bad. */
describe('the sample service, with users at it', () => {
  const machine = new Machine('strategies');
  let workspace: Workspace;
  const urls: Record<string, string> = {};

  beforeAll(async () => {
    workspace = await machine.workspace();
    const [staging, production] = [await freePort(), await freePort()];
    Object.assign(urls, { staging: `http://127.0.0.1:${staging}`, production: `http://127.0.0.1:${production}` });
    const steps = [{ weight: PERCENT, soak: '3s' }, { weight: 50, soak: '0s', approve: { text: 'numbers fine?', expires: '1h' } }];
    addSampleService(workspace, {
      staging: { listen: staging, instances: 2, strategy: { type: 'blue-green', approve: 'the preview looks right?', keepWarm: '1h' } },
      production: { listen: production, instances: 2, strategy: { type: 'canary', steps } },
    });
    await workspace.commit('the sample service');
    for (const environment of ['staging', 'production']) setVariables(workspace, environment, { GREETING: 'one' });
    exited(await workspace.nx('run', 'sample-service:deploy', '--configuration=staging'), 0);
    await workspace.deploy('sample-service', 0, 'production');
  });
  afterAll(() => machine.dispose());

  const greeting = async (environment: string): Promise<unknown> => (await askJson(`${urls[environment] ?? ''}/`))['greeting'];
  const live = async (environment: string): Promise<string> => (await workspace.status('sample-service', environment)).live ?? '';

  /** What the users met while the work went on. */
  async function underLoad(environment: string, work: () => Promise<void>): Promise<LoadReport> {
    const load = await startLoad({ url: urls[environment] ?? '', rate: 150, service: 'sample-service', slowMs: 500, events: { count: 5, interval: 100 } });
    try {
      await work();
    } finally {
      await load.stop();
    }
    return load.stop();
  }
  const unharmed = ({ failures, firstFailures, sent }: LoadReport): void => {
    expect({ failures, first: firstFailures }).toEqual({ failures: 0, first: [] });
    expect(sent).toBeGreaterThan(50);
  };
  const bin = (environment: string, command: string, ...args: readonly string[]): Promise<Ending> => workspace.bin(command, 'sample-service', '-c', environment, ...args);
  const json = async (code: number, environment: string, command: string, ...args: readonly string[]): Promise<Result> =>
    JSON.parse(exited(await bin(environment, command, ...args, '--json'), code).stdout) as Result;

  it('blue-green asks before the switch, and goes on when Nx brings the answer', async () => {
    const before = await live('staging');
    setVariables(workspace, 'staging', { GREETING: 'two' });
    let release = '';
    unharmed(await underLoad('staging', async () => {
      const asked = await workspace.nxResult('sample-service:deploy', '--configuration=staging');
      failed(asked.ending);
      expect(asked.result).toMatchObject({ outcome: 'paused', exitCode: 4, previous: before, paused: { gate: 'the preview looks right?' } });
      expect(asked.ending.output).toMatch(/asked +the preview looks right\?\n +until +\S+; without an answer it is taken back then\n +approve +nx run sample-service:approve --configuration=staging --gate=g[0-9a-f]{8}\n/);
      release = asked.result?.release ?? '';
      expect(await greeting('staging')).toBe('one');
      const waiting = await workspace.status('sample-service', 'staging');
      expect(waiting).toMatchObject({ live: before, paused: { release, gate: 'the preview looks right?' }, fleet: { [before]: { weight: 100 }, [release]: { weight: 0 } } });
      expect(waiting).not.toHaveProperty('lock');
      const answered = await workspace.nxResult('sample-service:approve', '--configuration=staging', '--note=as it was shown');
      exited(answered.ending, 0);
      expect(answered.result).toMatchObject({ outcome: 'done', exitCode: 0, decision: 'approved', release, previous: before });
      expect(await greeting('staging')).toBe('two');
    }));
    const status = await workspace.status('sample-service', 'staging');
    expect(status).toMatchObject({ live: release, watch: { release }, fleet: { [release]: { weight: 100 }, [before]: { weight: 0, until: expect.any(String) } } });
    expect(status.releases[0]?.decisions).toEqual([
      expect.objectContaining({ kind: 'paused', gate: 'the preview looks right?' }), expect.objectContaining({ kind: 'approved', note: 'as it was shown' }),
    ]);
    expect(exited(await bin('staging', 'approve'), 3).output).toContain('ND-NOT-PAUSED');
  });

  it('a rollback to what is kept warm, and another from there, takes less than half a second', async () => {
    const times: number[] = [];
    let to: readonly string[] = [];
    unharmed(await underLoad('staging', async () => {
      // The one that is left is warm in turn. The fastest counts: the machine is shared with whatever else it does.
      for (const wanted of ['one', 'two', 'one', 'two']) {
        const { durationMs = Infinity, previous = '' } = await json(0, 'staging', 'rollback', ...to);
        expect(await greeting('staging')).toBe(wanted);
        times.push(durationMs);
        to = [`--to=${previous}`];
      }
    }));
    expect(Math.min(...times)).toBeLessThan(500);
  });

  it('a canary is refused: it is gone, and nobody noticed', async () => {
    const before = await live('production');
    setVariables(workspace, 'production', { GREETING: 'two' });
    unharmed(await underLoad('production', async () => {
      const { ending, result } = await workspace.nxResult('sample-service:deploy', '--configuration=production');
      failed(ending);
      expect(result).toMatchObject({ outcome: 'paused', exitCode: 4, paused: { gate: 'numbers fine?' } });
      const release = result?.release ?? '';
      expect((await workspace.status('sample-service', 'production')).fleet).toMatchObject({ [before]: { weight: 50 }, [release]: { weight: 50 } });
      expect(await json(3, 'production', 'deploy')).toMatchObject({ outcome: 'refused', error: { code: 'ND-PAUSED' } });
      const refused = exited(await bin('production', 'reject', '--note=too slow'), 0);
      expect(refused.stdout).toContain(`rejected: sample-service production, ${before} has all of the traffic again`);
    }));
    const status = await workspace.status('sample-service', 'production');
    expect(Object.keys(status.fleet)).toEqual([before]);
    expect(status.releases[0]).toMatchObject({ outcome: 'restored', decisions: [{ kind: 'paused' }, { kind: 'rejected', note: 'too slow' }] });
    expect(await greeting('production')).toBe('one');
  });

  it('a canary is approved: lines for people, events for programs, exit codes for scripts', async () => {
    const file = workspace.path('.nx/events.jsonl');
    let shown = '';
    unharmed(await underLoad('production', async () => {
      shown = exited(await bin('production', 'deploy', `--events=${file}`), 4).output;
      const { ending, result } = await workspace.nxResult('sample-service:approve', '--configuration=production');
      exited(ending, 0);
      expect(result).toMatchObject({ outcome: 'done', decision: 'approved' });
    }));
    expect(await greeting('production')).toBe('two');
    expect(shown).toMatch(/^\S+Z {2}walk {10}step 2\/5: r\w+ 2@90, r\w+ 1@10$/m);
    expect(shown).toMatch(/^\S+Z {2}walk {10}waiting for r\w+: soak of 3\.0s$/m);
    expect(shown).toMatch(/^ {2}requests {2}\d\d+ seen, 0 failed$/m);
    expect(shown).toMatch(/^\S+Z {2}traffic {7}r\w+ \d+ requests, 0 errors, p95 \S+; r\w+ \d+ requests, 0 errors, p95 \S+$/m);
    const events = workspace.read('.nx/events.jsonl').trim().split('\n').map((line) => JSON.parse(line) as { readonly at: string; readonly type: string; readonly outcome?: string });
    expect(events.filter(({ at }) => new Date(at).toISOString() !== at)).toEqual([]);
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['plan', 'stage', 'step', 'fleet', 'waiting', 'traffic', 'result']));
    expect(events.filter(({ type }) => type === 'traffic').length).toBeGreaterThan(2);
    expect(events.at(-1)).toMatchObject({ type: 'result', outcome: 'paused', exitCode: 4 });
  });

  it('a canary that is bad is caught by its figures, before many have met it', async () => {
    const before = await live('production');
    setVariables(workspace, 'production', { GREETING: 'three', FAULT_ERRORS: '30' });
    let bad = '';
    const report = await underLoad('production', async () => {
      const result = await json(1, 'production', 'deploy');
      expect(result).toMatchObject({ outcome: 'restored', previous: before, error: { code: 'ND-GATE-FAILED' } });
      bad = result.release ?? '';
      const [, rate, errors, of] = /errorRate ([\d.]+)% \((\d+) of (\d+) requests\) is not below (?:1% over stable|5%)/.exec(result.error?.problems?.join('\n') ?? '') ?? [];
      expect(Number(rate)).toBeCloseTo((100 * Number(errors)) / Number(of), 1);
      expect(Number(rate)).toBeGreaterThan(15);
    });
    expect(report.firstFailures.filter(({ message }) => !message.includes('a fault that was switched on'))).toEqual([]);
    expect(report.failures).toBeGreaterThan(0);
    // Not one request of the stable release failed: all of them were answered by the bad one.
    expect(report.failedBy).toEqual({ [bad]: report.failures });
    expect(report.releases[before]).toBeGreaterThan(report.sent * 0.8);
    expect(report.failures / report.sent).toBeLessThan(PERCENT / 100);
    expect(await greeting('production')).toBe('two');
    const status = await workspace.status('sample-service', 'production');
    expect(status).toMatchObject({ live: before, fleet: { [before]: { weight: 100 } } });
    expect(status.releases[0]).toMatchObject({ outcome: 'restored', reason: expect.stringMatching(/did not pass its soak$/) });
    process.stdout.write(`bad canary: ${report.failures} of ${report.sent} requests failed, all of them its own; ${report.releases[before] ?? 0} of the stable release were answered\n`);
  });
});
