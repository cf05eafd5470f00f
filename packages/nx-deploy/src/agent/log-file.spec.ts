import fs, { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { createLogWriter, LINE_LIMIT } from './log-file.js';

const root = temporaryFolder('log-file');
let count = 0;
const fresh = (): string => join(root, String(count += 1), 'web.1.log');
const texts = (file: string): string[] => readFileSync(file, 'utf8').split('\n').slice(0, -1).map((line) => line.slice(25));

afterEach(() => { jest.restoreAllMocks(); });

describe('createLogWriter', () => {
  it('writes a line a record into a private file, and goes on where it was', () => {
    const file = fresh();
    const first = createLogWriter(file);
    first.write('out', 'hello');
    first.close();
    const second = createLogWriter(file);
    second.write('err', '');
    second.close();
    const [one = '', two = ''] = readFileSync(file, 'utf8').split('\n');
    expect(one).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z o hello$/);
    expect(two).toMatch(/Z e $/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(file, '..')).mode & 0o777).toBe(0o700);
  });

  it('keeps as many files as it was told, the newest first', () => {
    const file = fresh();
    const log = createLogWriter(file, 30, 2);
    for (const text of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) log.write('out', text);
    log.close();
    expect(readdirSync(join(file, '..')).sort()).toEqual(['web.1.log', 'web.1.log.1', 'web.1.log.2']);
    expect([`${file}.2`, `${file}.1`, file].map(texts)).toEqual([['o c', 'o d'], ['o e', 'o f'], ['o g']]);
  });

  it('counts what an earlier writer has written', () => {
    const file = fresh();
    mkdirSync(join(file, '..'));
    writeFileSync(file, 'x'.repeat(100));
    const log = createLogWriter(file, 100);
    log.write('out', 'new');
    log.close();
    expect(texts(file)).toEqual(['o new']);
    expect(statSync(`${file}.1`).size).toBe(100);
  });

  it('cuts what is too long', () => {
    const file = fresh();
    const log = createLogWriter(file);
    log.write('out', 'x'.repeat(LINE_LIMIT + 1));
    log.write('out', 'y'.repeat(LINE_LIMIT));
    log.close();
    expect(texts(file)).toEqual([`o ${'x'.repeat(LINE_LIMIT)} [cut]`, `o ${'y'.repeat(LINE_LIMIT)}`]);
  });

  it('goes on when the disk is full', () => {
    const file = fresh();
    mkdirSync(join(file, '..'));
    symlinkSync('/dev/full', file);
    const log = createLogWriter(file);
    for (let line = 0; line < 100; line += 1) log.write('out', 'lost');
    // The disk has room again.
    const room = fs.openSync(`${file}.room`, 'a');
    const real = fs.writeSync;
    jest.spyOn(fs, 'writeSync').mockImplementation(((_fd: number, bytes: Buffer) => real(room, bytes)) as typeof fs.writeSync);
    log.write('out', 'kept');
    log.close();
    fs.closeSync(room);
    expect(texts(`${file}.room`)).toEqual(['o [nx-deploy: 100 lines were lost, the log could not be written]', 'o kept']);
  });

  it('counts the lines that were lost, and ends one that was written in part', () => {
    const file = fresh();
    const log = createLogWriter(file);
    const real = fs.writeSync;
    let room = 30;
    // A disk with room for some bytes, as write(2) treats it: what fits, then ENOSPC.
    jest.spyOn(fs, 'writeSync').mockImplementation(((fd: number, bytes: Buffer) => {
      if (room === 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      const part = bytes.subarray(0, room);
      room -= part.length;
      return real(fd, part);
    }) as typeof fs.writeSync);
    for (const text of ['123456789', 'two', 'three', 'four']) log.write('out', text);
    room = 1_000;
    for (const text of ['five', 'six']) log.write('out', text);
    log.close();
    expect(texts(file)).toEqual(['o 123', 'o [nx-deploy: 4 lines were lost, the log could not be written]', 'o five', 'o six']);
  });

  it('stays with its file when another cannot be opened', () => {
    const file = fresh();
    const log = createLogWriter(file, 60);
    log.write('out', 'one');
    log.write('out', 'two');
    const full = jest.spyOn(fs, 'openSync').mockImplementation(() => { throw new Error('no space left on device'); });
    log.write('out', 'three');
    full.mockRestore();
    expect(texts(file)).toEqual(['o one', 'o two', 'o three']);
    log.write('out', 'four');
    log.write('out', 'five');
    log.close();
    expect(texts(`${file}.1`)).toEqual(['o one', 'o two', 'o three', 'o four']);
    expect(texts(file)).toEqual(['o five']);
  });

  it('makes a folder anew that was removed', () => {
    const file = fresh();
    const log = createLogWriter(file, 30);
    log.write('out', 'one');
    rmSync(join(file, '..'), { recursive: true });
    log.write('out', 'two');
    log.write('out', 'three');
    log.close();
    expect(texts(file)).toEqual(['o three']);
  });
});
