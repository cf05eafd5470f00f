import type { Channel, PreparedChannel } from './channel.js';
import { noticeId, type Level, type Notice, type NoticeKind } from './notice.js';
import { Notifier } from './notifier.js';

function notice(kind: NoticeKind, rest: Partial<Notice> = {}): Notice {
  const run = rest.run ?? 'run-1';
  return { kind, level: 1, at: 'now', service: 'api', environment: 'staging', action: 'deploy', by: 'ann@here', ...rest, run, id: noticeId(run, kind) };
}

function channel(name: string, rest: Partial<PreparedChannel> = {}): PreparedChannel {
  return { name, target: { type: 'slack', url: 'https://hooks.invalid/a-secret-path' }, on: ['start', 'success', 'failure'], level: 1, templates: {}, timeout: 100, ...rest };
}

const notes: string[] = [];
beforeEach(() => { notes.length = 0; });

function notifier(channels: readonly PreparedChannel[], send: Channel['send']): Notifier {
  return new Notifier(channels, (text) => notes.push(text), () => ({ send }));
}

test('a channel gets the events that it is for, one after the other, each once', async () => {
  const sent: string[] = [];
  let running = 0;
  const all = notifier([channel('a', { on: ['start', 'failure'] })], async ({ kind, run }) => {
    expect(running).toBe(0);
    running += 1;
    await new Promise((resolve) => { setTimeout(resolve, 10); });
    running -= 1;
    sent.push(`${kind} ${run}`);
  });
  for (const each of [notice('start'), notice('start'), notice('success'), notice('failure'), notice('failure', { run: 'run-2' })]) all.tell(each);
  expect(await all.settled(5_000)).toEqual([]);
  expect(sent).toEqual(['start run-1', 'failure run-1', 'failure run-2']);
});

test.each<[Level, string[]]>([[1, ['a']], [2, ['a', 'b']], [3, ['a', 'b', 'c']], [4, ['a', 'b', 'c', 'd']]])('level %d reaches %j', async (level, reached) => {
  const names = ['a', 'b', 'c', 'd'];
  const told: string[] = [];
  const all = names.map((name, index) => notifier([channel(name, { level: (index + 1) as Level })], async () => { told.push(name); }));
  for (const each of all) each.tell(notice('failure', { level }));
  await Promise.all(all.map((each) => each.settled(1_000)));
  expect(told).toEqual(reached);
});

test('one that hangs and ignores its signal neither holds up the others nor the end', async () => {
  const sent: string[] = [];
  const all = new Notifier([channel('hangs'), channel('works', { target: { type: 'webhook', url: 'https://works.invalid' } })], (text) => notes.push(text), (target) => ({
    send: target.type === 'slack' ? () => new Promise(() => undefined) : async () => { sent.push('it'); },
  }));
  all.tell(notice('success'));
  expect(await all.settled(50)).toEqual(['hangs']);
  expect(sent).toEqual(['it']);
  expect(await all.settled(5_000)).toEqual([]);
  expect(notes).toEqual(['the notification hangs of success was not taken: no answer within 100ms']);
});

test('one that fails is told, without a secret of it and in plain text', async () => {
  const all = notifier([channel('a')], () => Promise.reject(new Error('no https://hooks.invalid/a-secret-path\n\u001b[31mcaf\u00e9')));
  all.tell(notice('failure'));
  await all.settled(1_000);
  expect(notes).toEqual(['the notification a of failure was not taken: no [url] [31mcaf ']);
});

test('one that throws at once, and one that cannot be used, are told as well', async () => {
  const all = new Notifier([channel('a'), channel('b', { unusable: 'the variable X is not set' })], (text) => notes.push(text), () => { throw new Error('what?'); });
  all.tell(notice('failure'));
  all.tell(notice('failure'));
  await all.settled(1_000);
  expect([...notes].sort()).toEqual(['the notification a of failure was not taken: what?', 'the notification b of failure was not taken: the variable X is not set']);
});
