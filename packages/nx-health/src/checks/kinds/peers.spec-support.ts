/** Servers that checks are tried on. */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export interface Peer {
  readonly port: number;
  /** Connections that are open. */
  readonly open: () => number;
  close(): Promise<void>;
}

/** Listens on loopback; keeps what is open, and ends it at the end. */
export async function peer(server: Server): Promise<Peer> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    socket.on('error', () => undefined);
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    open: () => sockets.size,
    close: async () => {
      sockets.forEach((socket) => socket.destroy());
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Takes connections and never says a word. */
export const silent = (): Promise<Peer> => peer(createServer((socket) => { socket.resume(); }));

/** A port that nobody listens on. */
export async function closedPort(): Promise<number> {
  const one = await silent();
  await one.close();
  return one.port;
}

/** A name server that answers every question with the records; without them, never. Only what RFC 1035 section 4 makes of a question and A or MX records. */
export async function nameServer(answers?: { readonly code?: number; readonly records: readonly Buffer[]; readonly type: number }): Promise<Peer> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    if (answers === undefined) return;
    const { code = 0, records, type } = answers;
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8180 | code, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    // Name, type and class of the question; an additional section of the query is left out.
    const question = query.subarray(12, query.indexOf(0, 12) + 5);
    const answer = records.map((data) => {
      const fixed = Buffer.alloc(12);
      fixed.writeUInt16BE(0xc00c, 0);
      fixed.writeUInt16BE(type, 2);
      fixed.writeUInt16BE(1, 4);
      fixed.writeUInt32BE(60, 6);
      fixed.writeUInt16BE(data.length, 10);
      return Buffer.concat([fixed, data]);
    });
    socket.send(Buffer.concat([header, question, ...answer]), from.port, from.address);
  });
  await new Promise<void>((resolve) => { socket.bind(0, '127.0.0.1', resolve); });
  return { port: socket.address().port, open: () => 0, close: () => new Promise((resolve) => { socket.close(() => resolve()); }) };
}

/** A port whose queue is full and whose program takes nobody out of it: whoever connects waits. */
export async function fullQueue(): Promise<Peer> {
  const child = spawn(process.execPath, ['-e', 'require("net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, function () { console.log(this.address().port); setTimeout(() => process.kill(process.pid, "SIGSTOP"), 20); })'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [text] = await once(child.stdout, 'data') as [Buffer];
  const port = Number(text.toString());
  while (!/^\S+ \(.*\) T /.test(readFileSync(`/proc/${child.pid ?? 0}/stat`, 'latin1'))) await wait(5);
  const sockets: Socket[] = [];
  for (;;) {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    sockets.push(socket);
    if (await Promise.race([once(socket, 'connect').then(() => false), wait(150, true)])) break;
  }
  return {
    port, open: () => 0,
    close: async () => {
      sockets.forEach((socket) => socket.destroy());
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}
