/** Completes the packages' dist folders after the compiler: schemas, generator templates, and the single-file bundles that the agent runs from. */
import { build, transform, type BuildOptions, type Plugin } from 'esbuild';
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';

const root = resolve(__dirname, '../..');
const packages = ['nx-health', 'nx-env-sync', 'nx-build-manifest', 'nx-deploy'];
const deploy = join(root, 'packages/nx-deploy');
const bundles = join(deploy, 'dist/bundles');
/** Programs in one file each: they must go on when node_modules is deleted under them. */
const programs = ['bin/agent.ts', 'agent/shim.ts', 'bin/walker.ts', 'start/start.ts'];

/**
 * Libraries of nx-build-manifest that few commands need and that are larger than everything else. They stay outside, and are found where that package
 * finds them: it is a dependency of nx-deploy, and they are none.
 */
const leftOutside: Plugin = {
  name: 'left outside',
  setup(bundle) {
    bundle.onResolve({ filter: /^@(?:cyclonedx|sigstore)\// }, ({ path }) => ({ path, namespace: 'left-outside' }));
    bundle.onLoad({ filter: /.*/, namespace: 'left-outside' }, ({ path }) => ({
      // What imports them asks for names: a module of CommonJS would be one default export.
      contents: [
        "import { createRequire } from 'node:module';",
        `const library = createRequire(createRequire(__filename).resolve('nx-build-manifest/package.json'))(${JSON.stringify(path)});`,
        ...namesIn(path).map((name) => `export const ${name} = library.${name};`), '',
      ].join('\n'),
    }));
  },
};

/** Files that a generator copies. A folder of that name elsewhere holds sources. */
function isTemplates(path: string): boolean {
  return basename(path) === 'files' && basename(dirname(dirname(path))) === 'generators';
}

/** The names that a library of nx-build-manifest exports. */
function namesIn(library: string): readonly string[] {
  const found: unknown = createRequire(join(root, 'packages/nx-build-manifest/package.json'))(library);
  const names = typeof found === 'object' && found !== null ? Object.keys(found).filter((name) => /^[A-Za-z_$][\w$]*$/.test(name) && name !== 'default') : [];
  if (names.length === 0) throw new Error(`${library} exports nothing by name`);
  return names;
}

/** The compiler leaves the output of a source that was renamed or removed, and it would be published. */
function removeStale(source: string, dist: string): void {
  for (const entry of existsSync(dist) ? readdirSync(dist, { withFileTypes: true }) : []) {
    const path = join(dist, entry.name);
    if (entry.isDirectory()) {
      if (path.endsWith(join('dist', 'bundles')) || isTemplates(path)) continue;
      removeStale(join(source, entry.name), path);
      if (readdirSync(path).length === 0) rmSync(path, { recursive: true });
      continue;
    }
    const compiled = /^(.+?)(?:\.d\.ts|\.js)(?:\.map)?$/.exec(entry.name);
    const origin = compiled === null ? entry.name : `${compiled[1] ?? ''}.ts`;
    if (!/\.tsbuildinfo$/.test(entry.name) && !existsSync(join(source, origin))) rmSync(path);
  }
}

function copyAssets(from: string, to: string): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory() && isTemplates(source)) cpSync(source, target, { recursive: true });
    else if (entry.isDirectory()) copyAssets(source, target);
    else if (entry.name === 'schema.json') {
      mkdirSync(dirname(target), { recursive: true });
      copyFileSync(source, target);
    }
  }
}

/** The packages' sources instead of what the compiler put out: only of those can what nobody uses be left out. */
const sources: Plugin = {
  name: 'sources of the workspace',
  setup(bundle) {
    bundle.onResolve({ filter: /^nx-(?:health|env-sync|build-manifest)$/ }, ({ path }) => ({ path: join(root, 'packages', path, 'src/index.ts'), sideEffects: false }));
  },
};

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  // The main of some packages is UMD, whose own require cannot be followed.
  mainFields: ['module', 'main'],
  plugins: [leftOutside, sources],
  // Names stay, for the stack of an internal error.
  minifyWhitespace: true,
  sourcemap: true,
  legalComments: 'inline',
  // Code that is started from what V8 made of it before cannot import.
  supported: { 'dynamic-import': false },
  logLevel: 'warning',
} satisfies BuildOptions;

/**
 * The bin spends most of its time on loading, so each command is in files of its own, and what stays outside is loaded only when it is needed. esbuild
 * splits ECMAScript modules alone; as CommonJS they start faster, and their code finds what it is used to (`__dirname`, `require`). It is started by `start.ts`.
 */
async function bundleBin(): Promise<void> {
  const { outputFiles } = await build({
    ...common, entryPoints: [{ in: join(deploy, 'src/bin/nx-deploy.ts'), out: 'nx-deploy.main' }], outdir: bundles, chunkNames: 'nx-deploy-[hash]', format: 'esm', splitting: true,
    supported: {}, external: ['@nx/devkit', 'yaml'], write: false,
  });
  for (const name of readdirSync(bundles)) if (name.startsWith('nx-deploy')) rmSync(join(bundles, name));
  for (const { path, text } of outputFiles.filter(({ path: file }) => file.endsWith('.js'))) {
    const map = outputFiles.find(({ path: file }) => file === `${path}.map`);
    const inline = `${text.replace(/\/\/# sourceMappingURL=.*\s*$/, '')}//# sourceMappingURL=data:application/json;base64,${Buffer.from(map?.contents ?? '').toString('base64')}\n`;
    const { code, map: joined } = await transform(inline, {
      format: 'cjs', platform: 'node', target: 'node20', minifyWhitespace: true, sourcemap: 'external', sourcefile: basename(path), legalComments: 'inline', supported: { 'dynamic-import': false },
    });
    // Not a file to start any more.
    writeFileSync(path, `${code.replace(/^#!/, '//')}//# sourceMappingURL=${basename(path)}.map\n`);
    writeFileSync(`${path}.map`, joined);
  }
}

async function main(): Promise<void> {
  for (const name of packages) {
    const source = join(root, 'packages', name, 'src');
    const dist = join(root, 'packages', name, 'dist');
    removeStale(source, dist);
    copyAssets(source, dist);
  }
  for (const program of programs) await build({ ...common, entryPoints: [join(deploy, 'src', program)], outfile: join(bundles, `${basename(program, '.ts')}.js`), format: 'cjs' });
  await bundleBin();
  copyFileSync(join(bundles, 'start.js'), join(bundles, 'nx-deploy.js'));
}

void main();
