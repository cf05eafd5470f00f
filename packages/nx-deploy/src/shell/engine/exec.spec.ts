import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { temporaryFolder } from '../programs.spec-support.js';
import { EngineClient } from './client.js';
import { localSocket } from './local-socket.js';

const root = temporaryFolder('exec');
const socket = join(root, 'engine.sock');
const folder = join(root, 'bin');
const calls = join(root, 'calls');
mkdirSync(folder);
writeFileSync(join(folder, 'docker'), `#!/bin/sh\nprintf '%s\\n' "$*" >> "${calls}"\necho by the client\ncat >/dev/null\n`);
chmodSync(join(folder, 'docker'), 0o755);

const connections: Duplex[] = [];
let server: Server;
let asked: { readonly url: string; readonly body: unknown }[];
/** What the program does with its connection. */
let program: (connection: Duplex) => void;
let made: { readonly status: number; readonly value: object };
let start: ((response: ServerResponse) => void) | undefined;

function piece(stream: 1 | 2, content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const said = await text(request);
  asked.push({ url: `${request.method ?? ''} ${request.url ?? ''}`, body: said === '' ? undefined : JSON.parse(said) });
  if (request.url?.endsWith('/start') === true) {
    if (start === undefined) response.writeHead(500).end();
    else start(response);
    return;
  }
  if (request.url?.endsWith('/e1/json') === true) response.end(JSON.stringify({ ExitCode: 4 }));
  else response.writeHead(made.status).end(JSON.stringify(made.value));
}

beforeEach(async () => {
  asked = [];
  made = { status: 201, value: { Id: 'e1' } };
  start = undefined;
  rmSync(calls, { force: true });
  server = createServer((request, response) => { void answer(request, response); });
  server.on('upgrade', (request: IncomingMessage, connection: Duplex, head: Buffer) => {
    asked.push({ url: `${request.method ?? ''} ${request.url ?? ''}`, body: head.length === 0 ? undefined : 'with a head' });
    connections.push(connection.on('error', () => undefined));
    connection.write('HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
    program(connection);
  });
  await new Promise<void>((done) => { server.listen(socket, done); });
});
afterEach(async () => {
  server.closeAllConnections();
  for (const connection of connections.splice(0)) connection.destroy();
  await new Promise((done) => { server.close(done); });
});

const client = (): EngineClient => new EngineClient({ program: 'docker', variables: { PATH: `${folder}:/usr/bin:/bin`, HOME: root, DOCKER_HOST: `unix://${socket}` } });
const EXEC = ['exec', '--interactive', '--user=0:0', 'a b', 'sh', '-c', 'text'];

describe('a program in a container of an engine on this machine', () => {
  it('is held without a client, whatever its output comes in, and ends with its input', async () => {
    program = (connection) => {
      connection.on('data', (chunk: Buffer) => {
        // The body of the request comes the same way, before them.
        const lines = chunk.toString().split('\n').filter((line) => line.startsWith('line'));
        for (const line of lines) for (const byte of piece(1, `got ${line}\n`)) connection.write(Buffer.from([byte]));
      });
      connection.write(Buffer.concat([piece(1, 'rea'), piece(2, 'complaint'), piece(1, 'dy\n'), piece(1, Buffer.alloc(100_000, 'x')), piece(1, '\n')]));
      connection.on('end', () => { connection.end(piece(2, ' and more')); });
    };
    const held = await client().hold(EXEC);
    expect(held.started).toBe(true);
    expect(await held.line(5_000)).toBe('ready');
    expect((await held.bytes(100_001, 5_000))?.length).toBe(100_001);
    held.send('line one');
    expect(await held.line(5_000)).toBe('got line one');
    await held.close(5_000);
    expect(await held.ended).toEqual({ exitCode: 4, complaints: 'complaint and more' });
    expect(asked[0]).toEqual({ url: 'POST /containers/a%20b/exec', body: { AttachStdin: true, AttachStdout: true, AttachStderr: true, Cmd: ['sh', '-c', 'text'], User: '0:0' } });
    expect(existsSync(calls)).toBe(false);
  });

  it('that does not end is left after its grace', async () => {
    program = (connection) => { connection.resume().write(piece(1, 'ready\n')); };
    const held = await client().hold(EXEC);
    expect(await held.line(5_000)).toBe('ready');
    await held.close(50);
    expect(await held.ended).toEqual({ exitCode: 4, complaints: '' });
  });

  it.each([
    ['whose container does not run', 409, { message: 'Container 5d3a is not running' }, 'Error response from daemon: Container 5d3a is not running'],
    ['whose container is not there', 404, { message: 'No such container: x' }, 'Error response from daemon: No such container: x'],
    ['of which nothing is said', 500, {}, 'Error response from daemon: {}'],
  ])('%s is told in the words of the client', async (_what, status, value, complaints) => {
    made = { status, value };
    const held = await client().hold(EXEC);
    expect(await held.line(5_000)).toBeUndefined();
    held.send('x');
    await held.close(0);
    expect(await held.ended).toEqual({ exitCode: 126, complaints });
  });

  it('that cannot be started is told, too', async () => {
    start = (response) => { response.writeHead(400).end(JSON.stringify({ message: 'OCI runtime exec failed: no such file' })); };
    server.removeAllListeners('upgrade');
    const held = await client().hold(EXEC);
    expect(await held.ended).toEqual({ exitCode: 126, complaints: 'Error response from daemon: OCI runtime exec failed: no such file' });
  });

  it.each<[string, () => void]>([
    ['does not leave HTTP behind', () => { start = (response) => { response.writeHead(200, { 'content-type': 'application/vnd.docker.raw-stream' }).write('x'); }; server.removeAllListeners('upgrade'); }],
    ['is not there', () => { server.closeAllConnections(); server.close(); rmSync(socket, { force: true }); }],
  ])('is the client\'s where the engine %s', async (_what, change) => {
    change();
    const held = await client().hold(EXEC);
    expect(await held.line(5_000)).toBe('by the client');
    await held.close(5_000);
    expect(readFileSync(calls, 'utf8').trim()).toBe(EXEC.join(' '));
  });

  it.each([[['run', '--rm', 'image', 'sh']], [['exec', '--interactive', '--env=A=b', 'c', 'sh']], [['exec', 'c', 'sh']], [['exec', '--interactive', 'c']]])('any other command is the client\'s: %j', async (args) => {
    const held = await client().hold(args);
    expect(await held.line(5_000)).toBe('by the client');
    await held.close(5_000);
    expect(asked).toEqual([]);
  });
});

describe('the socket of this machine\'s engine', () => {
  const config = (content: string): Record<string, string> => {
    writeFileSync(join(root, 'config.json'), content);
    return { DOCKER_CONFIG: root, HOME: '/nowhere' };
  };
  const usual = existsSync('/var/run/docker.sock') ? '/var/run/docker.sock' : undefined;

  it.each<[string, Record<string, string>, string | undefined]>([
    ['named by a variable', { DOCKER_HOST: 'unix:///run/other.sock' }, '/run/other.sock'],
    ['of a variable and a context', { DOCKER_HOST: 'unix:///run/other.sock', DOCKER_CONTEXT: 'prod' }, '/run/other.sock'],
    ['over ssh', { DOCKER_HOST: 'ssh://me@there' }, undefined], ['over TCP', { DOCKER_HOST: 'tcp://there:2376' }, undefined],
    ['of a context', { DOCKER_CONTEXT: 'prod', HOME: '/nowhere' }, undefined], ['of the usual context', { DOCKER_CONTEXT: 'default', HOME: '/nowhere' }, usual], ['of nothing', { HOME: '/nowhere' }, usual],
  ])('%s', (_what, env, expected) => {
    expect(localSocket(env)).toBe(expected);
  });

  it('is not taken where the client was told to use a context, or its file cannot be read', () => {
    expect(localSocket(config('{"currentContext":"prod"}'))).toBeUndefined();
    expect(localSocket(config('{'))).toBeUndefined();
    expect(localSocket(config('{"currentContext":"default"}'))).toBe(usual);
    expect(localSocket(config('{"auths":{}}'))).toBe(usual);
  });
});
