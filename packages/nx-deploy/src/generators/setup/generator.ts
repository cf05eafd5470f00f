/** Makes projects deployable: writes deploy.json and the environment files, inferred from build and source. */
import { joinPathFragments, logger, readNxJson } from '@nx/devkit';
import type { GeneratorCallback, Tree } from '@nx/devkit';
import { environmentNames, parseConfig } from '../../config/load.js';
import { isName, NAME_RULE } from '../../config/names.js';
import { pluginOptions } from '../../config/plugin-options.js';
import type { PluginOptions } from '../../config/plugin-options.js';
import { shadowing } from '../../config/shadowed.js';
import { DeployError, formatError } from '../../errors.js';
import { askOnTerminal } from '../../commands/prompt.js';
import { formatNew } from '../format.js';
import type { Before } from '../format.js';
import { initGenerator } from '../init/generator.js';
import { nextStep } from '../next-step.js';
import { artifactOf } from './artifact.js';
import type { Artifact, ArtifactChoice } from './artifact.js';
import { chooseProjects } from './choose-projects.js';
import type { AskProject, Named } from './choose-projects.js';
import { aboutInstances, checkArtifact, newDeployFile, withEnvironments } from './deploy-file.js';
import type { Placing } from './deploy-file.js';
import { writeEnvironmentFiles } from './environment-files.js';
import { inferBuild } from './infer-build.js';
import type { Build } from './infer-build.js';
import { readSource } from './infer-source.js';
import { isSite } from './is-site.js';
import { outputFolder } from './output-option.js';
import { aboutPassedOver } from './passed-over.js';
import type { SourceFacts } from './infer-source.js';
import { readLoose } from './loose-json.js';
import { portSource } from './ports.js';

export interface SetupOptions {
  /** One project, or several with commas between them. Default: the only one that can be deployed, else a person is asked. */
  readonly project?: string;
  /** All projects that can be deployed. */
  readonly all?: boolean;
  readonly artifact?: ArtifactChoice;
  readonly environments?: readonly string[];
  readonly platform?: string;
  readonly instances?: number;
  readonly strategy?: string;
  readonly listen?: number;
  /** Relative to the workspace. */
  readonly output?: string;
  readonly entry?: string;
  readonly skipFormat?: boolean;
}

const USUAL = ['staging', 'production'];

/**
 * Writes what is missing and leaves the rest. Throws ND-PROJECT-UNKNOWN, ND-OPTION-INVALID for an unsafe environment name or a strategy
 * that a fixed port excludes, ND-CONFIG-INVALID when an existing deploy.json has problems; in each case nothing is written.
 */
export async function setupGenerator(tree: Tree, options: SetupOptions, ask: AskProject = askOnTerminal): Promise<GeneratorCallback> {
  const environments = options.environments === undefined ? undefined : [...new Set(options.environments.flatMap((names) => names.split(',')).map((name) => name.trim()))].filter((name) => name !== '');
  const unsafe = environments?.find((name) => !isName(name));
  if (unsafe !== undefined) throw new DeployError('ND-OPTION-INVALID', { what: `the environment ${JSON.stringify(unsafe)} cannot be named so`, why: `it must be ${NAME_RULE}` });
  const before = pluginOptions(readNxJson(tree)) ?? {};
  const projects = await chooseProjects(tree, { project: options.project, all: options.all === true, buildTarget: before.buildTargetName || 'build', ask });
  const install = await initGenerator(tree, { skipFormat: true });
  const plugin = pluginOptions(readNxJson(tree)) ?? {};
  const placing: Placing = { platform: options.platform ?? 'local', instances: options.instances, strategy: options.strategy, nextPort: portSource(tree, options.listen) };
  const changed: Before = new Map();
  const notes = projects.flatMap((project) => setUp(tree, project, { ...options, ...(environments === undefined ? {} : { environments }) }, plugin, placing, changed));
  if (options.skipFormat !== true) await formatNew(tree, changed);
  logger.info(notes.join('\n'));
  return install;
}

/** What Nx calls: it prints nothing of an error but its message, so that holds the code, all problems and what to do next. */
export default async function setup(tree: Tree, options: SetupOptions): Promise<GeneratorCallback> {
  try {
    return await setupGenerator(tree, options);
  } catch (thrown) {
    throw thrown instanceof DeployError ? new Error(formatError(thrown), { cause: thrown }) : thrown;
  }
}

/** Returns lines to print. */
function setUp(tree: Tree, project: Named, options: SetupOptions, plugin: PluginOptions, placing: Placing, changed: Before): readonly string[] {
  const file = joinPathFragments(project.root, 'deploy.json');
  const source = readSource(tree, project);
  const build = buildOf(tree, project, options, plugin);
  const site = isSite(tree, project);
  const existing = tree.exists(file) ? tree.read(file, 'utf8') ?? '' : undefined;
  const artifact = artifactOf(tree, { root: project.root, site }, build, options.artifact ?? (placing.platform === 'docker' ? 'image' : undefined));
  if (existing === undefined) checkArtifact(artifact.type, placing.platform, file);
  const written = existing === undefined
    ? newDeployFile({ project: project.name, root: project.root, artifact, source, environments: options.environments ?? USUAL }, placing)
    : withEnvironments(existing, file, options.environments ?? [], placing);
  // Before anything is written: a result that would be refused later is a fault here.
  const { config } = parseConfig(written, file);
  const environments = environmentNames(config);
  if (written !== existing) tree.write(file, written);
  if (existing !== undefined && written !== existing) changed.set(file, existing);
  writeEnvironmentFiles(tree, { project: project.name, root: project.root, environments, variables: source.variables });
  const inferred = existing === undefined ? [...aboutArtifact(artifact, build, placing.platform), ...(artifact.builder === 'docker' ? [] : site ? [aboutSite(project.name)] : aboutSource(source))] : [];
  const before = existing === undefined ? undefined : parseConfig(existing, file).config;
  const added = environments.filter((name) => before === undefined || !Object.hasOwn(before.environments, name));
  const passedOver = before === undefined ? [] : aboutPassedOver(before, artifact, options);
  return [
    `${printable(project.name)}: ${printable(file)} ${existing === undefined ? 'written' : written !== existing ? 'extended' : passedOver.length === 0 ? 'has all that was asked for; left as it is' : 'left as it is'}`,
    ...[...inferred, ...passedOver, ...aboutInstances(config, added, options.instances), ...aboutShadows(tree, project, plugin, config.artifact.type)].map((line) => `  - ${printable(line)}`),
    nextStep(config, { project: project.name, environment: environments[0] ?? 'staging', site: site && artifact.builder === undefined }, plugin),
  ];
}

function buildOf(tree: Tree, project: Named, options: SetupOptions, plugin: PluginOptions): Build {
  const inferred = inferBuild(tree, project, plugin.buildTargetName || 'build');
  const fallback: Build = { output: joinPathFragments(project.root, 'dist'), entry: 'main.js', dependencies: 'traced', from: '' };
  const { output, entry } = options;
  return { ...inferred ?? fallback, ...(output === undefined ? {} : { output: outputFolder(output), from: '--output' }), ...(entry === undefined ? {} : { entry }) };
}

function aboutArtifact({ type, builder }: Artifact, { output, entry, from }: Build, platform: string): readonly string[] {
  if (builder === 'docker' && platform === 'docker') return ['an image of its Dockerfile; set "port" to the port that the service listens on, unless the Dockerfile has it in EXPOSE'];
  if (builder === 'docker') return ['an image of its Dockerfile; the platform local runs files, so build-image and push-image are what there is to do with it here'];
  const image = type === 'files' ? [] : [`an artifact of the type ${type}`];
  if (from === '') return [...image, `the build's output could not be inferred: check "artifact" (now ${output} and ${entry})`];
  return [...image, `output ${output} and entry ${entry}, from ${from}`];
}

function aboutSite(project: string): string {
  return `it has an index.html and nothing that listens: a site of files is no service that the platform local could run; nx g nx-deploy:dockerfile ${project} writes what serves it in an image, and a deploy.json that is made afterwards has that image as its artifact`;
}

function aboutSource({ readsPort, fixedPort, healthPath, answeredPath }: SourceFacts): readonly string[] {
  const port = readsPort ? [] : fixedPort === undefined
    ? ['the source does not read process.env.PORT: let the service listen on it, so that each instance gets a port of its own']
    : [`the source listens on port ${fixedPort} without reading process.env.PORT: only "recreate" with one instance works so; read PORT and remove "port" to deploy without interruption`];
  const health = healthPath !== undefined ? []
    : answeredPath !== undefined ? [`no health path was found in the source, so GET ${answeredPath} is checked, which the service answers: a path of its own, such as /health, can also tell whether what it needs is there`]
      : ['no health path was found in the source: answer GET /health with 200 once the service is ready, or set "health.path"'];
  return [...port, ...health];
}

function aboutShadows(tree: Tree, project: Named, plugin: PluginOptions, artifact: string): readonly string[] {
  const [manifest, file] = ['package.json', 'project.json'].map((name) => readLoose(tree, joinPathFragments(project.root, name)));
  return shadowing({ manifest, project: file }, plugin, artifact).map(({ name, by, file: where }) => `the ${by} "${name}" of ${where} replaces the inferred target of that name: rename the ${by}, or the inferred target with "targetNames" in nx.json`);
}

/** One line of ASCII, whatever a project or a folder is called. */
function printable(text: string): string {
  return text.replace(/[^ -~]/g, '?');
}
