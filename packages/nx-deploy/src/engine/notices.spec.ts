import { counted } from '../apply/fake-platform.spec-support.js';
import type { DeployEvent } from '../model/index.js';
import type { Notice, PreparedChannel } from '../notifications/index.js';
import { Receiver } from '../notifications/receiver.spec-support.js';
import type { LedgerEnd } from '../releases/index.js';
import { runChange } from './change.js';
import { build, request } from './changes.spec-support.js';
import { noticesSent, openNotices } from './notices.js';
import type { ChangeRequest, ChangeResult } from './request.js';
import { StatefulPlatform, tempState, type TempState } from './stateful-platform.spec-support.js';
import { watch } from './watch.js';

const HOUR = 3_600_000;
const AGENT = { user: 'agent', host: 'here', pid: 1 };

let temp: TempState;
let platform: StatefulPlatform;
let receiver: Receiver;
let events: DeployEvent[];
beforeEach(async () => {
  temp = await tempState();
  platform = new StatefulPlatform(temp.state);
  receiver = await Receiver.open();
  events = [];
});
afterEach(async () => {
  await receiver.close();
  await temp.remove();
});

function channel(rest: Partial<PreparedChannel> = {}): PreparedChannel {
  return { name: 'hook', target: { type: 'webhook', url: receiver.url, secret: 'a-key-of-a-test' }, on: ['start', 'success', 'failure', 'rollback', 'watch-rollback', 'approval'], level: 1, templates: {}, timeout: 2_000, ...rest };
}

function changed(change: ChangeRequest['change'], rest: Partial<ChangeRequest> = {}): Promise<ChangeResult> {
  return runChange({ platform, request: request(change, { notify: [channel()], ...rest }), emit: (event) => events.push(event), signal: new AbortController().signal });
}

async function told(): Promise<readonly Notice[]> {
  await noticesSent();
  return receiver.got.map(({ body }) => JSON.parse(body) as Notice);
}

const notes = (): readonly string[] => events.flatMap((event) => (event.type === 'note' ? [event.text] : []));

test('a deploy tells when it begins and when it is done; one that changes nothing tells nothing', async () => {
  const first = await changed(build('1'));
  expect(await changed(build('1'))).toMatchObject({ outcome: 'unchanged' });
  await changed(build('2'), { dryRun: true });
  expect(await told()).toMatchObject([
    { kind: 'start', level: 1, service: 'api', environment: 'staging', run: first.run, action: 'deploy', by: 'ann@here', release: first.release },
    { kind: 'success', outcome: 'done', release: first.release, version: '1', durationMs: expect.any(Number) },
  ]);
});

test('a failure has its code and its reason, a repeated one is told once, and what is refused is not', async () => {
  const first = await changed(build('1'));
  platform.ready = async () => ({ ready: false, reason: 'GET / answered 503', logs: ['password=a-secret-of-a-log'] });
  const failed = await changed(build('2'));
  expect(failed.outcome).toBe('restored');
  await changed(build('2'));
  await changed(build('3'));
  const lease = await temp.state.lock.acquire({ run: 'other', actor: AGENT, action: 'deploy', since: 'now' });
  expect(await changed(build('4'))).toMatchObject({ outcome: 'refused' });
  await lease.release();
  const failures = (await told()).filter(({ kind }) => kind === 'failure');
  expect(failures).toMatchObject([{ outcome: 'restored', code: 'ND-NOT-READY', release: failed.release, previous: first.release, reason: expect.stringContaining(failed.release ?? '') }, { code: 'ND-NOT-READY' }]);
  expect(JSON.stringify(await told())).not.toContain('a-secret-of-a-log');
});

test('a rollback, a question and its answer are told', async () => {
  const first = await changed(build('1'));
  const strategy = { type: 'blue-green', smoke: [], soak: 0, keepWarm: 0, approve: { text: 'fine?', expires: HOUR } } as const;
  const second = await changed(build('2'), { strategy });
  expect(second.outcome).toBe('paused');
  await changed({ action: 'approve' }, { strategy });
  await changed({ action: 'rollback' });
  expect((await told()).slice(2).map(({ kind, release, reason }) => ({ kind, release, reason }))).toEqual([
    { kind: 'start', release: second.release }, { kind: 'approval', release: second.release, reason: 'fine?' },
    { kind: 'start', release: second.release }, { kind: 'success', release: second.release, reason: 'approved' },
    { kind: 'start', release: first.release }, { kind: 'rollback', release: first.release },
  ]);
});

describe('what ends a row of failures under the run that it goes on with', () => {
  const minutesAgo = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();
  const failedBefore = (minutes: number, rest: Partial<LedgerEnd> = {}): Promise<unknown> => temp.state.ledger.append({
    kind: 'end', at: minutesAgo(minutes), run: `run-failed-${minutes}`, action: 'deploy', release: 'rbad', actor: AGENT, outcome: 'restored', durationMs: 1, ...rest,
  });
  const strategy = { type: 'blue-green', smoke: [], soak: 0, keepWarm: 0, approve: { text: 'fine?', expires: HOUR } } as const;

  test('a deploy that was approved has the level of what it ends', async () => {
    await changed(build('1'));
    await failedBefore(20);
    await changed(build('2'), { strategy });
    expect(await changed({ action: 'approve' }, { strategy })).toMatchObject({ outcome: 'done', decision: 'approved' });
    await changed(build('3'));
    expect((await told()).slice(2).map(({ kind, level }) => [kind, level])).toEqual([['start', 2], ['approval', 2], ['start', 2], ['success', 2], ['start', 1], ['success', 1]]);
  });

  test('one that was approved and failed again is told once on each level', async () => {
    await changed(build('1'));
    const second = await changed(build('2'), { strategy });
    const hooks = { before: [], after: [{ run: [process.execPath, '-e', 'process.exit(1)'], env: {}, timeout: 10_000, cwd: '/' }] };
    await failedBefore(20);
    await failedBefore(1, { release: second.release ?? '', error: { code: 'ND-HOOK-FAILED', what: 'x' } });
    expect(await changed({ action: 'approve' }, { strategy, hooks })).toMatchObject({ outcome: 'restored', error: { code: 'ND-HOOK-FAILED' } });
    expect((await told()).filter(({ kind }) => kind === 'failure')).toEqual([]);
  });

  test('and so has one that was resumed', async () => {
    await changed(build('1'));
    await failedBefore(31);
    await changed(build('2'), { strategy });
    // As a walk that was killed leaves it.
    const left = await temp.state.journal.read();
    if (left === undefined) throw new Error('there is no journal');
    const { paused: _paused, ...killed } = left;
    await temp.state.journal.write(killed);
    expect(await changed({ action: 'resume', rollbackHooks: { before: [], after: [] } })).toMatchObject({ outcome: 'done' });
    expect((await told()).at(-1)).toMatchObject({ kind: 'success', level: 3 });
  });
});

describe('the watch', () => {
  async function watched(): Promise<{ readonly first: ChangeResult; readonly second: ChangeResult; readonly end: ChangeResult }> {
    const order = { ms: 10_000, attached: true, rollbackHooks: { before: [], after: [] } };
    const first = await changed(build('1'));
    const asked = request(build('2'), { notify: [channel()], watch: order });
    const second = await runChange({ platform, request: asked, emit: () => undefined, signal: new AbortController().signal });
    platform.counted.set(second.release ?? '', counted(1_000, 300));
    return { first, second, end: await watch({ platform, request: asked, result: second, actor: AGENT, emit: (event) => events.push(event), signal: new AbortController().signal }) };
  }

  test('tells why it took a release back', async () => {
    const { first, second, end } = await watched();
    expect(end.outcome).toBe('restored');
    expect((await told()).at(-1)).toMatchObject({
      kind: 'watch-rollback', action: 'rollback', by: 'agent@here', release: first.release, previous: second.release,
      reason: expect.stringMatching(/did badly .*errorRate 30% \(300 of 1000 requests\) is not below 5%/),
    });
  });

  test('tells that it could not', async () => {
    const asked = request(build('1'), { notify: [channel()], watch: { ms: 10_000, attached: true, rollbackHooks: { before: [], after: [] } } });
    const only = await runChange({ platform, request: asked, emit: () => undefined, signal: new AbortController().signal });
    platform.counted.set(only.release ?? '', counted(1_000, 300));
    await watch({ platform, request: asked, result: only, actor: AGENT, emit: (event) => events.push(event), signal: new AbortController().signal });
    expect((await told()).at(-1)).toMatchObject({ kind: 'failure', outcome: 'not-restored', code: 'ND-WATCH-FAILED', reason: expect.stringContaining('errorRate 30%') });
  });
});

describe('a channel that does not do', () => {
  test('fails no deploy, and is told', async () => {
    receiver.answers = [403, 403];
    expect(await changed(build('1'))).toMatchObject({ outcome: 'done' });
    expect(notes()).toEqual(['the notification hook of start was not taken: HTTP 403', 'the notification hook of success was not taken: HTTP 403']);
  });

  test('holds up none: one that hangs is left behind after a second, and is told', async () => {
    receiver.answers = [0, 0, 0, 0];
    const started = performance.now();
    expect(await changed(build('1'), { notify: [channel({ timeout: 1_500 })] })).toMatchObject({ outcome: 'done' });
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(notes()).toEqual(['not sent yet: the notification hook; the change does not wait for it']);
    await noticesSent();
    expect(notes()).toHaveLength(3);
  });

  test('nor does a ledger that cannot be read keep anybody from being told', async () => {
    const result = await changed(build('1'), { notify: [] });
    temp.state.ledger.entries = () => Promise.reject(new Error('damaged'));
    await openNotices({ platform, request: request(build('1'), { notify: [channel()] }), emit: (event) => events.push(event) }).end(result);
    expect(await told()).toMatchObject([{ kind: 'success', level: 1 }]);
  });
});
