import { setTimeout as sleep } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { EngineClient } from './client.js';
import { stream } from './stream.js';

const env = { PATH: process.env['PATH'] ?? '' };

describe('a program whose output is read while it runs', () => {
  it('has its output for whoever begins to read when it has long ended, much of it too', async () => {
    const program = stream([process.execPath, '-e', 'process.stdout.write("x".repeat(3_000_000)); console.error("told")'], env);
    program.stdin.end();
    await Promise.race([program.ended, sleep(500)]);
    await sleep(300);
    const [out, err] = await Promise.all([text(program.stdout), text(program.stderr)]);
    expect([out.length, err, await program.ended]).toEqual([3_000_000, 'told\n', 0]);
  });

  it('gets what is written to it, and ends when it is ended, with its children', async () => {
    const program = stream(['sh', '-c', 'cat; sleep 60 & wait'], env);
    program.stdin.end('hello');
    let said = '';
    for await (const chunk of program.stdout) {
      said += String(chunk);
      if (said === 'hello') program.end();
    }
    expect([said, await program.ended]).toEqual(['hello', -1]);
  });

  it('is told apart where there is no such program', async () => {
    const program = stream(['no-such-program-here'], env);
    expect([program.started, await program.ended]).toEqual([false, -1]);
    await expect(new EngineClient({ program: 'docker', variables: { PATH: '/nowhere' } }).stream(['ps'])).rejects.toMatchObject({ code: 'ND-ENGINE-MISSING' });
  });
});
