import { resolve } from 'node:path';
import * as z from 'zod';
import { runProgram } from '../../shell/run-program.js';
import type { Finding } from '../../result.js';
import { kind } from '../kind.js';
import { argv, flag, line, whole } from '../values.js';

const codes = (description: string) => z.array(whole(0, 255, { description: 'Exit code.' }), { error: 'must be a list of exit codes' }).meta({ description });

export const command = kind({
  name: 'command',
  description: 'A program ends as it must.',
  shape: {
    command: argv({ description: 'Program and arguments; no shell reads them.', examples: [['pg_isready', '-q']] }),
    cwd: line('a path', { description: 'Folder that it runs in; default: that of the file.' }).optional(),
    env: z.record(z.string().regex(/^[A-Za-z_]\w*$/, { error: 'must be the name of a variable' }), z.string({ error: 'must be text' }), { error: 'must be an object of texts by name' }).meta({ description: 'Variables beside those of the environment.' }).prefault({}),
    healthy: codes('Exit codes that mean healthy.').prefault([0]),
    degraded: codes('Exit codes that mean degraded; plugins for Nagios use 1.').prefault([]),
    output: flag({ description: 'Quote the last line of its output in the reason. It may be seen by whoever sees the result.' }).prefault(false),
  },
  target: ({ command: [program = ''] }) => `command ${program}`,
  ask: async ({ command: words, cwd = '.', env, healthy, degraded, output }, { signal, waitingFor }, { folder }): Promise<Finding> => {
    waitingFor('the command did not end');
    const end = await runProgram({ argv: words, env: { ...process.env, ...env }, signal, cwd: resolve(folder, cwd) });
    const { code } = end;
    const status = code === null ? 'unhealthy' : degraded.includes(code) ? 'degraded' : healthy.includes(code) ? 'healthy' : 'unhealthy';
    if (status === 'healthy') return { status };
    const last = output ? end.output.trimEnd().split('\n').at(-1) ?? '' : '';
    return { status, reason: `${code === null ? `ended by ${end.signal ?? 'a signal'}` : `exit code ${code}`}${last === '' ? '' : `: ${last}`}` };
  },
});
