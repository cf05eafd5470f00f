import { once } from 'node:events';
import { connect } from 'node:net';
import { WebSocket } from 'ws';
import { start, stop, type Started } from './started.spec-support.js';

let service: Started;
beforeEach(async () => {
  service = await start();
});
afterEach(() => stop(service));

async function heard(client: WebSocket): Promise<unknown> {
  const [data] = (await once(client, 'message')) as [Buffer];
  return JSON.parse(data.toString());
}

async function opened(path = '/ws', headers = {}): Promise<WebSocket> {
  const client = new WebSocket(`ws://127.0.0.1:${service.port}${path}`, { headers });
  await once(client, 'open');
  return client;
}

describe('/ws', () => {
  it('echoes JSON with a sequence per connection', async () => {
    const [one, two] = [await opened(), await opened('/ws?from=two')];
    one.send('{"a":1}');
    expect(await heard(one)).toEqual({ sequence: 1, release: 'r0123456789ab', echo: { a: 1 } });
    one.send('"b"');
    expect(await heard(one)).toMatchObject({ sequence: 2, echo: 'b' });
    two.send('null');
    expect(await heard(two)).toMatchObject({ sequence: 1, echo: null });
    expect(service.sockets.size).toBe(2);
    one.close(1000);
    expect(await once(one, 'close')).toEqual([1000, expect.anything()]);
  });

  it('tells in the handshake who answers', async () => {
    const client = new WebSocket(`ws://127.0.0.1:${service.port}/ws`, { headers: { 'x-request-id': 'id-7' } });
    const [response] = (await once(client, 'upgrade')) as [{ headers: unknown }];
    expect(response.headers).toMatchObject({ 'x-release': 'r0123456789ab', 'x-instance': 'i-1', 'x-service': 'sample', 'x-request-id': 'id-7' });
  });

  it('says when a message is not JSON, and goes on', async () => {
    const client = await opened();
    client.send('{');
    expect(await heard(client)).toEqual({ sequence: 1, release: 'r0123456789ab', error: 'the message is not JSON' });
    client.send('1');
    expect(await heard(client)).toMatchObject({ sequence: 2, echo: 1 });
  });

  it.each([['a binary message', Buffer.from([1]), 1003], ['a message above 1 MB', 'x'.repeat(1024 * 1024 + 1), 1009]])('closes at %s', async (_name, message, code) => {
    const client = await opened();
    client.send(message);
    expect((await once(client, 'close'))[0]).toBe(code);
  });

  it.each([['another path', '/other', false, 404], ['any path while it shuts down', '/ws', true, 503]])('is refused at %s', async (_name, path, draining, status) => {
    if (draining) service.traffic.drain();
    const client = new WebSocket(`ws://127.0.0.1:${service.port}${path}`);
    const [error] = (await once(client, 'error')) as [Error];
    expect(error.message).toContain(String(status));
  });

  it('outlives a client that resets during the refusal', async () => {
    const client = connect(service.port, '127.0.0.1');
    client.write('GET /other HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    client.resetAndDestroy();
    await expect(opened()).resolves.toBeDefined();
  });
});
