import { once } from 'node:events';
import { createServer, connect, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { closing, silentOutput, terminalOutput } from './terminal-output.js';

describe('closing', () => {
  it('aborts when the other end of what is written to has gone', async () => {
    const server = createServer((socket) => socket.destroy());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = server.address();
    const socket: Socket = connect({ port: typeof address === 'object' && address !== null ? address.port : 0, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => undefined);
    const signal = closing(socket);
    expect(signal.aborted).toBe(false);
    const writing = setInterval(() => socket.write('line\n'), 5);
    await once(signal, 'abort');
    clearInterval(writing);
    socket.destroy();
    await new Promise((resolve) => { server.close(resolve); });
  });

  it('aborts when the stream is closed', async () => {
    const stream = new PassThrough();
    const signal = closing(stream);
    stream.destroy();
    await once(signal, 'abort');
    expect(signal.aborted).toBe(true);
  });

  it('listens once, however often it is asked', () => {
    const stream = new PassThrough();
    expect(closing(stream)).toBe(closing(stream));
    expect(stream.listenerCount('error')).toBe(1);
    expect(closing(new PassThrough())).not.toBe(closing(stream));
    stream.destroy();
  });
});

describe('outputs', () => {
  it('of a terminal know when nobody reads any more, a silent one does not', () => {
    expect(terminalOutput({ color: false, variables: {} }).closed).toBe(closing(process.stdout));
    expect(silentOutput().closed).toBeUndefined();
  });
});
