import { readFile, readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { errorCode } from '../../errors.js';
import type { Finding } from '../../result.js';
import { kind } from '../kind.js';
import { line, pattern, whole } from '../values.js';

const either = 'must have "pidFile" or "match"';

export const process = kind({
  name: 'process',
  description: 'A process runs on this machine: the one that a file names, or so many whose command line matches.',
  shape: {
    pidFile: line('a path', { description: 'File that holds its id. Either this or match.', examples: ['/run/nginx.pid'] }).optional(),
    match: pattern({ description: 'Pattern of the command line, words with a space between; on Linux alone. Either this or pidFile.', examples: ['^nginx: master'] }).optional(),
    least: whole(0, 100_000, { description: 'How many must match.' }).prefault(1),
    most: whole(0, 100_000, { description: 'How many may match.' }).optional(),
  },
  refuse: ({ pidFile, match, most }) => {
    if ((pidFile === undefined) === (match === undefined)) return either;
    return pidFile !== undefined && most !== undefined ? '"most" goes with "match" alone' : undefined;
  },
  target: ({ pidFile, match }) => pidFile === undefined ? `processes like ${match ?? ''}` : `process of ${pidFile}`,
  ask: async ({ pidFile, match = '', least, most = Infinity }, _asking, { folder }): Promise<Finding> => {
    if (pidFile !== undefined) return one(resolve(folder, pidFile));
    const pattern = new RegExp(match, 'u');
    const found = (await commandLines()).filter((text) => pattern.test(text)).length;
    const counted = { observed: found, unit: 'processes' };
    if (found < least) return { ...counted, status: 'unhealthy', reason: `${found} processes match, at least ${least} must` };
    return found > most ? { ...counted, status: 'unhealthy', reason: `${found} processes match, at most ${most} may` } : { ...counted, status: 'healthy' };
  },
});

async function one(file: string): Promise<Finding> {
  const text = (await readFile(file, 'utf8')).trim();
  const pid = Number(text);
  if (!/^\d{1,10}$/.test(text) || pid < 1) return { status: 'unhealthy', reason: `${file} holds no process id` };
  const state = await stateOf(pid);
  return state === 'runs' ? { status: 'healthy' } : { status: 'unhealthy', reason: `the process ${pid} of ${file} ${state}` };
}

async function stateOf(pid: number): Promise<string> {
  try {
    globalThis.process.kill(pid, 0);
  } catch (error) {
    // EPERM: there is one, of somebody else.
    if (errorCode(error) !== 'EPERM') return 'does not run';
  }
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  // Behind the name, which may hold anything, stands the state, proc(5).
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z') ? 'has ended, and nobody has taken note of it' : 'runs';
}

/** Of all processes but this one, whose own settings would match. Those of the kernel have none. */
async function commandLines(): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== globalThis.process.pid);
  const texts = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return texts.map((text) => text.replaceAll('\0', ' ').trim()).filter((text) => text !== '');
}
