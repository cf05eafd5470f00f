/** When a process began: with its id it names one process and no other, for ids are given again. */
import { readFile } from 'node:fs/promises';
import { runProgram } from './run-program.js';

/** In the system's own words; undefined when there is no such process, or when nobody can say. */
export async function processStart(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
    // The name of the program, in brackets, can hold anything; the start is the 22nd field (proc(5)), the state the 3rd.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  }
  const end = await runProgram({ argv: ['ps', '-o', 'lstart=', '-p', String(pid)], cwd: '/', variables: process.env, timeout: 10_000, largest: 4_096 });
  const told = end.state === 'done' ? end.output.toString('latin1').trim() : '';
  return told === '' ? undefined : told;
}
