import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { temporaryFolder, until } from '../programs.spec-support.js';
import { EngineClient } from './client.js';

const root = temporaryFolder('objects');
const socket = join(root, 'engine.sock');
const calls = join(root, 'calls');
const folder = join(root, 'bin');
mkdirSync(folder);

/** A client that connects to the socket when it is dialled through, and notes what else it was asked. */
function client(commands = 'exit 9', dial = `exec "${process.execPath}" -e 'const s = require("net").connect(${JSON.stringify(socket)}); process.stdin.pipe(s); s.pipe(process.stdout); s.on("close", () => process.exit())'`): EngineClient {
  for (const program of ['docker', 'podman']) {
    writeFileSync(join(folder, program), `#!/bin/sh\nprintf '%s\\n' "$*" >> "${calls}"\nif [ "$1 $2" = "system dial-stdio" ]; then ${dial}; fi\n${commands}\n`);
    chmodSync(join(folder, program), 0o755);
  }
  rmSync(calls, { force: true });
  return opened = new EngineClient({ program: 'docker', variables: { PATH: `${folder}:/usr/bin:/bin`, HOME: root } });
}

const asked = (): readonly string[] => (existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : []);
const DIALLED = 'system dial-stdio';
let opened: EngineClient | undefined;
let server: Server;
let requests: string[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;

beforeEach(async () => {
  requests = [];
  server = createServer((request, response) => {
    requests.push(`${request.method ?? ''} ${request.url ?? ''}`);
    answer(request, response);
  });
  await new Promise<void>((done) => { server.listen(socket, done); });
});
afterEach(async () => {
  opened?.objects.close();
  server.closeAllConnections();
  await new Promise((done) => { server.close(done); });
});

const json = (status: number, value: unknown) => (_: IncomingMessage, response: ServerResponse): void => { response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value)); };

describe('what is on an engine that can be dialled', () => {
  it('is asked for by one client, whatever it is called, and in the order of the names', async () => {
    answer = (request, response) => { json(request.url?.includes('none') === true ? 404 : 200, { Id: decodeURIComponent(request.url ?? '') })(request, response); };
    const { objects } = client();
    for (let round = 0; round < 20; round += 1) {
      expect(await objects.inspect('look', 'container', ['a b/../c?x=1#\n'])).toEqual([{ Id: '/containers/a b/../c?x=1#\n/json' }]);
    }
    expect(requests[0]).toBe('GET /containers/a%20b%2F..%2Fc%3Fx%3D1%23%0A/json');
    expect(asked()).toEqual([DIALLED]);
    expect(await objects.inspect('look', 'container', ['one', 'none', 'two'])).toEqual([{ Id: '/containers/one/json' }, undefined, { Id: '/containers/two/json' }]);
    expect(await objects.inspect('look', 'image', ['host:5000/team/app:1'])).toEqual([{ Id: '/images/host:5000/team/app:1/json' }]);
    expect(await objects.inspect('look', 'network', [])).toEqual([]);
  });

  it('is listed by labels, name, network and state', async () => {
    answer = json(200, [{ Id: 'i', Names: ['/n'], State: 'running' }, { Id: 'j', Names: null, State: 'exited' }]);
    const { objects } = client();
    expect(await objects.list('list', { labels: ['a=1', 'b=2'], name: 'n', network: 'w', running: true })).toEqual([{ id: 'i', name: 'n', state: 'running' }, { id: 'j', name: '', state: 'exited' }]);
    const query = new URL(requests[0]?.slice(4) ?? '', 'http://x').searchParams;
    expect([query.get('all'), JSON.parse(query.get('filters') ?? '')]).toEqual(['1', { label: ['a=1', 'b=2'], name: ['^/?n$'], network: ['w'], status: ['running'] }]);
  });

  it('is stopped and removed, and one that is gone or going is no failure', async () => {
    const { objects } = client();
    for (const status of [204, 304, 404]) {
      answer = json(status, status === 204 ? undefined : { message: 'No such container: x' });
      await objects.stop('stop it', 'x', 7, 1_000);
    }
    answer = json(409, { message: 'removal of container x is already in progress' });
    await objects.remove('remove it', 'x', 1_000);
    expect(requests).toEqual([...Array<string>(3).fill('POST /containers/x/stop?t=7'), 'DELETE /containers/x?force=1&v=1']);
    answer = json(409, { message: 'cannot remove it: device or resource busy' });
    await expect(objects.remove('remove it', 'x', 1_000)).rejects.toMatchObject({ code: 'ND-ENGINE-FAILED', parts: { what: 'docker could not remove it' } });
  });

  it('has its images named and unnamed, and says what it runs on', async () => {
    const { objects } = client('echo by the client');
    answer = json(201, undefined);
    await objects.tag('name it', 'sha256:ab', 'localhost:5000/team/api.live:r1');
    answer = json(200, []);
    await objects.untag('unname it', 'localhost:5000/team/api.live:r1');
    answer = json(404, { message: 'No such image: x' });
    await objects.untag('unname it', 'x:r1');
    expect(requests).toEqual(['POST /images/sha256%3Aab/tag?repo=localhost%3A5000%2Fteam%2Fapi.live&tag=r1', 'DELETE /images/localhost%3A5000/team/api.live%3Ar1', 'DELETE /images/x%3Ar1']);
    answer = json(409, { message: 'image is being used by running container 5d3a' });
    await expect(objects.untag('unname it', 'x:r1')).rejects.toMatchObject({ code: 'ND-ENGINE-FAILED', parts: { what: 'docker could not unname it' } });
    answer = json(200, { Os: 'linux', Arch: 'arm64' });
    expect(await objects.platform('tell')).toBe('linux/arm64');
    answer = json(200, {});
    expect(await objects.platform('tell')).toBeUndefined();
    expect(asked()).toEqual([DIALLED]);
    // The client says better why it could not be done.
    answer = json(404, { message: 'No such image: x' });
    await objects.tag('name it', 'x', 'y:1');
    expect(asked()).toEqual([DIALLED, 'image tag x y:1']);
  });

  it('says what went wrong by the same names as the client, and gives up one that does not answer', async () => {
    const { objects } = client();
    answer = json(500, { message: 'write /var/lib/docker/x: no space left on device' });
    await expect(objects.stop('stop it', 'x', 1, 5_000)).rejects.toMatchObject({ code: 'ND-DISK-FULL', parts: { what: 'docker could not stop it' } });
    answer = (_, response) => { response.writeHead(500).end('<html>'); };
    await expect(objects.inspect('look', 'container', ['x'])).rejects.toMatchObject({ code: 'ND-ENGINE-FAILED' });
    answer = (_, response) => { response.writeHead(200).end('{"Id":'); };
    await expect(objects.inspect('look', 'container', ['x'])).rejects.toMatchObject({ code: 'ND-ENGINE-FAILED', parts: { why: 'what it says is no JSON' } });
    answer = () => undefined;
    await expect(objects.stop('stop it', 'x', 1, 100)).rejects.toMatchObject({ code: 'ND-ENGINE-UNREACHABLE', parts: { what: 'docker could not stop it', why: 'it did not end within 0.1 s' } });
    expect(asked().every((call) => call === DIALLED)).toBe(true);
  });

  it('leaves no client behind when it is closed', async () => {
    answer = json(200, {});
    const connections = (): Promise<number> => new Promise((done) => { server.getConnections((_, count) => done(count)); });
    const { objects } = client();
    await Promise.all(['a', 'b', 'c'].map((name) => objects.inspect('look', 'container', [name])));
    expect(await connections()).toBeGreaterThan(0);
    objects.close();
    await until('the connections to end', async () => await connections() === 0);
  });
});

describe('what is on an engine that cannot be dialled', () => {
  it('is asked of the client, which is not dialled a second time', async () => {
    const { objects } = client(`case "$*" in
      "container inspect a b") echo '[{"Id":"a"},{"Id":"b"}]' ;;
      "container inspect a") echo '[{"Id":"a"}]' ;;
      ps*) printf 'i\\tn\\tRunning\\n' ;;
      stop*|rm*) echo 'Error: No such container: x' >&2; exit 1 ;;
      *) echo '[]'; echo 'Error: No such container: none' >&2; exit 1 ;;
    esac`, 'exit 1');
    expect(await objects.inspect('look', 'container', ['a', 'b'])).toEqual([{ Id: 'a' }, { Id: 'b' }]);
    expect(await objects.inspect('look', 'container', ['a', 'none'])).toEqual([{ Id: 'a' }, undefined]);
    expect(await objects.list('list', { labels: ['x=1'], running: true })).toEqual([{ id: 'i', name: 'n', state: 'running' }]);
    await objects.stop('stop', 'x', 3, 5_000);
    await objects.remove('remove', 'x', 5_000);
    expect(asked().filter((call) => call === DIALLED).length).toBeLessThanOrEqual(2);
    expect(asked().filter((call) => call !== DIALLED)).toEqual([
      'container inspect a b', 'container inspect a none', 'container inspect a', 'container inspect none',
      'ps --all --no-trunc --filter=label=x=1 --filter=status=running --format={{.ID}}\t{{.Names}}\t{{.State}}', 'stop --time=3 x', 'rm --force --volumes x',
    ]);
  });

  it('says why it is not reached, as the client does', async () => {
    const { objects } = client('echo "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?" >&2; exit 1', 'exit 1');
    await expect(objects.inspect('look', 'container', ['a'])).rejects.toMatchObject({ code: 'ND-ENGINE-UNREACHABLE' });
    await expect(objects.stop('stop', 'a', 1, 5_000)).rejects.toMatchObject({ code: 'ND-ENGINE-UNREACHABLE' });
    await expect(new EngineClient({ program: 'docker', variables: { PATH: root } }).objects.list('list', {})).rejects.toMatchObject({ code: 'ND-ENGINE-MISSING' });
  });

  it.each([
    'Failed to initialize: unable to resolve docker endpoint: context "nope": context not found: open /x/meta.json: no such file or directory',
    'error during connect: Get "http://there:2375/v1.41/x": dial tcp: lookup there: no such host',
  ])('is not taken for gone where it is not reached: %s', async (said) => {
    const { objects } = client(`echo '${said}' >&2; exit 1`, 'exit 1');
    await expect(objects.inspect('look', 'container', ['a'])).rejects.toMatchObject({ code: 'ND-ENGINE-UNREACHABLE' });
  });

  it.each([
    'Error: No such container: x', 'Error: No such object: x', 'Error: No such image: x', 'Error response from daemon: network x not found', 'Error: get x: no such volume', 'Error: x: image not known',
    'Error: network x: unable to find network with name or ID x: network not found', 'Error: inspecting object: no such volume x',
  ])('is gone where that is said: %s', async (said) => {
    const { objects } = client(`echo '${said}' >&2; exit 1`, 'exit 1');
    expect(await objects.inspect('look', 'container', ['a'])).toEqual([undefined]);
  });

  it('is asked of the client again when an answer breaks off', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-length': 1_000 });
      response.write('{"Id":');
      setTimeout(() => response.socket?.destroy(), 20);
    };
    const { objects } = client('echo \'[{"Id":"whole"}]\'');
    expect(await objects.inspect('look', 'container', ['a'])).toEqual([{ Id: 'whole' }]);
    expect(asked()).toEqual([DIALLED, 'container inspect a']);
  });

  it('is never dialled with podman', async () => {
    client('echo \'[{"Id":"p"}]\'');
    const podman = new EngineClient({ program: 'podman', variables: { PATH: `${folder}:/usr/bin:/bin`, HOME: root } });
    expect(await podman.objects.inspect('look', 'image', ['a'])).toEqual([{ Id: 'p' }]);
    expect(asked()).toEqual(['image inspect a']);
  });
});
