import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encryptArmored } from '../../secrets/age.js';
import { keyPairs } from '../../secrets/keys.spec-support.js';
import { decryptText } from '../../secrets/secrets-file.js';
import { withLock } from '../../storage/lock.js';
import { testProject } from '../project.spec-support.js';
import { killProgram } from '../sync/kill.spec-support.js';
import validate from '../validate/validate.js';
import migrate, { type MigrateOptions } from './migrate.js';

const place = testProject();
const keys = keyPairs();
const run = async (options: MigrateOptions = {}, configuration?: string): Promise<boolean> => place.run(migrate, options, configuration);
const SHARED = 'environments';
const OWN = 'apps/api/environments';
const PLANTED = 'planted-4711';
/** The state that every run leaves is no file of an environment. */
const files = (): string[] => place.files().filter((path) => !path.includes('.nx-env-sync') && !path.includes('/config/'));

describe('executor migrate', () => {
  it('renames in place, in every environment, and touches nothing else', async () => {
    place.write({
      [`${OWN}/env.schema.json`]: { properties: { LEVEL: { 'x-renamed-from': ['LOG', 'LOGLEVEL'] }, URL: { 'x-renamed-from': 'ADDRESS' }, KEPT: {} } },
      [`${OWN}/staging.env`]: `\ufeff# head\r\nexport LOG = "${PLANTED}" # why\r\n\r\nKEPT=1\r\nADDRESS='x'\r\n`, [`${OWN}/production.env`]: 'LOGLEVEL=warn', [`${OWN}/dev.env`]: 'LEVEL=1\n',
    });
    chmodSync(join(place.root, OWN, 'staging.env'), 0o640);
    const before = place.read(`${OWN}/staging.env`);
    expect(await run({ dryRun: true })).toBe(true);
    const shown = `  ${OWN}/production.env:1 LOGLEVEL: renamed to LEVEL\n  ${OWN}/staging.env:2 LOG: renamed to LEVEL\n  ${OWN}/staging.env:5 ADDRESS: renamed to URL\ndev, production, staging: 3 changes in 2 files`;
    expect(place.printed()).toBe(`${shown}; nothing was changed\n`);
    expect(place.read(`${OWN}/staging.env`)).toBe(before);
    expect(await run()).toBe(true);
    expect(place.printed()).toBe(`${shown}\n`);
    expect(place.read(`${OWN}/staging.env`)).toBe(before.replace('LOG =', 'LEVEL =').replace('ADDRESS', 'URL'));
    expect([place.read(`${OWN}/production.env`), place.read(`${OWN}/dev.env`)]).toEqual(['LEVEL=warn', 'LEVEL=1\n']);
    expect(statSync(join(place.root, OWN, 'staging.env')).mode & 0o777).toBe(0o640);
    expect(await run()).toBe(true);
    expect(place.printed()).toBe('dev, production, staging: nothing to migrate\n');
  });

  it('does what the message of a validation says', async () => {
    place.write({ [`${OWN}/env.schema.json`]: { properties: { LEVEL: { 'x-renamed-from': 'LOG' } } }, [`${OWN}/staging.env`]: 'LOG=1\n' });
    expect(await place.run(validate, {}, 'staging')).toBe(false);
    expect(place.printed()).toContain('staging.env:1 LOG: is called LEVEL now; rename it, or let nx-env-sync:migrate do it [renamed]');
    expect(await run({}, 'staging')).toBe(true);
    expect(await place.run(validate, {}, 'staging')).toBe(true);
  });

  it('takes only the environment that is named, and refuses one that is not there', async () => {
    place.write({ [`${OWN}/env.schema.json`]: { properties: { B: { 'x-renamed-from': 'A' } } }, [`${OWN}/staging.env`]: 'A=1\n', [`${OWN}/dev.env`]: 'A=1\n' });
    expect(await run({ environment: 'dev', json: true }, 'staging')).toBe(true);
    expect(JSON.parse(place.printed())).toEqual({ success: true, environments: ['dev'], dryRun: false, changes: [{ change: 'renamed', file: `${OWN}/dev.env`, line: 1, key: 'A', to: 'B' }], files: [`${OWN}/dev.env`], left: [] });
    expect([place.read(`${OWN}/staging.env`), place.read(`${OWN}/dev.env`)]).toEqual(['A=1\n', 'B=1\n']);
    expect(await run({ environment: 'stagin' })).toBe(false);
    expect(place.printed()).toContain('error: there is no environment stagin; did you mean staging?');
    expect(await run({ environment: '../x' })).toBe(false);
    expect(place.printed()).toContain('is no environment name');
  });

  it('in the shared file renames what the workspace says, and leaves what only the project says', async () => {
    place.write({
      [`${SHARED}/env.schema.json`]: { properties: { WIDE: { 'x-renamed-from': 'BROAD' } }, additionalProperties: true }, [`${OWN}/env.schema.json`]: { properties: { MINE: { 'x-renamed-from': 'OURS' } } },
      [`${SHARED}/staging.env`]: 'BROAD=1\nOURS=2\n', [`${OWN}/staging.env`]: 'BROAD=3\n',
    });
    expect(await run()).toBe(true);
    expect([place.read(`${SHARED}/staging.env`), place.read(`${OWN}/staging.env`)]).toEqual(['WIDE=1\nOURS=2\n', 'WIDE=3\n']);
    expect(place.printed()).toContain(`  left as it is: ${SHARED}/staging.env:2 OURS: only the project calls it MINE now, and other projects read this file; set MINE in the project's own file`);
  });

  it('removes the old name where both have the same value, and changes nothing anywhere where they differ', async () => {
    place.write({ [`${OWN}/env.schema.json`]: { properties: { B: { 'x-renamed-from': ['A', 'A0'] } } }, [`${OWN}/dev.env`]: '# note\nA=1\nB=1\n', [`${OWN}/staging.env`]: 'A=1\nA0=2\n', [`${OWN}/test.env`]: `B=${PLANTED}\nA=other\n` });
    const before = place.read(`${OWN}/dev.env`);
    expect(await run()).toBe(false);
    expect(place.printed()).toBe([
      'error: some keys cannot be migrated', `  - ${OWN}/staging.env:2 A0: is called B now, which ${OWN}/staging.env sets to another value; remove one of the two`, `  - ${OWN}/test.env:2 A: is called B now, which ${OWN}/test.env sets to another value; remove one of the two`,
      '  next: decide these by hand, and run it again; nothing was changed', '',
    ].join('\n'));
    expect([place.read(`${OWN}/dev.env`), place.read(`${OWN}/staging.env`)]).toEqual([before, 'A=1\nA0=2\n']);
    expect(await run({ environment: 'dev' })).toBe(true);
    expect(place.read(`${OWN}/dev.env`)).toBe('# note\nB=1\n');
    expect(place.printed()).toContain(`  ${OWN}/dev.env:2 A: removed; B has the same value\n`);
  });

  it('renames every line that sets the key, also where a quote does not end', async () => {
    place.write({ [`${OWN}/env.schema.json`]: { properties: { B: { 'x-renamed-from': 'A' } } }, [`${OWN}/dev.env`]: 'A=1\nA=2\n' });
    expect(await run()).toBe(true);
    expect(place.read(`${OWN}/dev.env`)).toBe('B=1\nB=2\n');
    place.write({ [`${OWN}/dev.env`]: `A='${PLANTED}\nA=2\n` });
    const before = place.read(`${OWN}/dev.env`);
    await run();
    expect(place.read(`${OWN}/dev.env`).replaceAll('B=', 'A=')).toBe(before);
  });

  it('lets references follow, where they are replaced, and leaves text that only looks like one', async () => {
    const schema = { properties: { HOST_NAME: { 'x-renamed-from': 'SERVER' }, URL: {}, TEXT: {} } };
    const files_ = { [`${OWN}/dev.env`]: 'SERVER=x\nURL=https://${SERVER}/${OTHER}\nTEXT=$${SERVER} $SERVER\n' };
    place.write({ [`${OWN}/env.schema.json`]: { ...schema, 'x-expand': true }, ...files_ });
    expect(await run()).toBe(true);
    expect(place.read(`${OWN}/dev.env`)).toBe('HOST_NAME=x\nURL=https://${HOST_NAME}/${OTHER}\nTEXT=$${SERVER} $SERVER\n');
    expect(place.printed()).toContain(`  ${OWN}/dev.env:2 URL: refers to a key by the name that it has now\n`);
    place.write({ [`${OWN}/env.schema.json`]: schema, ...files_ });
    expect(await run()).toBe(true);
    expect(place.read(`${OWN}/dev.env`)).toContain('URL=https://${SERVER}/');
  });

  it('refuses what no line can hold any more, and changes nothing', async () => {
    const long = 'A_MUCH_LONGER_NAME_THAN_BEFORE';
    place.write({ [`${OWN}/env.schema.json`]: { 'x-expand': true, properties: { [long]: { 'x-renamed-from': 'A' }, B: {} } }, [`${OWN}/dev.env`]: `A=1\nB=${'x'.repeat(128 * 1024 - 10)}\${A}\n` });
    const before = place.read(`${OWN}/dev.env`);
    expect(await run()).toBe(false);
    expect(place.printed()).toMatch(/^error: some keys cannot be migrated\n {2}- apps\/api\/environments\/dev\.env:2 B: cannot be changed: B: its value makes it \d+ bytes long; no process can receive more than 131071\n/);
    expect(place.read(`${OWN}/dev.env`)).toBe(before);
  });

  it('sets new keys to their default where that is asked for, secrets and what the platform sets left out', async () => {
    place.write({ [`${SHARED}/dev.env`]: 'THERE=1\n', [`${OWN}/env.schema.json`]: { properties: { NEW: { type: 'integer', default: 3 }, TIER: { 'x-tiers': { dev: { default: "it's" } } }, THERE: { default: '2' }, TOKEN: { 'x-secret': true, default: PLANTED }, NONE: {}, ODD: { default: [] } } } });
    expect(await run()).toBe(true);
    expect(place.printed()).toBe('dev: nothing to migrate\n');
    expect(await run({ defaults: true })).toBe(true);
    expect(place.read(`${OWN}/dev.env`)).toBe('NEW=3\nTIER=it\'s\n');
    expect(place.printed()).toBe(`  ${OWN}/dev.env NEW: set to its default\n  ${OWN}/dev.env TIER: set to its default\n  left as it is: ${OWN}/dev.env TOKEN: is a secret, so its default is not written into a plain file\ndev: 2 changes in 1 file\n`);
    expect(await run({ defaults: true })).toBe(true);
    expect(place.printed()).toContain('dev: nothing to migrate\n');
    expect(place.everything()).not.toContain('4711');
  });
});

describe('secrets', () => {
  const FILE = `${OWN}/live.secrets.env`;
  const secrets = async (): Promise<void> => place.write({
    [`${OWN}/env.schema.json`]: { properties: { TOKEN: { 'x-secret': true, 'x-renamed-from': 'KEY' }, B: { 'x-renamed-from': 'A' } } }, [`${OWN}/live.env`]: 'A=1\n',
    [FILE]: await encryptArmored(`KEY=${PLANTED}\n`, [keys.ours.recipient]), [`${SHARED}/.age-recipients`]: `${keys.ours.recipient}\n${keys.theirs.recipient}\n`,
  });

  it('are renamed and encrypted for the recipients of now', async () => {
    await secrets();
    place.variables['NX_ENV_SYNC_IDENTITY'] = keys.ours.identity;
    expect(await run()).toBe(true);
    expect(place.printed()).toBe(`  ${FILE}:1 KEY: renamed to TOKEN\n  ${OWN}/live.env:1 A: renamed to B\nlive: 2 changes in 2 files\n`);
    expect(await decryptText(readFileSync(join(place.root, FILE)), async () => [keys.theirs.identity])).toEqual({ state: 'read', text: `TOKEN=${PLANTED}\n` });
    expect(statSync(join(place.root, FILE)).mode & 0o777).toBe(0o600);
    for (const file of place.files()) expect([file, readFileSync(file, 'latin1').includes(PLANTED)]).toEqual([file, false]);
  });

  it('are left without the key, and nothing is changed where there is nobody to encrypt for', async () => {
    await secrets();
    const before = place.read(FILE);
    expect(await run({ dryRun: true })).toBe(true);
    expect(place.printed()).toContain(`  left as it is: ${FILE}: is encrypted, and there is no secret key to read it with`);
    rmSync(join(place.root, SHARED, '.age-recipients'));
    place.variables['NX_ENV_SYNC_IDENTITY'] = keys.ours.identity;
    expect(await run()).toBe(false);
    expect(place.printed()).toContain('error: there is nobody to encrypt');
    expect([place.read(FILE), place.read(`${OWN}/live.env`)]).toEqual([before, 'A=1\n']);
  });

  it('and plain files are as they were or as they are to be, wherever a run is killed, and the next one goes on', async () => {
    await secrets();
    place.variables['NX_ENV_SYNC_IDENTITY'] = keys.ours.identity;
    const base = mkdtempSync(join(tmpdir(), 'env-kill-'));
    try {
      const program = await killProgram(base, {}, place.variables, join(__dirname, 'migrate.ts'));
      const ends: string[] = [];
      while (!ends.includes('done')) {
        const root = join(base, String(ends.length));
        cpSync(place.root, root, { recursive: true });
        ends.push(await program.run(root, ends.length + 1));
        const plain = (): string => readFileSync(join(root, OWN, 'live.env'), 'utf8');
        const opened = async (): Promise<unknown> => decryptText(readFileSync(join(root, FILE)), async () => [keys.ours.identity]);
        expect(['A=1\n', 'B=1\n']).toContain(plain());
        expect([`KEY=${PLANTED}\n`, `TOKEN=${PLANTED}\n`]).toContainEqual((await opened() as { text: string }).text);
        expect(await migrate({}, { root, projectName: 'api', projectsConfigurations: { version: 2, projects: { api: { root: 'apps/api' } } } })).toEqual({ success: true });
        expect([plain(), await opened()]).toEqual(['B=1\n', { state: 'read', text: `TOKEN=${PLANTED}\n` }]);
      }
      expect(ends.filter((end) => end === 'killed').length).toBeGreaterThanOrEqual(4);
      expect(ends).not.toContain('failed');
    } finally {
      rmSync(base, { recursive: true, force: true });
    }
  });
});

it('is refused while somebody else changes environments, and for a schema or a file that cannot be read', async () => {
  place.write({ [`${OWN}/env.schema.json`]: { properties: { B: { 'x-renamed-from': 'A' } } }, [`${OWN}/dev.env`]: 'A=1\n' });
  await withLock(place.root, 'env-sync of dev', async () => { expect(await run()).toBe(false); });
  expect(place.printed()).toContain('error: somebody else changes environments of this workspace: env-sync of dev');
  place.write({ [`${OWN}/other.env`]: new Uint8Array([0xff]) });
  expect(await run()).toBe(false);
  expect(place.printed()).toContain(`error: the file is not UTF-8 text; save it as UTF-8\n  where: ${OWN}/other.env`);
  place.write({ [`${OWN}/env.schema.json`]: '{' });
  expect(await run()).toBe(false);
  expect(place.printed()).toContain('error: the schema is not valid\n');
  expect(place.read(`${OWN}/dev.env`)).toBe('A=1\n');
  expect(files().some((path) => path.endsWith('.tmp'))).toBe(false);
});

it('has nothing to do where no environment has a file', async () => {
  expect(await run()).toBe(true);
  expect(place.printed()).toBe('no environment has a file: nothing to migrate\n');
});
