/** Where a project's build puts what runs: from its build target, its package.json, or the configuration of its bundler. */
import { joinPathFragments } from '@nx/devkit';
import type { ProjectConfiguration, Tree } from '@nx/devkit';
import { parse, posix } from 'node:path';
import { inferFromFiles } from './infer-files.js';
import { child, scriptName, text } from './loose-json.js';

export interface Build {
  /** Folder relative to the workspace, with "/" between its parts. */
  readonly output: string;
  /** Relative to `output`. */
  readonly entry: string;
  readonly dependencies: 'bundled' | 'traced';
  /** What it was inferred from. */
  readonly from: string;
}

type Options = Readonly<Record<string, unknown>>;

/** Undefined when nothing tells. */
export function inferBuild(tree: Tree, project: ProjectConfiguration, buildTarget: string): Build | undefined {
  const target = project.targets?.[buildTarget];
  const options: Options = (target?.options as Options | undefined) ?? {};
  const read = READERS[target?.executor ?? ''];
  const named = read?.(options, tree, project);
  const output = interpolate(text(options['outputPath']) ?? firstOutput(target?.outputs, options), project);
  if (named !== undefined && output !== undefined) return { ...named, output, from: `its target ${buildTarget} (${target?.executor ?? ''})` };
  return inferFromFiles(tree, project, output);
}

type Reader = (options: Options, tree: Tree, project: ProjectConfiguration) => Pick<Build, 'entry' | 'dependencies'>;

const READERS: Readonly<Record<string, Reader>> = {
  '@nx/esbuild:esbuild': esbuild,
  '@nx/webpack:webpack': webpack,
  '@nx/rspack:rspack': webpack,
  '@nx/vite:build': (options) => ({ entry: text(options['outputFileName']) ?? 'main.js', dependencies: 'traced' }),
  '@nx/rollup:rollup': (options) => ({ entry: text(options['outputFileName']) ?? 'index.cjs.js', dependencies: 'traced' }),
  '@nx/js:tsc': compiled,
  '@nx/js:swc': compiled,
  '@nx/node:build': webpack,
};

/** The ending follows the format unless esbuildOptions.outExtension says otherwise: .cjs for CommonJS, .js for ES modules. */
function esbuild(options: Options): Pick<Build, 'entry' | 'dependencies'> {
  const formats = Array.isArray(options['format']) ? options['format'] : [options['format']];
  const custom = text(child(child(options['esbuildOptions'], 'outExtension'), '.js'));
  const cjs = formats.includes('cjs');
  const allowed = cjs ? '.js' : '.mjs';
  const ending = custom === allowed ? custom : cjs ? '.cjs' : '.js';
  const { dir, name } = parse(text(options['outputFileName']) ?? posix.basename(text(options['main']) ?? 'main.ts'));
  const bundled = options['bundle'] !== false && options['thirdParty'] === true;
  return { entry: posix.join(dir, `${name}${ending}`), dependencies: bundled ? 'bundled' : 'traced' };
}

/** A node build leaves its packages outside unless told "none". */
function webpack(options: Options): Pick<Build, 'entry' | 'dependencies'> {
  const bundled = options['externalDependencies'] === 'none';
  return { entry: text(options['outputFileName']) ?? 'main.js', dependencies: bundled ? 'bundled' : 'traced' };
}

/** The compilers keep the folders below the project, or below `rootDir`. */
function compiled(options: Options, _tree: Tree, project: ProjectConfiguration): Pick<Build, 'entry' | 'dependencies'> {
  const main = text(options['main']) ?? joinPathFragments(project.root, 'src/main.ts');
  const base = text(options['rootDir']) ?? project.root;
  const entry = text(options['outputFileName']) ?? posix.relative(base, main);
  return { entry: scriptName(entry), dependencies: 'traced' };
}

function firstOutput(outputs: readonly string[] | undefined, options: Options): string | undefined {
  const [first] = outputs ?? [];
  const option = /^\{options\.(\w+)\}$/.exec(first ?? '')?.[1];
  return option === undefined ? first : text(options[option]);
}

function interpolate(path: string | undefined, project: ProjectConfiguration): string | undefined {
  if (path === undefined) return undefined;
  const filled = path
    .replaceAll('{workspaceRoot}', '.')
    .replaceAll('{projectRoot}', () => project.root)
    .replaceAll('{projectName}', () => project.name ?? '');
  return /[{}*!]/.test(filled) ? undefined : joinPathFragments(filled).replace(/\/$/, '');
}
