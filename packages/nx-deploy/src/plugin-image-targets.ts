/** The targets of a project whose artifact is an image. Only build-image is cached: the others act on a registry or an engine, or print. */
import type { TargetConfiguration } from '@nx/devkit';
import { posix } from 'node:path';
import { imageFolder } from './config/image-folder.js';
import type { ArtifactConfig } from './config/image-schema.js';
import { targetNames } from './config/plugin-options.js';
import type { PluginOptions, TargetKey } from './config/plugin-options.js';
import { isOci } from './config/resolve-image.js';

export type ImageKey = Extract<TargetKey, `${string}Image`>;

/** What decides about the inputs of build-image. */
export interface ImageFinding {
  /** What is copied from: the build's output, a layout as the base, a Dockerfile with its context. Relative to the workspace; empty for the workspace itself. */
  readonly folders: readonly string[];
  readonly files: readonly string[];
  /** Modules of other projects and of the registry are found in the workspace itself. */
  readonly modules: boolean;
  /** Targets that complete the build's output, where the project has them. */
  readonly completedBy: readonly string[];
  /** Below dist/images, where the image is put: with a token of Nx where the targets of several projects can then be the same. */
  readonly output: string;
}

type Inputs = NonNullable<TargetConfiguration['inputs']>;

/** Whatever decides about versions, of any package manager; those that a workspace lacks count as empty. */
export const LOCK_FILES = ['package.json', 'package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', 'yarn.lock', '.yarnrc.yml', 'bun.lock', 'bun.lockb', '.npmrc'];

/** Native parts of modules are those of the machine, and which scripts an install runs depends on it: a cache that machines share must tell them apart. */
const MACHINE = 'node --no-warnings -p process.platform+process.arch+process.versions.modules';

/** What the generators of @nx/node write: a Dockerfile installs from the lock file and the packages that these put into the output. */
const COMPLETING = ['prune-lockfile', 'copy-workspace-modules'];

/** A path of deploy.json, relative to the workspace: empty for the workspace itself, none at all for one that leaves it. */
export function inWorkspace(path: string, projectRoot: string): string[] {
  const spelled = /^\{workspaceRoot\}/.test(path) ? path.replace(/^\{workspaceRoot\}\/*/, '') : posix.join(projectRoot, path.replace(/^\{projectRoot\}\/*/, ''));
  const found = posix.normalize(spelled === '' ? '.' : spelled).replace(/\/$/, '');
  return found === '..' || found.startsWith('../') ? [] : [found === '.' ? '' : found];
}

/** `projectRoot`: relative to the workspace, `/` between its parts. What leaves the workspace is no input; the build refuses it. */
export function imageFinding(artifact: ArtifactConfig, projectRoot: string): ImageFinding | undefined {
  if (artifact.type !== 'image') return undefined;
  const within = (path: string): string[] => inWorkspace(path, projectRoot);
  const output = projectRoot === '.' ? '{projectName}' : imageFolder(projectRoot) === projectRoot ? '{projectRoot}' : imageFolder(projectRoot);
  if (!isOci(artifact)) {
    const { context = '.', dockerfile = 'Dockerfile' } = artifact.builder === 'docker' ? artifact : {};
    // Beside a Dockerfile may lie the list of what is left out for it alone, instead of that of the context.
    return { folders: within(context), files: within(dockerfile).flatMap((file) => [file, `${file}.dockerignore`]), modules: false, completedBy: COMPLETING, output };
  }
  const { path = 'dist', base = '', dependencies = 'bundled', bundle = false } = artifact;
  const layout = base.startsWith('oci:') ? within(base.slice('oci:'.length)) : [];
  return { folders: [...within(path), ...layout], files: [], modules: bundle || dependencies !== 'bundled', completedBy: [], output };
}

/** Nx leaves a dependency on a target out where the project lacks it. */
export function imageTargets(finding: ImageFinding, options: PluginOptions): Record<string, TargetConfiguration> {
  const names = targetNames(options);
  const acting = (key: ImageKey, description: string, example: object): [string, TargetConfiguration] => [names[key], {
    executor: `nx-deploy:${key.replace('Image', '-image')}`, options: {}, cache: false, dependsOn: [names.buildImage], metadata: metadataOf(names[key], description, example),
  }];
  return Object.fromEntries([
    [names.buildImage, {
      executor: 'nx-deploy:build-image',
      options: {},
      cache: true,
      inputs: inputsOf(finding),
      outputs: ['image', 'image.json'].map((name) => `{workspaceRoot}/dist/images/${finding.output}/${name}`),
      dependsOn: [options.buildTargetName || 'build', ...finding.completedBy],
      metadata: metadataOf(names.buildImage, 'Builds the image of the project as a folder that Nx caches', { full: true }),
    }],
    acting('pushImage', 'Pushes the image to its registries and tags it there', { tag: 'latest' }),
    acting('loadImage', 'Loads the image into docker or podman', { engine: 'podman' }),
    acting('inspectImage', 'Shows the layers of the image and what takes the room', { outputFile: 'image.json' }),
  ]);
}

export function metadataOf(target: string, description: string, example: object): NonNullable<TargetConfiguration['metadata']> {
  return { description, technologies: ['nx-deploy'], help: { command: `npx nx ${target} --help`, example: { options: { ...example } } } };
}

/**
 * What Nx itself adds: the target's configuration and, as no external dependency is named, all of the lock file's packages, nx-deploy's own version among them.
 * deploy.json counts as a whole: after an edit of an environment the target runs again, finds its layers in the store, and gives the same digest.
 */
function inputsOf({ folders, files, modules }: ImageFinding): Inputs {
  return [
    '{projectRoot}/deploy.json',
    '{projectRoot}/package.json',
    '{projectRoot}/environments/env.schema.json',
    '{workspaceRoot}/environments/env.schema.json',
    ...folders.map((folder) => `{workspaceRoot}/${folder === '' ? '' : `${folder}/`}**/*`),
    ...files.map((file) => `{workspaceRoot}/${file}`),
    ...(modules ? ['^default', ...LOCK_FILES.map((file) => `{workspaceRoot}/${file}`), { runtime: MACHINE }] : []),
    // What the build put out, and with modules what those of the libraries did: mostly ignored by git, which the patterns above do not see.
    { dependentTasksOutputFiles: '**/*', transitive: modules },
    { env: 'SOURCE_DATE_EPOCH' },
  ];
}
