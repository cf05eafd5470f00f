/** The target that writes the build manifest of a project. */
import type { TargetConfiguration } from '@nx/devkit';
import type { ArtifactConfig } from './config/image-schema.js';
import { targetNames } from './config/plugin-options.js';
import type { PluginOptions } from './config/plugin-options.js';
import { isOci } from './config/resolve-image.js';
import { inWorkspace, metadataOf } from './plugin-image-targets.js';

/** What the build of a project makes. */
export interface ManifestFinding {
  /** Folders relative to the workspace. None of a Dockerfile, which names its own; and none that holds the manifest itself and everything else. */
  readonly artifacts: readonly string[];
  /** The project is the workspace itself. */
  readonly root: boolean;
}

/** `projectRoot`: relative to the workspace, `/` between its parts. */
export function manifestFinding(artifact: ArtifactConfig, projectRoot: string): ManifestFinding {
  const path = artifact.type === 'image' && !isOci(artifact) ? undefined : artifact.path ?? 'dist';
  return { artifacts: path === undefined ? [] : inWorkspace(path, projectRoot).filter((folder) => folder !== ''), root: projectRoot === '.' };
}

/**
 * Not cached: it tells the commit, which Nx does not hash, and what Nx would have to hash instead, all that was built, costs as much as the manifest itself.
 * So it has no inputs either. It knows no environment unless one is named.
 */
export function manifestTarget({ artifacts, root }: ManifestFinding, options: PluginOptions, configurations: Record<string, { environment: string }>): Record<string, TargetConfiguration> {
  const name = targetNames(options).buildManifest;
  const outputFile = `{workspaceRoot}/dist/manifests/${root ? '{projectName}' : '{projectRoot}'}/build-manifest.json`;
  return {
    [name]: {
      executor: 'nx-build-manifest:generate',
      options: { outputFile, ...(artifacts.length === 0 ? {} : { artifacts: artifacts.map((folder) => `{workspaceRoot}/${folder}`) }) },
      configurations,
      cache: false,
      outputs: [outputFile],
      dependsOn: [options.buildTargetName || 'build'],
      metadata: metadataOf(name, 'Writes the facts of the build: version, commit, components, artifacts, quality', { blockers: ['coverage < 90%', 'dirty tree'] }),
    },
  };
}
