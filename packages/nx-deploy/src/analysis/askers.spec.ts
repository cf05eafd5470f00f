import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import type { Probe, ProbeTarget } from '../model/index.js';
import { askerOf, type ProbeMeans } from './askers.js';
import type { Answer } from './probing.js';

let server: Server;
let port: number;
let answer: (request: IncomingMessage, response: ServerResponse, body: string) => void;

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => { body += chunk; }).on('end', () => answer(request, response, body));
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const MEANS: ProbeMeans = { variables: { PROM_TOKEN: 'a-token-of-a-test', GREETING: 'a secret greeting' }, cwd: tmpdir() };

async function closedPort(): Promise<number> {
  const other = createServer();
  await new Promise<void>((resolve) => { other.listen(0, '127.0.0.1', resolve); });
  const { port: free } = other.address() as AddressInfo;
  await new Promise((resolve) => { other.close(resolve); });
  return free;
}

function ask(target: ProbeTarget, { timeout = 2_000, origin = true, signal = new AbortController().signal, means = MEANS }: { timeout?: number; origin?: boolean; signal?: AbortSignal; means?: ProbeMeans } = {}): Promise<Answer> {
  const probe: Probe = { name: 'it', target, interval: 1_000, timeout, failures: 3, errors: 4 };
  return askerOf(probe, means, () => Promise.resolve(origin ? { host: '127.0.0.1', port } : undefined)).ask(signal);
}

describe('http', () => {
  const status = (code: number) => (_request: IncomingMessage, response: ServerResponse): void => { response.writeHead(code).end('tea'); };

  test.each<[string, number, number | undefined, Answer]>([
    ['any 2xx', 204, undefined, { kind: 'good' }],
    ['what is degraded serves', 206, undefined, { kind: 'good' }],
    ['an error', 503, undefined, { kind: 'bad', reason: 'HTTP 503' }],
    ['a redirect', 302, undefined, { kind: 'bad', reason: 'HTTP 302' }],
    ['the status that was asked for', 418, 418, { kind: 'good' }],
    ['another one', 200, 418, { kind: 'bad', reason: 'HTTP 200' }],
  ])('%s', async (_what, code, wanted, expected) => {
    answer = status(code);
    expect(await ask({ type: 'http', url: '/health', ...(wanted === undefined ? {} : { status: wanted }) })).toEqual(expected);
  });

  test('a path is that of the release itself, a URL is whatever answers there', async () => {
    const paths: (string | undefined)[] = [];
    answer = (request, response) => { paths.push(request.url); response.end(); };
    await ask({ type: 'http', url: '/health/db?x=1' });
    await ask({ type: 'http', url: `http://127.0.0.1:${port}/elsewhere` }, { origin: false });
    expect(paths).toEqual(['/health/db?x=1', '/elsewhere']);
    expect(await ask({ type: 'http', url: '/health' }, { origin: false })).toEqual({ kind: 'bad', reason: 'no instance can be reached' });
  });

  test('nobody answers: that is bad, within the time', async () => {
    answer = () => undefined;
    expect(await ask({ type: 'http', url: '/' }, { timeout: 100 })).toMatchObject({ kind: 'bad', reason: expect.stringContaining('within 100 ms') });
    expect(await ask({ type: 'http', url: 'http://127.0.0.1:1/' })).toMatchObject({ kind: 'bad', reason: expect.stringContaining('ECONNREFUSED') });
  });
});

test('tcp', async () => {
  expect(await ask({ type: 'tcp', host: '127.0.0.1', port })).toEqual({ kind: 'good' });
  expect(await ask({ type: 'tcp', host: '127.0.0.1', port: 1 })).toMatchObject({ kind: 'bad', reason: expect.stringContaining('ECONNREFUSED') });
});

describe('a command', () => {
  const node = (code: string, ...env: string[]): ProbeTarget => ({ type: 'command', run: [process.execPath, '-e', code], env });

  test.each<[string, string, Answer]>([
    ['exits with 0', 'console.log("fine")', { kind: 'good' }],
    ['exits with something else', 'console.log("one"); console.log("two"); process.exit(4)', { kind: 'bad', reason: 'exit code 4' }],
    ['says nothing', 'process.exit(1)', { kind: 'bad', reason: 'exit code 1' }],
    ['is killed', 'process.kill(process.pid, "SIGKILL")', { kind: 'error', reason: 'ended by SIGKILL' }],
  ])('%s', async (_what, code, expected) => expect(await ask(node(code), { timeout: 10_000 })).toEqual(expected));

  test('that hangs or cannot be started says nothing of the release', async () => {
    expect(await ask(node('setInterval(() => 0, 1000)'), { timeout: 300 })).toEqual({ kind: 'error', reason: 'it did not end within 300ms' });
    expect(await ask({ type: 'command', run: ['/no/such/program'], env: [] })).toMatchObject({ kind: 'error', reason: expect.stringContaining('it could not be started') });
  });

  test('sees only the variables that it names, and what it prints is not told', async () => {
    const code = 'console.log(process.env.GREETING); process.exit(process.env.GREETING === "a secret greeting" && process.env.PROM_TOKEN === undefined ? 7 : 8)';
    expect(await ask(node(code, 'GREETING'), { timeout: 10_000 })).toEqual({ kind: 'bad', reason: 'exit code 7' });
    expect(await ask(node(code, 'GREETING', 'NOT_SET'))).toEqual({ kind: 'error', reason: 'the variable NOT_SET is not set' });
  });
});

describe('a Prometheus', () => {
  const query = 'sum(rate(errors[1m])) & "x"';
  const target = (limit: number, bound: 'below' | 'above' = 'below', token?: string): ProbeTarget => ({ type: 'prometheus', url: `http://127.0.0.1:${port}/`, query, bound, limit, ...(token === undefined ? {} : { token }) });
  const replies = (body: unknown, status = 200) => (_request: IncomingMessage, response: ServerResponse): void => { response.writeHead(status, { 'content-type': 'application/json' }).end(typeof body === 'string' ? body : JSON.stringify(body)); };
  const vector = (...values: unknown[]): object => ({ status: 'success', data: { resultType: 'vector', result: values.map((value) => ({ metric: {}, value: [1_700_000_000.1, value] })) } });

  test.each<[string, object | string, Answer]>([
    ['a number below the limit', vector('0.04'), { kind: 'good' }],
    ['the limit itself', vector('0.05'), { kind: 'bad', reason: '0.05 is not below 0.05' }],
    ['a number with an exponent', vector('1e-3'), { kind: 'good' }],
    ['a scalar', { status: 'success', data: { resultType: 'scalar', result: [1, '7'] } }, { kind: 'bad', reason: '7 is not below 0.05' }],
    ['infinite', vector('+Inf'), { kind: 'bad', reason: 'Infinity is not below 0.05' }],
    ['less than everything', vector('-Inf'), { kind: 'good' }],
    ['NaN: nothing by nothing', vector('NaN'), { kind: 'unknown', reason: 'not a number (NaN)' }],
    ['no number', vector(''), { kind: 'unknown', reason: 'not a number (NaN)' }],
    ['no sample', vector(), { kind: 'unknown', reason: 'no data' }],
    ['several', vector('1', '2'), { kind: 'unknown', reason: '2 samples, where one is needed' }],
    ['a histogram', { status: 'success', data: { resultType: 'vector', result: [{ histogram: [1, {}] }] } }, { kind: 'unknown', reason: 'not a number (NaN)' }],
    ['a matrix', { status: 'success', data: { resultType: 'matrix', result: [] } }, { kind: 'error', reason: 'its answer is neither a scalar nor a vector' }],
    ['another program', '<html>', { kind: 'error', reason: 'HTTP 200' }],
    ['null', 'null', { kind: 'error', reason: 'HTTP 200' }],
    ['null samples', { status: 'success', data: { resultType: 'vector', result: [null] } }, { kind: 'unknown', reason: 'not a number (NaN)' }],
  ])('%s', async (_what, body, expected) => {
    answer = replies(body);
    expect(await ask(target(0.05))).toEqual(expected);
  });

  test('above', async () => {
    answer = replies(vector('11'));
    expect(await ask(target(10, 'above'))).toEqual({ kind: 'good' });
    answer = replies(vector('10'));
    expect(await ask(target(10, 'above'))).toEqual({ kind: 'bad', reason: '10 is not above 10' });
  });

  test('the query arrives as it is, with the token', async () => {
    let seen: readonly unknown[] = [];
    answer = (request, response, body) => {
      seen = [request.method, request.url, request.headers.authorization, new URLSearchParams(body).get('query')];
      replies(vector('1'))(request, response);
    };
    expect(await ask(target(2, 'below', 'PROM_TOKEN'))).toEqual({ kind: 'good' });
    expect(seen).toEqual(['POST', '/api/v1/query', 'Bearer a-token-of-a-test', query]);
    expect(await ask(target(2, 'below', 'PROM_TOKEN'), { means: { ...MEANS, variables: {} } })).toEqual({ kind: 'error', reason: 'the variable PROM_TOKEN is not set' });
  });

  test('the token is in no reason, whatever is answered and whatever the token is', async () => {
    answer = (request, response) => replies({ status: 'error', error: `invalid token: ${request.headers.authorization ?? ''}` }, 401)(request, response);
    expect(await ask(target(1, 'below', 'PROM_TOKEN'))).toEqual({ kind: 'error', reason: 'HTTP 401' });
    expect(await ask(target(1, 'below', 'PROM_TOKEN'), { means: { ...MEANS, variables: { PROM_TOKEN: 'a-token\nof-a-test' } } })).toEqual({ kind: 'error', reason: 'it cannot be asked' });
  });

  test('one that does not do says nothing of the release, and says why', async () => {
    answer = replies({ status: 'error', errorType: 'bad_data', error: 'parse error' }, 400);
    expect(await ask(target(1))).toEqual({ kind: 'error', reason: 'HTTP 400' });
    answer = (_request, response) => { response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(); };
    expect(await ask(target(1, 'below', 'PROM_TOKEN'))).toMatchObject({ kind: 'error' });
    answer = () => undefined;
    expect(await ask(target(1), { timeout: 150 })).toEqual({ kind: 'error', reason: 'no answer within 150ms' });
    answer = (_request, response) => { response.end(`{"x":"${'y'.repeat(200_000)}`); };
    expect(await ask(target(1))).toMatchObject({ kind: 'error', reason: expect.stringContaining('longer than 65536 bytes') });
    answer = (_request, response) => { response.writeHead(200).write('{"status":'); response.socket?.destroy(); };
    expect(await ask(target(1))).toMatchObject({ kind: 'error' });
    expect(await ask({ type: 'prometheus', url: `http://127.0.0.1:${await closedPort()}`, query, bound: 'below', limit: 1 })).toEqual({ kind: 'error', reason: 'ECONNREFUSED' });
  });
});
