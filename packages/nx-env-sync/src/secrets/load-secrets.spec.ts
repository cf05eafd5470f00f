import { loadEnvironment, type LoadedEnvironment } from '../load-environment.js';
import { encryptArmored, encrypt } from './age.js';
import type { IdentityOptions } from './identities.js';
import { keyPairs, keyWorkspace } from './keys.spec-support.js';

const place = keyWorkspace();
const keys = keyPairs();
const PLANTED = 'planted-4711';
const load = async (identity: IdentityOptions = {}): Promise<LoadedEnvironment> =>
  loadEnvironment({ environment: 'staging', workspaceRoot: place.root, projectRoot: 'apps/api', variables: place.variables, identity });
const secrets = async (text: string, path = 'apps/api/environments/staging.secrets.env'): Promise<void> => place.write({ [path]: await encryptArmored(text, [keys.ours.recipient, keys.theirs.recipient]) });

describe('loadEnvironment with a file of secrets', () => {
  beforeEach(() => void (place.variables['NX_ENV_SYNC_IDENTITY'] = keys.ours.identity));

  it('reads it, calls all its keys secret, and the stronger folder wins', async () => {
    await secrets(`# ours\nTOKEN=${PLANTED}\n`);
    await secrets(`TOKEN=shared\nSHARED=s\n`, 'environments/staging.secrets.env');
    place.write({ 'environments/staging.env': 'A=1\n', 'apps/api/environments/env.schema.json': { properties: { TOKEN: { 'x-secret': false }, A: {} } } });
    expect(await load()).toEqual({
      found: true, problems: [], secrets: ['SHARED', 'TOKEN'], values: { A: '1', SHARED: 's', TOKEN: PLANTED },
      sources: { A: 'environments/staging.env:1', SHARED: 'environments/staging.secrets.env:2', TOKEN: 'apps/api/environments/staging.secrets.env:2' },
    });
  });

  it('is an environment by itself, in the binary form too', async () => {
    place.write({ 'environments/staging.secrets.env': await encrypt('TOKEN=x\n', [keys.ours.recipient]) });
    expect(await load()).toMatchObject({ found: true, problems: [], values: { TOKEN: 'x' } });
  });

  it('checks its values by the schema, and its keys as strictly as those of the file beside it', async () => {
    place.write({ 'apps/api/environments/env.schema.json': { properties: { COUNT: { type: 'integer' }, TOKEN: {} } } });
    await secrets(`COUNT=${PLANTED}\nTOKN=${PLANTED}\nPORT=1\nnonsense\n`);
    const { problems } = await load();
    expect(problems).toEqual([
      'apps/api/environments/staging.secrets.env:4: is no assignment: expected KEY=value, a comment or an empty line',
      'apps/api/environments/staging.secrets.env:3 PORT: is set by the platform for each instance; remove it here',
      'apps/api/environments/staging.secrets.env:2 TOKN: is not in the schema; did you mean TOKEN?',
      'apps/api/environments/staging.secrets.env:1 COUNT: must be a whole number',
    ]);
    place.write({ 'environments/env.schema.json': {} });
    await secrets('OTHER=1', 'environments/staging.secrets.env');
    expect((await load()).problems).toContain('environments/staging.secrets.env:1 OTHER: is not in the schema');
  });

  it('reports a key that stands in plain text beside it', async () => {
    await secrets('TOKEN=a');
    place.write({ 'apps/api/environments/staging.env': `\nTOKEN=${PLANTED}\n` });
    expect((await load()).problems).toEqual(['apps/api/environments/staging.env:2 TOKEN: is set in apps/api/environments/staging.secrets.env as well; remove it here, where everybody can read it']);
  });

  it('tells one thing when it cannot be decrypted, and does not call its keys missing', async () => {
    place.write({ 'apps/api/environments/env.schema.json': { properties: { TOKEN: { 'x-secret': true } }, required: ['TOKEN'] } });
    await secrets('TOKEN=a');
    delete place.variables['NX_ENV_SYNC_IDENTITY'];
    expect((await load()).problems).toEqual([
      'apps/api/environments/staging.secrets.env: is encrypted, and there is no secret key to read it with: name one by NX_ENV_SYNC_IDENTITY_FILE, NX_ENV_SYNC_IDENTITY or NX_ENV_SYNC_IDENTITY_COMMAND',
    ]);
    expect((await load({ identity: 'gone.txt' })).problems).toEqual(['apps/api/environments/staging.secrets.env: cannot be decrypted: gone.txt: the file of the secret key does not exist']);
  });

  it.each([
    ['for others', async () => encryptArmored('A=1', [keys.theirs.recipient]), 'is encrypted for others: the secret key that was given is not one of its recipients'],
    ['cut', async () => (await encryptArmored('A=1', [keys.ours.recipient])).slice(0, 200), 'is damaged: it was cut or changed after it was encrypted'],
    ['cut in its header', async () => (await encrypt('A=1', [keys.ours.recipient])).subarray(0, 60), 'is damaged: it was cut or changed after it was encrypted'],
    ['changed', async () => (await encrypt('A=1', [keys.ours.recipient])).map((byte, index, all) => (index === all.length - 1 ? byte ^ 1 : byte)), 'is damaged: it was cut or changed after it was encrypted'],
    ['plain', async () => `TOKEN=${PLANTED}\n`, 'is not encrypted by age: it has neither the first line of its files nor that of its armor'],
    ['empty', async () => '', 'is not encrypted by age: it has neither the first line of its files nor that of its armor'],
    ['of no text', async () => encryptArmored(Uint8Array.of(0xff, 0xfe), [keys.ours.recipient]), 'is not UTF-8 text; save it as UTF-8'],
    ['too large', async () => 'x'.repeat(3_000_000), 'is 3000000 bytes large; at most 2097152 are accepted'],
  ])('refuses a file that is %s', async (_, make, what) => {
    place.write({ 'environments/staging.secrets.env': await make() });
    expect((await load()).problems).toEqual([`environments/staging.secrets.env: ${what}`]);
  });

  it('tells of hostile values without a word of them', async () => {
    await secrets(`A=$(touch /tmp/never)\nB="a\nb"\nBIG=${'x'.repeat(200_000)}\nNUL=${PLANTED}\0\n$(id)=1\n`);
    const { problems, values } = await load();
    expect(values).toEqual({ A: '$(touch /tmp/never)', B: 'a\nb' });
    expect(problems).toEqual([
      expect.stringMatching(/:4 BIG: is 200004 bytes long; no process can receive more than 131071$/),
      expect.stringMatching(/:5 NUL: holds a NUL byte, which no process can receive$/),
      expect.stringMatching(/:6: the name left of the = is not valid/),
    ]);
  });
});

describe('the secret key', () => {
  beforeEach(async () => secrets('TOKEN=a'));
  const problem = async (identity: IdentityOptions = {}): Promise<string> => (await load(identity)).problems.join('\n').replace(/^\S+ cannot be decrypted: /, '');

  it('comes from the own file, a file, a variable or a program', async () => {
    const text = `# created: now\n# public key: x\r\n${keys.theirs.identity}\n${keys.ours.identity}\n`;
    place.write({ 'key.txt': text, '../config/nx-env-sync/identity.txt': text, 'key.mjs': `process.stdout.write(${JSON.stringify(text)})` });
    expect(await problem()).toBe('');
    place.variables['XDG_CONFIG_HOME'] = '/nowhere';
    for (const identity of [{ identity: 'key.txt' }, { identity: `${place.root}/key.txt` }, { identityCommand: [process.execPath, 'key.mjs'] }]) expect(await problem(identity)).toBe('');
    place.variables['MY_KEY'] = text;
    expect(await problem({ identityVariable: 'MY_KEY' })).toBe('');
    place.variables['NX_ENV_SYNC_IDENTITY_COMMAND'] = JSON.stringify([process.execPath, 'key.mjs']);
    expect(await problem()).toBe('');
    place.variables['NX_ENV_SYNC_IDENTITY_FILE'] = 'key.txt';
    expect(await problem()).toBe('');
  });

  it('is asked of a program once', async () => {
    place.write({ 'key.mjs': `import { appendFileSync } from 'node:fs'; appendFileSync('asked', '.'); process.stdout.write(${JSON.stringify(keys.ours.identity)})` });
    place.variables['NX_ENV_SYNC_IDENTITY_COMMAND'] = JSON.stringify([process.execPath, 'key.mjs']);
    await Promise.all([load()]);
    expect((await load()).problems).toEqual([]);
    expect(place.read('asked')).toBe('.');
  });

  it('is looked for in its default place below the home', async () => {
    place.write({ '../home/.config/nx-env-sync/identity.txt': keys.ours.identity });
    place.variables['XDG_CONFIG_HOME'] = '';
    const { ownIdentityFile } = await import('./identities.js');
    expect(ownIdentityFile(place.variables)).toMatch(/\.config\/nx-env-sync\/identity\.txt$/);
  });

  it.each<[string, IdentityOptions, string]>([
    ['two places', { identity: 'a', identityVariable: 'B' }, 'more than one place of the secret key was named'],
    ['a variable that is not set', { identityVariable: 'NOT_SET' }, 'identityVariable: the variable NOT_SET is not set'],
    ['an empty file', { identity: 'empty.txt' }, 'empty.txt: no secret key is there'],
    ['a file of another kind', { identity: 'junk.txt' }, 'junk.txt: line 2, 3 is no secret key of age'],
    ['a key of ssh', { identity: 'ssh.txt' }, 'ssh.txt: the secret key is itself encrypted, or of another program'],
    ['a folder', { identity: 'environments' }, 'environments: the file of the secret key is a folder, not a file'],
    ['a program that is not there', { identityCommand: ['no-such-program-here'] }, 'identityCommand: the program no-such-program-here that gives the secret key was not found'],
    ['a program that fails', { identityCommand: [process.execPath, '-e', 'console.log(process.argv); console.error("planted-4711"); process.exit(3)'] }, 'that gives the secret key ended with exit code 3'],
    ['a program that ends by a signal', { identityCommand: [process.execPath, '-e', 'process.kill(process.pid, "SIGTERM")'] }, 'that gives the secret key was ended by SIGTERM'],
    ['a program that writes without end', { identityCommand: [process.execPath, '-e', 'process.stdout.write("x".repeat(1e6))'] }, 'that gives the secret key wrote more than 65536 bytes'],
    ['no program', { identityCommand: [] }, 'identityCommand: the program that gives the secret key is not named'],
  ])('is refused: %s', async (_, identity, what) => {
    place.write({ 'empty.txt': '# nothing\n', 'junk.txt': `\n${PLANTED}\nAGE-SECRET-KEY-1${PLANTED}\n`, 'ssh.txt': '-----BEGIN X\nabc', 'environments/x': '' });
    const told = await problem(identity);
    expect(told).toContain(what);
    expect(told).not.toContain(PLANTED);
  });

  it('is refused in a variable that is no list', async () => {
    for (const text of [`pass show ${PLANTED}`, '["a", 1]']) {
      place.variables['NX_ENV_SYNC_IDENTITY_COMMAND'] = text;
      expect(await problem()).toBe('the variable NX_ENV_SYNC_IDENTITY_COMMAND is no list of texts in JSON');
    }
  });
});
