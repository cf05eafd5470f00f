import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pruneBackups, type BackupRecord } from '../../backup/backups.js';
import { encrypt, encryptArmored } from '../../secrets/age.js';
import { keyPairs } from '../../secrets/keys.spec-support.js';
import { testProject } from '../project.spec-support.js';
import restore, { type RestoreOptions } from '../restore/executor.js';
import backup, { type BackupOptions } from './executor.js';

const place = testProject();
const keys = keyPairs();
const [PLAIN, SECRETS] = ['apps/api/environments/staging.env', 'apps/api/environments/staging.secrets.env'];
const take = (options: BackupOptions = {}): Promise<boolean> => place.run(backup, options, 'staging');
const bring = (options: RestoreOptions = {}): Promise<boolean> => place.run(restore, options, 'staging');
const backups = (): string[] => place.files().filter((file) => file.endsWith('.age')).sort();
const recipients = (...all: string[]): void => place.write({ 'environments/.age-recipients': `# who may read\n${all.join('\n')}\n` });
const secrets = async (text: string): Promise<void> => place.write({ [SECRETS]: await encryptArmored(text, [keys.ours.recipient]) });
const age = spawnSync('age', ['--version']).status === 0 || process.env['CI'] === 'true' ? it : it.skip;

beforeEach(async () => {
  place.write({ [PLAIN]: '# first\r\nA=planted-1\r\nB="planted 2" # why\r\n' });
  await secrets('TOKEN=planted-token\n');
  recipients(keys.ours.recipient);
  place.variables['NX_ENV_SYNC_IDENTITY'] = keys.ours.identity;
});

describe('executors backup and restore', () => {
  it('bring both files back byte for byte, and what was there in between too', async () => {
    const before = place.read(PLAIN);
    expect(await take()).toBe(true);
    expect(place.printed()).toMatch(/^backup [0-9a-f]{16} of staging: \.nx-env-sync\/backups\/apps%2Fapi\/staging\/\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{64}\.age\n$/);
    place.write({ [PLAIN]: 'A=planted-9\nC=3\n' });
    await secrets('OTHER=planted-other\n');
    expect(await bring({ dryRun: true })).toBe(true);
    expect(place.printed()).toContain('  KEY    CHANGE\n  A      changed\n  B      set\n  C      removed\n  OTHER  removed\n  TOKEN  set\n');
    expect(place.read(PLAIN)).toBe('A=planted-9\nC=3\n');
    expect(await bring()).toBe(true);
    expect(place.printed()).toMatch(/restored 5 keys in apps\/api\/environments\/staging\.secrets\.env and apps\/api\/environments\/staging\.env\nbackup of what was there: [0-9a-f]{16}\n$/);
    expect(place.read(PLAIN)).toBe(before);
    expect(statSync(join(place.root, SECRETS)).mode & 0o777).toBe(0o600);
    expect(await bring()).toBe(true);
    expect(place.read(PLAIN)).toBe('A=planted-9\nC=3\n');
    expect(await bring()).toBe(true);
    expect(place.read(PLAIN)).toBe(before);
    place.printed();
    expect(await bring({ backup: /-([0-9a-f]{16})/.exec(backups()[0] ?? '')?.[1] ?? '' })).toBe(true);
    expect(place.printed()).toMatch(/: nothing to restore\n$/);
    expect(place.everything()).not.toContain('planted');
  });

  it('keep nothing in plain text, and private', async () => {
    await take();
    const [file = ''] = backups();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(place.files().filter((each) => each.includes('.nx-env-sync') && readFileSync(each, 'latin1').includes('planted'))).toEqual([]);
    expect(createHash('sha256').update(readFileSync(file)).digest('hex')).toBe(/-([0-9a-f]{64})\.age$/.exec(file)?.[1]);
  });

  it('bring back single keys, with the lines around them as they are', async () => {
    await take();
    place.write({ [PLAIN]: '# kept\nB=other # here\nNEW=1\nTOKEN=in plain text\n' });
    await secrets('');
    place.printed();
    expect(await bring({ key: ['B', 'TOKEN', 'NEW'], json: true })).toBe(true);
    expect(JSON.parse(place.printed())).toMatchObject({ success: true, environment: 'staging', dryRun: false, changes: [{ key: 'B', change: 'changed' }, { key: 'NEW', change: 'removed' }, { key: 'TOKEN', change: 'changed' }], files: [SECRETS, PLAIN] });
    expect(place.read(PLAIN)).toBe('# kept\nB=planted 2 # here\n');
    expect(await bring({ key: ['TOKN'] })).toBe(false);
    expect(place.printed()).toContain('  - TOKN: did you mean TOKEN?\n');
    expect(await bring({ key: ['XYZWV'] })).toBe(false);
    expect(place.printed()).toContain('  - XYZWV\n');
  });

  it('bring back what is gone, and remove what was not there', async () => {
    rmSync(join(place.root, SECRETS));
    await take();
    await secrets('TOKEN=planted');
    expect(await bring()).toBe(true);
    expect(place.exists(SECRETS)).toBe(false);
    rmSync(join(place.root, PLAIN));
    expect(await bring({ backup: 'latest' })).toBe(true);
    place.printed();
    rmSync(join(place.root, PLAIN));
    rmSync(join(place.root, SECRETS), { force: true });
    expect(await bring()).toBe(true);
    expect(place.printed()).not.toContain('backup of what was there');
    expect(await take({ environment: 'nothing' })).toBe(false);
    expect(place.printed()).toContain('error: there is nothing of nothing to back up');
  });

  it('ask before a protected environment is changed', async () => {
    place.write({ 'apps/api/environments/production.env': 'A=1\n' });
    await take({ environment: 'production' });
    place.write({ 'apps/api/environments/production.env': 'A=2\n' });
    expect(await bring({ environment: 'production' })).toBe(false);
    expect(place.printed()).toContain('error: production is protected, and nobody confirmed to restore it\n  why: there is no terminal to ask on\n');
    expect(place.read('apps/api/environments/production.env')).toBe('A=2\n');
    expect(await bring({ environment: 'production', yes: true, json: true })).toBe(true);
    expect(place.read('apps/api/environments/production.env')).toBe('A=1\n');
  });

  it('are for the own key where there are no recipients, which is made when it is needed', async () => {
    rmSync(join(place.root, 'environments/.age-recipients'));
    rmSync(join(place.root, SECRETS));
    expect(await take()).toBe(true);
    place.write({ [PLAIN]: 'A=2' });
    expect(await bring()).toBe(true);
    delete place.variables['NX_ENV_SYNC_IDENTITY'];
    place.printed();
    expect(await take()).toBe(true);
    const [, file = ''] = /^made a secret key, since there was none: (\S+identity\.txt)\n {2}without it/.exec(place.printed()) ?? [];
    expect(statSync(file).mode & 0o777).toBe(0o600);
    place.write({ [PLAIN]: 'A=3' });
    expect(await bring()).toBe(true);
    expect(place.everything()).not.toContain('AGE-SECRET-KEY');
  });

  it('are listed and verified; one that is damaged is named and refused', async () => {
    await take();
    await take();
    place.printed();
    expect(await take({ list: true })).toBe(true);
    expect(place.printed()).toMatch(/^ {2}ID {16}TAKEN {21}FILE\n(?: {2}[0-9a-f]{16} {2}\S+ {2}\S+\n){2}2 backups of staging\n$/);
    expect(await take({ verify: true })).toBe(true);
    expect(place.printed()).toMatch(/whole: env-backup\n2 backups of staging: whole\n$/);
    const [older = '', newer = ''] = backups();
    writeFileSync(newer, readFileSync(newer).map((byte, index) => (index === 300 ? byte ^ 1 : byte)));
    expect(await take({ verify: true })).toBe(false);
    expect(place.printed()).toMatch(/the backup is damaged: it is not what its name says\n.*whole: env-backup\nerror: 1 of 2 backups of staging cannot be restored\n$/s);
    expect(await take({ verify: true, backup: /-([0-9a-f]{8})/.exec(older)?.[1] ?? '' })).toBe(true);
    place.printed();
    expect(await bring()).toBe(false);
    expect(place.printed()).toContain(`error: the backup is damaged: it is not what its name says\n  where: ${newer.slice(place.root.length + 1)}\n`);
    rmSync(newer);
    rmSync(older);
    expect(await take({ verify: true })).toBe(true);
    expect(await take({ list: true })).toBe(true);
    expect(place.printed()).toContain('0 backups of staging\n');
  });

  it('of hostile content are refused', async () => {
    await take();
    const [file = ''] = backups();
    const folder = file.slice(0, file.lastIndexOf('/'));
    const plant = async (content: string, name = '20260131T120000.000Z'): Promise<void> => {
      const bytes = await encrypt(content, [keys.ours.recipient]);
      backups().forEach((each) => rmSync(each));
      writeFileSync(join(folder, `${name}-${createHash('sha256').update(bytes).digest('hex')}.age`), bytes);
    };
    const written = { format: 'nx-env-sync backup 1', environment: 'staging', project: 'apps/api', takenAt: '2026-01-31T12:00:00.000Z', reason: 'x', plain: Buffer.from('A=9\n').toString('base64'), secrets: null };
    for (const [content, what] of [
      [JSON.stringify({ ...written, path: '../../../etc/passwd' }), 'holds something else than nx-env-sync writes'],
      [JSON.stringify({ ...written, environment: '../../x' }), 'was renamed or moved'],
      [JSON.stringify({ ...written, project: '/' }), 'was renamed or moved'],
      [JSON.stringify({ ...written, plain: Buffer.from('planted line\n').toString('base64') }), 'the files of staging cannot be read as they are'],
      [JSON.stringify({ ...written, plain: Buffer.from([0xff]).toString('base64') }), 'is not UTF-8 text'],
      [JSON.stringify({ ...written, secrets: Buffer.from('planted').toString('base64') }), 'is not encrypted by age'],
      ['x'.repeat(7_000_000), 'bytes large'],
    ] as const) {
      await plant(content);
      expect(await bring()).toBe(false);
      expect(place.printed()).toContain(what);
    }
    await plant(JSON.stringify(written), '20270131T120000.000Z');
    expect(await bring()).toBe(false);
    expect(place.printed()).toContain('was renamed or moved: it is of another environment, project or time');
    await plant(JSON.stringify(written));
    expect(await bring()).toBe(true);
    expect(place.read(PLAIN)).toBe('A=9\n');
    expect(place.everything()).not.toContain('planted');
  });

  it('say in one error what is missing to read one', async () => {
    await take();
    place.printed();
    const cases: [string, () => void][] = [
      ['is encrypted, and there is no secret key to read it with', () => delete place.variables['NX_ENV_SYNC_IDENTITY']],
      ['is encrypted for others: the secret key that was given is not one of its recipients', () => void (place.variables['NX_ENV_SYNC_IDENTITY'] = keys.theirs.identity)],
      ['there is no backup 12345 of staging', () => undefined],
      ['there is no backup ; rm of staging', () => undefined],
    ];
    for (const [index, [what, change]] of cases.entries()) {
      change();
      expect(await bring(index < 2 ? {} : { backup: index === 2 ? '12345' : '; rm' })).toBe(false);
      expect(place.printed()).toContain(what);
    }
    expect(await bring({ environment: 'qa' })).toBe(false);
    expect(place.printed()).toContain('there is no backup of qa');
    for (const [text, what] of [['age1nonsense', 'is no public key of age'], [keys.ours.identity, 'is a SECRET key'], ['ssh-ed25519 AAAA', 'keys of ssh are not supported'], ['', 'names no key']] as const) {
      recipients(text);
      expect(await take()).toBe(false);
      expect(place.printed()).toContain(what);
    }
    rmSync(join(place.root, 'environments/.age-recipients'));
    place.write({ 'environments/.age-recipients/folder': '' });
    expect(await take()).toBe(false);
    expect(place.printed()).toContain('the file of recipients is a folder');
    expect(place.everything()).not.toMatch(/AGE-SECRET-KEY-1[A-Z0-9]/);
  });

  it('cannot encrypt restored secrets for nobody', async () => {
    await take();
    await secrets('A=1');
    rmSync(join(place.root, 'environments/.age-recipients'));
    expect(await bring()).toBe(false);
    expect(place.printed()).toContain('error: there is nobody to encrypt secrets for\n');
  });

  it('remove what is too many or too old, never the newest', async () => {
    for (const keep of [5, 5, 2]) await take({ keep });
    expect(place.printed()).toMatch(/removed 1 earlier backup\n$/);
    expect(backups()).toHaveLength(2);
    for (const file of backups()) renameSync(file, file.replace(/\d{8}T/, '20200101T'));
    place.variables['BACKUP_RETENTION_DAYS'] = '30';
    await take();
    expect(place.printed()).toMatch(/removed 2 earlier backups\n$/);
    for (const text of ['0', 'thirty', '1.5', '999999']) {
      place.variables['BACKUP_RETENTION_DAYS'] = text;
      expect(await take()).toBe(false);
      expect(place.printed()).toContain('error: the variable BACKUP_RETENTION_DAYS is no number of days\n');
    }
    expect(await take({ backup: 'latest' })).toBe(false);
    expect(place.printed()).toContain('--backup names what is verified');
    const records = [0, 1, 2].map((day): BackupRecord => ({ id: String(day), digest: '', path: join(place.root, 'none'), file: '', takenAt: new Date(-day * 86_400_000) }));
    expect(await pruneBackups(records, { count: 1, days: 1 }, 0)).toEqual(records.slice(1));
    expect(await pruneBackups(records, { count: 9, days: 1 }, 0)).toEqual(records.slice(2));
  });

  age('are read by the program age', async () => {
    await take();
    const [file = ''] = backups();
    place.write({ 'key.txt': keys.ours.identity });
    const text = execFileSync('age', ['-d', '-i', join(place.root, 'key.txt'), file], { encoding: 'utf8' });
    expect(Buffer.from((JSON.parse(text) as { plain: string }).plain, 'base64').toString()).toContain('planted-1');
  });
});
