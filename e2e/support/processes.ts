/** Which processes belong to an agent's home: nothing of a test may outlive it. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface Found {
  readonly pid: number;
  readonly command: string;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

function link(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}

function names(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

export function allProcesses(): readonly number[] {
  return names('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => pid !== process.pid);
}

export function isRunning(pid: number): boolean {
  const stat = read(`/proc/${pid}/stat`);
  return stat !== '' && !/\) [ZX] /.test(stat);
}

export function commandLine(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
}

/** By its command, environment, current folder or open files: a shim has an empty environment, and its log open. */
export function processesOf(folder: string): readonly Found[] {
  const bytes = Buffer.from(folder, 'utf8').toString('latin1');
  const own = (pid: number): boolean => read(`/proc/${pid}/cmdline`).includes(bytes)
    || read(`/proc/${pid}/environ`).includes(bytes)
    || link(`/proc/${pid}/cwd`).startsWith(folder)
    || names(`/proc/${pid}/fd`).some((name) => link(`/proc/${pid}/fd/${name}`).startsWith(folder));
  return allProcesses().filter((pid) => isRunning(pid) && own(pid)).map((pid) => ({ pid, command: commandLine(pid) }));
}

/** Agents that wait for their turn. */
export function standbys(folder: string): readonly number[] {
  return processesOf(folder).filter(({ command }) => /^nx-deploy-standby|agent\.js standby/.test(command)).map(({ pid }) => pid);
}
