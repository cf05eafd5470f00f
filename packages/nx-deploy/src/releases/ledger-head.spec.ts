import { readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { fileLedger } from './ledger.js';
import type { LedgerBody } from './state-store.js';

const root = temporaryFolder('ledger-head');
let count = 0;
const fresh = (): string => join(root, String(count += 1));
const body = (run: number): LedgerBody => ({ kind: 'destroy', run: `run-${run}`, at: '2026-01-31T12:00:00.000Z', actor: { user: 'ann', host: 'ci', pid: 1 }, releases: [] });

async function ledgerOf(entries: number): Promise<string> {
  const folder = fresh();
  for (let number = 1; number <= entries; number += 1) await fileLedger(folder).append(body(number));
  return folder;
}

describe('the head of a ledger', () => {
  it.each([
    ['is emptied', () => Buffer.alloc(0), 0],
    ['loses its last lines', (text: Buffer) => text.subarray(0, text.indexOf('\n') + 1), 1],
    ['is cut within a line', (text: Buffer) => text.subarray(0, text.indexOf('\n') + 100), 1],
  ])('finds that its end was cut off when it %s, and leaves a gap that stays in sight', async (_name, cut, entries) => {
    const folder = await ledgerOf(3);
    const file = join(folder, '000001.jsonl');
    await writeFile(file, cut(await readFile(file)));
    const ledger = fileLedger(folder);
    expect(await ledger.verify()).toMatchObject({ ok: false, entries, broken: `${file}: its end was cut off, 3 entries were written and ${entries} are there` });
    expect(await ledger.append(body(4))).toMatchObject({ seq: 4 });
    expect(await ledger.verify()).toMatchObject({ ok: false, broken: `${file}:${entries + 1}: entry ${entries + 1} is missing or out of order (found 4)` });
    await unlink(file);
    expect(await ledger.verify()).toMatchObject({ ok: false, broken: `${file}: its end was cut off, 4 entries were written and 0 are there` });
  });

  it.each([['the folder', (folder: string) => folder], ['its only segment and the head', (folder: string) => join(folder, '*')]])('is missed with all of its entries when %s was deleted, and what follows stands behind a gap', async (_name, what) => {
    const folder = await ledgerOf(3);
    if (what(folder) === folder) await rm(folder, { recursive: true });
    else for (const name of ['head.json', '000001.jsonl']) await unlink(join(folder, name));
    expect(await fileLedger(folder).verify()).toMatchObject({ ok: true, entries: 0 });
    const ledger = fileLedger(folder, { written: () => true });
    expect(await ledger.verify()).toMatchObject({ ok: false, entries: 0, broken: expect.stringMatching(new RegExp(`^${folder}: all of its entries are gone, .*restore the folder from a backup`)) });
    expect(await ledger.append(body(4))).toMatchObject({ seq: 2 });
    expect(await fileLedger(folder).verify()).toMatchObject({ ok: false, broken: `${join(folder, '000001.jsonl')}:1: entry 1 is missing or out of order (found 2)` });
  });

  it('finds a chain that was written anew', async () => {
    const folder = await ledgerOf(3);
    const head = await readFile(join(folder, 'head.json'));
    const other = fresh();
    for (const number of [1, 2, 7]) await fileLedger(other).append(body(number));
    await writeFile(join(other, 'head.json'), head);
    expect(await fileLedger(other).verify()).toMatchObject({ ok: false, broken: `${join(other, '000001.jsonl')}:3: it is not the entry that was written` });
  });

  it.each([['', 'it is not JSON'], ['{"schema":1,"seq":-1,"hash":""}', 'it names no entry'], ['{"schema":1}', 'it lacks fields']])('names a damaged head (%j), and mends it with the next entry', async (text, why) => {
    const folder = await ledgerOf(2);
    await writeFile(join(folder, 'head.json'), text);
    expect((await fileLedger(folder).verify()).broken).toContain(`${join(folder, 'head.json')}: the stored state is damaged: ${why}`);
    expect(await fileLedger(folder).append(body(3))).toMatchObject({ seq: 3 });
    expect(await fileLedger(folder).verify()).toMatchObject({ ok: true, entries: 3 });
  });

  it('refuses a head that a newer version wrote', async () => {
    const folder = await ledgerOf(1);
    await writeFile(join(folder, 'head.json'), '{"schema":2,"seq":1,"hash":""}');
    for (const act of [() => fileLedger(folder).verify(), () => fileLedger(folder).append(body(2))]) await expect(act()).rejects.toMatchObject({ code: 'ND-STATE-NEWER' });
  });
});
