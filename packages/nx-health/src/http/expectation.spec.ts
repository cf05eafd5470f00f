import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Answer } from './exchange.js';
import { disappointment } from './expectation.js';

const LIMIT = 65_536;
const answer = (text: string): Answer => ({ code: 200, headers: {}, body: Buffer.from(text), whole: true });
const judged = (pattern: string, text: string): string | undefined => disappointment({ headers: {}, json: {}, body: pattern }, answer(text), LIMIT);

describe('a pattern that backtracks for ever', () => {
  const ends = (): void => { expect(() => judged('^(a+)+$', `${'a'.repeat(5_000)}!`)).toThrow(/^the pattern "\^\(a\+\)\+\$" took longer than 100 ms$/); };
  afterEach(() => { jest.restoreAllMocks(); });

  it('is ended when it has had its time of the processor', () => {
    const before = process.cpuUsage();
    ends();
    const { user, system } = process.cpuUsage(before);
    // With the retries of a machine that is busy, and what else the process does; however slow the clock goes by for it.
    expect((user + system) / 1_000).toBeLessThan(3_000);
  });

  it('is ended as well where the processor cannot be measured', () => {
    const usage = jest.spyOn(process, 'cpuUsage').mockReturnValue({ user: 0, system: 0 });
    ends();
    expect(usage).toHaveBeenCalledTimes(10);
  });
});

it('a pattern is not blamed for the time in which its process was stopped', async () => {
  if (process.platform === 'win32') return;
  // Some ms of the processor each: the stops meet one that is under way.
  const program = `const { disappointment } = require(${JSON.stringify(join(__dirname, '../../dist/http/expectation.js'))});
    const body = Buffer.from('a'.repeat(3000)); let wrong = '', over = false;
    process.stdin.on('data', () => { over = true; });
    const round = () => {
      try { if (!/does not match/.test(disappointment({ headers: {}, json: {}, body: 'a*b' }, { code: 200, headers: {}, body, whole: true }, 65536))) wrong = 'it matched'; } catch (error) { wrong = error.message; }
      if (over) { console.log(JSON.stringify(wrong)); process.stdin.destroy(); } else setImmediate(round);
    };
    console.log('begun'); round();`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    const ended = once(child, 'close');
    let said = '';
    await once(child.stdout, 'data');
    child.stdout.on('data', (chunk: Buffer) => { said += chunk.toString(); });
    for (let stops = 0; stops < 8; stops += 1) {
      child.kill('SIGSTOP');
      await wait(150);
      child.kill('SIGCONT');
      await wait(20 + stops);
    }
    child.stdin.end('over\n');
    await ended;
    expect(said).toBe('""\n');
  } finally {
    child.kill('SIGKILL');
  }
});
