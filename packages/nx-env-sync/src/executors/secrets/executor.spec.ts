import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { readValue } from '../../commands/read-value.js';
import { encryptArmored } from '../../secrets/age.js';
import { keyPairs } from '../../secrets/keys.spec-support.js';
import { decryptText } from '../../secrets/secrets-file.js';
import { testProject } from '../project.spec-support.js';
import secrets, { type SecretsOptions } from './executor.js';

const place = testProject();
const keys = keyPairs();
const FOLDER = 'apps/api/environments';
const [PLAIN, SECRETS, RECIPIENTS] = [`${FOLDER}/staging.env`, `${FOLDER}/staging.secrets.env`, 'environments/.age-recipients'];
const age = spawnSync('age', ['--version']).status === 0 || process.env['CI'] === 'true' ? it : it.skip;

/** Runs the executor with this on its standard input. */
async function run(options: SecretsOptions, input?: string | Buffer): Promise<boolean> {
  const before = Object.getOwnPropertyDescriptor(process, 'stdin');
  Object.defineProperty(process, 'stdin', { configurable: true, enumerable: true, value: input === undefined ? Object.assign(Readable.from([]), { isTTY: true }) : Readable.from([Buffer.from(input)]) });
  try {
    return await place.run(secrets, options, 'staging');
  } finally {
    Object.defineProperty(process, 'stdin', before!);
  }
}
async function textOf(path = SECRETS, identity = keys.ours.identity): Promise<string> {
  const found = await decryptText(readFileSync(join(place.root, path)), async () => [identity]);
  return found.state === 'read' ? found.text : found.state === 'unreadable' ? found.what : '';
}
const plant = async (text: string, path = SECRETS, ...recipients: string[]): Promise<void> => place.write({ [path]: await encryptArmored(text, recipients.length === 0 ? [keys.ours.recipient] : recipients) });

beforeEach(() => {
  place.variables['NX_ENV_SYNC_IDENTITY'] = keys.ours.identity;
  place.write({ [RECIPIENTS]: `# us\n${keys.ours.recipient}\n` });
});
afterEach(() => {
  expect(place.everything()).not.toContain('planted');
  expect(place.everything()).not.toMatch(/AGE-SECRET-KEY-1[A-Z0-9]/);
});

describe('executor secrets', () => {
  it('sets, lists and removes secrets, and leaves the lines around them as they are', async () => {
    await plant('# of the vault\nA=planted-1 # first\nB=planted-2\n');
    expect(await run({ action: 'set', key: ['B'] }, 'planted-3\n')).toBe(true);
    expect(place.printed()).toBe(`set B: ${SECRETS}\n`);
    expect(await run({ action: 'set', key: ['C'] }, 'planted\n$(id)\n')).toBe(true);
    expect(await textOf()).toBe("# of the vault\nA=planted-1 # first\nB=planted-3\nC='planted\n$(id)'\n");
    expect(statSync(join(place.root, SECRETS)).mode & 0o777).toBe(0o600);
    place.printed();
    expect(await run({ action: 'list' })).toBe(true);
    expect(place.printed()).toBe(`  KEY  SET IN\n  A    ${SECRETS}:2\n  B    ${SECRETS}:3\n  C    ${SECRETS}:4\n3 secrets in ${SECRETS}\n`);
    expect(await run({ action: 'remove', key: ['C'], json: true })).toBe(true);
    expect(JSON.parse(place.printed())).toEqual({ success: true, environment: 'staging', keys: ['C'], files: [SECRETS] });
    expect(await run({ action: 'set', key: ['B'] }, 'planted-3')).toBe(true);
    expect(place.printed()).toBe('set B: it was so already\n');
  });

  it('takes a key out of the plain file when it is set as a secret', async () => {
    place.write({ [PLAIN]: 'X=1\nTOKEN=planted-0\n' });
    expect(await run({ action: 'set', key: ['TOKEN'] }, 'planted-1')).toBe(true);
    expect(place.read(PLAIN)).toBe('X=1\n');
    expect(await textOf()).toBe('TOKEN=planted-1\n');
  });

  it('encrypts what the schema calls secret, or what is named', async () => {
    place.write({ [PLAIN]: '# top\nA=planted-1\nB=2\nC=planted-3\n', [`${FOLDER}/env.schema.json`]: { properties: { A: { 'x-secret': true }, B: {}, C: {} } } });
    expect(await run({ action: 'encrypt' })).toBe(true);
    expect(place.printed()).toBe(`encrypted A: ${SECRETS}, ${PLAIN}\n  what a repository has had in plain text is in its history: change those values\n`);
    expect(place.read(PLAIN)).toBe('# top\nB=2\nC=planted-3\n');
    expect(await run({ action: 'encrypt' })).toBe(true);
    expect(place.printed()).toBe(`no secret stands in plain text in ${PLAIN}\n`);
    expect(await run({ action: 'encrypt', key: ['C'] })).toBe(true);
    expect(await textOf()).toBe('A=planted-1\nC=planted-3\n');
    expect(await run({ action: 'encrypt', key: ['C', 'D'] })).toBe(false);
    expect(place.printed()).toContain(`error: C, D: not in ${PLAIN}\n`);
  });

  it.each<[SecretsOptions, string | Buffer | undefined, string]>([
    [{ action: 'set' }, 'planted', 'error: secrets set is for one key\n'],
    [{ action: 'remove', key: ['A', 'B'] }, '', 'error: secrets remove is for one key\n'],
    [{ action: 'remove', key: ['TOKN'] }, '', 'error: there is no secret TOKN in staging; did you mean TOKEN?\n'],
    [{ action: 'remove', key: ['NOTHING'] }, '', 'error: there is no secret NOTHING in staging\n'],
    [{ action: 'set', key: ['A'] }, undefined, 'error: the value is read from the standard input, and that is a keyboard here\n'],
    [{ action: 'set', key: ['A'] }, Buffer.of(0xff), 'error: the value is not UTF-8 text\n'],
    [{ action: 'set', key: ['A'] }, 'planted\0', '  - A: its value holds a NUL byte, which no process can receive\n'],
    [{ action: 'set', key: ['A'] }, 'x'.repeat(200_000), '  - A: its value makes it 200002 bytes long; no process can receive more than 131071\n'],
    [{ action: 'set', key: ['A'] }, 'x'.repeat(1_100_000), 'error: the value is 1100000 bytes long; at most 1048576 are accepted\n'],
    [{ action: 'set', key: ['A-B'] }, 'planted', '  - "A-B" is no valid name: letters, digits and _ only, no digit first\n'],
    [{ action: 'set', key: ['$(touch pwned)'] }, 'planted', 'is no valid name'],
    [{ action: 'set', key: ['PORT'] }, 'planted', '  - PORT is set by the platform for each instance\n'],
    [{ action: 'list', key: ['A'] }, '', 'error: secrets list takes no key\n  next: it takes environment\n'],
    [{ action: 'list', environment: 'qa' }, '', 'error: there is no environment qa\n'],
    [{ action: 'list', environment: '../x' }, '', 'is no environment name'],
    [{ action: 'rotate', addRecipient: ['age1x'] }, '', '  - what was to be added is no public key of age'],
    [{ action: 'rotate', removeRecipient: ['ssh-ed25519 x', 'age1x'] }, '', '  - what was to be removed keys of ssh are not supported; use one of age\n  - age1x is none of the recipients\n'],
  ])('is refused: %j', async (options, input, what) => {
    await plant('TOKEN=planted-1\n');
    const before = place.read(SECRETS);
    expect(await run(options, input)).toBe(false);
    expect(place.printed()).toContain(what);
    expect(place.read(SECRETS)).toBe(before);
  });

  it('needs somebody to encrypt for', async () => {
    rmSync(join(place.root, RECIPIENTS));
    expect(await run({ action: 'set', key: ['A'] }, 'planted')).toBe(false);
    expect(place.printed()).toContain('error: there is nobody to encrypt secrets for\n  where: environments/.age-recipients\n  why: the file of recipients does not exist\n  next: run "nx-env-sync secrets keygen --add"');
    expect(place.exists(SECRETS)).toBe(false);
  });

  it('makes a key once, and the first recipient', async () => {
    delete place.variables['NX_ENV_SYNC_IDENTITY'];
    rmSync(join(place.root, RECIPIENTS));
    expect(await run({ action: 'keygen' })).toBe(true);
    const [, file = '', recipient = ''] = /^made a secret key: (\S+)\n.*\npublic key: (age1\S+)\n$/.exec(place.printed()) ?? [];
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await run({ action: 'keygen', add: true })).toBe(true);
    expect(place.printed()).toBe(`there is a secret key already; none was made\npublic key: ${recipient}, written to ${RECIPIENTS}\n`);
    expect(await run({ action: 'keygen', add: true })).toBe(true);
    expect(place.printed()).toContain(`in ${RECIPIENTS} already`);
    expect(await run({ action: 'set', key: ['A'] }, 'planted')).toBe(true);
    place.variables['NX_ENV_SYNC_IDENTITY'] = keys.theirs.identity;
    expect(await run({ action: 'keygen', add: true })).toBe(false);
    expect(place.printed()).toContain(`next: have one of them run: nx-env-sync secrets rotate --addRecipient ${keys.theirs.recipient}\n`);
  });

  it('rotates: all that these recipients read is encrypted again, and the file of recipients is written last', async () => {
    await plant('A=planted-1\n');
    await plant('B=planted-2\n', 'environments/production.secrets.env');
    await plant('base', `${FOLDER}/.sync/staging..production.age`);
    place.write({ 'apps/own/environments/.age-recipients': keys.ours.recipient });
    await plant('C=planted-3\n', 'apps/own/environments/staging.secrets.env');
    await plant('D=planted-4\n', 'node_modules/x/environments/staging.secrets.env');
    const [foreign, own] = [place.read('node_modules/x/environments/staging.secrets.env'), place.read('apps/own/environments/staging.secrets.env')];
    expect(await run({ action: 'rotate', addRecipient: [keys.theirs.recipient] })).toBe(true);
    expect(place.printed()).toBe(`  ${FOLDER}/.sync/staging..production.age\n  ${SECRETS}\n  environments/production.secrets.env\n  ${RECIPIENTS}\nencrypted 3 files for 2 recipients\n`);
    expect(place.read(RECIPIENTS)).toBe(`# us\n${keys.ours.recipient}\n${keys.theirs.recipient}\n`);
    for (const identity of [keys.ours.identity, keys.theirs.identity]) expect(await textOf(SECRETS, identity)).toBe('A=planted-1\n');
    expect([place.read('node_modules/x/environments/staging.secrets.env'), place.read('apps/own/environments/staging.secrets.env')]).toEqual([foreign, own]);
    place.variables['NX_ENV_SYNC_IDENTITY'] = keys.theirs.identity;
    expect(await run({ action: 'rotate', removeRecipient: [keys.ours.recipient] })).toBe(true);
    expect(place.printed()).toContain('whoever was removed can read what the repository had before');
    expect(place.read(RECIPIENTS)).toBe(`# us\n${keys.theirs.recipient}\n`);
    expect(await textOf()).toContain('is encrypted for others');
    expect(await run({ action: 'rotate', removeRecipient: [keys.theirs.recipient], addRecipient: [keys.ours.recipient] })).toBe(false);
    expect(place.printed()).toContain('error: none of the recipients would be yours\n');
  });

  it('rotates nothing when one file cannot be read, and goes on after a rotation that stopped half way', async () => {
    await plant('A=planted-1\n');
    await plant('B=planted-2\n', 'environments/production.secrets.env', keys.theirs.recipient);
    const before = place.read(SECRETS);
    expect(await run({ action: 'rotate', addRecipient: [keys.theirs.recipient] })).toBe(false);
    expect(place.printed()).toContain('  - environments/production.secrets.env is encrypted for others: the secret key that was given is not one of its recipients\n');
    expect(place.read(SECRETS)).toBe(before);
    await plant('B=planted-2\n', 'environments/production.secrets.env', keys.ours.recipient, keys.theirs.recipient);
    expect(await run({ action: 'rotate', addRecipient: [keys.theirs.recipient] })).toBe(true);
    expect(await textOf(SECRETS, keys.theirs.identity)).toBe('A=planted-1\n');
  });

  it('says what the system refuses', async () => {
    if (process.getuid?.() === 0) return;
    await plant('A=planted-1\n');
    chmodSync(join(place.root, FOLDER), 0o500);
    expect(await run({ action: 'set', key: ['A'] }, 'planted-2')).toBe(false);
    expect(place.printed()).toContain('error: the system refused what had to be done: EACCES\n');
    chmodSync(join(place.root, FOLDER), 0o700);
  });

  age('are read by the program age, and what it wrote is read', async () => {
    await run({ action: 'set', key: ['A'] }, 'planted-1');
    place.write({ 'key.txt': keys.ours.identity });
    expect(execFileSync('age', ['-d', '-i', join(place.root, 'key.txt'), join(place.root, SECRETS)], { encoding: 'utf8' })).toBe('A=planted-1\n');
    for (const form of [['-a'], []]) {
      const bytes = execFileSync('age', [...form, '-R', join(place.root, RECIPIENTS)], { input: 'A=planted-2\nB=planted-3\n' });
      place.write({ [SECRETS]: bytes });
      place.printed();
      expect(await run({ action: 'list' })).toBe(true);
      expect(place.printed()).toContain(`2 secrets in ${SECRETS}\n`);
    }
  });
});

it('reads a value without the line end at its end, and no more of it', async () => {
  expect(await Promise.all(['a\n', 'a\r\n', 'a\n\n', '', ' a '].map(async (text) => readValue(Readable.from([Buffer.from(text)]))))).toEqual(['a', 'a', 'a\n', '', ' a ']);
});
