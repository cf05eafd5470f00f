import { FakePlatform } from '../apply/fake-platform.spec-support.js';
import type { Desired, DeployEvent } from '../model/index.js';
import { expireWarm } from './expire.js';

const [LIVE, WARM, OTHER] = ['raaaaaaaaaaaa', 'rbbbbbbbbbbbb', 'rcccccccccccc'];
const NOW = Date.parse('2031-05-01T10:00:00.000Z');
const PAST = '2031-05-01T09:59:59.999Z';
const LATER = '2031-05-01T10:00:00.001Z';
const web = (count: number) => ({ web: { fixed: count } });

function fleet(untils: Readonly<Record<string, string>>, weights: Readonly<Record<string, number>> = { [LIVE]: 100 }): Desired {
  return Object.fromEntries([LIVE, WARM, OTHER].map((id) => {
    const until = untils[id];
    return [id, { processes: web(2), weight: weights[id] ?? 0, ...(until === undefined ? {} : { until }) }];
  }));
}

test('a release whose time has passed is ended and then forgotten; one with time left stays', async () => {
  const platform = new FakePlatform(fleet({ [WARM]: PAST, [OTHER]: LATER }));
  const events: DeployEvent[] = [];
  expect(await expireWarm({ platform, now: NOW, emit: (event) => events.push(event) })).toEqual({ ended: [WARM] });
  expect(platform.changes()).toEqual([expect.stringMatching(new RegExp(`^scale ${WARM} web=0`)), `keep ${OTHER}=${LATER}`]);
  expect(Object.keys(await platform.list())).toEqual([LIVE, OTHER]);
  expect(events).toEqual([{ type: 'note', text: `release ${WARM} was kept until ${PAST} and is ended now` }]);
});

test('the very moment counts as passed, and so does what is no time', async () => {
  const platform = new FakePlatform(fleet({ [WARM]: new Date(NOW).toISOString(), [OTHER]: 'soon' }));
  expect([...(await expireWarm({ platform, now: NOW })).ended].sort()).toEqual([WARM, OTHER]);
});

test('nothing with traffic is touched, whatever its time says', async () => {
  const platform = new FakePlatform(fleet({ [LIVE]: PAST, [WARM]: PAST }, { [LIVE]: 99, [WARM]: 1 }));
  expect(await expireWarm({ platform, now: NOW })).toEqual({ ended: [], fleet: await platform.list() });
  expect(platform.changes()).toEqual([]);
});

test('a clock that was set back keeps nothing for longer: isOver says so', async () => {
  const platform = new FakePlatform(fleet({ [WARM]: LATER, [OTHER]: LATER }));
  expect(await expireWarm({ platform, now: NOW, isOver: (id) => id === WARM })).toEqual({ ended: [WARM] });
});

test('a release without a time is no warm one', async () => {
  const platform = new FakePlatform(fleet({}));
  expect(await expireWarm({ platform, now: NOW, isOver: () => true })).toMatchObject({ ended: [] });
});

test('without the lease nothing is done', async () => {
  const platform = new FakePlatform(fleet({ [WARM]: PAST }));
  const lease = { assert: () => Promise.reject(new Error('lost')), release: () => Promise.resolve() };
  await expect(expireWarm({ platform, now: NOW, lease })).rejects.toThrow('lost');
  expect(platform.changes()).toEqual([]);
});

test('what could not be ended keeps its time, for the next call', async () => {
  const platform = new FakePlatform(fleet({ [WARM]: PAST }));
  const failing = { list: () => platform.list(), keep: (until: Readonly<Record<string, string>>) => platform.keep(until), scale: () => Promise.reject(new Error('stuck')) };
  await expect(expireWarm({ platform: failing, now: NOW })).rejects.toThrow('stuck');
  expect((await platform.list())[WARM]?.until).toBe(PAST);
});
