import { once } from 'node:events';
import { Agent, createServer, get, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { createEndpoint, shutDown } from './index.js';

async function serve(slowMs: number): Promise<{ server: Server; url: string; endpoint: ReturnType<typeof createEndpoint> }> {
  const endpoint = createEndpoint();
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    if (!endpoint.handle(request, response)) setTimeout(() => response.end('done'), slowMs).unref();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, endpoint, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function ask(url: string, agent: Agent): Promise<{ status: number; text: string }> {
  const [response] = await once(get(url, { agent }), 'response') as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode ?? 0, text };
}

test('turns unready first, goes on answering, and ends without cutting what is under way', async () => {
  const { server, endpoint, url } = await serve(400);
  const agent = new Agent({ keepAlive: true });
  const slow = ask(`${url}/work`, agent);
  const ended = shutDown(server, endpoint.health, { unreadyMs: 150, idleMs: 50, timeoutMs: 10_000 });
  expect([(await ask(`${url}/ready`, agent)).status, (await ask(`${url}/live`, agent)).status]).toEqual([503, 200]);
  expect(await ask(`${url}/work`, agent)).toEqual({ status: 200, text: 'done' });
  expect(await slow).toEqual({ status: 200, text: 'done' });
  expect(await ended).toEqual({ cut: false });
  await expect(ask(`${url}/live`, new Agent())).rejects.toThrow('ECONNREFUSED');
  agent.destroy();
});

test('cuts what does not end in its time, and says so', async () => {
  const { server, endpoint, url } = await serve(60_000);
  const slow = ask(`${url}/work`, new Agent()).catch((error: unknown) => String(error));
  await once(server, 'request');
  expect(await shutDown(server, endpoint.health, { unreadyMs: 0, idleMs: 0, timeoutMs: 200 })).toEqual({ cut: true });
  expect(await slow).toContain('socket hang up');
});

test('ends although an upgraded connection stays open, which is the service\'s', async () => {
  const { server, endpoint, url } = await serve(0);
  server.on('upgrade', (_request, socket) => { socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'); });
  const client = connect(Number(new URL(url).port), '127.0.0.1');
  try {
    client.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n');
    expect(String(await once(client, 'data'))).toContain('101');
    expect(await shutDown(server, endpoint.health, { unreadyMs: 0, idleMs: 0, timeoutMs: 100 })).toEqual({ cut: true });
    expect(client.destroyed).toBe(false);
  } finally {
    client.destroy();
  }
});
