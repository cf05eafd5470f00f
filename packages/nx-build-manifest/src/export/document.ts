import type { BuildManifest } from '../manifest.js';
import type { BuildRun } from '../run-file.js';

/** Manifest and run in one: what every export shows. */
export interface BuildDocument extends BuildManifest {
  readonly run?: Pick<BuildRun, 'startTime' | 'durationMs' | 'tasks' | 'cache'>;
}

/** What a manifest of inputs alone leaves out is taken from the run; what it says itself stays. */
export function documentOf(manifest: BuildManifest, run: BuildRun | undefined): BuildDocument {
  if (run === undefined) return manifest;
  const { buildId, git, tools, platform, startTime, durationMs, tasks, cache } = run;
  const known = manifest.tools === undefined ? { ...(buildId === undefined ? {} : { buildId }), ...(git === undefined ? {} : { git }), tools, platform } : {};
  const { manifestVersion, service, version, ...rest } = manifest;
  return { manifestVersion, service, version, ...known, ...rest, run: { startTime, durationMs, tasks, cache } };
}
