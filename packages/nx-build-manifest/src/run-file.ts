/**
 * The part of a manifest that a run of Nx makes: commit, durations, cache hits. It lies beside the manifest, is no output of any target, and so is never cached.
 */
import { resolve } from 'node:path';
import { buildFacts, type BuildFacts } from './build-facts.js';
import { readManifest } from './read-manifest.js';
import { replaceFile } from './replace-file.js';

/** How a task ended, in Nx's words. */
export type TaskStatus = 'success' | 'failure' | 'skipped' | 'stopped' | 'local-cache-kept-existing' | 'local-cache' | 'remote-cache';

export interface TaskRun {
  /** `{project}:{target}`, with `:{configuration}` where there is one. */
  readonly task: string;
  readonly status: TaskStatus;
  /** Whether its outputs came out of a cache, or were still there. */
  readonly cached: boolean;
  /** Absent for a task that was not started. */
  readonly durationMs?: number;
}

/** The content of build-manifest.run.json; build-manifest-run.schema.json describes it. */
export interface BuildRun extends Pick<BuildFacts, 'service' | 'buildId' | 'git' | 'tools' | 'platform'> {
  readonly runVersion: 1;
  /** UTC, ISO 8601. */
  readonly startTime: string;
  readonly durationMs: number;
  /** All tasks of the run, sorted by the time at which they began, then by name. */
  readonly tasks: readonly TaskRun[];
  /** `rate`: hits by all tasks, in percent, rounded down to hundredths. */
  readonly cache: { readonly hits: number; readonly misses: number; readonly rate: number };
}

/** The parts of Nx's PostTasksExecutionContext that are read. */
export interface FinishedRun {
  readonly workspaceRoot: string;
  /** ms since 1970 */
  readonly startTime: number;
  readonly endTime: number;
  readonly taskResults: Readonly<Record<string, FinishedTask>>;
}

export interface FinishedTask {
  readonly status: TaskStatus;
  readonly task: {
    readonly id: string;
    readonly target: { readonly project: string };
    readonly projectRoot?: string;
    /** Relative to the workspace. */
    readonly outputs?: readonly string[];
    /** ms since 1970 */
    readonly startTime?: number;
    readonly endTime?: number;
  };
}

/** `.../build-manifest.json` has `.../build-manifest.run.json` beside it. */
export function runFileOf(manifestFile: string): string {
  return manifestFile.replace(/(?:\.json)?$/, '.run.json');
}

const CACHED: readonly TaskStatus[] = ['local-cache', 'remote-cache', 'local-cache-kept-existing'];

function tasksOf(results: readonly FinishedTask[]): readonly TaskRun[] {
  const begun = ({ task }: FinishedTask): number => task.startTime ?? Number.MAX_SAFE_INTEGER;
  return [...results].sort((a, b) => begun(a) - begun(b) || (a.task.id < b.task.id ? -1 : 1)).map(({ status, task: { id, startTime, endTime } }) => ({
    task: id, status, cached: CACHED.includes(status),
    ...(startTime === undefined || endTime === undefined || endTime < startTime ? {} : { durationMs: Math.round(endTime - startTime) }),
  }));
}

/** Tasks that ran or were restored: those that never began are neither hits nor misses. */
function cacheOf(tasks: readonly TaskRun[]): BuildRun['cache'] {
  const hits = tasks.filter(({ cached }) => cached).length;
  const misses = tasks.filter(({ status }) => status === 'success' || status === 'failure').length;
  return { hits, misses, rate: hits + misses === 0 ? 0 : Math.floor((hits * 10_000) / (hits + misses)) / 100 };
}

/**
 * Writes the run file of every manifest among the outputs of the run's tasks, those restored from a cache included.
 * @returns the files written, absolute
 */
export async function recordRun(run: FinishedRun): Promise<readonly string[]> {
  const results = Object.values(run.taskResults);
  const manifests = results.filter(({ status }) => status === 'success' || CACHED.includes(status)).flatMap(({ task }) =>
    (task.outputs ?? []).filter((output) => output.endsWith('.json')).map((output) => ({ task, file: resolve(run.workspaceRoot, output) })));
  const tasks = tasksOf(results);
  const written = await Promise.all(manifests.map(async ({ task, file }) => {
    const manifest = await readManifest(file).catch(() => undefined);
    if (manifest === undefined) return [];
    const { git, tools, platform, buildId } = await buildFacts({ workspaceRoot: run.workspaceRoot, projectRoot: task.projectRoot ?? '.', projectName: task.target.project });
    const content: BuildRun = {
      runVersion: 1,
      service: manifest.service,
      ...(buildId === undefined ? {} : { buildId }),
      ...(git === undefined ? {} : { git }),
      tools,
      platform,
      startTime: new Date(run.startTime).toISOString(),
      durationMs: Math.max(0, Math.round(run.endTime - run.startTime)),
      tasks,
      cache: cacheOf(tasks),
    };
    await replaceFile(runFileOf(file), `${JSON.stringify(content, null, 2)}\n`);
    return [runFileOf(file)];
  }));
  return written.flat();
}
