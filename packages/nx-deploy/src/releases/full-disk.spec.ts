/** What is left on disk when there is no room for what is to be written. */
import * as files from 'node:fs/promises';
import { mkdir, readdir, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { writeAtomically } from './atomic-file.js';
import { fileLedger } from './ledger.js';
import type { LedgerBody } from './state-store.js';

jest.mock('node:fs/promises', () => ({ __esModule: true, ...jest.requireActual<object>('node:fs/promises') }));

const root = temporaryFolder('full-disk');
let count = 0;
const fresh = (): string => join(root, String(count += 1));
const { open, rm } = files;
const failing = (code: string): Error => Object.assign(new Error(code), { code });
afterEach(() => jest.restoreAllMocks());

const body = (run: string): LedgerBody => ({
  kind: 'start', run, release: 'r0123456789ab', at: '2026-01-31T12:00:00.000Z', actor: { user: 'ann', host: 'ci', pid: 1 }, action: 'deploy', strategy: 'rolling', processes: {},
});

/** `room` bytes of what is written next still fit. Without truncation, not even that is possible. */
function fill(code: string, room: number, options: { readonly truncation: boolean } = { truncation: true }): void {
  let left = room;
  jest.spyOn(files, 'open').mockImplementation(async (path, flags, mode) => {
    const handle = await open(path, flags, mode);
    if (flags === 'r') return handle;
    const write = handle.writeFile.bind(handle);
    const writeFile = async (text: string): Promise<void> => {
      const fits = Buffer.from(text).subarray(0, left);
      left -= fits.length;
      await write(fits);
      if (fits.length < Buffer.byteLength(text)) throw failing(code);
    };
    return Object.assign(handle, { writeFile }, options.truncation ? {} : { truncate: () => Promise.reject(failing(code)) });
  });
}

describe('a disk without room', () => {
  it.each([
    ['ENOSPC', 'the disk is full, or it has no free inodes', /^free space there, then run the command again/],
    ['EDQUOT', 'the quota of this user is used up', /^free space there, then/],
    ['EROFS', 'the file system is mounted read-only', /^make it writable again .*, then/],
    ['EACCES', 'the user of this process may not write there', /^give it back to that user.*, then/],
    ['EPERM', 'the user of this process may not write there', /^give it back to that user.*, then/],
  ])('is said to be so (%s), and the former file stays', async (code, why, next) => {
    const file = join(fresh(), 'state.json');
    await writeAtomically(file, 'before');
    fill(code, 3);
    await expect(writeAtomically(file, 'after')).rejects.toMatchObject({ code: 'ND-DISK-FULL', parts: { where: file, why, next: expect.stringMatching(next) as string } });
    expect(await readFile(file, 'utf8')).toBe('before');
    expect(await readdir(join(file, '..'))).toEqual(['state.json']);
  });

  it('is said to be so when nothing can be removed either, or no folder made', async () => {
    const file = join(fresh(), 'state.json');
    fill('EROFS', 0);
    const refused = jest.spyOn(files, 'rm').mockRejectedValue(failing('EROFS'));
    await expect(writeAtomically(file, 'text')).rejects.toMatchObject({ code: 'ND-DISK-FULL' });
    expect(refused).toHaveBeenCalled();
    jest.spyOn(files, 'mkdir').mockRejectedValue(failing('ENOSPC'));
    await expect(writeAtomically(file, 'text')).rejects.toMatchObject({ code: 'ND-DISK-FULL' });
    await rm(join(file, '..'), { recursive: true });
  });

  it('leaves any other failure as it is', async () => {
    fill('EIO', 0);
    await expect(writeAtomically(join(fresh(), 'state.json'), 'text')).rejects.toMatchObject({ code: 'EIO' });
    await expect(fileLedger(fresh()).append(body('one'))).rejects.toMatchObject({ code: 'EIO' });
  });

  it.each([0, 1, 100])('leaves the ledger whole, with room for %i bytes of an entry', async (room) => {
    const folder = fresh();
    const ledger = fileLedger(folder);
    const first = await ledger.append(body('one'));
    const file = join(folder, '000001.jsonl');
    const text = await readFile(file, 'utf8');
    fill('ENOSPC', room);
    await expect(ledger.append(body('two'))).rejects.toMatchObject({ code: 'ND-DISK-FULL', parts: { where: file } });
    expect(await readFile(file, 'utf8')).toBe(text);
    expect(await ledger.verify()).toEqual({ ok: true, entries: 1, head: first.hash });
    jest.restoreAllMocks();
    const second = await ledger.append(body('two'));
    expect(await ledger.verify()).toEqual({ ok: true, entries: 2, head: second.hash });
  });

  it('leaves a ledger that the next entry mends, when not even what fitted can be taken away', async () => {
    const folder = fresh();
    const ledger = fileLedger(folder);
    await ledger.append(body('one'));
    fill('ENOSPC', 50, { truncation: false });
    await expect(ledger.append(body('two'))).rejects.toMatchObject({ code: 'ND-DISK-FULL' });
    jest.restoreAllMocks();
    expect(await ledger.verify()).toMatchObject({ ok: true, entries: 1, torn: `${join(folder, '000001.jsonl')}:2` });
    await ledger.append(body('two'));
    expect(await ledger.verify()).toMatchObject({ ok: true, entries: 2 });
  });

  it('leaves the ledger whole when there is no room for a line feed that was lost', async () => {
    const folder = fresh();
    const ledger = fileLedger(folder);
    await ledger.append(body('one'));
    const file = join(folder, '000001.jsonl');
    await truncate(file, (await readFile(file)).length - 1);
    fill('ENOSPC', 0);
    await expect(ledger.append(body('two'))).rejects.toMatchObject({ code: 'ND-DISK-FULL' });
    jest.restoreAllMocks();
    await ledger.append(body('two'));
    expect(await ledger.verify()).toMatchObject({ ok: true, entries: 2 });
  });

  it('says so when the first segment cannot be made', async () => {
    const folder = fresh();
    await mkdir(folder);
    jest.spyOn(files, 'open').mockRejectedValue(failing('ENOSPC'));
    await expect(fileLedger(folder).append(body('one'))).rejects.toMatchObject({ code: 'ND-DISK-FULL' });
  });
});
