/** The targets of a project whose artifact is a package: its phases. Only package is cached. */
import type { TargetConfiguration } from '@nx/devkit';
import type { ArtifactConfig } from './config/image-schema.js';
import { targetNames } from './config/plugin-options.js';
import type { PluginOptions, TargetKey } from './config/plugin-options.js';
import { KEY_VARIABLE, PROVENANCE_VARIABLES } from './package/variables.js';
import { inWorkspace, LOCK_FILES, metadataOf } from './plugin-image-targets.js';

export type PackageKey = Extract<TargetKey, 'package' | 'stage' | 'compile' | 'phases'>;

/** What decides about the inputs of package. */
export interface PackageFinding {
  /** The build's output, relative to the workspace; empty for the workspace itself. */
  readonly folders: readonly string[];
  /** OpenAPI documents. */
  readonly files: readonly string[];
  /** Modules of other projects and of the registry are found in the workspace itself. */
  readonly modules: boolean;
  /** The project is the workspace itself. */
  readonly root: boolean;
  /** Relative to the workspace, in words that a command line takes as they are; absent for folders of other names. */
  readonly project?: string;
}

/** A package tells of its commit: another commit, branch or state of the tree is another package. Where there is no git the version of Node stands for it. */
const COMMIT = ['git log -1 --format=%H', 'git symbolic-ref --quiet --short HEAD', 'git status --porcelain --untracked-files=no'].map((command) => ({ runtime: `${command} || node -v` }));
/** And of the machine that made it. */
const MACHINE = { runtime: 'node --no-warnings -p process.platform+process.arch+process.version' };

export function packageFinding(artifact: ArtifactConfig, projectRoot: string): PackageFinding | undefined {
  if (artifact.type !== 'package') return undefined;
  const { path = 'dist', dependencies = 'bundled', bundle = false, api } = artifact;
  const documents = api === undefined ? [] : [api.document, ...(api.previous === undefined ? [] : [api.previous])];
  return { folders: inWorkspace(path, projectRoot), files: documents.flatMap((document) => inWorkspace(document, projectRoot)), modules: bundle || dependencies !== 'bundled', root: projectRoot === '.', ...(/^[A-Za-z0-9@._/-]+$/.test(projectRoot) ? { project: projectRoot } : {}) };
}

/** `configurations`: those of targets that touch an environment. */
export function packageTargets(finding: PackageFinding, configurations: Record<string, { environment: string }>, options: PluginOptions): Record<string, TargetConfiguration> {
  const names = targetNames(options);
  const build = options.buildTargetName || 'build';
  const place = `{workspaceRoot}/dist/packages/${finding.root ? '{projectName}' : '{projectRoot}'}`;
  return {
    [names.stage]: { executor: 'nx-deploy:stage', options: {}, configurations, cache: false, metadata: metadataOf(names.stage, 'Checks deploy.json, lock file, tools and environments before anything is built', {}) },
    // A workspace whose builds are called so has the target already.
    ...(names.compile === build ? {} : { [names.compile]: { executor: 'nx:noop', cache: false, dependsOn: [build], metadata: metadataOf(names.compile, `Builds the project: the phase that ${build} is`, {}) } }),
    [names.package]: {
      executor: 'nx-deploy:package', options: {}, cache: finding.project !== undefined, inputs: inputsOf(finding), outputs: [`${place}/*.tar.gz`, `${place}/*.tar.gz.sha256`, `${place}/package-info.json`], dependsOn: [names.stage, build],
      metadata: metadataOf(names.package, 'Makes the package of the project as a file that Nx caches', { key: 'keys/release.key' }),
    },
    [names.phases]: { executor: 'nx-deploy:phases', options: {}, configurations, cache: false, metadata: metadataOf(names.phases, 'Runs the phases one after the other and reports how long each took', { until: 'package' }) },
  };
}

function inputsOf({ folders, files, modules, project = '.' }: PackageFinding): NonNullable<TargetConfiguration['inputs']> {
  return [
    '{projectRoot}/**/*',
    '{workspaceRoot}/environments/env.schema.json',
    ...folders.map((folder) => `{workspaceRoot}/${folder === '' ? '' : `${folder}/`}**/*`),
    ...files.map((file) => `{workspaceRoot}/${file}`),
    ...(modules ? ['^default'] : []),
    ...LOCK_FILES.map((file) => `{workspaceRoot}/${file}`),
    MACHINE, ...COMMIT,
    { runtime: `node --no-warnings -e "require('nx-deploy/dist/commands/package/input-hash.js').print('${project}')"` },
    // What the build put out is mostly ignored by git, which the patterns above do not see.
    { dependentTasksOutputFiles: '**/*', transitive: modules },
    ...['SOURCE_DATE_EPOCH', KEY_VARIABLE, ...Object.values(PROVENANCE_VARIABLES)].map((env) => ({ env })),
  ];
}
