/** Completes the packages' dist folders after the compiler: schemas, generator templates, and the single-file bundles that the agent runs from. */
import { build, type Plugin } from 'esbuild';
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const root = resolve(__dirname, '../..');
const packages = ['nx-health', 'nx-env-sync', 'nx-build-manifest', 'nx-deploy'];
/**
 * Programs in one file each: those that must go on when node_modules is deleted under them, and the bin, which spends most of its time
 * on loading. What stays outside is loaded only when it is needed.
 */
const bundles: readonly { readonly entry: string; readonly out: string; readonly outside?: readonly string[] }[] = [
  { entry: 'bin/agent.ts', out: 'bundles/agent.js' },
  { entry: 'agent/shim.ts', out: 'bundles/shim.js' },
  { entry: 'bin/walker.ts', out: 'bundles/walker.js' },
  { entry: 'bin/nx-deploy.ts', out: 'bundles/nx-deploy.js', outside: ['@nx/devkit', 'yaml'] },
];

/**
 * Libraries of nx-build-manifest that few commands need and that are larger than everything else. They stay outside, and are found where that package
 * finds them: it is a dependency of nx-deploy, and they are none.
 */
const leftOutside: Plugin = {
  name: 'left outside',
  setup(bundle) {
    bundle.onResolve({ filter: /^@(?:cyclonedx|sigstore)\// }, ({ path }) => ({ path, namespace: 'left-outside' }));
    bundle.onLoad({ filter: /.*/, namespace: 'left-outside' }, ({ path }) => ({
      contents: `const { createRequire } = require('node:module');\nmodule.exports = createRequire(createRequire(__filename).resolve('nx-build-manifest/package.json'))(${JSON.stringify(path)});\n`,
    }));
  },
};

/** The compiler leaves the output of a source that was renamed or removed, and it would be published. */
function removeStale(source: string, dist: string): void {
  for (const entry of existsSync(dist) ? readdirSync(dist, { withFileTypes: true }) : []) {
    const path = join(dist, entry.name);
    if (entry.isDirectory()) {
      if (path.endsWith(join('dist', 'bundles')) || entry.name === 'files') continue;
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
    if (entry.isDirectory() && entry.name === 'files') cpSync(source, target, { recursive: true });
    else if (entry.isDirectory()) copyAssets(source, target);
    else if (entry.name === 'schema.json') {
      mkdirSync(dirname(target), { recursive: true });
      copyFileSync(source, target);
    }
  }
}

async function main(): Promise<void> {
  for (const name of packages) {
    const source = join(root, 'packages', name, 'src');
    const dist = join(root, 'packages', name, 'dist');
    removeStale(source, dist);
    copyAssets(source, dist);
  }
  const deploy = join(root, 'packages/nx-deploy');
  for (const { entry, out, outside = [] } of bundles) {
    await build({
      entryPoints: [join(deploy, 'src', entry)],
      outfile: join(deploy, 'dist', out),
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'cjs',
      // The main of some packages is UMD, whose own require cannot be followed.
      mainFields: ['module', 'main'],
      external: [...outside],
      plugins: [leftOutside],
      // Names stay, for the stack of an internal error.
      minifyWhitespace: true,
      sourcemap: true,
      legalComments: 'inline',
      logLevel: 'warning',
    });
  }
}

void main();
