import fs from 'node:fs';
import { mkdtempSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ChangeResult } from '../engine/request.js';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { openEventLog } from './event-log.js';

jest.mock('node:fs', () => ({ ...jest.requireActual<typeof fs>('node:fs') }));

const result: ChangeResult = { outcome: 'done', run: 'run-1', action: 'deploy', service: 'api', environment: 'test', durationMs: 1, stages: {} };
const note = (text: string) => ({ type: 'note', text }) as const;
const root = temporaryFolder('events');
let file: string;
beforeEach(() => { file = join(mkdtempSync(join(root, 'x-')), 'events.jsonl'); });
afterEach(() => { jest.restoreAllMocks(); });

const lines = (): readonly unknown[] => readFileSync(file, 'utf8').split('\n').map((line) => {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return line;
  }
});

test('what is told is in the file when the call returns, and the result is on the disk', () => {
  const log = openEventLog(file);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  log.event(note('one'));
  expect(lines()).toEqual([{ type: 'event', at: expect.stringMatching(/Z$/), event: note('one') }, '']);
  const sync = jest.spyOn(fs, 'fsyncSync');
  log.result(result);
  expect(sync).toHaveBeenCalledTimes(1);
  expect(lines()[1]).toEqual({ type: 'result', at: expect.any(String), result });
});

test('a disk without room costs the line that found none, not the next and not the walk', () => {
  const log = openEventLog(file);
  const actual = fs.writeSync;
  const write = jest.spyOn(fs, 'writeSync');
  // Half of it fits.
  write.mockImplementationOnce(((descriptor: number, bytes: Buffer) => actual(descriptor, bytes, 0, 20)) as typeof fs.writeSync)
    .mockImplementationOnce(() => { throw Object.assign(new Error('no space left'), { code: 'ENOSPC' }); });
  log.event(note('lost'));
  log.event(note('kept'));
  log.result(result);
  expect(lines()).toEqual([expect.stringMatching(/^\{"type":"event","at/), expect.objectContaining({ event: note('kept') }), expect.objectContaining({ result }), '']);
});

test('a write in pieces is a whole line', () => {
  const log = openEventLog(file);
  const actual = fs.writeSync;
  jest.spyOn(fs, 'writeSync').mockImplementation(((descriptor: number, bytes: Buffer, offset: number) => actual(descriptor, bytes, offset, Math.min(7, bytes.length - offset))) as typeof fs.writeSync);
  log.event(note('in pieces'));
  expect(lines()).toEqual([expect.objectContaining({ event: note('in pieces') }), '']);
});

test('a result that cannot be written is an error', () => {
  const log = openEventLog(file);
  jest.spyOn(fs, 'writeSync').mockImplementation(() => { throw Object.assign(new Error('no space left'), { code: 'ENOSPC' }); });
  expect(() => log.result(result)).toThrow('no space left');
});
