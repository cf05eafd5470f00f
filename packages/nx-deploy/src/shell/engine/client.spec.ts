import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { join } from 'node:path';
import { DeployError } from '../../errors.js';
import { temporaryFolder } from '../programs.spec-support.js';
import { EngineClient } from './client.js';
import { withEnvironment } from './environment.js';
import { failedCall } from './failures.js';

const root = temporaryFolder('engine');
const folder = join(root, 'bin');
mkdirSync(folder);

/** A program of that name which does what the text says. */
function program(name: string, text: string): NodeJS.ProcessEnv {
  writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
  chmodSync(join(folder, name), 0o755);
  return { PATH: `${folder}:/usr/bin:/bin`, HOME: root };
}

describe('a client', () => {
  it('is told its context in argv, its engine by the variables that it knows, and nothing else', async () => {
    const variables = { ...program('docker', 'printf "%s|" "$@"; echo; env | cut -d= -f1 | sort | tr "\\n" " "; cat'), DOCKER_HOST: 'ssh://me@there', DOCKER_CONTEXT: 'mine', NPM_TOKEN: 'x', HTTPS_PROXY: 'p' };
    const named = new EngineClient({ program: 'docker', context: 'prod', variables });
    expect(named.name).toBe('docker, context prod');
    expect(await named.ask('look', ['ps', '-a'], { input: 'typed', inherited: { TEXT: 'a b' } })).toBe('--context=prod|ps|-a|\nHOME HTTPS_PROXY PATH PWD TEXT typed');
    const own = new EngineClient({ program: 'docker', variables });
    expect(own.name).toBe('docker, ssh://me@there');
    expect(await own.ask('look', ['ps'], { input: Readable.from(['one ', 'two']) })).toBe('ps|\nDOCKER_CONTEXT DOCKER_HOST HOME HTTPS_PROXY PATH PWD one two');
    expect(new EngineClient({ program: 'docker', variables: { DOCKER_CONTEXT: 'mine' } }).name).toBe('docker, context mine');
    expect(new EngineClient({ program: 'podman', variables: {} }).name).toBe('podman');
    expect(await new EngineClient({ program: 'podman', context: 'c', variables: program('podman', 'echo "$1"') }).ask('look', [])).toBe('--connection=c\n');
  });

  it('gives exit code and both streams, whole also when much is said at once', async () => {
    const client = new EngineClient({ program: 'docker', variables: program('docker', 'echo no >&2; head -c 3000000 /dev/zero | tr "\\0" x; exit 7') });
    const { exitCode, output, complaints } = await client.call('count', []);
    expect({ exitCode, bytes: output.length, complaints }).toEqual({ exitCode: 7, bytes: 3_000_000, complaints: 'no\n' });
    await expect(client.ask('count', [])).rejects.toMatchObject({ code: 'ND-ENGINE-FAILED', parts: { what: 'docker could not count', why: 'no' } });
  });

  it('does not wait for what the client left in the background', async () => {
    const client = new EngineClient({ program: 'docker', variables: program('docker', 'sleep 30 & echo done') });
    const began = performance.now();
    expect(await client.ask('end', [])).toBe('done\n');
    expect(performance.now() - began).toBeLessThan(20_000);
  });

  it('is ended at its time, when it is cancelled, and when its input fails; a missing one is named', async () => {
    const client = new EngineClient({ program: 'docker', variables: program('docker', 'exec sleep 30') });
    await expect(client.call('wait', [], { timeout: 100 })).rejects.toMatchObject({ code: 'ND-ENGINE-UNREACHABLE', parts: { why: 'it did not end within 0.1 s' } });
    const cancel = new AbortController();
    setTimeout(() => cancel.abort(), 50);
    await expect(client.call('wait', [], { signal: cancel.signal })).rejects.toMatchObject({ code: 'ND-CANCELLED' });
    await expect(client.call('wait', [], { signal: AbortSignal.abort(new DeployError('ND-DEADLINE', { what: 'late' })) })).rejects.toMatchObject({ code: 'ND-DEADLINE' });
    const failing = new Readable({ read() { this.destroy(new Error('gone')); } });
    expect((await client.call('read', [], { input: failing })).exitCode).toBe(-1);
    await expect(new EngineClient({ program: 'docker', variables: { PATH: root } }).call('look', [])).rejects.toMatchObject({ code: 'ND-ENGINE-MISSING' });
  });
});

describe('a program that is held', () => {
  const client = (text: string): EngineClient => new EngineClient({ program: 'docker', context: 'prod', variables: program('docker', text) });

  it('answers line by line, in whatever pieces they come, and ends with its input', async () => {
    const held = await client('echo "$@"; sleep 0.2; printf "in "; sleep 0.2; echo pieces; while read -r line; do echo "got $line"; done; echo bye >&2; exit 4').hold(['run', '-i']);
    expect(await held.line(20_000)).toBe('--context=prod run -i');
    expect(await held.line(20_000)).toBe('in pieces');
    held.send('one');
    expect(await held.line(20_000)).toBe('got one');
    expect(await held.line(50)).toBeUndefined();
    await held.close(20_000);
    expect(await held.ended).toEqual({ exitCode: 4, complaints: 'bye\n' });
    held.send('late');
    expect(await held.line(20_000)).toBeUndefined();
  });

  it('is ended when it does not end by itself, and named when it is not installed', async () => {
    const held = await client('trap "" TERM; echo up; while :; do sleep 1; done').hold([]);
    expect(await held.line(20_000)).toBe('up');
    await held.close(50);
    expect(await held.ended).toMatchObject({ exitCode: -1 });
    expect(await held.line(20_000)).toBeUndefined();
    await expect(new EngineClient({ program: 'docker', variables: { PATH: root } }).hold([])).rejects.toMatchObject({ code: 'ND-ENGINE-MISSING' });
  });
});

describe('the environment of a container', () => {
  it('goes by a file of mode 0600 that is gone afterwards, and a value of several lines by the environment of the client', async () => {
    const values = { B: 'x=y # "z" $HOME \\', A: '', LINES: 'a\nb', SPACE: ' a ', LONG: 'l'.repeat(70_000) };
    const client = new EngineClient({ program: 'docker', variables: {} });
    const file = await client.withEnvironment(values, async ({ args, inherited }) => {
      const path = args[0]?.slice('--env-file='.length) ?? '';
      expect(args.slice(1)).toEqual(['--env=LINES', '--env=LONG', '--env=SPACE']);
      expect(inherited).toEqual({ LINES: values.LINES, LONG: values.LONG, SPACE: values.SPACE });
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect(readFileSync(path, 'utf8')).toBe('A=\nB=x=y # "z" $HOME \\\n');
      return path;
    });
    expect(existsSync(file)).toBe(false);
    await expect(client.withEnvironment({ 'a b': '1', N: 'a\0b', PATH: 'a\nb', DOCKER_HOST: ' x', HOME: '/' }, () => Promise.resolve())).rejects.toMatchObject({
      code: 'ND-ENVIRONMENT-INVALID', parts: { problems: [expect.stringContaining('DOCKER_HOST: the docker client reads'), expect.stringContaining('N: holds a NUL'), expect.stringContaining('PATH: the docker'), expect.stringContaining('"a b": no name')] },
    });
  });

  it('leaves no file when the container does not start', async () => {
    let path = '';
    await expect(withEnvironment({ A: '1' }, new Set(), ({ args }) => { path = args[0]?.slice('--env-file='.length) ?? ''; return Promise.reject(new Error('no')); })).rejects.toThrow('no');
    expect(path).not.toBe('');
    expect(existsSync(path)).toBe(false);
    expect(readdirSync(root)).toEqual(['bin']);
  });
});

test.each([
  ['ND-ENGINE-UNREACHABLE', 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?'],
  ['ND-ENGINE-UNREACHABLE', 'Got permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock'],
  ['ND-ENGINE-UNREACHABLE', 'error during connect: Get "http://docker.example.com/v1.41/containers/json": command [ssh -- host docker system dial-stdio] has exited with exit status 255'],
  ['ND-ENGINE-UNREACHABLE', 'Failed to initialize: unable to resolve docker endpoint: context "nope": context not found'],
  ['ND-ENGINE-UNREACHABLE', 'current context "nope" does not exist'],
  ['ND-DISK-FULL', 'Error response from daemon: write /var/lib/docker/tmp/x: no space left on device'],
  ['ND-PORT-TAKEN', 'docker: Error response from daemon: driver failed programming external connectivity on endpoint x: Bind for 0.0.0.0:80 failed: port is already allocated.'],
  ['ND-PORT-TAKEN', 'Error starting userland proxy: listen tcp4 0.0.0.0:80: bind: address already in use'],
  ['ND-OWNER-CONFLICT', 'docker: Error response from daemon: Conflict. The container name "/api" is already in use by container "8d". You have to remove (or rename) that container.\nSee \'docker run --help\'.'],
  ['ND-OWNER-CONFLICT', 'Error: creating container storage: the container name "api" is already in use by 8d'],
  ['ND-ARTIFACT-MISSING', 'Unable to find image \'nope:latest\' locally'],
  ['ND-ARTIFACT-MISSING', 'Error response from daemon: No such image: nope:latest'],
  ['ND-ARTIFACT-MISSING', 'Error response from daemon: Get "https://nope.invalid/v2/": dial tcp: lookup nope.invalid: no such host'],
  ['ND-ENGINE-FAILED', 'Error response from daemon: OCI runtime create failed'],
  ['ND-ENGINE-FAILED', 'Error response from daemon: lookup db.invalid: no such host'],
  ['ND-ENGINE-FAILED', ''],
])('%s for: %s', (code, said) => {
  const { code: found, parts } = failedCall({ program: 'docker', engine: 'docker, context x', what: 'start the container api', said });
  expect(found).toBe(code);
  expect(parts).toMatchObject({ what: 'docker could not start the container api', where: 'docker, context x', next: expect.any(String), why: expect.any(String) });
  expect(JSON.stringify(parts)).not.toContain('--help');
});

test('a client that only names what failed is not taken for the reason', () => {
  const { parts } = failedCall({ program: 'docker', engine: 'docker', what: 'x', said: 'Error response from daemon: network nowhere not found\nError: failed to start containers: api' });
  expect(parts).toMatchObject({ why: 'Error response from daemon: network nowhere not found' });
});

test('what an engine says is one line of printable ASCII each', () => {
  const { parts } = failedCall({ program: 'docker', engine: 'docker', what: 'x', said: `no space left on device \u001b[31m\u00e4\n${'y'.repeat(400)}` });
  expect(parts.problems).toEqual(['no space left on device ?[31m?', `${'y'.repeat(300)}...`]);
});
