import { appendFileSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogLine, LogOptions } from '../model/index.js';
import { temporaryFolder, until } from '../shell/programs.spec-support.js';
import { createLogWriter } from './log-file.js';
import { lastLines, logSources, parseLine, readLogs } from './log-reader.js';

const root = temporaryFolder('log-reader');
let count = 0;

function folder(): string {
  const path = join(root, String(count += 1));
  for (const release of ['r1', 'r2']) mkdirSync(join(path, release), { recursive: true });
  return path;
}

const at = (second: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
const lines = (...all: (readonly [number, string])[]): string => all.map(([second, text]) => `${at(second)} o ${text}\n`).join('');

async function read(path: string, options: LogOptions = {}, release?: string): Promise<string[]> {
  const found: string[] = [];
  for await (const line of readLogs(path, release, options)) found.push(line.text);
  return found;
}

/** Follows until `stop` is called. */
function follow(path: string, options: LogOptions = {}): { readonly seen: LogLine[]; readonly text: () => string; readonly stop: () => Promise<void> } {
  const abort = new AbortController();
  const seen: LogLine[] = [];
  const reading = (async () => {
    for await (const line of readLogs(path, undefined, { ...options, follow: true, signal: abort.signal })) seen.push(line);
  })();
  return { seen, text: () => seen.map((line) => line.text).join(' '), stop: () => { abort.abort(); return reading; } };
}

describe('readLogs', () => {
  it('is empty where nothing was logged', async () => {
    expect(await read(join(root, 'none'))).toEqual([]);
    expect(await read(folder())).toEqual([]);
    await expect(read(join(root, 'z'.repeat(300)))).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
  });

  it('joins instances and rotated files in the order of time', async () => {
    const path = folder();
    writeFileSync(join(path, 'r1/web.1.log.2'), lines([1, 'a']));
    writeFileSync(join(path, 'r1/web.1.log.1'), lines([3, 'c'], [4, 'd']));
    writeFileSync(join(path, 'r1/web.1.log'), lines([6, 'f']));
    writeFileSync(join(path, 'r1/web.1.log.shim'), 'noise\n');
    writeFileSync(join(path, 'r2/web.1.log'), lines([2, 'b'], [5, 'e']));
    writeFileSync(join(path, 'r2/worker.1.log'), lines([5, 'e2'], [7, 'g']));
    expect((await read(path)).join(' ')).toBe('a b c d e e2 f g');
    expect((await read(path, {}, 'r2')).join(' ')).toBe('b e e2 g');
    expect((await read(path, { instance: 'web.1' })).join(' ')).toBe('a b c d e f');
    expect((await read(path, { since: at(5) })).join(' ')).toBe('e e2 f g');
    expect((await read(path, { since: '2026-01-01T00:00:05Z' })).join(' ')).toBe('e e2 f g');
    expect((await read(path, { since: '2026-01-01T01:00:05+01:00' })).join(' ')).toBe('e e2 f g');
    expect((await logSources(path)).map(({ release, instance }) => `${release}/${instance}`)).toEqual(['r1/web.1', 'r2/web.1', 'r2/worker.1']);
  });

  it('gives back any text, and leaves out what is no record or has no end yet', async () => {
    const path = folder();
    const file = join(path, 'r1/web.1.log');
    const log = createLogWriter(file);
    const hostile = ['progress 1\rprogress 2', 'line\u2028separator', '', ' indented', 'x'.repeat(16_000), '\u{1f600}'.repeat(3_000), '\ufffd'];
    for (const text of hostile) log.write('err', text);
    log.close();
    appendFileSync(file, `garbage\n${at(1)} x other mark\n${at(1)} o half a li`);
    const found: LogLine[] = [];
    for await (const line of readLogs(path, 'r1', {})) found.push(line);
    expect(found.map(({ text }) => text)).toEqual(hostile);
    expect(found[0]).toEqual({ at: expect.stringMatching(/Z$/), release: 'r1', instance: 'web.1', stream: 'err', text: hostile[0] });
  });

  it('reads more than fits in one piece', async () => {
    const path = folder();
    writeFileSync(join(path, 'r1/web.1.log'), Array.from({ length: 40_000 }, (_, index) => `${at(1)} o ${index} ${'\u20ac'.repeat(10)}\n`).join(''));
    const found = await read(path);
    expect(found).toHaveLength(40_000);
    expect(found.every((text, index) => text === `${index} ${'\u20ac'.repeat(10)}`)).toBe(true);
  });

  it('follows every line once, across rotations and new instances', async () => {
    const path = folder();
    const log = createLogWriter(join(path, 'r1/web.1.log'), 400, 3);
    log.write('out', '0');
    const { seen, text, stop } = follow(path);
    await until('the stored line', () => seen.length === 1);
    const expected = ['0'];
    for (let number = 1; number <= 300; number += 1) {
      log.write('out', String(number));
      expected.push(String(number));
      // About four rotations between two looks would lose lines: three files are kept.
      if (number % 30 === 0) await until('they are read', () => seen.length === expected.length);
    }
    mkdirSync(join(path, 'r3'));
    writeFileSync(join(path, 'r3/web.1.log'), lines([1, 'new']));
    await until('the new instance', () => text().endsWith('new'));
    await stop();
    log.close();
    expect(text()).toBe([...expected, 'new'].join(' '));
  });

  it('waits for the end of a line', async () => {
    const path = folder();
    const file = join(path, 'r1/web.1.log');
    writeFileSync(file, `${at(1)} o one\n${at(2)} o half`);
    const { seen, text, stop } = follow(path);
    await until('the first line', () => seen.length === 1);
    appendFileSync(file, ' and half\n');
    await until('the second line', () => seen.length === 2);
    await stop();
    expect(text()).toBe('one half and half');
  });

  it('finds the rest of a file that was rotated between two looks, and stands one that was removed', async () => {
    const path = folder();
    const file = join(path, 'r1/web.1.log');
    writeFileSync(file, lines([1, 'one']));
    const { seen, text, stop } = follow(path);
    await until('the first line', () => seen.length === 1);
    appendFileSync(file, lines([2, 'two']));
    renameSync(file, `${file}.1`);
    writeFileSync(file, lines([3, 'three']));
    await until('both', () => seen.length === 3);
    rmSync(join(path, 'r1'), { recursive: true });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await stop();
    expect(text()).toBe('one two three');
  });

  it('follows nothing when it was aborted before', async () => {
    const path = folder();
    writeFileSync(join(path, 'r1/web.1.log'), lines([1, 'one']));
    expect(await read(path, { follow: true, signal: AbortSignal.abort() })).toEqual(['one']);
  });

  it('ends when its reader leaves', async () => {
    const path = folder();
    writeFileSync(join(path, 'r1/web.1.log'), lines([1, 'one']));
    for await (const line of readLogs(path, undefined, { follow: true })) {
      expect(line.text).toBe('one');
      break;
    }
  });
});

describe('readLogs of much', () => {
  const LINES = 40_000;
  /** About 4 MB, the lines numbered. */
  const much = (second = 1): string => Array.from({ length: LINES }, (_, index) => `${at(second)} o ${index} ${'x'.repeat(70)}\n`).join('');

  function openFiles(below: string): readonly string[] {
    return readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`)];
      } catch {
        // The descriptor of the listing itself.
        return [];
      }
    }).filter((path) => path.startsWith(below));
  }

  async function reads(): Promise<jest.SpyInstance> {
    const handle = await open(__filename, 'r');
    const spy = jest.spyOn(Object.getPrototypeOf(handle) as FileHandle, 'read');
    await handle.close();
    return spy;
  }

  afterEach(() => { jest.restoreAllMocks(); });

  it('reads as the lines are taken, not before', async () => {
    const path = folder();
    const file = join(path, 'r1/web.1.log');
    writeFileSync(file, much());
    let found = 0;
    for await (const line of readLogs(path, undefined, {})) {
      // What is gone by the time it would be read never comes.
      if (found === 0) truncateSync(file, 1024 ** 2);
      if (!line.text.startsWith(`${found} `)) throw new Error(line.text);
      found += 1;
    }
    expect(found).toBe(much().slice(0, 1024 ** 2).split('\n').length - 1);
  });

  it('lets others work in between', async () => {
    const path = folder();
    for (const instance of ['web.1', 'web.2']) writeFileSync(join(path, 'r1', `${instance}.log`), much());
    let inARow = 0;
    let longest = 0;
    let timer = setImmediate(function turn() {
      inARow = 0;
      timer = setImmediate(turn);
    });
    for await (const { instance } of readLogs(path, undefined, {})) {
      if (!instance.startsWith('web.')) throw new Error(instance);
      inARow += 1;
      longest = Math.max(longest, inARow);
    }
    clearImmediate(timer);
    // Lines between two turns of the event loop.
    expect(longest).toBeLessThanOrEqual(250);
    expect(longest).toBeGreaterThan(1);
  });

  it('leaves no file open, whether it was read to its end or left', async () => {
    const path = folder();
    for (const name of ['r1/web.1.log', 'r1/web.1.log.1', 'r2/web.1.log']) writeFileSync(join(path, name), much());
    await read(path);
    expect(openFiles(path)).toEqual([]);
    for await (const { text } of readLogs(path, undefined, {})) {
      expect(text).toMatch(/^0 /);
      expect(openFiles(path)).toHaveLength(2);
      break;
    }
    expect(openFiles(path)).toEqual([]);
  });

  it('ends soon when the signal aborts in the middle of what is stored', async () => {
    const path = folder();
    writeFileSync(join(path, 'r1/web.1.log'), much());
    const abort = new AbortController();
    let found = 0;
    for await (const { text } of readLogs(path, undefined, { signal: abort.signal })) {
      expect(text).toMatch(/^\d+ x/);
      found += 1;
      if (found === 1_000) abort.abort();
    }
    expect(found).toBeLessThan(1_500);
    expect(openFiles(path)).toEqual([]);
  });

  it('ends soon when the signal aborts and nothing that is stored is wanted', async () => {
    const path = folder();
    writeFileSync(join(path, 'r1/web.1.log'), much());
    const spy = await reads();
    expect(await read(path, { since: at(30), signal: AbortSignal.abort() })).toEqual([]);
    expect(spy).toHaveBeenCalledTimes(1);
    expect(await read(path, { since: at(30) })).toEqual([]);
    expect(spy.mock.calls.length).toBeGreaterThan(10);
  });

  it('merges many logs as one sort by time would', async () => {
    const path = folder();
    const all: { second: number; text: string }[] = [];
    for (let instance = 10; instance < 40; instance += 1) {
      const seconds = Array.from({ length: 50 }, (_, index) => (index * index * instance * 7) % 50).sort((a, b) => a - b);
      const mine = seconds.map((second, index) => ({ second, text: `${instance}/${index}` }));
      writeFileSync(join(path, `r1/web.${instance}.log`), lines(...mine.map(({ second, text }) => [second, text] as const)));
      all.push(...mine);
    }
    expect(await read(path)).toEqual(all.sort((a, b) => a.second - b.second).map(({ text }) => text));
  });

  it('finds files under the names that a rotation meanwhile gave them, and no more than there was when it began', async () => {
    const path = folder();
    const file = join(path, 'r1/web.1.log');
    writeFileSync(`${file}.2`, much(1));
    writeFileSync(`${file}.1`, much(2));
    writeFileSync(file, lines([3, 'last']));
    const found: string[] = [];
    for await (const { text } of readLogs(path, undefined, {})) {
      if (found.length === 0) {
        for (const [from, to] of [['.2', '.3'], ['.1', '.2'], ['', '.1']] as const) renameSync(`${file}${from}`, `${file}${to}`);
        writeFileSync(file, lines([4, 'too late']));
        appendFileSync(`${file}.1`, lines([4, 'too late']));
      }
      found.push(text);
    }
    expect(found).toHaveLength(2 * LINES + 1);
    expect(found.at(-1)).toBe('last');
  });

  it('goes on with the next file when a rotation has removed one before its turn', async () => {
    const path = folder();
    const file = join(path, 'r1/web.1.log');
    writeFileSync(`${file}.2`, much());
    writeFileSync(`${file}.1`, lines([2, 'removed']));
    writeFileSync(file, lines([3, 'last']));
    const found: string[] = [];
    for await (const { text } of readLogs(path, undefined, {})) {
      if (found.length === 0) rmSync(`${file}.1`);
      found.push(text);
    }
    expect(found).toHaveLength(LINES + 1);
    expect(found.at(-1)).toBe('last');
  });

  it('passes over files that were last written before the time that is asked for', async () => {
    const path = folder();
    const file = join(path, 'r1/web.1.log');
    writeFileSync(`${file}.2`, much(1));
    writeFileSync(`${file}.1`, lines([4, 'too old'], [6, 'a']));
    writeFileSync(file, lines([7, 'b']));
    writeFileSync(join(path, 'r1/web.2.log'), much(2));
    for (const old of [`${file}.2`, join(path, 'r1/web.2.log')]) utimesSync(old, new Date(at(2)), new Date(at(2)));
    const spy = await reads();
    expect(await read(path, { since: at(5) })).toEqual(['a', 'b']);
    // One for each file of web.1 that counts; the end of the newest of web.2.
    expect(spy.mock.calls.length).toBeLessThanOrEqual(5);
  });

  it('follows a file that was last written before the time that is asked for, from its last whole line', async () => {
    const path = folder();
    const file = join(path, 'r1/web.1.log');
    writeFileSync(file, `${much(1)}${at(20)} o half`);
    utimesSync(file, new Date(at(2)), new Date(at(2)));
    const { seen, text, stop } = follow(path, { since: at(10) });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(seen).toEqual([]);
    appendFileSync(file, ` and half\n${lines([21, 'new'])}`);
    await until('both', () => seen.length === 2);
    await stop();
    expect(text()).toBe('half and half new');
  });

  it('stands a line that fills more than a piece', async () => {
    const path = folder();
    writeFileSync(join(path, 'r1/web.1.log'), `${lines([1, 'before'])}${'y'.repeat(300_000)}\n${lines([2, 'z'.repeat(200_000)], [3, 'after'])}`);
    expect((await read(path)).map((text) => text.slice(0, 6))).toEqual(['before', 'zzzzzz', 'after']);
  });
});

describe('lastLines', () => {
  it('gives the last of a long file', async () => {
    const file = join(folder(), 'r1/web.1.log');
    const source = { release: 'r1', instance: 'web.1', file };
    expect(await lastLines(source, 3)).toEqual([]);
    writeFileSync(file, lines(...Array.from({ length: 20_000 }, (_, index) => [1, `line ${index}`] as const)));
    expect(await lastLines(source, 3)).toEqual(['line 19997', 'line 19998', 'line 19999']);
    renameSync(file, `${file}.1`);
    writeFileSync(file, lines([2, 'newest']));
    expect(await lastLines(source, 3)).toEqual(['line 19998', 'line 19999', 'newest']);
  });
});

describe('parseLine', () => {
  it('knows a record from anything else', () => {
    const source = { release: 'r1', instance: 'web.1', file: '' };
    expect(parseLine(source, `${at(1)} e a b`)).toEqual({ at: at(1), release: 'r1', instance: 'web.1', stream: 'err', text: 'a b' });
    expect(parseLine(source, '')).toBeUndefined();
    expect(parseLine(source, 'no record')).toBeUndefined();
    // The rest of a cut line is none, whatever it says.
    expect(parseLine(source, 'said o yes')).toBeUndefined();
  });
});
