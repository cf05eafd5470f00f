import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processStart } from '../shell/process-start.js';
import { withLock } from './lock.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'env-lock-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));
const lockFile = (): string => join(root, '.nx-env-sync/lock');
const holder = (more: object): string => JSON.stringify({ pid: process.pid, start: 'long ago', host: (JSON.parse(readFileSync(lockFile(), 'utf8')) as { host: string }).host, nonce: 'n', command: 'env-sync of production', ...more });

describe('withLock', () => {
  it('lets one in at a time, says who it is, and leaves nothing', async () => {
    await withLock(root, 'env-sync of production', async () => {
      expect(statSync(lockFile()).mode & 0o777).toBe(0o600);
      await expect(withLock(root, 'env-restore', async () => undefined)).rejects.toMatchObject({
        kind: 'refused', parts: { what: 'somebody else changes environments of this workspace: env-sync of production', why: expect.stringMatching(new RegExp(`^process ${process.pid} on `)), where: lockFile() },
      });
      expect(existsSync(lockFile())).toBe(true);
    });
    expect(readdirSync(join(root, '.nx-env-sync'))).toEqual(['.gitignore']);
    expect(readFileSync(join(root, '.nx-env-sync/.gitignore'), 'utf8')).toBe('*\n');
  });

  it('is free when the work fails', async () => {
    await expect(withLock(root, 'a', async () => { throw new Error('no'); })).rejects.toThrow('no');
    expect(await withLock(root, 'a', async () => 1)).toBe(1);
  });

  it('is free when its process is gone, or its id is that of another one', async () => {
    let text = '';
    await withLock(root, 'a', async () => {
      text = holder({});
    });
    const child = spawn(process.execPath, ['-e', '']);
    await new Promise((resolve) => child.on('exit', resolve));
    const dead = JSON.stringify({ ...(JSON.parse(text) as object), pid: child.pid, start: '1' });
    for (const left of [text, dead, '', 'junk', '{}', '[]', 'null']) {
      writeFileSync(lockFile(), left);
      expect(await withLock(root, 'b', async () => 1)).toBe(1);
    }
  });

  it('of another machine is not taken away', async () => {
    let text = '';
    await withLock(root, 'a', async () => {
      text = holder({ host: 'elsewhere' });
    });
    writeFileSync(lockFile(), text);
    await expect(withLock(root, 'b', async () => 1)).rejects.toMatchObject({ parts: { next: 'wait until it has ended; if that machine is gone, remove the file' } });
  });

  it('of many that come at once over a lock that was left lets each in alone', async () => {
    mkdirSync(join(root, '.nx-env-sync'));
    writeFileSync(lockFile(), 'junk');
    let inside = 0;
    const results = await Promise.allSettled(Array.from({ length: 12 }, async () => withLock(root, 'a', async () => {
      inside += 1;
      expect(inside).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inside -= 1;
    })));
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThanOrEqual(1);
    for (const each of results) if (each.status === 'rejected') expect(each.reason).toMatchObject({ kind: 'refused' });
  });

  it('gives up when the file can never be made', async () => {
    mkdirSync(lockFile(), { recursive: true });
    writeFileSync(join(lockFile(), 'x'), '');
    await expect(withLock(root, 'a', async () => 1)).rejects.toMatchObject({ kind: 'failed', parts: { what: 'the lock of the environments could not be taken' } });
  });
});

describe('processStart', () => {
  it('is the same for one process, and none for none', async () => {
    expect(await processStart(process.pid)).toBe(await processStart(process.pid));
    expect(await processStart(process.pid)).toMatch(/\d/);
    expect(await processStart(2 ** 30)).toBeUndefined();
  });

  it('is told by ps elsewhere', async () => {
    const platform = Object.getOwnPropertyDescriptor(process, 'platform');
    Object.defineProperty(process, 'platform', { ...platform, value: 'darwin' });
    try {
      expect(await processStart(process.pid)).toMatch(/\d\d:\d\d:\d\d/);
      expect(await processStart(2 ** 30)).toBeUndefined();
    } finally {
      Object.defineProperty(process, 'platform', platform!);
    }
  });
});
