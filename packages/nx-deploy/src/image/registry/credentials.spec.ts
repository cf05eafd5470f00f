import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { askHelper } from './credential-helper.js';
import { findCredential } from './credentials.js';
import { parseRepository } from './reference.js';
import { base64, dockerConfig, errorText, temporaryFolder } from './live.spec-support.js';

const repository = parseRepository('images.example.com:5000/team/api');
const auth = (text: string): object => ({ auth: base64(text) });
const user = (username: string, secret: string): object => ({ kind: 'password', username, secret });
const failure = (work: Promise<unknown>): Promise<unknown> => work.then(() => undefined, (thrown: unknown) => thrown);

/** A shell script as a credential helper, on the PATH of this environment. */
function withHelper(name: string, script: string, config: object): NodeJS.ProcessEnv {
  const folder = temporaryFolder('helper');
  const file = join(folder, `docker-credential-${name}`);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  const env = dockerConfig(temporaryFolder('docker'), config);
  return { ...env, PATH: `${folder}${delimiter}${env['PATH'] ?? ''}`, FOLDER: folder };
}

describe('auths', () => {
  it.each<[string, object, object | undefined]>([
    ['a host', { 'images.example.com:5000': auth('me:p:w') }, user('me', 'p:w')],
    ['an address of old', { 'https://images.example.com:5000/v1/': auth('me:pw') }, user('me', 'pw')],
    ['a text padded with zero bytes', { 'images.example.com:5000': auth('me:pw\0\0') }, user('me', 'pw')],
    ['an identity token', { 'images.example.com:5000': { ...auth('x:y'), identitytoken: 'tok' } }, { kind: 'identity', secret: 'tok' }],
    ['separate fields', { 'images.example.com:5000': { username: 'me', password: 'pw' } }, user('me', 'pw')],
    ['a path before the host', { 'images.example.com:5000': auth('host:pw'), 'images.example.com:5000/team': auth('team:pw') }, user('team', 'pw')],
    ['another path', { 'images.example.com:5000/other': auth('other:pw') }, undefined],
    ['another port', { 'images.example.com': auth('other:pw') }, undefined],
    ['an empty entry', { 'images.example.com:5000': {} }, undefined],
    ['names of objects', { __proto__: auth('x:y'), constructor: auth('x:y') }, undefined],
  ])('know %s', async (_, auths, expected) => {
    expect(await findCredential(repository, dockerConfig(temporaryFolder('docker'), { auths }))).toEqual(expected);
  });

  it('know Docker Hub by its old address', async () => {
    const env = dockerConfig(temporaryFolder('docker'), { auths: { 'https://index.docker.io/v1/': auth('hub:pw') } });
    expect(await findCredential(parseRepository('node'), env)).toEqual(user('hub', 'pw'));
    expect(await findCredential(repository, env)).toBeUndefined();
  });

  it('are looked for in the files of podman when docker knows nothing', async () => {
    const home = temporaryFolder('home');
    const env = { HOME: home };
    expect(await findCredential(repository, env)).toBeUndefined();
    const write = (path: string, name: string): void => {
      mkdirSync(join(home, path, '..'), { recursive: true });
      writeFileSync(join(home, path), JSON.stringify({ auths: { 'images.example.com:5000': auth(`${name}:pw`) } }));
    };
    const steps: [string, string, NodeJS.ProcessEnv][] = [
      ['.config/containers/auth.json', 'config', env], ['run/containers/auth.json', 'run', { ...env, XDG_RUNTIME_DIR: join(home, 'run') }],
      ['.docker/config.json', 'docker', { ...env, XDG_RUNTIME_DIR: join(home, 'run') }], ['chosen.json', 'chosen', { ...env, REGISTRY_AUTH_FILE: join(home, 'chosen.json') }],
    ];
    for (const [path, name, environment] of steps) {
      write(path, name);
      expect(await findCredential(repository, environment)).toEqual(user(name, 'pw'));
    }
  });

  it.each([
    ['no JSON', '{"auths": {"x": {"auth": "c2VjcmV0LXZhbHVl" oops'],
    ['a list', '["c2VjcmV0LXZhbHVl"]'],
    ['no user', JSON.stringify({ auths: { 'images.example.com:5000': { auth: 'c2VjcmV0LXZhbHVl' } } })],
    ['an entry that is text', JSON.stringify({ auths: { 'images.example.com:5000': 'c2VjcmV0LXZhbHVl' } })],
  ])('that are damaged (%s) are named by their file, and never shown', async (_, text) => {
    const folder = temporaryFolder('docker');
    writeFileSync(join(folder, 'config.json'), text);
    const error = await failure(findCredential(repository, { DOCKER_CONFIG: folder }));
    expect(error).toMatchObject({ code: 'ND-REGISTRY-CREDENTIALS', parts: { where: join(folder, 'config.json') } });
    expect(errorText(error)).not.toMatch(/c2VjcmV0|secret-value/);
  });
});

describe('a credential helper', () => {
  it('gets the host on its standard input, and no argument but get', async () => {
    const env = withHelper('spec', 'cat > "$FOLDER/stdin"; echo "$#$1" > "$FOLDER/arguments"; echo \'{"Username":"me","Secret":"pw"}\'', { credHelpers: { 'images.example.com:5000': 'spec' }, auths: { 'images.example.com:5000': auth('x:y') } });
    expect(await findCredential(repository, env)).toEqual(user('me', 'pw'));
    expect(readFileSync(join(env['FOLDER']!, 'stdin'), 'utf8')).toBe('images.example.com:5000');
    expect(readFileSync(join(env['FOLDER']!, 'arguments'), 'utf8')).toBe('1get\n');
  });

  it('may have an identity token', async () => {
    const env = withHelper('spec', 'echo \'{"Username":"<token>","Secret":"tok"}\'', { credsStore: 'spec' });
    expect(await findCredential(repository, env)).toEqual({ kind: 'identity', secret: 'tok' });
  });

  it('may answer a question that it does not read, and give a long token', async () => {
    const env = withHelper('spec', 'exec 0<&-; printf \'{"Username":"AWS","Secret":"\'; head -c 20000 /dev/zero | tr "\\0" x; echo \'"}\'', { credsStore: 'spec' });
    expect(await findCredential(repository, env)).toEqual(user('AWS', 'x'.repeat(20_000)));
  });

  it('that knows nothing leaves the file to say it', async () => {
    const script = 'echo "credentials not found in native keychain"; exit 1';
    expect(await findCredential(repository, withHelper('spec', script, { credsStore: 'spec' }))).toBeUndefined();
    expect(await findCredential(repository, withHelper('spec', script, { credsStore: 'spec', auths: { 'images.example.com:5000': auth('me:pw') } }))).toEqual(user('me', 'pw'));
  });

  it('that may have left a program behind is not waited for', async () => {
    const env = withHelper('spec', 'sleep 3 & echo \'{"Username":"me","Secret":"pw"}\'', { credsStore: 'spec' });
    const begun = performance.now();
    expect(await findCredential(repository, env)).toEqual(user('me', 'pw'));
    expect(performance.now() - begun).toBeLessThan(2_900);
  });

  it.each([
    ['fails', 'echo secret-value; echo secret-value >&2; exit 3', /exit code 3/],
    ['prints no JSON', 'echo secret-value', /what it printed is not/],
    ['prints too little', 'echo \'{"Secret":"secret-value"}\'', /what it printed is not/],
    ['prints without end', 'yes secret-value', /more than 1048576 bytes/],
    ['is ended', 'kill -9 $$', /a signal ended it/],
  ])('that %s is named, and what it printed is not', async (_, script, why) => {
    const error = await failure(findCredential(repository, withHelper('spec', script, { credsStore: 'spec' })));
    expect(error).toMatchObject({ code: 'ND-REGISTRY-CREDENTIALS', message: expect.stringMatching(why) });
    expect(errorText(error)).toContain('docker-credential-spec');
    expect(errorText(error)).not.toContain('secret-value');
  });

  it('that does not exist is named', async () => {
    const error = await failure(findCredential(repository, dockerConfig(temporaryFolder('docker'), { credsStore: 'nowhere' })));
    expect(error).toMatchObject({ code: 'ND-REGISTRY-CREDENTIALS', message: expect.stringMatching(/docker-credential-nowhere.*not on the PATH/) });
  });

  it('that hangs is ended with its children', async () => {
    const env = withHelper('spec', 'sleep 60', {});
    const begun = performance.now();
    const error = await failure(askHelper({ name: 'spec', server: 'x', file: 'config.json', env }, 300));
    expect(error).toMatchObject({ code: 'ND-REGISTRY-CREDENTIALS', message: expect.stringContaining('did not answer within 0.3 s') });
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  it.each(['../x', 'a/b', 'a b', '', ';id', 'x'.repeat(200)])('is not started by the name %j', async (name) => {
    const error = await failure(askHelper({ name, server: 'x', file: 'config.json', env: {} }));
    expect(error).toMatchObject({ code: 'ND-REGISTRY-CREDENTIALS', message: expect.stringContaining('has letters, digits') });
  });
});
