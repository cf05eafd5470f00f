import { cp, mkdir, readdir, readFile, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { entryHash, fileLedger, GENESIS } from './ledger.js';
import type { LedgerBody, LedgerEntry } from './state-store.js';

const root = temporaryFolder('ledger');
let count = 0;
const fresh = (): string => join(root, String(count += 1));

function body(number: number): LedgerBody {
  const common = { run: `run-${number}`, release: `r${String(number).padStart(12, '0')}`, at: new Date(number * 1_000).toISOString(), actor: { user: 'Zo\u00eb', host: 'ci', pid: number }, action: 'deploy' } as const;
  return number % 2 === 1
    ? { ...common, kind: 'start', strategy: 'rolling', processes: { web: { fixed: number }, worker: { min: 1, max: 2 } } }
    : { ...common, kind: 'end', outcome: 'done', durationMs: 1_000, traffic: { requests: 100, errors: 0 } };
}

async function ledgerOf(entries: number, segment?: number): Promise<string> {
  const folder = fresh();
  const ledger = fileLedger(folder, segment === undefined ? {} : { segmentEntries: segment });
  for (let number = 1; number <= entries; number += 1) await ledger.append(body(number));
  return folder;
}

describe('fileLedger', () => {
  it('is empty and whole before the first entry', async () => {
    const ledger = fileLedger(fresh());
    expect(await ledger.entries()).toEqual([]);
    expect(await ledger.verify()).toEqual({ ok: true, entries: 0, head: GENESIS });
  });

  it('gives back what was appended, chained, in segments', async () => {
    const folder = await ledgerOf(7, 3);
    const entries = await fileLedger(folder, { segmentEntries: 3 }).entries();
    expect(await readdir(folder)).toEqual(['000001.jsonl', '000002.jsonl', '000003.jsonl', 'head.json']);
    expect(entries.map(({ schema: _schema, seq: _seq, prev: _prev, hash: _hash, ...rest }) => rest)).toEqual([1, 2, 3, 4, 5, 6, 7].map(body));
    expect(entries.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(entries.map(({ prev }) => prev)).toEqual([GENESIS, ...entries.slice(0, -1).map(({ hash }) => hash)]);
    expect(await fileLedger(folder).verify()).toEqual({ ok: true, entries: 7, head: entries[6]?.hash });
  });

  it('puts a thousand entries in a segment', async () => {
    const folder = fresh();
    await mkdir(folder);
    // 999 entries as an earlier process wrote them.
    let prev = GENESIS;
    const lines = Array.from({ length: 999 }, (_, index) => {
      const rest = { ...body(index + 1), schema: 1, seq: index + 1, prev } as const;
      const entry: LedgerEntry = { ...rest, hash: entryHash(rest) };
      prev = entry.hash;
      return `${JSON.stringify(entry)}\n`;
    });
    await writeFile(join(folder, '000001.jsonl'), lines.join(''));
    const ledger = fileLedger(folder);
    for (const number of [1_000, 1_001, 1_002]) await ledger.append(body(number));
    expect(await ledger.verify()).toMatchObject({ ok: true, entries: 1_002 });
    expect((await readFile(join(folder, '000002.jsonl'), 'utf8')).split('\n')).toHaveLength(3);
  });

  it('reads only the newest segment to append', async () => {
    const folder = await ledgerOf(6, 3);
    await writeFile(join(folder, '000001.jsonl'), '{"seq":1,"hash":"x","schema":2}\n');
    // Reading the first segment would refuse it as that of a newer version.
    await expect(fileLedger(folder, { segmentEntries: 3 }).append(body(7))).resolves.toMatchObject({ seq: 7 });
    await expect(fileLedger(folder, { segmentEntries: 3 }).entries()).rejects.toMatchObject({ code: 'ND-STATE-NEWER' });
  });

  it('names file and line of any byte that was changed', async () => {
    const folder = await ledgerOf(6, 3);
    const texts = await Promise.all(['000001.jsonl', '000002.jsonl'].map((name) => readFile(join(folder, name))));
    await fc.assert(fc.asyncProperty(fc.integer({ min: 0, max: 1 }), fc.nat(), fc.integer({ min: 0, max: 255 }), async (segment, position, byte) => {
      const original = texts[segment]!;
      const at = position % original.length;
      fc.pre(original[at] !== byte);
      const changed = Buffer.from(original);
      changed[at] = byte;
      const copy = fresh();
      await cp(folder, copy, { recursive: true });
      const file = join(copy, `00000${segment + 1}.jsonl`);
      await writeFile(file, changed);
      const line = original.subarray(0, at).toString().split('\n').length;
      const verdict = await fileLedger(copy).verify().catch((error: unknown) => error);
      // Two ways to be found: a break that is named, or a schema that is refused by name.
      expect(JSON.stringify(verdict)).toContain(`${file}:${line}`);
      expect(verdict).not.toMatchObject({ ok: true });
    }), { numRuns: 150 });
  });

  it.each([
    ['white space', (text: string) => text.replace('"seq":', '"seq": ')],
    ['a line feed that became a space', (text: string) => text.replace(/\n$/, ' ')],
  ])('finds %s, which leaves the content as it was', async (_name, change) => {
    const folder = await ledgerOf(1);
    const file = join(folder, '000001.jsonl');
    const text = await readFile(file, 'utf8');
    expect(change(text)).not.toBe(text);
    await writeFile(file, change(text));
    expect(await fileLedger(folder).verify()).toEqual({ ok: false, entries: 0, head: GENESIS, broken: `${file}:1: its content was changed after it was written` });
  });

  it.each([
    ['in the middle', 1, 'entry 2 is missing or out of order (found 3)', 2],
    ['at the start', 0, 'entry 1 is missing or out of order (found 2)', 1],
  ])('finds a missing entry %s', async (_name, index, why, line) => {
    const folder = await ledgerOf(4);
    const file = join(folder, '000001.jsonl');
    const lines = (await readFile(file, 'utf8')).split('\n');
    await writeFile(file, lines.toSpliced(index, 1).join('\n'));
    expect(await fileLedger(folder).verify()).toMatchObject({ ok: false, broken: `${file}:${line}: ${why}` });
  });

  it('finds a missing segment and an entry of another ledger', async () => {
    const folder = await ledgerOf(6, 2);
    const other = fileLedger(fresh());
    await other.append(body(9));
    const strange = await other.append(body(10));
    const file = join(folder, '000001.jsonl');
    const text = await readFile(file, 'utf8');
    await writeFile(file, `${text.split('\n')[0] ?? ''}\n${JSON.stringify(strange)}\n`);
    expect((await fileLedger(folder).verify()).broken).toBe(`${file}:2: it does not follow the entry before it`);
    await writeFile(file, text);
    await unlink(join(folder, '000002.jsonl'));
    expect((await fileLedger(folder).verify()).broken).toBe(`${join(folder, '000003.jsonl')}:1: entry 3 is missing or out of order (found 5)`);
  });

  it.each([['few', 10], ['most', 300]])('puts the next entry in the place of a line that a crash cut short, when %s of its bytes are gone', async (_name, gone) => {
    const folder = await ledgerOf(3);
    const file = join(folder, '000001.jsonl');
    const text = await readFile(file);
    await truncate(file, text.length - gone);
    const ledger = fileLedger(folder);
    const [, second] = await ledger.entries();
    // The head is written behind its entry, so a crash within an entry finds it at the one before.
    await writeFile(join(folder, 'head.json'), JSON.stringify({ schema: 1, seq: 2, hash: second?.hash }));
    expect(await ledger.verify()).toEqual({ ok: true, entries: 2, head: second?.hash, torn: `${file}:3` });
    expect(await ledger.append(body(4))).toMatchObject({ seq: 3, prev: second?.hash });
    expect((await ledger.entries()).map(({ run }) => run)).toEqual(['run-1', 'run-2', 'run-4']);
    expect(await ledger.verify()).toEqual({ ok: true, entries: 3, head: (await ledger.entries())[2]?.hash });
  });

  it('takes away the part of a character that a crash cut in two', async () => {
    const folder = await ledgerOf(1);
    const file = join(folder, '000001.jsonl');
    const text = await readFile(file);
    const name = Buffer.from('\u00eb');
    await writeFile(file, Buffer.concat([text, text.subarray(0, text.indexOf(name) + 1)]));
    await fileLedger(folder).append(body(2));
    expect((await readFile(file)).subarray(0, text.length).equals(text)).toBe(true);
    expect(await fileLedger(folder).verify()).toMatchObject({ ok: true, entries: 2 });
  });

  it.each([
    ['in the middle', async (file: string) => writeFile(file, `${(await readFile(file, 'utf8')).slice(0, -30)}\n`)],
    ['that was whole', async (file: string) => writeFile(file, `${(await readFile(file, 'utf8')).slice(0, -1)}!`)],
  ])('keeps a damaged line %s in sight, and goes on behind it', async (_name, damage) => {
    const folder = await ledgerOf(3);
    const file = join(folder, '000001.jsonl');
    await damage(file);
    const left = await readFile(file, 'utf8');
    const ledger = fileLedger(folder);
    const broken = { ok: false, entries: 2, broken: `${file}:3: the line is not an entry` };
    expect(await ledger.verify()).toMatchObject(broken);
    expect(await ledger.append(body(4))).toMatchObject({ seq: 4 });
    expect((await ledger.entries()).map(({ run }) => run)).toEqual(['run-1', 'run-2', 'run-4']);
    expect(await ledger.verify()).toMatchObject(broken);
    expect((await readFile(file, 'utf8')).startsWith(left)).toBe(true);
  });

  it('calls only the very last line torn', async () => {
    const folder = await ledgerOf(4, 2);
    const [first, second] = ['000001.jsonl', '000002.jsonl'].map((name) => join(folder, name));
    await truncate(first ?? '', (await readFile(first ?? '')).length - 20);
    expect(await fileLedger(folder, { segmentEntries: 2 }).verify()).toMatchObject({ ok: false, broken: `${first ?? ''}:2: the line is not an entry` });
    await unlink(second ?? '');
    await unlink(join(folder, 'head.json'));
    expect(await fileLedger(folder, { segmentEntries: 2 }).verify()).toMatchObject({ ok: true, entries: 1, torn: `${first ?? ''}:2` });
  });

  it('takes an entry whose line feed alone was lost for an entry', async () => {
    const folder = await ledgerOf(2);
    const file = join(folder, '000001.jsonl');
    await truncate(file, (await readFile(file)).length - 1);
    expect(await fileLedger(folder).append(body(3))).toMatchObject({ seq: 3 });
    expect(await fileLedger(folder).verify()).toMatchObject({ ok: true, entries: 3 });
  });

  it.each([['nothing', ''], ['half a line', '{"run":'], ['no entry', 'null\n{"seq":"1"}\n']])('goes on from the segment before when the newest holds %s', async (_name, text) => {
    const folder = await ledgerOf(3, 3);
    await writeFile(join(folder, '000002.jsonl'), text);
    const before = await fileLedger(folder, { segmentEntries: 3 }).entries();
    const entry = await fileLedger(folder, { segmentEntries: 3 }).append(body(4));
    expect(entry).toMatchObject({ seq: 4, prev: before[2]?.hash });
    expect((await fileLedger(folder, { segmentEntries: 3 }).entries()).at(-1)).toEqual(entry);
  });

  it('begins anew, visibly, when not one line is an entry', async () => {
    const folder = fresh();
    await mkdir(folder);
    await writeFile(join(folder, '000001.jsonl'), 'rubbish\n');
    expect(await fileLedger(folder).append(body(1))).toMatchObject({ seq: 1, prev: GENESIS });
    expect(await fileLedger(folder).verify()).toMatchObject({ ok: false, entries: 0 });
  });

  it('refuses what a newer version wrote, before it adds to it', async () => {
    const folder = await ledgerOf(2);
    const file = join(folder, '000001.jsonl');
    const text = (await readFile(file, 'utf8')).replaceAll('"schema":1', '"schema":2');
    await writeFile(file, text);
    const ledger = fileLedger(folder);
    for (const act of [() => ledger.entries(), () => ledger.verify(), () => ledger.append(body(3))]) await expect(act()).rejects.toMatchObject({ code: 'ND-STATE-NEWER' });
    expect(await readFile(file, 'utf8')).toBe(text);
  });

  it('says so when the folder cannot be read', async () => {
    const folder = join(fresh());
    await mkdir(folder);
    await mkdir(join(folder, '000001.jsonl'));
    await expect(fileLedger(folder).entries()).rejects.toMatchObject({ code: 'EISDIR' });
    await expect(fileLedger('/proc/self/mem').entries()).resolves.toEqual([]);
    await expect(fileLedger(join(root, 'x'.repeat(300))).entries()).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
  });
});
