import { createHash } from 'node:crypto';
import { mkdirSync, promises, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { identity } from '../shell/process-table.js';
import { bundle, node, temporaryFolder, until } from '../shell/programs.spec-support.js';
import { isInCharge, takeCharge } from './sole.js';

const root = temporaryFolder('sole');
const program = bundle(`
  import { isInCharge, takeCharge } from './control/sole.js';
  const [file, start] = process.argv.slice(2);
  setTimeout(() => {
    void takeCharge(file).then((won) => {
      console.log(won ? 'won' : 'lost');
      process.stdin.resume();
      process.stdin.on('data', () => void isInCharge(file).then((still) => { console.log(still ? 'still' : 'no more'); process.exit(0); }));
    });
  }, Math.max(0, Number(start) - Date.now()));
`, join(root, 'contender.cjs'));
const children: ChildProcess[] = [];
let count = 0;

function lockFile(): string {
  const folder = join(root, String(count += 1));
  mkdirSync(folder);
  return join(folder, 'agent.json');
}

interface Contender {
  readonly child: ChildProcess;
  readonly text: () => string;
  readonly code: Promise<number | null>;
}

function contend(file: string, start = 0): Contender {
  const { child, code } = node([program, file, String(start)]);
  children.push(child);
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => { text += chunk.toString(); });
  return { child, code, text: () => text };
}

afterEach(() => { for (const child of children.splice(0)) child.kill('SIGKILL'); });

/** Who wins of several that start at once, and who still thinks so when all have been told. */
async function race(file: string): Promise<{ readonly won: number; readonly still: number }> {
  const start = Date.now() + 900;
  const all = Array.from({ length: 8 }, () => contend(file, start));
  await until('all have been told', () => all.every(({ text }) => /won|lost/.test(text())));
  for (const { child } of all) child.stdin?.write('?');
  await Promise.all(all.map(({ code }) => code));
  return { won: all.filter(({ text }) => text().startsWith('won')).length, still: all.filter(({ text }) => text().startsWith('won\nstill')).length };
}

describe('takeCharge', () => {
  it('lets one of several win that start at once', async () => {
    const file = lockFile();
    expect(await race(file)).toEqual({ won: 1, still: 1 });
    expect(readdirSync(join(file, '..'))).toEqual(['agent.json']);
  });

  it.each([
    ['a process that is gone', JSON.stringify({ pid: 2 ** 22 + 1, identity: 'x' })],
    ['a number that another process has now', JSON.stringify({ pid: process.pid, identity: 'boot:1' })],
    ['nothing', ''],
    ['rubbish', '\0\0\0'],
    ['something else', '[1]'],
  ])('lets one of several win where a file names %s', async (_name, text) => {
    const file = lockFile();
    writeFileSync(file, text);
    expect(await race(file)).toEqual({ won: 1, still: 1 });
    expect(readdirSync(join(file, '..'))).toEqual(['agent.json']);
  });

  it('lets one of several win, also where one stands still between its look and its act for longer than others need for both', async () => {
    const file = lockFile();
    writeFileSync(file, JSON.stringify({ pid: 2 ** 22 + 1, identity: 'x' }));
    const others: Contender[] = [];
    const another = async (): Promise<void> => {
      const one = contend(file);
      others.push(one);
      await Promise.race([until('it has been told', () => one.text() !== ''), new Promise((wake) => setTimeout(wake, 800))]);
    };
    const real = promises.rename;
    jest.spyOn(promises, 'rename').mockImplementationOnce(async (from, to) => {
      await another();
      await real(from, to);
      await another();
    });
    const own = await takeCharge(file);
    await until('all have been told', () => others.every(({ text }) => text() !== ''));
    expect([own ? 'won\n' : 'lost\n', ...others.map(({ text }) => text())].sort()).toEqual(['lost\n', 'lost\n', 'won\n']);
  });

  it('is not kept from it by one that was killed while it moved a file aside', async () => {
    const file = lockFile();
    const gone = JSON.stringify({ pid: 2 ** 22 + 1, identity: 'x' });
    writeFileSync(file, gone);
    writeFileSync(`${file}.${createHash('sha256').update(gone).digest('hex').slice(0, 12)}.claim`, gone);
    expect(await takeCharge(file)).toBe(true);
    expect(readdirSync(join(file, '..'))).toEqual(['agent.json']);
  });

  it('is refused while another has it, and granted when that one was killed', async () => {
    const file = lockFile();
    const first = contend(file);
    await until('it has it', () => first.text() === 'won\n');
    const text = readFileSync(file, 'utf8');
    expect(await takeCharge(file)).toBe(false);
    expect([readFileSync(file, 'utf8'), await isInCharge(file)]).toEqual([text, false]);
    first.child.kill('SIGKILL');
    await first.code;
    expect(await takeCharge(file)).toBe(true);
    expect(await isInCharge(file)).toBe(true);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ pid: process.pid, identity: await identity(process.pid) });
    // Asking again is no harm.
    expect(await takeCharge(file)).toBe(true);
  });

  it('puts back what it moved aside by mistake, because another was quicker', async () => {
    const file = lockFile();
    writeFileSync(file, '');
    const quicker = JSON.stringify({ pid: process.ppid, identity: await identity(process.ppid) });
    const real = promises.rename;
    jest.spyOn(promises, 'rename').mockImplementationOnce((from, to) => {
      writeFileSync(file, quicker);
      return real(from, to);
    });
    expect(await takeCharge(file)).toBe(false);
    expect([readFileSync(file, 'utf8'), readdirSync(join(file, '..'))]).toEqual([quicker, ['agent.json']]);
  });

  it('keeps what another moved aside and put back', async () => {
    const file = lockFile();
    const real = promises.link;
    jest.spyOn(promises, 'link').mockImplementationOnce(async (from, to) => {
      await real(from, to);
      renameSync(file, `${file}.aside`);
      setTimeout(() => renameSync(`${file}.aside`, file), 31);
    });
    expect(await takeCharge(file)).toBe(true);
    expect(await isInCharge(file)).toBe(true);
  });

  it('gives up when the file can be neither made nor moved', async () => {
    const file = lockFile();
    mkdirSync(file);
    writeFileSync(join(file, 'x'), '');
    jest.spyOn(promises, 'rename').mockRejectedValue(new Error('busy'));
    expect(await takeCharge(file)).toBe(false);
    jest.restoreAllMocks();
  });

  it('says so when there is no place for the file', async () => {
    await expect(takeCharge(join(root, 'none/agent.json'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await isInCharge(join(root, 'none/agent.json'))).toBe(false);
  });
});
