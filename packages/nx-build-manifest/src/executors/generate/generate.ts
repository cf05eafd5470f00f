import type { ExecutorContext } from '@nx/devkit';
import { isAbsolute, relative, resolve } from 'node:path';
import { buildManifest, writeManifest, type BuildManifest } from '../../manifest.js';
import { printable } from '../../printable.js';

export interface GenerateOptions {
  /** Relative to the workspace. Default: `{projectRoot}/dist/build-manifest.json`. */
  readonly outputFile?: string;
  /** Relative to the workspace. */
  readonly outputPath?: string;
}

type GenerateContext = Pick<ExecutorContext, 'root' | 'projectName' | 'projectsConfigurations'>;

/** Nx replaces the tokens of options in project.json, but not those of a schema's defaults or of the command line. */
function pathInWorkspace(option: string, text: string, root: string, projectRoot: string): string {
  const path = resolve(root, text.replaceAll('{projectRoot}', projectRoot).replace(/^\{workspaceRoot\}\/?/, ''));
  const inside = relative(root, path);
  if (inside.startsWith('..') || isAbsolute(inside)) throw new Error(`${option} must lie in the workspace, got ${text}`);
  return path;
}

function summary(manifest: BuildManifest): string {
  const { service, version, git, outputs } = manifest;
  const commit = git === undefined ? 'no commit' : `commit ${git.shortCommit}${git.dirty ? ' with changes' : ''}`;
  const files = outputs === undefined ? '' : `, ${outputs.files.length} files, ${outputs.bytes} bytes`;
  return `${service} ${version}, ${commit}${files}`;
}

/** Executor `nx-build-manifest:generate`: writes the manifest, or fails with one line that says why. */
export default async function generate(options: GenerateOptions, context: GenerateContext): Promise<{ success: boolean }> {
  const projectName = context.projectName ?? 'workspace';
  const projectRoot = context.projectsConfigurations.projects[projectName]?.root ?? '.';
  const root = resolve(context.root);
  try {
    const outputFile = pathInWorkspace('outputFile', options.outputFile ?? '{projectRoot}/dist/build-manifest.json', root, projectRoot);
    const outputPath = options.outputPath === undefined ? undefined : pathInWorkspace('outputPath', options.outputPath, root, projectRoot);
    const manifest = await buildManifest({ workspaceRoot: root, projectRoot, projectName, outputFile, ...(outputPath === undefined ? {} : { outputPath }) });
    await writeManifest(outputFile, manifest);
    process.stdout.write(`wrote ${printable(relative(root, outputFile))}: ${printable(summary(manifest))}\n`);
    return { success: true };
  } catch (error) {
    process.stdout.write(`error: no build manifest: ${printable(error instanceof Error ? error.message : String(error), 500)}\n`);
    return { success: false };
  }
}
