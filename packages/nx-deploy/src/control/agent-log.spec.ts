import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DeployError } from '../errors.js';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { createAgentLog } from './agent-log.js';

const root = temporaryFolder('agent-log');
let count = 0;
const fresh = (): string => join(root, String(count += 1));
const records = (file: string): Record<string, unknown>[] => readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
const BIG = 10 * 1024 * 1024;

describe('createAgentLog', () => {
  it('writes one JSON object a line into a private file', () => {
    const log = createAgentLog(fresh());
    log.info('started', { version: '1' });
    log.info('plain');
    log.warn('failed', new DeployError('ND-INTERNAL', { what: 'an unexpected error', why: 'reason' }));
    log.warn('alone');
    const [started, , failed] = records(log.file);
    expect(started).toMatchObject({ level: 30, pid: process.pid, version: '1', msg: 'started', time: expect.stringMatching(/^\d{4}-.*Z$/) });
    expect(failed).toMatchObject({ level: 40, msg: 'failed', err: { code: 'ND-INTERNAL', message: 'an unexpected error: reason', stack: expect.any(String) } });
    expect(statSync(log.file).mode & 0o777).toBe(0o600);
  });

  it('tells no values of a configuration', () => {
    const log = createAgentLog(fresh());
    log.info('request', { deployable: { config: { values: { TOKEN: 'tok-1' } } }, hook: { env: { TOKEN: 'tok-2' } }, config: { values: { TOKEN: 'tok-3' } } });
    expect(readFileSync(log.file, 'utf8')).not.toMatch(/tok-\d/);
  });

  it('puts a big file aside at the start, and while it goes on', () => {
    const folder = fresh();
    mkdirSync(folder);
    writeFileSync(join(folder, 'agent.log'), 'x'.repeat(BIG));
    const log = createAgentLog(folder);
    log.info('new');
    expect(records(log.file)).toHaveLength(1);
    expect(statSync(`${log.file}.1`).size).toBe(BIG);
    const text = 'y'.repeat(12_000);
    for (let line = 1; line < 1_000; line += 1) log.info(text);
    log.info('after');
    expect(records(log.file)).toEqual([expect.objectContaining({ msg: 'after' })]);
    expect(statSync(`${log.file}.1`).size).toBeGreaterThan(BIG);
  });

  it('goes on when the disk is full', async () => {
    const folder = fresh();
    mkdirSync(folder);
    symlinkSync('/dev/full', join(folder, 'agent.log'));
    const log = createAgentLog(folder);
    for (let line = 0; line < 50; line += 1) log.warn('lost', new Error('x'));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(existsSync(log.file)).toBe(true);
  });
});
