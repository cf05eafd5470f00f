import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withLock } from '../../storage/lock.js';
import { decryptText } from '../../secrets/secrets-file.js';
import { encryptArmored } from '../../secrets/age.js';
import { keyPairs } from '../../secrets/keys.spec-support.js';
import { testProject } from '../project.spec-support.js';
import restore, { type RestoreOptions } from '../restore/executor.js';
import { killProgram } from './kill.spec-support.js';
import sync, { type SyncOptions } from './executor.js';

const place = testProject();
const keys = keyPairs();
const FOLDER = 'apps/api/environments';
const [STAGING, LIVE] = [`${FOLDER}/staging.env`, `${FOLDER}/live.env`];
const run = (options: SyncOptions = {}): Promise<boolean> => place.run(sync, { from: 'staging', to: 'live', yes: true, ...options });
const schema = (properties: object, more: object = {}): void => place.write({ [`${FOLDER}/env.schema.json`]: { properties, ...more } });
const secretsOf = async (environment: string, identity = keys.ours.identity): Promise<string> => {
  const found = await decryptText(readFileSync(join(place.root, FOLDER, `${environment}.secrets.env`)), async () => [identity]);
  return found.state === 'read' ? found.text : found.state;
};

const plantStaging = async (text: string): Promise<void> => place.write({ [`${FOLDER}/staging.secrets.env`]: await encryptArmored(text, [keys.ours.recipient]) });

beforeEach(() => {
  place.variables['NX_ENV_SYNC_IDENTITY'] = keys.ours.identity;
  place.write({ [STAGING]: 'A=planted-1\nB=planted-2\n', [LIVE]: '# live\r\nB="planted-2" # the same\r\nOWN=planted-own\r\n', 'environments/.age-recipients': keys.ours.recipient });
});

describe('executor sync', () => {
  it('takes over what is new and what changed, leaves what was changed on purpose, and lists conflicts', async () => {
    expect(await run()).toBe(true);
    expect(place.printed()).toMatch(new RegExp(`^  KEY  ACTION  WHY\n  A    set     new in staging\nstaging -> live: 1 key changed, 1 the same, 1 left as they are\n  written: ${LIVE}\n  undo: env-restore --environment=live --backup=[0-9a-f]{16}\n$`));
    expect(place.read(LIVE)).toBe('# live\r\nB="planted-2" # the same\r\nOWN=planted-own\r\nA=planted-1\r\n');
    place.write({ [STAGING]: 'A=planted-3\nB=planted-2\nC=planted-new\n', [LIVE]: place.read(LIVE).replace('"planted-2"', '"planted-mine"') });
    expect(await run({ json: true })).toBe(true);
    expect(JSON.parse(place.printed())).toMatchObject({ success: true, undecided: [], files: [LIVE], steps: [
      { key: 'A', action: 'change', why: 'changed in staging since the last sync' }, { key: 'B', action: 'kept' }, { key: 'C', action: 'set' }, { key: 'OWN', action: 'own' },
    ] });
    expect(place.read(LIVE)).toBe('# live\r\nB="planted-mine" # the same\r\nOWN=planted-own\r\nA=planted-3\r\nC=planted-new\r\n');
    place.write({ [STAGING]: 'B=planted-4\nC=planted-new\n' });
    expect(await run()).toBe(false);
    const told = place.printed();
    expect(readFileSync(join(__dirname, '../../../../../docs/env-sync/sync.md'), 'utf8').replace(/--backup=[0-9a-f]{16}/, '')).toContain(`\`\`\`\n${told.replace(/--backup=[0-9a-f]{16}/, '')}\`\`\``);
    expect(told).toContain('  A    remove    removed from staging since the last sync\n  B    CONFLICT  both changed it since the last sync\nerror: staging -> live: 1 key changed, 1 conflict left, 1 the same, 1 left as they are\n');
    expect(told).toContain('  next: decide by --take=<key> or --keep=<key>, for B\n');
    expect(await run({ keep: ['B'] })).toBe(true);
    expect(await run()).toBe(true);
    place.write({ [STAGING]: 'B=planted-5\nC=planted-new\n' });
    expect(await run()).toBe(false);
    expect(await run({ take: ['B'] })).toBe(true);
    expect(place.read(LIVE)).toBe('# live\r\nB="planted-5" # the same\r\nOWN=planted-own\r\nC=planted-new\r\n');
    expect(place.everything()).not.toContain('planted');
    expect(place.files().filter((file) => !/\/(?:staging|live)\.env$/.test(file) && readFileSync(file, 'latin1').includes('planted'))).toEqual([]);
  });

  it('of sides that differ at the first time takes neither', async () => {
    place.write({ [LIVE]: 'A=planted-other\n' });
    expect(await run()).toBe(false);
    expect(place.printed()).toContain('CONFLICT  they differ, and no earlier sync tells which is meant\n');
    expect(place.read(LIVE)).toBe('A=planted-other\nB=planted-2\n');
  });

  it('writes nothing in a dry run, not even a key or a lock', async () => {
    delete place.variables['NX_ENV_SYNC_IDENTITY'];
    const before = place.files();
    expect(await run({ dryRun: true, yes: false })).toBe(true);
    expect(place.printed()).toContain('staging -> live: 1 key would change, 1 the same, 1 left as they are\n');
    expect(place.files()).toEqual(before);
  });

  it('is undone by the restore that it names', async () => {
    const before = place.read(LIVE);
    await run();
    const [, environment = '', backup = ''] = /--environment=(\S+) --backup=(\S+)/.exec(place.printed()) ?? [];
    expect(await place.run<RestoreOptions>(restore, { environment, backup, yes: true })).toBe(true);
    expect(place.read(LIVE)).toBe(before);
  });

  it('asks before a protected environment is changed, and about keys that the schema wants asked', async () => {
    expect(await run({ yes: false })).toBe(false);
    expect(place.printed()).toContain('error: live is protected, and nobody confirmed to bring A into it\n');
    expect(place.read(LIVE)).not.toContain('A=');
    schema({ A: { 'x-sync': 'ask' } }, { 'x-protected': [] });
    expect(await run({ yes: false })).toBe(false);
    expect(place.printed()).toContain('  A    ask     new in staging\nerror: staging -> live: 0 keys changed, 1 to be decided,');
    expect(await run({ yes: false, take: ['A'] })).toBe(true);
    expect(place.read(LIVE)).toContain('A=planted-1');
  });

  it('never moves a secret unless its policy says so, and then into the encrypted file', async () => {
    place.write({ [`${FOLDER}/staging.secrets.env`]: await encryptArmored('TOKEN=planted-token\nSHARED=planted-shared\n', [keys.ours.recipient]) });
    schema({ SHARED: { 'x-secret': true, 'x-sync': 'always' }, A: { 'x-secret': true, 'x-sync': 'always' }, B: { 'x-secret': true } });
    expect(await run()).toBe(true);
    expect(await secretsOf('live')).toBe('A=planted-1\nSHARED=planted-shared\n');
    expect(place.read(LIVE)).not.toContain('planted-1');
    expect(statSync(join(place.root, FOLDER, 'live.secrets.env')).mode & 0o777).toBe(0o600);
    expect(await run({ take: ['TOKEN'] })).toBe(true);
    expect(await secretsOf('live')).toBe("A=planted-1\nSHARED=planted-shared\nTOKEN=planted-token\n");
    schema({ TOKEN: { 'x-secret': true, 'x-sync': 'never' } });
    await plantStaging('TOKEN=planted-other\n');
    expect(await run({ take: ['TOKEN'] })).toBe(false);
    expect(place.printed()).toContain('  - TOKEN: the schema says that it is never synchronised\n');
    expect(place.everything()).not.toContain('planted');
  });

  it('writes values that are hostile as they are, or says why it cannot', async () => {
    const hostile = '$(touch pwned) `id` ${HOME}\n"; rm -rf / #\\n';
    place.write({ [STAGING]: `B=planted-2\nX='${hostile}'\nBIG=${'x'.repeat(120_000)}\n` });
    expect(await run()).toBe(true);
    expect(await run()).toBe(true);
    expect(place.printed()).toContain('0 keys changed');
    expect(place.read(LIVE)).toContain(`X='${hostile.replaceAll('\n', '\r\n')}'`);
    place.write({ [STAGING]: 'B=planted\0x\n' });
    expect(await run()).toBe(false);
    expect(place.printed()).toContain('staging.env:1 B: holds a NUL byte, which no process can receive');
    place.write({ [STAGING]: `B=${'x'.repeat(1_000_000)}\n` });
    expect(await run()).toBe(false);
    expect(place.printed()).toContain('no process can receive more than 131071');
  });

  it.each<[{ [K in keyof SyncOptions]?: SyncOptions[K] | undefined }, string]>([
    [{ from: undefined }, 'error: no environment was named\n  next: write --from=<environment> --to=<environment>; known: live, staging\n'],
    [{ to: undefined }, 'error: no environment was named\n  next: write --from=<environment> --to=<environment>; known: live, staging\n'],
    [{ to: 'staging' }, 'error: source and destination are both staging\n'],
    [{ to: 'lve' }, 'error: there is no environment lve; did you mean live?\n'],
    [{ take: ['AA'], keep: ['B', 'ZZZZZ'] }, '  - AA: neither side has it; did you mean A?\n  - ZZZZZ: neither side has it\n'],
    [{ take: ['A'], keep: ['A'] }, '  - A: it cannot be both taken and kept\n'],
  ])('is refused: %j', async (options, what) => {
    expect(await run(options as SyncOptions)).toBe(false);
    expect(place.printed()).toContain(what);
  });

  it('is refused while somebody else is at it', async () => {
    await withLock(place.root, 'env-sync of live', async () => {
      expect(await run()).toBe(false);
      expect(place.printed()).toContain('error: somebody else changes environments of this workspace: env-sync of live\n');
    });
    expect(await run()).toBe(true);
  });

  it('is refused when it cannot tell what the last one left', async () => {
    await run();
    const base = join(place.root, FOLDER, '.sync/staging..live.age');
    const whole = readFileSync(base);
    for (const [content, what] of [
      ['junk', 'is not encrypted by age'], [await encryptArmored('{}', [keys.ours.recipient]), 'is of another program or version'], [await encryptArmored('[', [keys.ours.recipient]), 'is of another program or version'],
      [await encryptArmored('{"format":"nx-env-sync base 1","key":"00","prints":{}}', [keys.ours.recipient]), 'is of another program or version'],
      [await encryptArmored(JSON.stringify({ format: 'nx-env-sync base 1', key: '0'.repeat(64), prints: { A: 1 } }), [keys.ours.recipient]), 'is of another program or version'],
      [await encryptArmored('{}', [keys.theirs.recipient]), 'is encrypted for others'], ['x'.repeat(1_100_000), 'is 1100000 bytes large'],
    ] as const) {
      writeFileSync(base, content);
      expect(await run()).toBe(false);
      expect(place.printed()).toContain(`what the last sync left ${what}`);
    }
    writeFileSync(base, whole);
    expect(await run()).toBe(true);
    expect(readFileSync(base)).toEqual(whole);
  });

  it('killed at any write leaves each file as it was or as it is to be, and goes on the next time', async () => {
    schema({ SHARED: { 'x-secret': true, 'x-sync': 'always' } });
    place.write({ [`${FOLDER}/staging.secrets.env`]: await encryptArmored('SHARED=planted-shared\n', [keys.ours.recipient]) });
    const base = mkdtempSync(join(tmpdir(), 'env-kill-'));
    try {
      const program = await killProgram(base, { from: 'staging', to: 'live', yes: true }, place.variables);
      const old = place.read(LIVE);
      const fresh = `${old}A=planted-1\r\n`;
      const attempt = async (write: number): Promise<string> => {
        const root = join(base, String(write));
        cpSync(place.root, root, { recursive: true });
        const end = await program.run(root, write);
        if (end !== 'killed') return end;
        expect([old, fresh]).toContain(readFileSync(join(root, LIVE), 'utf8'));
        const unfinished = readFileSync(join(root, LIVE), 'utf8') === old;
        const context = { root, projectName: 'api', projectsConfigurations: { version: 2, projects: { api: { root: 'apps/api' } } } };
        expect(await sync({ from: 'staging', to: 'live', yes: true }, context)).toEqual({ success: true });
        expect(readFileSync(join(root, LIVE), 'utf8')).toBe(fresh);
        if (unfinished) expect(readdirSync(join(root, FOLDER)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
        expect(await decryptText(readFileSync(join(root, FOLDER, 'live.secrets.env')), async () => [keys.ours.identity])).toEqual({ state: 'read', text: 'SHARED=planted-shared\n' });
        return end;
      };
      const ends: string[] = [];
      while (!ends.includes('done')) ends.push(...await Promise.all([1, 2, 3].map(async (more) => attempt(ends.length + more))));
      expect(ends.filter((end) => end === 'killed').length).toBeGreaterThanOrEqual(8);
      expect(ends).not.toContain('failed');
      // Of two processes one is refused.
      await withLock(place.root, 'env-sync of live', async () => expect(await program.run(place.root, 0)).toBe('failed'));
      expect(place.read(LIVE)).toBe(old);
    } finally {
      rmSync(base, { recursive: true, force: true });
    }
  });
});
