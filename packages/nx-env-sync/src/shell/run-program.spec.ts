import { tmpdir } from 'node:os';
import { runProgram, type ProgramEnd } from './run-program.js';

const node = async (script: string, input?: string, timeout = 20_000): Promise<ProgramEnd> =>
  runProgram({ argv: [process.execPath, '-e', script], cwd: tmpdir(), variables: { PATH: process.env['PATH'] }, timeout, largest: 100, ...(input === undefined ? {} : { input }) });

describe('runProgram', () => {
  it('gives the output of what read its input', async () => {
    const end = await node('process.stdin.pipe(process.stdout)', 'a\n"$(id)"');
    expect(end.state === 'done' && end.output.toString()).toBe('a\n"$(id)"');
  });

  it('needs no reader of the input', async () => {
    expect((await node('process.stdin.destroy()', 'x'.repeat(1_000_000))).state).toBe('done');
  });

  it('ends what takes too long, or writes too much', async () => {
    expect(await node('setInterval(() => 0, 1000)', undefined, 200)).toEqual({ state: 'failed', what: 'took longer than 200 ms' });
    expect(await node('setInterval(() => process.stdout.write("x".repeat(1000)), 1)')).toEqual({ state: 'failed', what: 'wrote more than 100 bytes' });
  });

  it.each([
    [['/no/such/program'], 'was not found'],
    [[tmpdir()], 'could not be started: EACCES'],
    [[''], 'could not be started: ERR_INVALID_ARG_VALUE'],
    [['a\0b'], 'could not be started: ERR_INVALID_ARG_VALUE'],
  ])('says why %j did not start', async (argv, what) => {
    expect(await runProgram({ argv, cwd: tmpdir(), variables: {}, timeout: 1000, largest: 1 })).toEqual({ state: 'failed', what });
  });
});
