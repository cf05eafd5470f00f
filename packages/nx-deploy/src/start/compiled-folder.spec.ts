import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { compiledFolder, compiledName, sweep } from './compiled-folder.js';

const root = temporaryFolder('compiled-folder');
const DAY = 24 * 60 * 60_000;
let count = 0;

function home(): string {
  const folder = join(root, `home-${count += 1}`);
  mkdirSync(folder, { mode: 0o700 });
  return folder;
}

describe('the folder', () => {
  it('is in the home, and only its owner may read it', () => {
    const folder = home();
    const found = compiledFolder('/package/dist/bundles', { NX_DEPLOY_HOME: folder });
    expect(found).toBe(join(folder, 'compiled'));
    expect(statSync(found ?? '').mode & 0o777).toBe(0o700);
  });

  it('is that of the home in which a copy lies, whatever the variables say', () => {
    const folder = home();
    expect(compiledFolder(join(folder, 'code/0123456789abcdef'), { NX_DEPLOY_HOME: home() })).toBe(join(folder, 'compiled'));
    const other = home();
    expect(compiledFolder(join(folder, 'code/sources'), { NX_DEPLOY_HOME: other })).toBe(join(other, 'compiled'));
  });

  it('is not made before its home is', () => {
    const missing = join(root, 'missing');
    expect(compiledFolder('/bundles', { NX_DEPLOY_HOME: missing })).toBeUndefined();
    expect(existsSync(missing)).toBe(false);
  });

  it.each(['home', '.'])('is not used for NX_DEPLOY_HOME=%s, which names none', (named) => {
    expect(compiledFolder('/bundles', { NX_DEPLOY_HOME: named })).toBeUndefined();
  });

  it('is not used where others may write, or where it is a link or a file', () => {
    const open = home();
    chmodSync(open, 0o777);
    expect(compiledFolder('/bundles', { NX_DEPLOY_HOME: open })).toBeUndefined();
    expect(readdirSync(open)).toEqual([]);
    const [opened, linked, filed] = [home(), home(), home()];
    mkdirSync(join(opened, 'compiled'));
    chmodSync(join(opened, 'compiled'), 0o770);
    symlinkSync(home(), join(linked, 'compiled'));
    writeFileSync(join(filed, 'compiled'), '');
    for (const folder of [opened, linked, filed]) expect(compiledFolder('/bundles', { NX_DEPLOY_HOME: folder })).toBeUndefined();
  });

  it('is not used by another user, as with sudo', () => {
    const folder = home();
    const uid = jest.spyOn(process, 'getuid').mockReturnValue(4711);
    try {
      expect(compiledFolder('/bundles', { NX_DEPLOY_HOME: folder })).toBeUndefined();
    } finally {
      uid.mockRestore();
    }
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('the name of a file', () => {
  const name = (program: string, ...argv: readonly string[]): string | undefined => compiledName(program, argv);

  it('tells program, command and Node', () => {
    expect(name('/a/nx-deploy.main.js', 'status', 'api')).toMatch(new RegExp(`^nx-deploy\\.status\\.${process.version}-${process.arch}\\.[0-9a-f]{16}$`));
    expect(name('/a/walker.main.js', '/home/runs/r1')).toMatch(/^walker\.v\d/);
    expect(name('/a/nx-deploy.main.js', '../../x')).toMatch(/^nx-deploy\.v\d/);
  });

  it('is another one for another place', () => {
    expect(name('/a/nx-deploy.main.js', 'status')).not.toBe(name('/b/nx-deploy.main.js', 'status'));
    expect(name('/a/nx-deploy.main.js', 'status')).toBe(name('/a/nx-deploy.main.js', 'status', 'api'));
  });

  it.each([[[]], [['--version']], [['-h']]])('is none for %j', (argv) => {
    expect(name('/a/nx-deploy.main.js', ...argv)).toBeUndefined();
  });
});

describe('a sweep', () => {
  const file = (folder: string, path: string, days: number, now: number): void => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), '');
    utimesSync(join(folder, path), (now - days * DAY) / 1000, (now - days * DAY) / 1000);
  };

  it('removes what is older than a month, also in the folders of Node', () => {
    const folder = home();
    const now = Date.now();
    for (const [path, days] of [['old', 31], ['new', 29], ['v24/old', 31], ['v24/new', 1]] as const) file(folder, path, days, now);
    sweep(folder, now);
    expect([readdirSync(folder).sort(), readdirSync(join(folder, 'v24'))]).toEqual([['new', 'swept', 'v24'], ['new']]);
  });

  it('is made once a day', () => {
    const folder = home();
    const now = Date.now();
    sweep(folder, now);
    file(folder, 'old', 40, now);
    sweep(folder, now + DAY / 2);
    expect(existsSync(join(folder, 'old'))).toBe(true);
    sweep(folder, now + DAY + 1);
    expect(existsSync(join(folder, 'old'))).toBe(false);
  });
});
