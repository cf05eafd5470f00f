import { once } from 'node:events';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { shutDown } from './shutdown.js';
import { send, start, stop, type Started } from './started.spec-support.js';

let service: Started;
let agent: Agent;
beforeEach(async () => {
  service = await start();
  agent = new Agent({ keepAlive: true });
});
afterEach(() => {
  agent.destroy();
  return stop(service);
});

const quickly = { timeout: 5000, idleGrace: 100 };
const accepts = (): Promise<boolean> =>
  new Promise((resolve) => {
    const client = connect(service.port, '127.0.0.1');
    client.once('connect', () => resolve(true)).once('error', () => resolve(false)).once('connect', () => client.destroy());
  });

describe('shutDown', () => {
  it('ends at once when nobody is there', async () => {
    const begin = performance.now();
    expect(await shutDown(service, { timeout: 5000 })).toEqual({ cut: 0 });
    expect(performance.now() - begin).toBeLessThan(250);
  });

  it('lets a slow request finish and tells its client to leave', async () => {
    const slow = send(`${service.url}/slow?ms=600`, { agent });
    await delay(100);
    const begin = performance.now();
    const down = shutDown(service, quickly);
    await delay(20);
    expect(await accepts()).toBe(false);
    expect(await slow).toMatchObject({ status: 200, body: '{"waited":600}', headers: { connection: 'close' } });
    expect(await down).toEqual({ cut: 0 });
    expect(performance.now() - begin).toBeLessThan(1500);
  });

  it('lets a stream of events finish', async () => {
    const events = send(`${service.url}/events?count=10&interval=50`, { agent });
    await delay(100);
    const down = shutDown(service, quickly);
    expect((await events).body).toContain('event: end');
    expect(await down).toEqual({ cut: 0 });
  });

  it('lets a body that is still arriving finish', async () => {
    const client = connect(service.port, '127.0.0.1');
    let answer = '';
    client.setEncoding('utf8').on('data', (text: string) => (answer += text));
    client.write('POST /digest HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc');
    await delay(50);
    const down = shutDown(service, quickly);
    await delay(250);
    client.write('def');
    await once(client, 'close');
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK[^]*connection: close[^]*"bytes":6/i);
    expect(await down).toEqual({ cut: 0 });
  });

  it('answers a request that was on its way over an idle connection, as not ready, with 503', async () => {
    await send(`${service.url}/ready`, { agent });
    const down = shutDown(service, { timeout: 5000, idleGrace: 400 });
    await delay(50);
    expect(await send(`${service.url}/ready`, { agent })).toMatchObject({ status: 503, body: '{"status":"not ready"}\n', headers: { connection: 'close' } });
    expect(await down).toEqual({ cut: 0 });
  });

  it('is alive and well for /health while it drains', async () => {
    await send(`${service.url}/live`, { agent });
    service.health.drain();
    const reply = await send(`${service.url}/health`, { agent });
    expect(reply.status).toBe(200);
    expect(JSON.parse(reply.body)).toMatchObject({ status: 'HEALTHY', draining: true });
  });

  it('closes idle connections after the grace, not before', async () => {
    const client = connect(service.port, '127.0.0.1');
    client.write('GET /live HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(client, 'data');
    const begin = performance.now();
    const closed = once(client, 'close').then(() => performance.now() - begin);
    client.resume();
    expect(await shutDown(service, { timeout: 5000, idleGrace: 300 })).toEqual({ cut: 0 });
    const after = await closed;
    expect(after).toBeGreaterThanOrEqual(290);
    expect(after).toBeLessThan(1000);
  });

  it('closes a WebSocket with 1001, after the last request', async () => {
    const client = new WebSocket(`ws://127.0.0.1:${service.port}/ws`);
    await once(client, 'open');
    const slow = send(`${service.url}/slow?ms=500`, { agent });
    await delay(50);
    const ended: string[] = [];
    const closed = once(client, 'close').then(([code]) => ended.push(`socket ${String(code)}`));
    void slow.then(() => ended.push('request'));
    const down = shutDown(service, quickly);
    await delay(150);
    client.send('1');
    expect(JSON.parse(((await once(client, 'message')) as [Buffer])[0].toString())).toMatchObject({ echo: 1 });
    expect(await down).toEqual({ cut: 0 });
    await closed;
    expect(ended).toEqual(['request', 'socket 1001']);
  });

  it('cuts what is left at the deadline and counts it', async () => {
    const slow = send(`${service.url}/slow?ms=20000`, { agent }).then(() => 'answered', (error: unknown) => String(error));
    // A client that never answers the closing handshake.
    const deaf = connect(service.port, '127.0.0.1');
    deaf.on('error', () => undefined);
    deaf.write('GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n');
    await once(deaf, 'data');
    const begin = performance.now();
    expect(await shutDown(service, { timeout: 800, idleGrace: 100 })).toEqual({ cut: 2 });
    const took = performance.now() - begin;
    expect(took).toBeGreaterThanOrEqual(700);
    expect(took).toBeLessThan(1500);
    expect(await slow).toMatch(/socket hang up|ECONNRESET/);
    deaf.destroy();
  });
});
