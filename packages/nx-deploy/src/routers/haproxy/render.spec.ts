import fc from 'fast-check';
import type { Target } from '../router.js';
import { readFigures, readServers, readVariable, leavingWorkers } from './answers.js';
import { changesOf, refusal } from './commands.js';
import { readDocument, writeDocument } from './document.js';
import { A, B, route, type RouteParts } from './haproxy.spec-support.js';
import { countersOf, Window } from './metrics.js';
import { serverNumbers } from './names.js';
import { structureOf } from './render.js';
import { checkConflict, checkRoute, type HaproxyRoute } from './route.js';
import { serverWeights } from './weights.js';

const target = (release: string, name: string, port = 80): Target => ({ id: `${release}/${name}`, release, host: '10.0.0.1', port });
const targets = (release: string, count: number): readonly Target[] => Array.from({ length: count }, (_, index) => target(release, String(index)));

describe('weights of servers', () => {
  it('give each release its share to within half a point, whatever the number of its instances', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 99 }), (stable, fresh, weight) => {
      const all = [...targets(A, stable), ...targets(B, fresh)];
      const weights = serverWeights({ [A]: 100 - weight, [B]: weight }, all);
      const sum = (release: string): number => all.filter((one) => one.release === release).reduce((total, { id }) => total + (weights.get(id) ?? 0), 0);
      expect(Math.abs((100 * sum(B)) / (sum(A) + sum(B)) - weight)).toBeLessThan(0.5);
      for (const value of weights.values()) expect(Number.isInteger(value) && value >= 0 && value <= 256).toBe(true);
    }));
  });

  it('leave the share of a release without instances to the others', () => {
    expect([...serverWeights({ [A]: 90, [B]: 10 }, targets(A, 1)).values()]).toEqual([256]);
    expect([...serverWeights({}, targets(A, 2)).values()]).toEqual([0, 0]);
    expect([...serverWeights({ [A]: 99.99, [B]: 0.01 }, [...targets(A, 1), ...targets(B, 1)]).values()]).toEqual([256, 1]);
  });
});

describe('a route', () => {
  it.each<[string, RouteParts]>([
    ['listen.address', { listen: { address: '0.0.0.0 accept-proxy' } }],
    ['listen.port', { listen: { port: 70_000 } }],
    ['listen.host', { listen: { host: 'a.b }\n' } }],
    ['listen.path', { listen: { path: '/a b' } }],
    ['listen.path', { listen: { path: '/' } }],
    ['listen.certificates', { listen: { certificates: ['../x'] } }],
    ['sticky.cookie', { sticky: { cookie: 'a=b' } }],
    ['drain', { drain: -1 }],
    ['weights', { weights: { [A]: 101 } }],
    ['weights', { weights: { 'x y': 1 } }],
    ['targets', { targets: [target(A, '1'), target(A, '1')] }],
    ['targets', { targets: [{ ...target(A, '1'), id: `${A}/1 weight 9` }] }],
    ['targets', { targets: [{ ...target(A, '1'), release: B }] }],
    ['targets', { targets: [{ ...target(A, '1'), host: 'a b' }] }],
    ['targets', { targets: [{ ...target(A, '1'), port: 0 }] }],
  ])('with a bad %s does not get into the file', (setting, bad) => {
    expect(() => checkRoute(route(80, [], {}, bad))).toThrow(expect.objectContaining({ code: 'ND-INTERNAL', parts: expect.objectContaining({ why: `${setting} has no valid form` }) }));
  });

  it('conflicts with another of the same requests, or of an address that takes its connections', () => {
    const at = (listen: Partial<HaproxyRoute['listen']>, key = 'other'): HaproxyRoute => route(80, [], {}, { key, listen });
    const check = (mine: Partial<HaproxyRoute['listen']>, theirs: Partial<HaproxyRoute['listen']>) => () => checkConflict(at(mine, 'mine'), [at(theirs)]);
    const conflict = expect.objectContaining({ code: 'ND-LISTEN-CONFLICT' });
    expect(check({ host: 'a' }, { host: 'a' })).toThrow(conflict);
    expect(check({ address: '0.0.0.0' }, {})).toThrow(conflict);
    expect(check({ address: '::1' }, { address: '::' })).toThrow(conflict);
    expect(check({ address: '::1' }, { address: '0.0.0.0' })).not.toThrow();
    expect(check({ host: 'a' }, { host: 'a', path: '/v1' })).not.toThrow();
    expect(check({}, { port: 81 })).not.toThrow();
    expect(check({}, { certificates: ['f'.repeat(32)] })).toThrow(conflict);
  });

  it('survives the file as it was, and another order of the same routes is the same text', () => {
    const some = [route(80, targets(A, 3), { [A]: 100 }, { key: '\u00e4 "key"\nglobal', listen: { address: '::1', host: 'a' } }), route(81, [], {}, { key: 'b', sticky: { cookie: 'c' } })];
    const text = writeDocument({ generation: 3, routes: some }, { folder: '/run/x' });
    expect(readDocument(text, 'x')).toEqual({ generation: 3, routes: some });
    expect(() => readDocument('', 'x')).toThrow(expect.objectContaining({ code: 'ND-STATE-DAMAGED' }));
    expect(() => readDocument('# nx-deploy router, form 1, generation 1\n', 'x')).toThrow(expect.objectContaining({ code: 'ND-STATE-DAMAGED' }));
    expect(text).not.toMatch(/^global$[^]*^global$/m);
    expect(structureOf({ folder: '/run/x', routes: [...some].reverse() })).toBe(structureOf({ folder: '/run/x', routes: some }));
    expect(structureOf({ folder: '/run/x', routes: some.map((one) => ({ ...one, targets: [], weights: {} })) })).toBe(structureOf({ folder: '/run/x', routes: some }));
    expect(structureOf({ folder: '/run/y', routes: some })).not.toBe(structureOf({ folder: '/run/x', routes: some }));
  });

  it('gives each server a number of its own that depends on nothing but its name', () => {
    const few = serverNumbers({ targets: targets(A, 5) });
    expect(serverNumbers({ targets: [] }).size).toBe(0);
    const many = serverNumbers({ targets: targets(A, 500) });
    for (const [name, number] of few) expect(many.get(name)).toBe(number);
    expect(new Set(many.values()).size).toBe(500);
  });
});

describe('commands', () => {
  const backend = 'nxd_api-test-acme_e17209f8605c';
  const running = (name: string, weight: number, rest: object = {}) => ({ name, host: '10.0.0.1', port: 80, weight, maintenance: false, ...rest });

  it('raise what gets more before they lower what gets less, and delete last', () => {
    const commands = changesOf(route(80, [target(A, '1'), target(B, '1')], { [A]: 20, [B]: 80 }), [running(`${A}:1`, 256), running(`${A}:2`, 256)]);
    expect(commands.map((command) => command.replace(/ id .*/, ''))).toEqual([
      `@1 add server ${backend}/${B}:1 10.0.0.1:80`, `@1 enable health ${backend}/${B}:1`, `@1 enable server ${backend}/${B}:1`, `@1 set server ${backend}/${A}:1 weight 64`,
      `@1 set server ${backend}/${A}:2 state maint`, `@1 del server ${backend}/${A}:2`,
    ]);
    expect(changesOf(route(80, [target(A, '1')], { [A]: 100 }), [running(`${A}:1`, 256)])).toEqual([]);
    expect(changesOf(route(80, [target(A, '1', 81)], { [A]: 100 }), [running(`${A}:1`, 256, { maintenance: true })])).toEqual([
      `@1 set server ${backend}/${A}:1 addr 10.0.0.1 port 81`, `@1 set server ${backend}/${A}:1 state ready`,
    ]);
    expect(changesOf(route(80, [], {}), [running(`${A}:1`, 0, { maintenance: true })])).toEqual([`@1 del server ${backend}/${A}:1`]);
    expect(changesOf(route(80, [{ ...target(A, '1'), host: '::1' }], { [A]: 100 }), [])[0]).toContain(' [::1]:80 ');
  });

  it('were done unless their answer says otherwise; a server that cannot be deleted yet is no fault', () => {
    expect(refusal(['@1 add server x', '@1 set server x weight 1', '@1 del server y'], ['New server registered.', '', 'Server still has connections attached to it, cannot remove it.'])).toBeUndefined();
    expect(refusal(['@1 set server x weight 1'], ['No such server.'])).toBe('@1 set server x weight 1: No such server.');
    expect(refusal(['@1 set server x weight 1'], [])).toContain('no answer');
  });
});

describe('answers', () => {
  it('of a HAProxy that knows nothing of it are empty', () => {
    expect(readServers('Can\'t find backend.')).toEqual([]);
    expect(readFigures('')).toEqual([]);
    expect(readVariable('Variable not found', 'X')).toBeUndefined();
    expect(countersOf([], 5)).toEqual({ worker: ' ', at: 5, ran: 0, servers: new Map(), latency: new Map() });
    expect(countersOf(['', 'a\nb', '0x1: key=x use=0 gpc0=3'], 5)).toMatchObject({ latency: new Map([['x/', new Map([[0, 3]])]]) });
    expect(readServers('# srv_name x\n1 a')[0]).toMatchObject({ name: '1', host: '', maintenance: false });
    expect(readFigures('# a,b\n1')).toEqual([{ a: '1', b: '' }]);
    expect(leavingWorkers('')).toEqual([]);
    expect(leavingWorkers('#<PID> <type>\n1 master 3 [failed: 0]\n# workers\n7 worker 0\n# old workers\n5  worker 1\n6  worker 2\n# programs\n')).toEqual([5, 6]);
  });
});

describe('a window of figures', () => {
  const head = '# pxname,svname,type,econ,eresp,wredis,hrsp_2xx,hrsp_5xx';
  const sample = (at: number, uptime: number, rows: readonly string[], pid = 1) => countersOf([`Pid: ${pid}\nStart_time_sec: 9\nUptime_sec: ${uptime}`, [head, ...rows].join('\n'), ''], at);
  const row = (server: string, good: number, bad: number, lost = 0): string => `b,${server},2,${lost},0,0,${good},${bad}`;

  it('takes off what was counted before it, and starts anew with another worker', () => {
    const window = new Window();
    expect(window.metrics('b', A, 1_000)).toMatchObject({ requests: 0, latency: { p99: 0 } });
    window.add(sample(0, 100, [row(`${A}:1`, 1_000, 50)]));
    expect(window.metrics('b', A, 10_000)).toMatchObject({ requests: 0, errors: 0 });
    window.add(sample(5_000, 105, [row(`${A}:1`, 1_010, 51, 1)]));
    expect(window.metrics('b', A, 10_000)).toMatchObject({ requests: 12, errors: 2 });
    window.add(sample(20_000, 120, [row(`${A}:1`, 1_030, 51, 1)]));
    expect(window.metrics('b', A, 10_000)).toMatchObject({ requests: 20, errors: 0 });
    expect(window.metrics('b', B, 10_000)).toMatchObject({ requests: 0 });
    window.add(sample(21_000, 1, [row(`${A}:1`, 5, 1)], 2));
    expect(window.metrics('b', A, 10_000)).toMatchObject({ requests: 6, errors: 1 });
  });

  it('keeps what a server had counted that is gone, or came back', () => {
    const window = new Window();
    window.add(sample(0, 5, [row(`${A}:1`, 10, 5), row(`${A}:2`, 1, 0)]));
    window.add(sample(1_000, 6, [row(`${A}:2`, 2, 0)]));
    expect(window.metrics('b', A, 60_000)).toMatchObject({ requests: 17, errors: 5 });
    window.add(sample(2_000, 7, [row(`${A}:1`, 1, 0), row(`${A}:2`, 0, 0)]));
    expect(window.metrics('b', A, 60_000)).toMatchObject({ requests: 18, errors: 5 });
  });

  it('has the beginning of a long soak, however often it is looked at', () => {
    const window = new Window();
    const rows = [row(`${A}:1`, 0, 0), ...Array.from({ length: 3 }, (_, index) => row(`r${String(index).padStart(12, '0')}:1`, 1_000, 0))];
    const looks = 4 * 3_600;
    let [good, bad] = [0, 0];
    window.add(sample(0, 0, rows));
    for (let look = 1; look <= looks; look += 1) {
      good += 6;
      if (look <= 4 * 300 && look % 4 !== 0) bad += 1;
      window.add(sample(look * 250, Math.floor(look / 4), [row(`${A}:1`, good, bad), ...rows.slice(1)]));
    }
    // The worker has run for as long as the window: all that it counted is in it.
    expect(window.metrics('b', A, 3_600_000)).toMatchObject({ requests: good + bad, errors: bad });
    // Half an hour back is known to the minute, ten minutes to the second.
    expect(window.metrics('b', A, 1_800_000).requests).toBeGreaterThanOrEqual(1_800 * 24);
    expect(window.metrics('b', A, 1_800_000).requests).toBeLessThanOrEqual(1_861 * 24);
    expect(window.metrics('b', A, 60_000)).toMatchObject({ requests: expect.any(Number) as number, errors: 0 });
    expect(Math.abs(window.metrics('b', A, 60_000).requests - 60 * 24)).toBeLessThanOrEqual(24);
  });

  it('finds percentiles in counters of two digits', () => {
    const window = new Window();
    const table = `# table: nxd_latency\n${[[7, 90], [120, 5], [3_400, 5]].map(([ms, count]) => `0x7f: key=b/${A}:1/${ms} use=0 exp=1 gpc0=${count}`).join('\n')}\n`;
    window.add(countersOf(['Pid: 1\nUptime_sec: 1', head, table], 0));
    expect(window.metrics('b', A, 60_000).latency).toEqual({ p50: 7, p95: 125, p99: 3_450 });
    expect(window.metrics('b', A, 60_000).times).toEqual([[7, 8, 90], [120, 130, 5], [3_400, 3_500, 5]]);
  });
});
