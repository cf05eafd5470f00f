/** What an executor is to check: one address from its options, or the checks of a file. */
import type { ExecutorContext } from '@nx/devkit';
import { join, resolve } from 'node:path';
import type { Check } from '../checks/check.js';
import { errorLines, HealthError } from '../errors.js';
import type { HealthFile } from '../config/load.js';
import type { ProbeOptions } from './probe.js';

export type TaskContext = Pick<ExecutorContext, 'root' | 'projectName' | 'projectsConfigurations'>;

export interface FileOptions {
  /** Relative to the workspace; default: health.json of the project. */
  readonly file?: string;
  readonly only?: readonly string[];
  readonly tags?: readonly string[];
}

export interface Selection extends HealthFile {
  readonly chosen: readonly Check[];
}

/** Options of a probe, and what they are for. */
const OF_ONE: readonly string[] = ['method', 'healthy', 'degraded', 'timeout', 'checkTimeout'];

/** @throws HealthError for a file or a choice that is not right */
export async function select({ file, only, tags }: FileOptions, { root, projectName = '', projectsConfigurations }: TaskContext): Promise<Selection> {
  const { HEALTH_FILE, loadHealthFile } = await import('../config/load.js');
  const { choose } = await import('../checks/choose.js');
  const projectRoot = projectsConfigurations.projects[projectName]?.root ?? '.';
  const read = await loadHealthFile(file === undefined ? join(root, projectRoot, HEALTH_FILE) : resolve(root, file), process.env);
  return { ...read, chosen: choose(read.checks, { ...(only === undefined ? {} : { only }), ...(tags === undefined ? {} : { tags }) }) };
}

/** Options that go with the other way to say what is checked; each would be ignored. */
export function misplaced(options: ProbeOptions & FileOptions, one: boolean, ofOne: readonly string[] = OF_ONE): readonly string[] {
  const given = options as Readonly<Record<string, unknown>>;
  const refused = one ? ['file', 'only', 'tags'] : ofOne;
  return refused.filter((name) => given[name] !== undefined && !(Array.isArray(given[name]) && given[name].length === 0))
    .map((name) => `${name}: goes with ${one ? 'the checks of a file, and not with url or tcp' : 'url or tcp; the checks of a file say it themselves'}`);
}

/** Runs what may be refused; says why it is, and fails for Nx. Anything else that is thrown is an error of ours, and Nx's to show. */
export async function guarded(run: () => Promise<{ success: boolean }>): Promise<{ success: boolean }> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof HealthError)) throw error;
    process.stderr.write(errorLines(error.parts).map((line) => `${line.replace(/[^\x20-\x7e]/g, '?')}\n`).join(''));
    return { success: false };
  }
}
