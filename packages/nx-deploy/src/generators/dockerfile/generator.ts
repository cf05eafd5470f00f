/** Writes a Dockerfile for what the build of a project puts out, and tells what to do with it. */
import { getProjects, logger, readNxJson } from '@nx/devkit';
import type { Tree } from '@nx/devkit';
import { posix } from 'node:path';
import { pluginOptions } from '../../config/plugin-options.js';
import { DeployError, formatError } from '../../errors.js';
import { difference } from '../difference.js';
import { named } from '../setup/choose-projects.js';
import type { Named } from '../setup/choose-projects.js';
import { inferBuild } from '../setup/infer-build.js';
import { readSource } from '../setup/infer-source.js';
import { isSite } from '../setup/is-site.js';
import { outputFolder } from '../setup/output-option.js';
import { nginxTemplate, nodeDockerfile, siteDockerfile } from './contents.js';
import { originOf, usualPackages } from './infer-packages.js';
import type { Origin, Packages } from './infer-packages.js';

export interface DockerfileOptions {
  readonly project: string;
  readonly kind?: 'node' | 'static';
  readonly base?: string;
  readonly port?: number;
  /** Relative to the workspace. */
  readonly output?: string;
  readonly entry?: string;
  readonly packages?: Packages;
  readonly fallback?: boolean;
  /** Relative to the project. */
  readonly dockerfile?: string;
}

/** What the build puts out. */
interface Output {
  /** Relative to the workspace. */
  readonly folder: string;
  readonly entry: string;
  readonly packages: Packages;
  readonly from: string;
}

/** What a static site is served by, beside its Dockerfile. */
const NGINX = 'nginx.conf.template';
const BASE = { node: 'node:22-slim', static: 'nginxinc/nginx-unprivileged:stable-alpine' } as const;

/** A file that is there with other content is left as it is. Throws ND-PROJECT-UNKNOWN and ND-OPTION-INVALID; then nothing is written. */
export function dockerfileGenerator(tree: Tree, options: DockerfileOptions): void {
  const project = named(options.project, getProjects(tree));
  const file = fileOf(project, options.dockerfile ?? 'Dockerfile');
  const kind = options.kind ?? (isSite(tree, project) ? 'static' : 'node');
  if (kind === 'static') refuseForSite(options);
  refuseUnusable(options);
  const buildTarget = pluginOptions(readNxJson(tree))?.buildTargetName || 'build';
  const output = outputOf(tree, project, options, buildTarget, kind);
  const origin: Origin = kind === 'node' && output.packages === 'installed' ? installed(tree, project, buildTarget) : {};
  const context = inside(project.root, output.folder) ? project.root : '.';
  const common = { base: options.base ?? BASE[kind], output: posix.relative(context, output.folder) || '.', about: `What the build of ${printable(project.name)} puts out (${printable(output.folder)}). Context: ${printable(context)}` };
  const template = posix.join(posix.dirname(file), NGINX);
  const files = kind === 'static'
    ? [[file, siteDockerfile({ ...common, port: options.port ?? 8080, template: posix.relative(context, template) })], [template, nginxTemplate(options.fallback ?? true)]] as const
    : [[file, nodeDockerfile({ ...common, port: options.port ?? readSource(tree, project).fixedPort ?? 3000, entry: output.entry, ...origin })]] as const;
  const written = files.map(([path, content]) => write(tree, path, content));
  const build = `npx nx run ${word(project.name)}:${origin.completedBy ?? buildTarget}`;
  for (const { warning } of written) if (warning !== undefined) logger.warn(warning);
  if (written.some(({ warning }) => warning !== undefined)) return;
  logger.info([
    ...written.map(({ note }) => note),
    `  - ${kind === 'static' ? 'a static site' : 'a Node service'}: output ${printable(output.folder)}${kind === 'static' ? '' : ` and entry ${printable(output.entry)}`}, from ${printable(output.from)}`,
    `  by hand: ${build} && docker build -f ${word(file)} ${word(context)}`,
    `  or as the artifact in deploy.json: ${JSON.stringify(artifact(project, file, context))}`,
  ].join('\n'));
}

/** What is there already with other content stays as it is. */
function write(tree: Tree, file: string, content: string): { readonly note: string; readonly warning?: string } {
  const present = tree.exists(file) ? tree.read(file, 'utf8') ?? '' : undefined;
  // With the line ends that git may give it on another system.
  if (present !== undefined && present.replaceAll('\r\n', '\n') !== content) return { note: '', warning: difference(file, present, content).join('\n') };
  if (present === undefined) tree.write(file, content);
  return { note: `${printable(file)} ${present === undefined ? 'written' : 'is as it should be; left as it is'}` };
}

/** What Nx calls: it prints nothing of an error but its message, so that holds the code, the reason and what to do next. */
export default function dockerfile(tree: Tree, options: DockerfileOptions): void {
  try {
    dockerfileGenerator(tree, options);
  } catch (thrown) {
    throw thrown instanceof DeployError ? new Error(formatError(thrown), { cause: thrown }) : thrown;
  }
}

function fileOf({ root }: Named, name: string): string {
  const file = posix.join(root, name);
  if (name.trim() !== '' && !posix.isAbsolute(name) && inside(root, file) && file !== posix.normalize(root)) return file;
  throw new DeployError('ND-OPTION-INVALID', { what: `--dockerfile cannot be ${JSON.stringify(name)}`, why: 'it is the name of a file in the project', next: 'for example --dockerfile=Dockerfile' });
}

function inside(folder: string, path: string): boolean {
  const way = posix.relative(folder, path);
  return way !== '..' && !way.startsWith('../');
}

function refuseForSite({ entry, packages }: DockerfileOptions): void {
  const without = [...(entry === undefined ? [] : ['--entry']), ...(packages === undefined ? [] : ['--packages'])];
  if (without.length > 0) throw new DeployError('ND-OPTION-INVALID', { what: `${without.join(' and ')}: a static site has no such thing`, next: 'leave it out, or use --kind=node' });
}

/** Nx checks neither the form of a text nor the size of a number. */
function refuseUnusable({ base, port }: DockerfileOptions): void {
  if (base !== undefined && !/^[!-~]+$/.test(base)) throw new DeployError('ND-OPTION-INVALID', { what: `--base cannot be ${JSON.stringify(base)}`, why: 'it is the name of an image', next: 'name one, for example --base=node:22-slim' });
  if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65_535)) throw new DeployError('ND-OPTION-INVALID', { what: `--port cannot be ${port}`, why: 'a port is a number from 1 to 65535', next: 'name the port that the service listens at, for example --port=3000' });
}

function outputOf(tree: Tree, project: Named, options: DockerfileOptions, buildTarget: string, kind: 'node' | 'static'): Output {
  const build = inferBuild(tree, project, buildTarget);
  const folder = options.output === undefined ? build?.output : outputFolder(options.output);
  if (folder === undefined) throw new DeployError('ND-OPTION-INVALID', { what: `where the build of ${project.name} puts its output could not be inferred`, next: `name the folder, relative to the workspace: --output=dist/${project.root}` });
  if (!inside('.', folder)) throw new DeployError('ND-OPTION-INVALID', { what: `the build of ${project.name} puts its output outside of the workspace`, why: folder, next: 'name a folder of the workspace: --output' });
  const entry = options.entry ?? build?.entry ?? 'main.js';
  if (entry.trim() === '' || posix.isAbsolute(entry) || !inside('.', posix.normalize(entry))) throw new DeployError('ND-OPTION-INVALID', { what: `--entry cannot be ${JSON.stringify(entry)}`, why: 'it is a file of the output', next: 'name it relative to the output, for example --entry=main.js' });
  const from = options.output === undefined ? build?.from ?? '' : '--output';
  return { folder, entry, packages: kind === 'static' ? 'bundled' : options.packages ?? usualPackages(build), from };
}

function installed(tree: Tree, project: Named, buildTarget: string): Origin {
  const origin = originOf(tree, project, buildTarget);
  if (origin.install !== undefined) return origin;
  throw new DeployError('ND-OPTION-INVALID', {
    what: `the build of ${project.name} leaves packages outside of its output, and nothing writes a package.json and a lock file there to install them from`,
    next: `set "generatePackageJson" and "generateLockfile" in the options of ${buildTarget}, or have it bundle all ("bundle" and "thirdParty" of @nx/esbuild); if it does, use --packages=bundled`,
  });
}

function artifact({ root }: Named, file: string, context: string): object {
  const own = posix.relative(root, file);
  return { type: 'image', builder: 'docker', ...(own === 'Dockerfile' ? {} : { dockerfile: own }), ...(context === root ? {} : { context: '{workspaceRoot}' }) };
}

/** One word for a POSIX shell. */
function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${printable(text).replaceAll('\'', '\'\\\'\'')}'`;
}

/** One line of ASCII, whatever a project or a folder is called. */
function printable(text: string): string {
  return text.replace(/[^ -~]/g, '?');
}
