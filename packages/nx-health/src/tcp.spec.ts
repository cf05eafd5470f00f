import { connect, createServer, type AddressInfo } from 'node:net';
import { checkTcp, opened } from './tcp.js';

describe('checkTcp', () => {
  it('is healthy while the port accepts, unhealthy after', async () => {
    const closed: Promise<void>[] = [];
    const server = createServer((socket) => { closed.push(new Promise((resolve) => socket.on('close', () => { resolve(); }).resume())); });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    expect(await checkTcp({ host: '127.0.0.1', port, timeoutMs: 2_000 })).toEqual({ status: 'healthy', ms: expect.any(Number) as number });
    // Resolves only when the check closed its connection.
    await new Promise((resolve) => server.close(resolve));
    await Promise.all(closed);
    const result = await checkTcp({ host: '127.0.0.1', port, timeoutMs: 2_000 });
    expect(result.status).toBe('unhealthy');
    expect(result.reason).toContain('ECONNREFUSED');
  });

  it('reports a refusal on every address of a name', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    expect((await checkTcp({ host: '::1', port, timeoutMs: 2_000 })).reason).toMatch(/ECONNREFUSED|EADDRNOTAVAIL/);
    expect((await checkTcp({ host: 'localhost', port, timeoutMs: 2_000 })).reason).toContain('ECONNREFUSED');
  });

  it('keeps no socket open for whoever cancelled before it was opened', async () => {
    const server = createServer((socket) => { socket.resume(); });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await expect(opened(socket, 'connect', AbortSignal.abort())).rejects.toThrow('the connection closed before it was open');
    expect(socket.destroyed).toBe(true);
    await new Promise((resolve) => server.close(resolve));
  });

  it('rejects a port that cannot be one', async () => {
    await expect(checkTcp({ host: '127.0.0.1', port: 70_000, timeoutMs: 100 })).rejects.toThrow('port must be a whole number');
    const signal = AbortSignal.abort();
    expect((await checkTcp({ host: '127.0.0.1', port: 1, timeoutMs: 100, signal })).reason).toBe('the check was cancelled');
  });
});
