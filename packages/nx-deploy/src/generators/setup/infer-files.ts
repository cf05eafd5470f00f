/** The output of a build that no known executor describes: package.json first, then the bundler's or the compiler's own file. */
import { joinPathFragments } from '@nx/devkit';
import type { ProjectConfiguration, Tree } from '@nx/devkit';
import { posix } from 'node:path';
import type { Build } from './infer-build.js';
import { child, readLoose, scriptName, text } from './loose-json.js';

const STARTS = ['src/main.ts', 'src/index.ts', 'src/server.ts', 'src/app.ts', 'src/main.js', 'src/index.js', 'src/server.js'];

/** `known`: the output folder when a target names it, relative to the workspace. */
export function inferFromFiles(tree: Tree, project: ProjectConfiguration, known: string | undefined): Build | undefined {
  return fromPackage(tree, project, known) ?? fromBundler(tree, project, known) ?? fromCompiler(tree, project, known) ?? fromKnown(known);
}

/** `"start": "node dist/main.js"`, else `"main": "dist/main.js"`. */
function fromPackage(tree: Tree, { root }: ProjectConfiguration, known: string | undefined): Build | undefined {
  const file = joinPathFragments(root, 'package.json');
  const manifest = readLoose(tree, file);
  const started = startedFile(text(child(child(manifest, 'scripts'), 'start')));
  const script = started ?? text(child(manifest, 'main'));
  if (script === undefined || !/\.[cm]?js$/.test(script)) return undefined;
  const path = posix.normalize(script);
  if (path.startsWith('..') || path.startsWith('/')) return undefined;
  const from = `${started === undefined ? '"main"' : 'the script "start"'} of ${file}`;
  const inside = known === undefined ? '..' : posix.relative(known, joinPathFragments(root, path));
  if (known !== undefined && !inside.startsWith('..')) return { output: known, entry: inside, dependencies: 'traced', from };
  const cut = path.indexOf('/');
  const output = cut === -1 ? root : joinPathFragments(root, path.slice(0, cut));
  return { output, entry: path.slice(cut + 1), dependencies: 'traced', from };
}

/** Options whose value is a file that is loaded before. */
const LOADING = /^(?:-r|--require|--import|--(?:experimental-)?loader|--env-file(?:-if-exists)?)$/;

/** The file that `node` runs, whatever options stand before it. */
function startedFile(script: string | undefined): string | undefined {
  const words = script?.split(/\s+/) ?? [];
  const node = words.indexOf('node');
  const after = words.slice(node + 1);
  return node === -1 ? undefined : after.find((word, index) => /\.[cm]?js$/.test(word) && !word.startsWith('-') && !LOADING.test(after[index - 1] ?? ''));
}

function fromBundler(tree: Tree, { root }: ProjectConfiguration, known: string | undefined): Build | undefined {
  const files = ['vite', 'webpack', 'rspack'].flatMap((tool) => ['ts', 'js', 'mjs', 'cjs', 'mts', 'cts'].map((ending) => joinPathFragments(root, `${tool}.config.${ending}`)));
  const file = files.find((each) => tree.exists(each));
  if (file === undefined) return undefined;
  const source = tree.read(file, 'utf8') ?? '';
  // vite: outDir: '...'; webpack: path: join(__dirname, '...').
  const spelled = /outDir\s*:\s*['"]([^'"]+)['"]/.exec(source)?.[1] ?? /\bpath\s*:\s*[\w.]*(?:join|resolve)\(\s*__dirname\s*,\s*['"]([^'"]+)['"]/.exec(source)?.[1];
  const output = known ?? posix.join(root, spelled ?? 'dist');
  const entry = /\b(?:filename|entryFileNames)\s*:\s*['"]([^'"[\]]+)['"]/.exec(source)?.[1] ?? 'main.js';
  return output.startsWith('..') ? undefined : { output, entry, dependencies: 'traced', from: file };
}

function fromCompiler(tree: Tree, { root }: ProjectConfiguration, known: string | undefined): Build | undefined {
  for (const name of ['tsconfig.app.json', 'tsconfig.build.json', 'tsconfig.lib.json', 'tsconfig.json']) {
    const file = joinPathFragments(root, name);
    const options = child(readLoose(tree, file), 'compilerOptions');
    const outDir = text(child(options, 'outDir'));
    const start = STARTS.find((each) => tree.exists(joinPathFragments(root, each)));
    if (outDir === undefined || start === undefined) continue;
    const base = text(child(options, 'rootDir')) ?? 'src';
    const output = known ?? posix.join(root, outDir);
    const entry = posix.relative(posix.normalize(base), start);
    if (!output.startsWith('..') && !entry.startsWith('..')) return { output, entry: scriptName(entry), dependencies: 'traced', from: file };
  }
  return undefined;
}

function fromKnown(known: string | undefined): Build | undefined {
  return known === undefined ? undefined : { output: known, entry: 'main.js', dependencies: 'traced', from: 'the outputs of its build target' };
}
