import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs, { appendFileSync, closeSync, existsSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { earlierPart, openHistory, readHistory, type HistoryRecord } from './history.js';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nx-health-history-'));
  path = join(folder, 'a/b/history.jsonl');
});
afterEach(() => {
  jest.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

const record = (t: number, more: Partial<HistoryRecord> = {}): HistoryRecord => ({ v: 1, t, check: 'db', kind: 'tcp', severity: 'critical', status: 'healthy', shown: 'healthy', ms: 3, every: 1_000, ...more });

it('keeps what was written, and gives it back from a time on', async () => {
  const history = openHistory(path, { mostBytes: 1e6 });
  for (let t = 1; t <= 5; t += 1) history.append(record(t, t === 5 ? { reason: 'a "b"' } : {}));
  history.close();
  expect(await readHistory(path, 3)).toEqual({ records: [record(3), record(4), record(5, { reason: 'a "b"' })], unreadable: 0 });
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

it('takes no more room than it may, and gives up the oldest', async () => {
  const mostBytes = 20_000;
  const history = openHistory(path, { mostBytes });
  for (let t = 1; t <= 2_000; t += 1) history.append(record(t));
  history.close();
  expect(statSync(path).size + statSync(earlierPart(path)).size).toBeLessThanOrEqual(mostBytes);
  const { records, unreadable } = await readHistory(path, 0);
  expect([records.at(-1)?.t, unreadable]).toEqual([2_000, 0]);
  expect(records.map(({ t }) => t)).toEqual(Array.from({ length: records.length }, (_, index) => 2_001 - records.length + index));
  expect(records.length).toBeGreaterThan(60);
});

it('two that write to one file lose nothing of each other but what is too old', async () => {
  const [one, other] = [openHistory(path, { mostBytes: 20_000 }), openHistory(path, { mostBytes: 20_000 })];
  for (let t = 1; t <= 300; t += 1) {
    one.append(record(t));
    other.append(record(t, { check: 'web' }));
  }
  one.close();
  other.close();
  const { records, unreadable } = await readHistory(path, 0);
  expect(unreadable).toBe(0);
  expect(records.length).toBeGreaterThan(80);
  expect(records.slice(-2).map(({ check, t }) => [check, t])).toEqual([['db', 300], ['web', 300]]);
});

it('reads past lines that were cut, or that somebody else wrote, and goes on behind them', async () => {
  openHistory(path, { mostBytes: 1e6 }).close();
  appendFileSync(path, `${JSON.stringify(record(1))}\n{"v":1,"t":2,"che`);
  const history = openHistory(path, { mostBytes: 1e6 });
  history.append(record(3));
  history.close();
  appendFileSync(path, ['null', '[]', '{"v":2,"t":1}', '"x"', JSON.stringify({ ...record(9), status: 'fine' }), JSON.stringify({ ...record(9), t: -1 }), JSON.stringify({ ...record(9), reason: 1 }), ''].join('\n'));
  expect(await readHistory(path, 0)).toEqual({ records: [record(1), record(3)], unreadable: 8 });
});

it('says why there is none, and why it cannot be written', async () => {
  await expect(readHistory(path, 0)).rejects.toThrow('there is no history');
  writeFileSync(join(folder, 'a'), '');
  expect(() => openHistory(path, { mostBytes: 1e6 })).toThrow(/the history cannot be opened: (?:ENOTDIR|EEXIST)/);
  const full = process.platform === 'linux' ? openHistory('/dev/full', { mostBytes: 1e6 }) : undefined;
  if (full !== undefined) expect(() => { full.append(record(1)); }).toThrow('the history cannot be written: ENOSPC');
  full?.close();
});

it('leaves no file open that it cannot begin a new line in', () => {
  openHistory(path, { mostBytes: 1e6 }).close();
  appendFileSync(path, '{"v":1,"t":2,"che');
  const opened: number[] = [];
  jest.spyOn(fs, 'writeSync').mockImplementationOnce((file) => {
    opened.push(file);
    throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
  });
  expect(() => openHistory(path, { mostBytes: 1e6 })).toThrow('the history cannot be opened: ENOSPC');
  expect(opened).toEqual([expect.any(Number)]);
  expect(() => fstatSync(opened[0] ?? 0)).toThrow('EBADF');
});

it('writes to no other file when the next one cannot be opened, and goes on when it can', async () => {
  const history = openHistory(path, { mostBytes: 2_000 });
  for (let t = 1; t <= 6; t += 1) history.append(record(t));
  rmSync(join(folder, 'a'), { recursive: true });
  writeFileSync(join(folder, 'a'), '');
  const others: number[] = [];
  let fails = 0;
  for (let t = 7; t <= 30; t += 1) {
    try {
      history.append(record(t));
    } catch (error) {
      expect(String(error)).toMatch(/the history cannot be written: (?:ENOTDIR|EEXIST)/);
      fails += 1;
      others.push(openSync(join(folder, `other${t}`), 'w+'));
    }
  }
  expect(fails).toBeGreaterThan(2);
  expect(others.map((file) => fstatSync(file).size)).toEqual(others.map(() => 0));
  others.forEach((file) => { closeSync(file); });
  rmSync(join(folder, 'a'));
  history.append(record(31));
  history.close();
  expect((await readHistory(path, 0)).records).toEqual([record(31)]);
});

it('is whole but for its last line when its writer is killed, wherever that is', async () => {
  const program = `const { openHistory } = require(${JSON.stringify(join(__dirname, '../../dist/monitor/history.js'))});
    const history = openHistory(${JSON.stringify(path)}, { mostBytes: 40000 }); let t = 0;
    console.log('begun'); for (;;) history.append({ ...${JSON.stringify(record(0))}, t: t += 1 });`;
  let last = 0;
  for (let round = 0; round < 4; round += 1) {
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    await once(child.stdout, 'data');
    await wait(20 + round * 7);
    child.kill('SIGKILL');
    await ended;
    const { records, unreadable } = await readHistory(path, 0);
    expect(unreadable).toBeLessThanOrEqual(1);
    expect(records.length).toBeGreaterThan(50);
    last = records.length;
    // A kill between the turn of the file and the next one leaves the earlier part alone.
    expect(existsSync(path) ? readFileSync(path).length : 0).toBeLessThanOrEqual(20_000);
  }
  expect(last).toBeGreaterThan(0);
});
