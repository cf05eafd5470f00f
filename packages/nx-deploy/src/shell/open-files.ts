/** Finds processes by what they have open and were started with: the last trace of one whose record is lost. Linux by /proc; elsewhere nothing is found. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { sep } from 'node:path';

export interface Writer {
  readonly pid: number;
  /** Where its standard output goes. */
  readonly file: string;
}

/** Live processes of this user whose standard output is a file below `folder` (absolute, without links). */
export async function writersBelow(folder: string): Promise<readonly Writer[]> {
  const names = await readdir('/proc').catch(() => []);
  const writers = await Promise.all(names.filter((name) => /^\d+$/.test(name)).map(async (name) => {
    const file = await readlink(`/proc/${name}/fd/1`).catch(() => '');
    return file.startsWith(`${folder}${sep}`) ? [{ pid: Number(name), file }] : [];
  }));
  return writers.flat();
}

/** A variable of the environment that a process was started with; undefined when it has none, or may not be asked. */
export async function startedWith(pid: number, variable: string): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
  return text.split('\0').find((entry) => entry.startsWith(`${variable}=`))?.slice(variable.length + 1);
}

/** Numbers of all live processes of this user that were started with these values of variables. */
export async function startedWithAll(variables: Readonly<Record<string, string>>): Promise<readonly number[]> {
  const wanted = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  const names = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const found = await Promise.all(names.map(async (name) => {
    const entries = (await readFile(`/proc/${name}/environ`, 'utf8').catch(() => '')).split('\0');
    return wanted.every((entry) => entries.includes(entry)) ? [Number(name)] : [];
  }));
  return found.flat();
}

/** How each live process was started, its arguments joined by blanks. */
export async function commandLines(): Promise<readonly string[]> {
  const names = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  return Promise.all(names.map(async (name) => (await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ')));
}
