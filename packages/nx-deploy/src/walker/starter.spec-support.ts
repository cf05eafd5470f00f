/** A command as Nx would run it: starts a walker, follows it, and has a child of its own. Bundled by the tests, never shipped. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { attachRun } from './attach.js';
import { startWalker, type StartOptions } from './start.js';

async function main(): Promise<void> {
  const options = JSON.parse(await text(process.stdin)) as StartOptions;
  spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  const run = await startWalker(options);
  process.stdout.write('started\n');
  for await (const message of attachRun(run)) process.stdout.write(`${JSON.stringify(message)}\n`);
}

void main();
