/** What single kinds have beside what the suite of all of them asks for. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import files from 'node:fs/promises';
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import tls from 'node:tls';
import type { CheckResult, HealthStatus } from '../../result.js';
import { judgeExpiry } from '../expiry.js';
import { loadPeer } from '../peer.js';
import { nameServer, peer } from './peers.spec-support.js';
import { checkOf, noOthers } from './suite.spec-support.js';
import type { KindName } from '../kinds.js';

const folder = mkdtempSync(join(tmpdir(), 'nx-health-others-'));
afterAll(() => { rmSync(folder, { recursive: true }); });
const check = async (kind: KindName, settings: object, secrets: readonly string[] = []): Promise<CheckResult> => (await checkOf(kind, settings, { folder, secrets })).run({ result: noOthers });

describe('dns', () => {
  const mx = Buffer.from([0, 10, 4, ...Buffer.from('mail'), 4, ...Buffer.from('test'), 0]);

  it.each<[string, number, readonly Buffer[], readonly string[], string | undefined]>([
    ['A', 1, [Buffer.from([10, 0, 0, 7]), Buffer.from([10, 0, 0, 8])], ['10.0.0.8'], undefined],
    ['A', 1, [Buffer.from([10, 0, 0, 7])], ['10.0.0.8', '10.0.0.9'], 'not among the A records: 10.0.0.8, 10.0.0.9; found: 10.0.0.7'],
    ['MX', 15, [mx], ['10 mail.test'], undefined],
    ['TXT', 16, [Buffer.from([1, 97, 2, 98, 99])], ['abc'], undefined],
    ['SRV', 33, [Buffer.from([0, 1, 0, 5, 19, 196, 3, ...Buffer.from('sip'), 0])], ['1 5 5060 sip'], undefined],
  ])('%s', async (type, number, records, expected, reason) => {
    const server = await nameServer({ records, type: number });
    const result = await check('dns', { name: 'x.test', type, server: `127.0.0.1:${server.port}`, expect: expected });
    expect([result.status, result.reason]).toEqual([reason === undefined ? 'healthy' : 'unhealthy', reason]);
    await server.close();
  });
});

describe('file-age', () => {
  const path = (name: string, ageS: number, text = 'x'): string => {
    writeFileSync(join(folder, name), text);
    utimesSync(join(folder, name), Date.now() / 1_000 - ageS, Date.now() / 1_000 - ageS);
    return name;
  };

  it.each<[string, number, string, HealthStatus, string | undefined]>([
    ['young', 10, 'x', 'healthy', undefined], ['middle', 100, 'x', 'degraded', 'middle was last written 1 min 40 s ago'], ['old', 4_000, 'x', 'unhealthy', 'old was last written 1 h 6 min ago'],
    ['future', -50_000, 'x', 'healthy', undefined], ['empty', 1, '', 'unhealthy', 'empty has 0 bytes, and must have 1'],
  ])('%s', async (name, age, text, status, reason) => {
    const result = await check('file-age', { path: path(name, age, text), degraded: '1m', unhealthy: '1h' });
    expect([result.status, result.reason]).toEqual([status, reason]);
  });
});

describe('command', () => {
  const node = (code: string): string[] => [process.execPath, '-e', code];

  it.each<[string, object, HealthStatus, string | undefined]>([
    ['process.exit(0)', {}, 'healthy', undefined], ['process.exit(1)', {}, 'unhealthy', 'exit code 1'], ['process.exit(1)', { degraded: [1] }, 'degraded', 'exit code 1'], ['process.exit(3)', { healthy: [0, 3] }, 'healthy', undefined],
    ['process.kill(process.pid, "SIGKILL")', {}, 'unhealthy', 'ended by SIGKILL'], ['console.error("first\\nlast one"); process.exitCode = 2', { output: true }, 'unhealthy', 'exit code 2: last one'],
    ['console.error("first"); process.exitCode = 2', {}, 'unhealthy', 'exit code 2'], ['process.exit(process.env.A === "b" && process.cwd() === require("fs").realpathSync(process.env.HERE) ? 0 : 1)', { env: { A: 'b', HERE: folder } }, 'healthy', undefined],
  ])('%s with %j', async (code, settings, status, reason) => {
    const result = await check('command', { command: node(code), ...settings });
    expect([result.status, result.reason]).toEqual([status, reason]);
  });

  it('that is not there, or never reads', async () => {
    expect((await check('command', { command: ['no-such-program-at-all'] })).reason).toBe('spawn no-such-program-at-all ENOENT');
    expect((await check('command', { command: ['true', '\u00e9'] })).status).toBe('healthy');
  });

  it('hides what is secret in its output', async () => {
    const result = await check('command', { command: node('console.log("the key is Zm9vYmFy and a%40b"); process.exit(1)'), output: true }, ['Zm9vYmFy', 'a@b!', 'a@b', 'key']);
    expect(result.reason).toBe('exit code 1: the key is *** and ***');
    expect((await check('command', { command: node('console.log("x p%40ss y p@ss"); process.exit(1)'), output: true }, ['postgres://u:p%40ss@h/'])).reason).toBe('exit code 1: x *** y ***');
  });

  it('leaves nothing of what it started, also when that holds its output open', async () => {
    const pidFile = join(folder, 'child.pid');
    const code = `const child = require("child_process").spawn("sleep", ["600"], { stdio: "inherit" }); require("fs").writeFileSync(${JSON.stringify(pidFile)}, String(child.pid)); `;
    const alive = (): boolean => { try { process.kill(Number(readFileSync(pidFile, 'utf8')), 0); return !/\) Z /.test(readFileSync(`/proc/${readFileSync(pidFile, 'utf8')}/stat`, 'latin1')); } catch { return false; } };
    for (const [end, settings, reason] of [['process.exit(0)', {}, undefined], ['setInterval(() => {}, 1000)', { timeout: '700ms' }, 'the command did not end within 700 ms']] as const) {
      expect((await check('command', { command: node(code + end), ...settings })).reason).toBe(reason);
      for (let left = 100; alive() && left > 0; left -= 1) await wait(10);
      expect(alive()).toBe(false);
    }
  });
});

describe('process', () => {
  it('counts those whose command line matches', async () => {
    const marker = `nx-health-marker-${process.pid}`;
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', marker], { stdio: 'ignore' });
    await new Promise((resolve) => child.once('spawn', resolve));
    expect(await check('process', { match: marker })).toMatchObject({ status: 'healthy', observed: 1 });
    expect((await check('process', { match: marker, most: 0, least: 0 })).reason).toBe('1 processes match, at most 0 may');
    expect((await check('process', { match: marker, least: 2 })).reason).toBe('1 processes match, at least 2 must');
    writeFileSync(join(folder, 'child.pid'), String(child.pid));
    expect((await check('process', { pidFile: 'child.pid' })).status).toBe('healthy');
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    expect((await check('process', { pidFile: 'child.pid' })).reason).toMatch(/^the process \d+ of .*child\.pid does not run$/);
    writeFileSync(join(folder, 'bad.pid'), '-1');
    expect((await check('process', { pidFile: 'bad.pid' })).reason).toMatch(/bad\.pid holds no process id$/);
    writeFileSync(join(folder, 'init.pid'), '1\n');
    expect((await check('process', { pidFile: 'init.pid' })).status).toBe('healthy');
  });

  it.each([[{}, 'must have'], [{ pidFile: 'x', match: 'x' }, 'must have'], [{ pidFile: 'x', most: 1 }, 'goes with']])('of %j', async (settings, problem) => {
    await expect(checkOf('process', settings)).rejects.toThrow(problem);
  });
});

describe('prometheus', () => {
  const ask = async (body: string, settings: object, code = 200): Promise<readonly [CheckResult, string]> => {
    let asked = '';
    const server = await peer(createServer((request, response) => { asked = `${request.url ?? ''} ${request.headers.authorization ?? ''}`; response.writeHead(code).end(body); }));
    const result = await check('prometheus', { url: `http://u:p@127.0.0.1:${server.port}/prom/`, query: 'a{b="c"} / 2', unhealthy: '> 0.05', ...settings });
    await server.close();
    return [result, asked];
  };
  const vector = (...values: string[]): string => JSON.stringify({ status: 'success', data: { resultType: 'vector', result: values.map((value) => ({ metric: {}, value: [1, value] })) } });

  it('asks with the query, and the credentials of the address', async () => {
    const [, asked] = await ask(vector('0'), {});
    expect(asked).toBe(`/prom/api/v1/query?query=a%7Bb%3D%22c%22%7D+%2F+2 Basic ${Buffer.from('u:p').toString('base64')}`);
  });

  it.each<[string, object, HealthStatus, string | undefined]>([
    [vector('0.01'), {}, 'healthy', undefined], [vector('0.01', '0.06'), {}, 'unhealthy', 'the value is 0.06, unhealthy is > 0.05'], [vector('0.03'), { degraded: '>= 0.03' }, 'degraded', 'the value is 0.03, degraded is >= 0.03'],
    [vector(), {}, 'unhealthy', 'the query has no value'], [vector(), { noData: 'healthy' }, 'healthy', undefined], [vector('NaN'), {}, 'unhealthy', 'a value of the query is not a number'], [vector('NaN', '0.9'), { noData: 'degraded' }, 'unhealthy', 'the value is 0.9, unhealthy is > 0.05'],
    [vector('NaN', '0.9'), { noData: 'healthy' }, 'unhealthy', 'the value is 0.9, unhealthy is > 0.05'], [vector('0.03', 'NaN'), { noData: 'healthy', degraded: '> 0.02' }, 'degraded', 'the value is 0.03, degraded is > 0.02'],
    [vector('0.03', 'NaN'), { degraded: '> 0.02' }, 'unhealthy', 'a value of the query is not a number'], [vector('0.01', 'NaN'), { noData: 'degraded' }, 'degraded', 'a value of the query is not a number'], [vector('0.01', 'NaN'), { noData: 'healthy' }, 'healthy', undefined],
    [vector('+Inf'), {}, 'unhealthy', 'the value is Infinity, unhealthy is > 0.05'], [vector('-Inf'), { unhealthy: '< 0' }, 'unhealthy', 'the value is -Infinity, unhealthy is < 0'],
    [JSON.stringify({ status: 'success', data: { resultType: 'scalar', result: [1, '1'] } }), { unhealthy: '!= 1' }, 'healthy', undefined], [vector('3'), { unhealthy: '== 3' }, 'unhealthy', 'the value is 3, unhealthy is == 3'], [vector('3'), { unhealthy: '<= 2' }, 'healthy', undefined],
    [JSON.stringify({ status: 'error', errorType: 'bad_data', error: 'parse error' }), {}, 'unhealthy', 'bad_data: parse error'], ['<html>', {}, 'unhealthy', 'HTTP 200: not the answer to a query of a scalar or a vector'],
  ])('%s with %j', async (body, settings, status, reason) => {
    const [result] = await ask(body, settings);
    expect([result.status, result.reason]).toEqual([status, reason]);
  });
});

describe('composite', () => {
  const states: Readonly<Record<string, HealthStatus>> = { up: 'healthy', up2: 'healthy', poor: 'degraded', down: 'unhealthy' };

  it.each<[string[], string | number, HealthStatus, string | undefined]>([
    [['up', 'up2'], 'all', 'healthy', undefined], [['up', 'down'], 'any', 'healthy', undefined], [['up', 'poor'], 'all', 'degraded', '1 of 2 are healthy, 2 must be; poor: why poor'],
    [['poor', 'down'], 'any', 'degraded', '0 of 2 are healthy, 1 must be; poor: why poor; down: why down'], [['up', 'up2', 'down'], 2, 'healthy', undefined], [['up', 'down'], 2, 'unhealthy', '1 of 2 are healthy, 2 must be; down: why down'],
  ])('%j with %s', async (of, need, status, reason) => {
    const result = await (await checkOf('composite', { of, need })).run({ result: (name) => Promise.resolve({ status: states[name] ?? 'unhealthy', ms: 1, ...(states[name] === 'healthy' ? {} : { reason: `why ${name}` }) }) });
    expect([result.status, result.reason]).toEqual([status, reason]);
  });

  it.each<[string[], string | number, HealthStatus, string | undefined]>([
    [['hangs', 'up'], 'any', 'healthy', undefined], [['up', 'hangs', 'up2'], 2, 'healthy', undefined], [['hangs', 'down', 'up'], 'all', 'unhealthy', '1 of 3 are healthy, 3 must be; hangs: not known yet; down: why down'],
    [['poor', 'hangs', 'up2'], 2, 'pending', undefined], [['poor', 'hangs'], 'any', 'pending', undefined], [['down', 'hangs'], 'any', 'pending', undefined], [['poor', 'up', 'hangs'], 'all', 'pending', undefined],
  ] as [string[], string | number, HealthStatus, string | undefined][])('%j with %s: does not wait for what cannot change it', async (of, need, status, reason) => {
    const controller = new AbortController();
    const running = (await checkOf('composite', { of, need, timeout: '10ms' })).run({ signal: controller.signal, result: (name) => (name === 'hangs' ? new Promise(() => undefined) : Promise.resolve({ status: states[name] ?? 'unhealthy', ms: 1, ...(states[name] === 'healthy' ? {} : { reason: `why ${name}` }) })) });
    const result = await Promise.race([running, wait(40, { status: 'pending', reason: undefined })]);
    expect([result.status, result.reason]).toEqual([status, reason]);
    controller.abort();
    if (result.status === 'pending') expect((await running).reason).toBe('the check was cancelled');
  });
});

it('what is measured is judged by two limits', async () => {
  expect(await check('disk', { path: '/', degraded: 0, unhealthy: 100 })).toMatchObject({ status: 'degraded', unit: 'percent', reason: expect.stringMatching(/^\/ (?:is|has) \d+\.\d%.*, from 0 on it is degraded$/) as string });
  expect(await check('memory', { degraded: 0, unhealthy: 0.01 })).toMatchObject({ status: 'unhealthy', reason: expect.stringMatching(/^\d+\.\d% of the memory is used, at most 0\.01 is allowed$/) as string });
});

it('a limit of memory counts what the page cache gives back as free', async () => {
  const gib = 1024 ** 3;
  jest.spyOn(process, 'constrainedMemory').mockReturnValue(gib);
  jest.spyOn(process, 'availableMemory').mockReturnValue(gib / 8);
  let cached = gib / 2;
  jest.spyOn(files, 'readFile').mockImplementation((path) => Promise.resolve(path === '/proc/self/cgroup' ? '0::/\n' : `inactive_file ${cached}\n`));
  try {
    expect(await check('memory', {})).toMatchObject({ status: 'healthy', observed: 37.5 });
    cached = 0;
    expect(await check('memory', { degraded: 80 })).toMatchObject({ status: 'degraded', observed: 87.5 });
  } finally {
    jest.restoreAllMocks();
  }
});

it('a certificate is judged by what is left of it', () => {
  const day = 86_400_000;
  const judged = (days: number): string => { const { status, reason = '' } = judgeExpiry(days * day, { degraded: 21 * day, unhealthy: 3 * day }, 0); return `${status} ${reason}`.trim(); };
  expect([30, 21, 20.5, 3, 2.5, 0, -1].map(judged)).toEqual([
    'healthy', 'healthy', 'degraded the certificate ends in 20 d 12 h', 'degraded the certificate ends in 3 d', 'unhealthy the certificate ends in 2 d 12 h', 'unhealthy the certificate ended 0 ms ago', 'unhealthy the certificate ended 1 d ago',
  ]);
});

it('a certificate is not asked for any more when the time is up before its authorities are read', async () => {
  let read: (text: string) => void = () => undefined;
  jest.spyOn(files, 'readFile').mockImplementation(() => new Promise((resolve) => { read = resolve; }));
  const connect = jest.spyOn(tls, 'connect');
  try {
    expect((await check('certificate', { host: '127.0.0.1', port: 1, ca: 'ca.pem', timeout: '20ms' })).reason).toBe('no TLS connection within 20 ms');
    read('');
    await wait(0);
    expect(connect).not.toHaveBeenCalled();
  } finally {
    jest.restoreAllMocks();
  }
});

it('a library that is not installed is told of, with what to do', () => {
  expect(() => loadPeer('postgres', ['nx-health-no-such-package', 'nor-this-one'])).toThrow('a check of kind postgres needs the package nx-health-no-such-package or nor-this-one, which is not installed; run: npm install --save-dev nx-health-no-such-package');
});
