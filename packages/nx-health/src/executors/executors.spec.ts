import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import checkExecutor, { type CheckExecutorOptions } from './check/executor.js';
import checkSchema from './check/schema.json';
import waitExecutor, { type WaitExecutorOptions } from './wait/executor.js';
import waitSchema from './wait/schema.json';
import { contextOf } from './context.spec-support.js';

const context = contextOf('/nowhere');
let out = '';
let err = '';
let statuses: number[] = [];
let server: Server;
let url: string;
let tcp: string;

beforeEach(async () => {
  out = '';
  err = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => { out += String(text); return true; });
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => { err += String(text); return true; });
  server = createServer((_request, response) => { response.writeHead((statuses.length > 1 ? statuses.shift() : statuses[0]) ?? 200).end(); });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  tcp = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  url = `http://user:pass@${tcp}/health?token=hidden`;
});
afterEach(async () => {
  jest.restoreAllMocks();
  await new Promise((resolve) => server.close(resolve));
});

const still = (text: string): string => text.replaceAll(tcp, 'HOST').replace(/\d+ ms/g, 'N ms').replace(/"ms":\d+/g, '"ms":0');

describe('check', () => {
  it.each<[number, CheckExecutorOptions, boolean, string]>([
    [200, {}, true, 'healthy: http://HOST/health in N ms\n'],
    [206, {}, true, 'degraded: http://HOST/health in N ms: HTTP 206\n'],
    [503, {}, false, 'unhealthy: http://HOST/health in N ms: HTTP 503\n'],
    [206, { degraded: 'none', healthy: '200,204-205' }, false, 'unhealthy: http://HOST/health in N ms: HTTP 206\n'],
    [401, { healthy: '401', method: 'HEAD' }, true, 'healthy: http://HOST/health in N ms\n'],
    [503, { json: true }, false, '{"target":"http://HOST/health","status":"unhealthy","ms":0,"reason":"HTTP 503"}\n'],
  ])('of %i with %j', async (status, options, success, text) => {
    statuses = [status];
    expect(await checkExecutor({ url, ...options }, context)).toEqual({ success });
    expect(still(out)).toBe(text);
  });

  it('of a port', async () => {
    expect(await checkExecutor({ tcp }, context)).toEqual({ success: true });
    expect(await checkExecutor({ tcp: 'localhost:1', timeout: '1s' }, context)).toEqual({ success: false });
    expect(still(out)).toMatch(/^healthy: tcp HOST in N ms\nunhealthy: tcp localhost:1 in N ms: connect ECONNREFUSED/);
  });

  it.each<[CheckExecutorOptions, string]>([
    [{ url: 'http://h/', file: 'x.json', tags: ['a'], only: [] }, 'file: goes with the checks of a file, and not with url or tcp\n  - tags: goes with the checks of a file, and not with url or tcp'],
    [{ healthy: '200' }, 'healthy: goes with url or tcp; the checks of a file say it themselves'],
    [{ url: 'http://h/', tcp: 'h:1' }, 'url and tcp: only one of them may be given'],
    [{ url: 'hunter2' }, 'url: must be an address such as http://127.0.0.1:8080/health'],
    [{ url: 'file:///etc/hunter2' }, 'url: must be an address such as http://127.0.0.1:8080/health'],
    [{ tcp: 'h' }, 'tcp: must be host:port such as 127.0.0.1:5432 or [::1]:5432, got "h"'],
    [{ tcp: 'h:70000' }, 'tcp: must be host:port such as 127.0.0.1:5432 or [::1]:5432, got "h:70000"'],
    [{ timeout: '5s', method: 'HEAD' }, 'method: goes with url or tcp; the checks of a file say it themselves\n  - timeout: goes with url or tcp; the checks of a file say it themselves'],
    [{ url: 'http://h/', timeout: '5' }, 'timeout: must be a duration such as 500ms, 30s or 2m, got "5"'],
    [{ url: 'http://h/', timeout: '0s' }, 'timeout: must be a duration such as 500ms, 30s or 2m, got "0s"'],
    [{ url: 'http://h/', healthy: 'good' }, 'healthy: must be statuses such as 200 or 200-299,401, got "good"'],
    [{ url: 'http://h/', degraded: '' }, 'degraded: must be statuses such as 200 or 200-299,401, got ""'],
  ])('refuses %j', async (options, problem) => {
    expect(await checkExecutor(options, context)).toEqual({ success: false });
    expect(err).toBe(`nx-health:check refused its options:\n  - ${problem}\n`);
    expect(err + out).not.toContain('hunter2');
  });
});

describe('wait', () => {
  it('tells what it waits for once, and ends with the passes', async () => {
    statuses = [503, 503, 200, 500, 206, 200];
    expect(await waitExecutor({ url, interval: '1ms', timeout: '20s' }, context)).toEqual({ success: true });
    expect(still(out)).toBe('waiting for http://HOST/health: HTTP 503\nwaiting for http://HOST/health: HTTP 500\nhealthy: http://HOST/health after 6 checks in N ms\n');
  });

  it('fails in its time with the reason', async () => {
    statuses = [503];
    expect(await waitExecutor({ url, interval: '10ms', timeout: '100ms', passes: 1 }, context)).toEqual({ success: false });
    expect(still(out)).toMatch(/^waiting for .*\nnot healthy: http:\/\/HOST\/health after \d+ checks in N ms: HTTP 503\n$/);
  });

  it('prints one line of JSON when asked to', async () => {
    statuses = [503, 200];
    await waitExecutor({ url, interval: '1ms', passes: 1, json: true }, context);
    statuses = [503];
    await waitExecutor({ tcp, passes: 1, json: true }, context);
    await waitExecutor({ url, timeout: '20ms', interval: '1m', json: true }, context);
    expect(still(out)).toBe([
      '{"target":"http://HOST/health","outcome":"healthy","status":"healthy","attempts":2,"ms":0}',
      '{"target":"tcp HOST","outcome":"healthy","status":"healthy","attempts":1,"ms":0}',
      '{"target":"http://HOST/health","outcome":"timeout","status":"unhealthy","attempts":1,"ms":0,"reason":"HTTP 503"}',
      '',
    ].join('\n'));
  });

  it('bounds each check', async () => {
    const hanging = createServer(() => undefined);
    await new Promise<void>((resolve) => hanging.listen(0, '127.0.0.1', resolve));
    const at = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}/`;
    expect(await waitExecutor({ url: at, timeout: '300ms', checkTimeout: '50ms', interval: '1ms' }, context)).toEqual({ success: false });
    expect(out).toContain(`waiting for ${at}: connected, but no answer within 50 ms\n`);
    hanging.closeAllConnections();
    await new Promise((resolve) => hanging.close(resolve));
  });

  it('refuses all that is wrong at once', async () => {
    expect(await waitExecutor({ url, file: 'x', passes: 0, backoff: 0.5, timeout: 'x', interval: 'y', longestInterval: 'w', checkTimeout: 'z' }, context)).toEqual({ success: false });
    expect(err.split('\n').filter((line) => line.startsWith('  - ')).map((line) => line.slice(4).split(':')[0])).toEqual(['file', 'checkTimeout', 'passes', 'backoff', 'timeout', 'interval', 'longestInterval']);
  });
});

describe('the schemas', () => {
  it('list exactly the options', () => {
    const check: Required<CheckExecutorOptions> = { url: '', tcp: '', file: '', only: [], tags: [], method: '', healthy: '', degraded: '', timeout: '', json: false, junit: '' };
    const { junit: _, ...shared } = check;
    const wait: Required<WaitExecutorOptions> = { ...shared, checkTimeout: '', interval: '', backoff: 1, longestInterval: '', passes: 1 };
    expect(Object.keys(checkSchema.properties).sort()).toEqual(Object.keys(check).sort());
    expect(Object.keys(waitSchema.properties).sort()).toEqual(Object.keys(wait).sort());
  });
});
